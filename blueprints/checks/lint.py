"""Lint templates with cfn-lint, our own rules and cloudformation-validate, and remember the results.

`lint` is the whole interface. An unchanged tree is answered from the memory without importing an engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprints.checks.findings import DIFFERENT, UNREADABLE, Finding, Findings, own
from blueprints.checks.manifests import Manifests, Variant
from blueprints.checks.memory import Memory, from_data, key, to_data
from blueprints.checks.templates import NotReadableError, TemplateFile, find, parse, read

__all__ = ["Finding", "Findings", "lint"]


@dataclass(frozen=True)
class _Job:
    """One template to check: what its findings depend on, and where it lies."""

    path: Path
    text: str
    variants: tuple[Variant, ...]

    @property
    def key(self) -> str:
        variants = [[variant.region, variant.stack_name, variant.parameters] for variant in self.variants]
        return key("findings", self.text, variants)

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(sorted({variant.region for variant in self.variants}))


def lint(
    paths: Sequence[Path], *, regions: Sequence[str] = (), cache: Path | None = None, processes: int | None = None
) -> Findings:
    """All findings in the templates among *paths*, which are files or folders.

    A template is linted in the regions and with the parameter values that the manifests beside it name, or in
    *regions* where they are given. The JSON of a stack is linted only where it differs from the YAML beside it.
    """
    memory = Memory(cache)
    manifests = Manifests()
    findings: list[Finding] = []
    jobs: list[_Job] = []
    for file in find([Path(path) for path in paths]):
        files, found = _to_lint(file, memory)
        findings += found
        for path in files:
            try:
                jobs.append(_Job(path, read(path), manifests.variants(path, regions)))
            except NotReadableError as error:
                findings.append(_unreadable(path, error))
    findings += _remembered_or_checked(jobs, memory, processes)
    return Findings(findings, templates=[job.path for job in jobs])


def _to_lint(file: TemplateFile, memory: Memory) -> tuple[list[Path], list[Finding]]:
    """The files of a stack that need a look of their own, and the finding that its YAML and its JSON differ."""
    if file.twin is None:
        return [file.path], []
    try:
        if _same_data(read(file.path), read(file.twin), memory):
            return [file.path], []
    except NotReadableError:
        return [file.path, file.twin], []
    message = f"differs from {file.path.name} beside it: run `blueprints render` again, which writes both"
    return [file.path, file.twin], [own(file.twin, DIFFERENT, message)]


def _same_data(one: str, other: str, memory: Memory) -> bool:
    question = key("same data", one, other)
    answer = memory.recall(question)
    if not isinstance(answer, bool):
        answer = bool(parse(one) == parse(other))
        memory.remember(question, answer)
    return answer


def _remembered_or_checked(jobs: Sequence[_Job], memory: Memory, processes: int | None) -> list[Finding]:
    remembered = {job: from_data(job.path, memory.recall(job.key)) for job in jobs}
    unknown = [job for job, findings in remembered.items() if findings is None]
    for job, findings in zip(unknown, _check(unknown, processes), strict=True):
        memory.remember(job.key, to_data(findings))
        remembered[job] = findings
    return [finding for findings in remembered.values() for finding in findings or ()]


def _check(jobs: Sequence[_Job], processes: int | None) -> list[list[Finding]]:
    parsed = {job: _parse(job) for job in jobs}
    templates = [job for job, result in parsed.items() if not isinstance(result, Finding)]
    checked = dict(zip(templates, _run_engines(templates, processes), strict=True))
    return [
        [result] if isinstance(result, Finding) else _unsuppressed(checked[job], result)
        for job, result in parsed.items()
    ]


def _parse(job: _Job) -> Any:
    """The template as data, or the finding that it is none."""
    try:
        data = parse(job.text)
    except NotReadableError as error:
        return _unreadable(job.path, error)
    if not isinstance(data, dict) or not isinstance(data.get("Resources"), dict):
        message = "not a CloudFormation template: it has no Resources section; mend it, or lint another file"
        return own(job.path, UNREADABLE, message)
    return data


def _run_engines(jobs: Sequence[_Job], processes: int | None) -> list[list[Finding]]:
    if not jobs:
        return []
    from blueprints.checks import aws_validate, cfn_lint  # noqa: PLC0415
    from blueprints.checks.processes import Job, check_all  # noqa: PLC0415

    cfn_lint.refuse_unknown([region for job in jobs for region in job.regions])
    first, second = check_all(
        [Job(job.path, job.text, job.regions) for job in jobs],
        lambda: [aws_validate.check(job.path, job.text, job.variants) for job in jobs],
        processes=processes,
    )
    return [one + other for one, other in zip(first, second, strict=True)]


def _unsuppressed(findings: list[Finding], template: Any) -> list[Finding]:
    from blueprints.checks import suppressions  # noqa: PLC0415

    return sorted(suppressions.apply(findings, template), key=lambda finding: finding.order)


def _unreadable(path: Path, error: NotReadableError) -> Finding:
    message = f"{error}; mend it there, or run `blueprints render` again"
    return own(path, UNREADABLE, message, line=error.line, column=error.column)
