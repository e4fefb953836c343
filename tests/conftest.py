"""What every test can use: the `row` marker, `--row` to choose by it, and the folders of the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ["tests.deploy.emulator_fixtures"]

ROOT = Path(__file__).resolve().parents[1]

# Looking for new examples is for a person's machine; CI asks the same questions each time.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--row", action="append", default=[], metavar="NUMBER", help='run the tests of these rows: "CA-04"'
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        malformed = [row for row in rows(item) if not re.fullmatch(r"[A-Z]{2}-\d\d", row)]
        if malformed:
            raise pytest.UsageError(f'{item.nodeid}: a row is written like "CA-04", got {malformed}')
    for item in items:
        if _goes_over_the_same_lines(item):
            item.add_marker(pytest.mark.no_cover)
    wanted = set(config.getoption("--row"))
    if wanted:
        left_out = [item for item in items if not wanted.intersection(rows(item))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _goes_over_the_same_lines(item: pytest.Item) -> bool:
    """Whether a test is left out of the coverage, which makes it two to three times as long.

    Hypothesis runs lines dozens of times that examples have run, a linter's lines are not ours, and tests of the
    catalog read what their fixtures have rendered; those are measured.
    """
    catalog = item.path.parent.name == "catalog"
    return catalog or hasattr(getattr(item, "obj", None), "hypothesis") or item.name.startswith("test_no_linter_finds")


def rows(item: pytest.Item) -> list[str]:
    """Return the rows of the requirements that a test proves."""
    return [row for marker in item.iter_markers("row") for row in marker.args]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def output(root: Path) -> Path:
    """What is committed: the golden of the tests."""
    return root / "output"
