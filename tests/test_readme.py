"""What the README says can be done, done."""

from __future__ import annotations

import re

import pytest

from blueprints.catalog import settings_file


@pytest.fixture
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(readme, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, flags=re.DOTALL | re.MULTILINE)


def test_the_example_of_the_library_runs(readme, capsys):
    (example,) = blocks(readme, "python")
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - it is our own README
    assert "HealthCheckGracePeriodSeconds: 300" in capsys.readouterr().out


def test_the_example_of_settings_is_valid(readme, tmp_path):
    _, example = blocks(readme, "yaml")
    path = tmp_path / "facerec.yaml"
    path.write_text(example, encoding="utf-8")
    settings = settings_file.read("facerec", path)
    assert settings["prod"].https == "domain"
    assert settings["dev"].region == "eu-central-1"


def test_the_rendered_example_is_an_excerpt_of_what_is_committed(readme, output):
    excerpt, _ = blocks(readme, "yaml")
    lines = iter((output / "facerec/dev/service.yaml").read_text(encoding="utf-8").splitlines())
    assert [line for line in excerpt.splitlines() if line not in lines] == []


def test_every_template_that_a_command_names_is_there(readme, root):
    named = re.findall(r"--template-file (\S+)", readme)
    assert len(named) == 4
    assert [path for path in named if not (root / path).is_file()] == []
