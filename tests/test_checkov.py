"""checkov's CloudFormation rules over everything that is rendered; what we do not follow is listed with its reason."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.row("XX-12"), pytest.mark.xdist_group("checkov")]


@dataclass(frozen=True)
class Suppression:
    """A rule that a kind of resource does not follow, and why."""

    check: str
    resource: str  # a type, or type.LogicalId, with wildcards
    reason: str
    templates: str = "*"

    def covers(self, failure: dict) -> bool:
        kind, _, _ = failure["resource"].partition(".")
        return (
            failure["check_id"] == self.check
            and any(fnmatch.fnmatchcase(name, self.resource) for name in (kind, failure["resource"]))
            and fnmatch.fnmatchcase(failure["file_path"].removeprefix("/"), self.templates)
        )


@pytest.fixture(scope="module")
def report(root: Path, output: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """checkov's own report, made without the network: its rules come with it."""
    checkov = Path(os.environ.get("CHECKOV", root / ".venv-checkov" / "bin" / "checkov"))
    assert checkov.exists(), f"{checkov} is missing: `make pytest` installs it, and CHECKOV= names another one"
    home = tmp_path_factory.mktemp("home")
    templates = [str(path.relative_to(output)) for path in sorted(output.rglob("*.yaml"))]
    files = [word for template in templates for word in ("--file", template)]
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--skip-download"]
    finished = subprocess.run(
        [checkov, *options, *files],
        cwd=output,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LOG_LEVEL": "ERROR",
            # A sitecustomize.py that spares half of the time; what is found is the same.
            "PYTHONPATH": str(root / "tests" / "support" / "checkov"),
            # Whoever asks the network all the same gets an error at once.
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode in {0, 1}, finished.stderr
    return json.loads(finished.stdout)


@pytest.fixture(scope="module")
def suppressions(root: Path) -> list[Suppression]:
    entries = yaml.safe_load((root / "tests" / "checkov_suppressions.yaml").read_text(encoding="utf-8"))
    return [Suppression(**entry) for entry in entries]


def test_checkov_has_read_every_template(report: dict, output: Path) -> None:
    templates = [json.loads(path.read_text(encoding="utf-8")) for path in output.rglob("*.json")]
    resources = sum(len(template.get("Resources", ())) for template in templates)

    assert report["results"]["parsing_errors"] == []
    assert report["summary"]["resource_count"] == resources > 0


def test_nothing_fails_but_what_is_suppressed_with_a_reason(report: dict, suppressions: list[Suppression]) -> None:
    open_failures = [
        f"{failure['check_id']} {failure['file_path']} {failure['resource']}: {failure['check_name']}"
        for failure in report["results"]["failed_checks"]
        if not any(suppression.covers(failure) for suppression in suppressions)
    ]

    assert open_failures == []


def test_every_suppression_is_still_needed(report: dict, suppressions: list[Suppression]) -> None:
    failures = report["results"]["failed_checks"]

    assert [entry for entry in suppressions if not any(entry.covers(failure) for failure in failures)] == []


def test_every_suppression_says_why(suppressions: list[Suppression]) -> None:
    assert [entry for entry in suppressions if len(entry.reason.split()) < 5] == []
