"""Findings as text for a terminal, as JSON, as SARIF 2.1.0 and as JUnit XML."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blueprints.checks.findings import Engine, Finding, Findings

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/cos02/schemas/sarif-schema-2.1.0.json"
_WORDS = {"error": "error", "warning": "warning", "informational": "note"}
_ENGINES: dict[Engine, str | None] = {
    "blueprints": None,
    "cfn-lint": "https://github.com/aws-cloudformation/cfn-lint",
    "cloudformation-validate": "https://github.com/aws-cloudformation/cloudformation-validate",
}
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def text(findings: Sequence[Finding]) -> str:
    """Grouped by file, one finding a line with its source below it, and a summary at the end."""
    blocks = [
        "\n".join([_shown(path), *map(_line, group)]) for path, group in groupby(findings, lambda finding: finding.path)
    ]
    return "\n\n".join([*blocks, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    templates = len(_templates(findings))
    if not findings:
        return f"{_count(templates, 'template')}, no findings"
    levels = Counter(finding.level for finding in findings)
    parts = [
        _count(levels["error"], "error"),
        _count(levels["warning"], "warning"),
        _count(levels["informational"], "note"),
    ]
    hit = len({finding.path for finding in findings})
    return f"{', '.join(parts)} in {hit} of {_count(templates, 'template')}"


def as_json(findings: Sequence[Finding]) -> str:
    data = {
        "templates": [_shown(path) for path in _templates(findings)],
        "findings": [{**asdict(finding), "path": _shown(finding.path)} for finding in findings],
    }
    return json.dumps(data, indent=2)


def as_sarif(findings: Sequence[Finding]) -> str:
    """One run an engine, also where it has found nothing: that says it has looked."""
    runs = [_sarif_run(engine, [found for found in findings if found.engine == engine]) for engine in _ENGINES]
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)


def as_junit(findings: Sequence[Finding]) -> str:
    """One suite a template and one failed case a finding; a template without findings is one case that passes."""
    root = ET.Element("testsuites", name="blueprints lint", failures=str(len(findings)))
    for path in _templates(findings):
        failed = [finding for finding in findings if finding.path == path]
        name = _shown(path)
        suite = ET.SubElement(
            root, "testsuite", name=name, tests=str(max(1, len(failed))), failures=str(len(failed)), errors="0"
        )
        for finding in failed:
            case = ET.SubElement(suite, "testcase", classname=name, name=_case_name(finding))
            failure = ET.SubElement(case, "failure", type=finding.level, message=_xml(finding.message))
            failure.text = _xml(f"{name}:{finding.line}:{finding.column} {finding.message} {finding.source_url or ''}")
        if not failed:
            ET.SubElement(suite, "testcase", classname=name, name="no findings")
    root.set("tests", str(sum(max(1, int(suite.get("failures", "0"))) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode")


FORMATS: dict[str, Callable[[Sequence[Finding]], str]] = {
    "text": text,
    "json": as_json,
    "sarif": as_sarif,
    "junit": as_junit,
}


def _line(finding: Finding) -> str:
    place = f"{finding.line}:{finding.column}"
    engine = "" if finding.engine == "cfn-lint" else f" [{finding.engine}]"
    line = f"  {place:<8} {_WORDS[finding.level]:<7}  {finding.rule}  {finding.message}{engine}"
    return line if finding.source_url is None else f"{line}\n{'':<27}{finding.source_url}"


def _templates(findings: Sequence[Finding]) -> tuple[Path, ...]:
    if isinstance(findings, Findings):
        return findings.templates
    return tuple(sorted({finding.path for finding in findings}))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _shown(path: Path) -> str:
    """Relative to the folder one is in, where it lies below it: that is what editors and CI systems link."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path).as_posix()


def _sarif_run(engine: Engine, findings: Sequence[Finding]) -> dict[str, Any]:
    described = {finding.rule: finding.source_url for finding in findings}
    rules = [{"id": rule, **({"helpUri": url} if url else {})} for rule, url in sorted(described.items())]
    driver = {"name": engine, **({"informationUri": page} if (page := _ENGINES[engine]) else {}), "rules": rules}
    return {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The folder in which the linter was run."}}},
        "results": [_sarif_result(finding, sorted(described).index(finding.rule)) for finding in findings],
    }


def _sarif_result(finding: Finding, rule_index: int) -> dict[str, Any]:
    shown = _shown(finding.path)
    # An absolute path is not below the root and stands alone.
    location = (
        {"uri": Path(shown).as_uri()} if Path(shown).is_absolute() else {"uri": quote(shown), "uriBaseId": "ROOT"}
    )
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _WORDS[finding.level],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": location,
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
    }


def _case_name(finding: Finding) -> str:
    return f"{finding.rule} at {finding.line}:{finding.column}"


def _xml(message: str) -> str:
    return _NOT_IN_XML.sub("?", message)
