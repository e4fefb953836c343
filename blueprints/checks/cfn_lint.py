"""cfn-lint with its own rules and ours, through its Python API."""

import logging
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from blueprints.checks.findings import CRASHED, Finding, Level, own
from blueprints.model.errors import LintError

if TYPE_CHECKING:
    from cfnlint.config import ConfigMixIn
    from cfnlint.match import Match
    from cfnlint.rules import Rules

RULES = Path(__file__).parent / "rules"

# Engine versions that RDS and ElastiCache no longer create: the template deploys nowhere, so it is more than a warning.
NOT_CREATABLE = ("W3690", "W3691")

_SMALLEST = "Resources: {Topic: {Type: AWS::SNS::Topic}}"


def warm_up(regions: Sequence[str]) -> None:
    """Load rules and schemas, so that processes forked from this one have them."""
    check(Path("warm-up.yaml"), _SMALLEST, regions)


def refuse_unknown(regions: Sequence[str]) -> None:
    from cfnlint.helpers import REGIONS  # noqa: PLC0415

    unknown = sorted(set(regions) - set(REGIONS))
    if unknown:
        raise LintError(f"no such region: {', '.join(unknown)}; allowed are {', '.join(sorted(REGIONS))}")


def check(path: Path, text: str, regions: Sequence[str]) -> list[Finding]:
    """All findings in *text*, in *regions*, suppressed or not; *path* is where it comes from."""
    try:
        return [_finding(path, match) for match in _matches(path, text, regions)]
    except Exception as error:  # noqa: BLE001  a template must never crash a run over many
        message = (
            f"cfn-lint failed on this template: {type(error).__name__}: {error}; look for the part that is unusual"
        )
        return [own(path, CRASHED, message)]


def _matches(path: Path, text: str, regions: Sequence[str]) -> "list[Match]":
    from cfnlint.decode.decode import decode_str  # noqa: PLC0415
    from cfnlint.template import Template  # noqa: PLC0415

    # Only text keeps its lines: a template that was a plain dict loses them, and findings of one rule merge.
    data, problems = decode_str(text)
    if data is None or problems:
        return problems
    template = Template(str(path), data, list(regions))
    problems = template.transform()
    if problems:
        return problems
    return list(_rules().run(filename=str(path), cfn=template, config=_config(tuple(regions))))


@cache
def _rules() -> "Rules":
    import cfnlint.rules  # noqa: PLC0415
    from cfnlint.rules import Rules  # noqa: PLC0415

    # Without a handler Python prints cfn-lint's log of bad templates to the terminal; they are findings already.
    logging.getLogger("cfnlint").addHandler(logging.NullHandler())
    rules = Rules.create_from_directory(str(Path(cfnlint.rules.__file__).parent))
    rules.update(Rules.create_from_directory(str(RULES)))
    return rules


@cache
def _config(regions: tuple[str, ...]) -> "ConfigMixIn":
    from cfnlint.config import ConfigMixIn  # noqa: PLC0415

    # A .cfnlintrc in the current folder or at home would change the findings, and no key of the memory knows of it.
    return ConfigMixIn(
        ["--config-file", os.devnull], include_checks=["I"], include_experimental=True, regions=list(regions)
    )


def _finding(path: Path, match: "Match") -> Finding:
    place = getattr(match, "path", None) or []
    return Finding(
        path=path,
        rule=match.rule.id,
        level="error" if match.rule.id in NOT_CREATABLE else cast("Level", match.rule.severity),
        message=match.message,
        line=max(1, match.linenumber),
        column=max(1, match.columnnumber),
        engine="cfn-lint",
        source_url=match.rule.source_url or None,
        resource=str(place[1]) if len(place) > 1 and place[0] == "Resources" else None,
    )
