"""The command line: data on stdout, talk on stderr, errors that say what to do, and a quick start."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from blueprints import __version__
from blueprints.cli import blueprints
from blueprints.cli.terminal import table

HEAVY = {"troposphere", "awacs", "pydantic", "cfnlint", "jinja2", "rich", "yaml", "ministack", "botocore", "networkx"}


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def invoke(*arguments: str | Path, answers: str = "") -> Result:
    return CliRunner().invoke(blueprints, [str(argument) for argument in arguments], input=answers)


def start(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own: with what `main` makes of an error."""
    command = [sys.executable, "-m", "blueprints", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def loaded_by(*arguments: str) -> set[str]:
    """What a run of the command imports, of what takes long."""
    code = f"import sys, runpy; sys.argv = ['blueprints', *{arguments!r}]\ntry:\n  runpy.run_module('blueprints')\n"
    code += "except SystemExit:\n  pass\nprint(*sys.modules, file=sys.stderr)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {module.partition(".")[0] for module in finished.stderr.split()} & HEAVY


COMMANDS = ["list", "render", "lint", "deploy", "put-secret", "migrate", "apply", "delete", "settings"]


def test_help_names_every_command() -> None:
    result = invoke("--help")

    assert result.exit_code == 0
    assert set(blueprints.commands) == set(COMMANDS)
    assert all(f"  {name} " in result.stdout for name in blueprints.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = invoke(command, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: blueprints {command}")


def test_help_waits_for_nothing_heavy() -> None:
    assert loaded_by("--help") == set()
    assert loaded_by("deploy", "--help") == set()


def test_list_reads_the_descriptions_without_importing_the_architectures() -> None:
    assert loaded_by("list") == set()


def test_rendering_loads_neither_linter_nor_emulator_nor_aws_cli(tmp_path: Path) -> None:
    assert (
        loaded_by("render", "facerec", "dev", "-o", str(tmp_path)) & {"cfnlint", "ministack", "botocore", "rich"}
        == set()
    )


def test_version_is_the_packages() -> None:
    assert invoke("--version").stdout == f"blueprints, version {__version__}\n"


def test_list_gives_a_line_for_each_architecture_with_what_it_is() -> None:
    lines = dict(line.split(None, 1) for line in invoke("list").stdout.splitlines())

    assert list(lines) == [
        "account",
        "cooking-assistant",
        "facerec",
        "mealprep",
        "recipe-chatbot",
        "web-backend-beanstalk",
        "web-backend-eks",
        "web-backend-fargate",
    ]
    assert all(len(description.split()) > 3 for description in lines.values())


def test_an_unknown_architecture_is_answered_with_the_nearest_and_all_there_are() -> None:
    result = invoke("render", "facerek")

    assert result.exit_code == 2
    assert "did you mean facerec?" in result.stderr
    assert "cooking-assistant, facerec" in result.stderr


def test_render_without_names_writes_both_environments_of_every_architecture(tmp_path: Path, output: Path) -> None:
    result = invoke("render", "--output", tmp_path)

    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    committed = {path.relative_to(output) for path in output.rglob("*") if path.is_file()}
    assert written == committed
    assert [Path(line).relative_to(tmp_path).as_posix() for line in result.stdout.splitlines()] == [
        "account/dev/manifest.json",
        "account/prod/manifest.json",
        "cooking-assistant/dev/manifest.json",
        "cooking-assistant/prod/manifest.json",
        "facerec/dev/manifest.json",
        "facerec/prod/manifest.json",
        "mealprep/dev/manifest.json",
        "mealprep/prod/manifest.json",
        "recipe-chatbot/dev/manifest.json",
        "recipe-chatbot/prod/manifest.json",
        "web-backend-beanstalk/dev/manifest.json",
        "web-backend-beanstalk/prod/manifest.json",
        "web-backend-eks/dev/manifest.json",
        "web-backend-eks/prod/manifest.json",
        "web-backend-fargate/dev/manifest.json",
        "web-backend-fargate/prod/manifest.json",
    ]
    assert "facerec dev: " in result.stderr


def test_render_takes_values_from_a_file_for_each_environment(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("staging:\n  project: faces\nprod:\n  project: faces\n  region: eu-west-1\n", encoding="utf-8")
    result = invoke("render", "facerec", "--settings", file, "-o", tmp_path / "build")

    assert result.exit_code == 0, result.output
    prod = json.loads((tmp_path / "build/facerec/prod/manifest.json").read_text(encoding="utf-8"))
    assert {stack["region"] for stack in prod["stacks"]} == {"eu-west-1"}
    assert (tmp_path / "build/facerec/staging/manifest.json").exists()
    assert not (tmp_path / "build/facerec/dev").exists()


def test_a_value_given_on_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("dev:\n  project: faces\n  region: eu-west-1\n", encoding="utf-8")
    result = invoke("render", "facerec", "--settings", file, "--set", "region=eu-central-1", "-o", tmp_path / "build")

    assert result.exit_code == 0, result.output
    dev = json.loads((tmp_path / "build/facerec/dev/manifest.json").read_text(encoding="utf-8"))
    assert {stack["region"] for stack in dev["stacks"]} == {"eu-central-1"}
    assert dev["stacks"][-1]["stack_name"].startswith("faces-dev-")


def test_an_environment_that_the_file_lacks_is_an_error_that_names_those_it_has(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("staging:\n  project: faces\n", encoding="utf-8")
    finished = start("render", "facerec", "stagin", "--settings", file, cwd=tmp_path)

    assert finished.returncode == 2
    assert "no environment 'stagin': did you mean staging? There is staging." in finished.stderr
    assert finished.stdout == ""


def test_a_wrong_setting_is_a_message_and_not_a_traceback(tmp_path: Path) -> None:
    finished = start("render", "facerec", "dev", "--set", "availability_zones=9", cwd=tmp_path)

    assert finished.returncode == 2
    assert finished.stderr.startswith("Error: availability_zones: 9 is not allowed")
    assert "Traceback" not in finished.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--set", "region=eu-west-1"], ["--settings", "my.yaml"]])
def test_settings_need_an_architecture(option: list[str]) -> None:
    result = invoke("render", *option)

    assert result.exit_code == 2
    assert "need an architecture" in result.stderr


def test_a_setting_without_equals_sign_is_refused() -> None:
    assert "'region' is not KEY=VALUE" in invoke("render", "facerec", "--set", "region").stderr


def test_lint_finds_nothing_in_what_is_committed(output: Path) -> None:
    result = invoke("lint", output)

    assert result.exit_code == 0
    assert "no findings" in result.stdout


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_lint_reports_a_finding_in_every_form_and_exits_with_1(tmp_path: Path, form: str) -> None:
    template = tmp_path / "service.yaml"
    template.write_text("Resources:\n  Bucket:\n    Type: AWS::S3::Bukket\n", encoding="utf-8")
    result = invoke("lint", template, "--format", form)

    assert result.exit_code == 1
    assert "AWS::S3::Bukket" in result.stdout


def test_lint_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    finished = start("lint", cwd=tmp_path)

    assert finished.returncode == 1
    assert finished.stderr.startswith("Error: ")
    assert "render" in finished.stderr


def test_settings_prints_a_json_schema() -> None:
    schema = json.loads(invoke("settings", "facerec").stdout)

    assert schema["$schema"].startswith("https://json-schema.org/")


def test_the_example_of_settings_renders_what_rendering_without_it_does(tmp_path: Path, output: Path) -> None:
    file = tmp_path / "facerec.yaml"
    file.write_text(invoke("settings", "facerec", "--example").stdout, encoding="utf-8")
    result = invoke("render", "facerec", "--settings", file, "-o", tmp_path / "build")

    assert result.exit_code == 0, result.output
    built = {
        path.relative_to(tmp_path / "build"): path.read_text("utf-8") for path in (tmp_path / "build").rglob("*.*")
    }
    assert {path for path, text in built.items() if (output / path).read_text("utf-8") != text} == set()


def test_the_example_of_settings_shows_values_that_are_allowed(tmp_path: Path) -> None:
    """Whoever takes every comment sign away still has a file that reads."""
    text = invoke("settings", "facerec", "--example").stdout
    file = tmp_path / "facerec.yaml"
    file.write_text(
        "\n".join(line.replace("  #", "  ", 1) for line in text.splitlines() if "  # " not in line), "utf-8"
    )

    assert set(yaml.safe_load(file.read_text("utf-8"))) == {"dev", "prod"}
    assert invoke("render", "facerec", "--settings", file, "-o", tmp_path / "build").exit_code == 0


@pytest.mark.parametrize("command", ["deploy", "delete"])
def test_what_was_never_rendered_cannot_be_deployed_or_deleted(tmp_path: Path, command: str) -> None:
    finished = start(command, "facerec", "dev", cwd=tmp_path)

    assert finished.returncode == 1
    assert "nothing rendered in output" in finished.stderr
    assert "blueprints render facerec dev" in finished.stderr


def test_an_environment_that_was_not_rendered_is_answered_with_those_that_were(output: Path) -> None:
    result = invoke("deploy", "facerec", "prdo", "-o", output)

    assert "no environment 'prdo': did you mean prod? There is dev, prod." in str(result.exception)


def test_an_architecture_that_was_not_rendered_is_answered_with_those_that_were(output: Path) -> None:
    result = invoke("deploy", "facerek", "prod", "-o", output)

    assert "no architecture 'facerek': did you mean facerec?" in str(result.exception)


def test_rows_in_a_pipe_are_columns_that_awk_can_read() -> None:
    pipe = io.StringIO()
    table(["Name", "Value"], [["a", "x y"], ["long", ""]], stream=pipe)

    assert pipe.getvalue() == "a     x y\nlong\n"


def test_rows_on_a_terminal_have_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Terminal()
    table(["Name", "Value"], [["[bold]", "x"]], stream=screen)

    assert "Name" in screen.getvalue()
    assert "[bold]" in screen.getvalue()
    assert "\x1b[3" not in screen.getvalue()
