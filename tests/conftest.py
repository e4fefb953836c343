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
    wanted = set(config.getoption("--row"))
    if wanted:
        left_out = [item for item in items if not wanted.intersection(rows(item))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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
