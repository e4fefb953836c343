from pathlib import Path

import pytest

from blueprints.checks.lint import lint


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "templates"
    made.mkdir()
    return made


@pytest.fixture
def run(tmp_path):
    """Lint with a memory of the test's own."""

    def linted(*paths: Path, **options):
        return lint(paths, cache=tmp_path / "memory", **options)

    return linted
