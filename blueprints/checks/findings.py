"""What a check has to say about a template."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["error", "warning", "informational"]
Engine = Literal["blueprints", "cfn-lint", "cloudformation-validate"]

# Findings that no engine makes, in the range that cfn-lint leaves to others.
UNREADABLE = "E9100"
DIFFERENT = "E9101"
CRASHED = "E9102"
INCOMPLETE = "W9103"


@dataclass(frozen=True)
class Finding:
    """One finding; lines and columns count from 1."""

    path: Path
    rule: str
    level: Level
    message: str
    line: int
    column: int
    engine: Engine
    source_url: str | None
    resource: str | None = None

    @property
    def order(self) -> tuple[str, int, int, str, str, str]:
        return (self.path.as_posix(), self.line, self.column, self.rule, self.engine, self.message)


class Findings(list[Finding]):
    """Sorted findings, and the templates that were looked at: those without findings are part of every report."""

    def __init__(self, findings: Iterable[Finding] = (), *, templates: Iterable[Path] = ()) -> None:
        super().__init__(sorted(dict.fromkeys(findings), key=lambda finding: finding.order))
        self.templates = tuple(sorted({*templates, *(finding.path for finding in self)}))


def own(path: Path, rule: str, message: str, *, line: int = 1, column: int = 1) -> Finding:
    """A finding of this library itself."""
    return Finding(path, rule, _own_level(rule), message, line, column, "blueprints", None)


def _own_level(rule: str) -> Level:
    return "warning" if rule.startswith("W") else "error"
