"""``blueprints put-secret`` as a person uses it: at a terminal, from a pipe, with the AWS CLI against the emulator."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blueprints.cli import blueprints
from blueprints.deploy.local import Emulator
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import Target

VALUE = "sk-hunter2-swordfish"
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"

# An `aws` that answers what a deployed environment would, and writes down how it was started.
STAND_IN = """#!{python}
import json, os, sys
call = " ".join(sys.argv[1:3])
handed = open("/dev/stdin").read() if "file:///dev/stdin" in sys.argv else ""
with open({record!r}, "a") as record:
    record.write(json.dumps([sys.argv, dict(os.environ), len(handed)]) + "\\n")
outputs = {{"KeyArn": {arn!r}, "ClusterName": "chat", "ServiceName": "backend"}}
stack = {{"StackName": "s", "StackId": "s", "StackStatus": "CREATE_COMPLETE"}}
stack["Outputs"] = [{{"OutputKey": key, "OutputValue": value}} for key, value in outputs.items()]
rolled = "update-service" in open({record!r}).read()
deployment = {{"id": "new" if rolled else "old", "rolloutState": {state!r}, "rolloutStateReason": "ill"}}
answers = {{
    "cloudformation describe-stacks": {{"Stacks": [stack]}},
    "secretsmanager describe-secret": {{"VersionIdsToStages": {{}}}},
    "secretsmanager put-secret-value": {{"VersionId": "v1"}},
    "ecs update-service": {{}},
    "ecs describe-services": {{"services": [{{"deployments": [deployment]}}]}},
}}
print(json.dumps(answers[call]))
"""


@dataclass
class StandIn:
    """A rendered environment, a folder for the home and one for temporary files, and an AWS CLI that remembers."""

    folder: Path

    def install(self, state: str = "COMPLETED", *names: str) -> None:
        for name in ("bin", "home", "tmp"):
            (self.folder / name).mkdir()
        script = self.folder / "bin" / "aws"
        record = str(self.folder / "record")
        script.write_text(STAND_IN.format(python=sys.executable, record=record, arn=ARN, state=state), encoding="utf-8")
        script.chmod(0o700)
        rendered = self.folder / "output" / "chat" / "dev"
        rendered.mkdir(parents=True)
        secrets = [
            {"name": name, "kind": "secretsmanager", "stack": "data", "output": "KeyArn"}
            for name in names or ["API_KEY"]
        ]
        stacks = [
            {"name": name, "stack_name": f"chat-dev-{name}", "region": "us-east-1", "yaml": "y", "json": "j", **more}
            for name, more in (("data", {}), ("backend", {"secrets": secrets}))
        ]
        manifest = {"version": 1, "architecture": "chat", "environment": "dev", "stacks": stacks}
        (rendered / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        places = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        return {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.defpath}", "PYTHONDONTWRITEBYTECODE": "1", **places}

    def command(self, *options: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "blueprints",
            "put-secret",
            "chat",
            "dev",
            "-o",
            f"{self.folder}/output",
            *options,
        ]

    def piped(self, text: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*options)
        return subprocess.run(command, input=text, env=self.environment, capture_output=True, text=True, check=False)

    def typed(self, text: str, *options: str) -> tuple[int, str]:
        """What a terminal shows, and the exit code."""
        terminal, theirs = pty.openpty()
        # In a session of its own it has no /dev/tty, so that getpass takes the terminal that is its standard input.
        process = subprocess.Popen(
            self.command(*options),
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        for line in text.splitlines(keepends=True):
            # Typed when it is asked for: getpass throws away what came before.
            shown += _until(terminal, (b"(not shown): ", b"[Y/n]: "))
            os.write(terminal, line.encode())
        shown += _until(terminal, ())
        os.close(terminal)
        return process.wait(), shown.decode()

    def calls(self) -> list[tuple[list[str], dict[str, str], int]]:
        lines = (self.folder / "record").read_text(encoding="utf-8").splitlines()
        return [tuple(json.loads(line)) for line in lines]

    def operations(self) -> list[str]:
        return [arguments[2] for arguments, _, _ in self.calls()]


def _until(terminal: int, ends: tuple[bytes, ...]) -> bytes:
    shown = b""
    while not (ends and shown.endswith(ends)):
        try:
            read = os.read(terminal, 1024)
        except OSError:  # Linux: the other side is closed
            return shown
        if not read:
            return shown
        shown += read
    return shown


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


@pytest.mark.row("CA-04", "RC-08", "XX-04")
def test_a_value_is_in_no_argument_no_variable_and_no_file(stand_in: StandIn) -> None:
    stand_in.install()
    finished = stand_in.piped(f"{VALUE}\n", "API_KEY", "--wait")

    assert finished.returncode == 0, finished.stderr
    assert [handed for *_, handed in stand_in.calls() if handed] == [len(VALUE)]
    assert VALUE not in json.dumps(stand_in.calls())
    assert VALUE not in finished.stdout + finished.stderr
    assert not any(VALUE in path.read_text("utf-8") for path in stand_in.folder.rglob("*") if path.is_file())
    assert [*(stand_in.folder / "home").iterdir(), *(stand_in.folder / "tmp").iterdir()] == []


@pytest.mark.row("RC-08")
def test_a_value_that_is_typed_is_not_shown(stand_in: StandIn) -> None:
    stand_in.install()
    code, shown = stand_in.typed(f"{VALUE}\ny\n", "API_KEY")

    assert code == 0, shown
    assert f"API_KEY in {ARN} (us-east-1; has none yet)" in shown
    assert "Put these 20 characters? [Y/n]:" in shown
    assert "chat-dev-backend: rolling the service backend of the cluster chat" in shown
    assert VALUE not in shown
    assert VALUE not in json.dumps(stand_in.calls())


def test_a_no_puts_nothing(stand_in: StandIn) -> None:
    stand_in.install()
    code, shown = stand_in.typed(f"{VALUE}\nn\n", "API_KEY")

    assert (code, "Nothing was put." in shown) == (1, True)
    assert "put-secret-value" not in stand_in.operations()


def test_every_secret_is_asked_for_and_enter_leaves_one(stand_in: StandIn) -> None:
    stand_in.install("COMPLETED", "FIRST", "SECOND", "THIRD")
    code, shown = stand_in.typed(f"\n{VALUE}\n\n", "--yes")

    assert code == 0, shown
    assert [shown.count(f"{name}: put into") for name in ("FIRST", "SECOND", "THIRD")] == [0, 1, 0]
    assert stand_in.operations().count("put-secret-value") == 1


def test_what_cannot_be_meant_is_asked_for_again(stand_in: StandIn) -> None:
    stand_in.install()
    code, shown = stand_in.typed(f"\n{VALUE}\x1b[A\n{VALUE}\n", "API_KEY", "--yes")

    assert code == 0, shown
    assert "the value is empty" in shown
    assert "a control character" in shown
    assert [handed for *_, handed in stand_in.calls() if handed] == [len(VALUE)]


def test_a_pipe_holds_one_value_so_it_needs_a_name(stand_in: StandIn) -> None:
    stand_in.install("COMPLETED", "FIRST", "SECOND")
    finished = stand_in.piped(VALUE)

    assert finished.returncode == 1
    assert f"one value, and there are 2 places for it: FIRST ({ARN}), SECOND ({ARN})" in finished.stderr


@pytest.mark.parametrize("piped", ["", "\n"])
def test_an_empty_pipe_is_refused(stand_in: StandIn, piped: str) -> None:
    stand_in.install()
    finished = stand_in.piped(piped, "API_KEY")

    assert (finished.returncode, "the value is empty; nothing was put" in finished.stderr) == (1, True)
    assert "put-secret-value" not in stand_in.operations()


def test_bytes_that_are_no_text_are_refused_without_quoting_them(stand_in: StandIn) -> None:
    stand_in.install()
    finished = subprocess.run(
        stand_in.command("API_KEY"), input=b"hunter2\xff", env=stand_in.environment, capture_output=True, check=False
    )

    assert finished.returncode == 1
    assert b"standard input is not UTF-8 text" in finished.stderr
    assert b"hunter2" not in finished.stderr


@pytest.mark.parametrize("where", [["API_KEY", VALUE], [VALUE], [f"API_KEY={VALUE}"], ["API_KEY", f"--value={VALUE}"]])
def test_a_value_in_the_wrong_place_is_not_said_again(stand_in: StandIn, where: list[str]) -> None:
    stand_in.install()
    finished = stand_in.piped("", *where)

    assert finished.returncode != 0
    assert VALUE not in finished.stdout + finished.stderr


def test_no_roll_leaves_the_services_alone(stand_in: StandIn) -> None:
    stand_in.install()
    finished = stand_in.piped(VALUE, "API_KEY", "--no-roll")

    assert finished.stdout == f"API_KEY  {ARN}  v1\n"
    assert "No service was rolled" in finished.stderr
    assert "update-service" not in stand_in.operations()
    assert "--no-roll leaves out" in stand_in.piped(VALUE, "API_KEY", "--no-roll", "--wait").stderr


def test_a_rollout_that_fails_is_an_error_with_its_reason(stand_in: StandIn) -> None:
    stand_in.install("FAILED")
    finished = stand_in.piped(VALUE, "API_KEY", "--wait")

    assert finished.returncode == 1
    assert "the rollout of backend (chat-dev-backend) failed: ill\nThe value is put." in finished.stderr


# Against the emulator


class Person:
    """Somebody who has deployed an architecture, in whole or in part."""

    def __init__(self, emulator: Emulator, forked_cli: Path, output: Path, architecture: str) -> None:
        self.architecture, self.output = architecture, output
        manifest = Manifest.load(output / architecture / "dev" / "manifest.json")
        self.account = Target(emulator, forked_cli, manifest)
        # The AWS CLI itself: the one that is always warm has no standard input.
        self._environment = {**emulator.environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"}

    def puts(self, *options: str) -> Result:
        arguments = ["put-secret", self.architecture, "dev", "--output", str(self.output), *options]
        return CliRunner(env=self._environment).invoke(blueprints, arguments, input=f"{VALUE}\n")

    def service(self, stack: str = "service") -> dict[str, Any]:
        stack_name = f"{self.architecture}-dev-{stack}"
        outputs = self.account.aws("cloudformation", "describe-stacks", "--stack-name", stack_name)["Stacks"][0][
            "Outputs"
        ]
        named = {each["OutputKey"]: each["OutputValue"] for each in outputs}
        asked = ("--cluster", named["ClusterName"], "--services", named["ServiceName"])
        return dict(self.account.aws("ecs", "describe-services", *asked)["services"][0])


@pytest.fixture
def cook(emulator: Emulator, forked_cli: Path, output: Path) -> Person:
    return Person(emulator, forked_cli, output, "cooking-assistant")


@pytest.fixture
def face(emulator: Emulator, forked_cli: Path, output: Path) -> Person:
    return Person(emulator, forked_cli, output, "facerec")


def test_before_anything_is_deployed_the_command_that_deploys_the_secret_is_named(cook: Person) -> None:
    result = cook.puts("ANTHROPIC_API_KEY")

    assert isinstance(result.exception, DeployError)
    assert str(result.exception).endswith("Deploy it first: blueprints deploy cooking-assistant dev --only data")


@pytest.mark.row("CA-04")
def test_the_key_is_put_after_the_data_stack_and_before_the_service(cook: Person) -> None:
    cook.account.deploy(only=("data",))
    result = cook.puts("ANTHROPIC_API_KEY")

    assert result.exit_code == 0, result.output
    (row,) = result.stdout.splitlines()
    name, arn, version = row.split()
    read = cook.account.aws("secretsmanager", "get-secret-value", "--secret-id", arn)
    assert (name, read["SecretString"], read["VersionId"]) == ("ANTHROPIC_API_KEY", VALUE, version)
    assert "cooking-assistant-dev-service is not deployed yet" in result.stderr
    assert "Next: blueprints deploy cooking-assistant dev --only service" in result.stderr


@pytest.mark.row("CA-04")
def test_a_service_that_runs_is_rolled_with_the_same_task_definition(cook: Person) -> None:
    cook.account.deploy(cook.account.seed())
    before = cook.service()
    result = cook.puts("ANTHROPIC_API_KEY", "--wait")
    after = cook.service()

    assert result.exit_code == 0, result.output
    assert after["deployments"][0]["id"] not in {each["id"] for each in before["deployments"]}
    assert after["taskDefinition"] == before["taskDefinition"]
    assert "completed, every task has the new value" in result.stderr


@pytest.mark.row("FR-04")
def test_a_parameter_is_put_before_and_after_its_service(face: Person) -> None:
    first = face.puts("PINECONE_API_KEY")
    face.account.deploy({**face.account.seed()})
    before = deployed(face.service())
    # Nothing but this secret: it needs no name.
    second = face.puts()

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert "facerec-dev-service is not deployed yet" in first.stderr
    assert deployed(face.service()) != before
    read = face.account.aws("ssm", "get-parameter", "--name", "/facerec/PINECONE_API_KEY", "--with-decryption")
    assert (read["Parameter"]["Type"], read["Parameter"]["Value"]) == ("SecureString", VALUE)


@pytest.mark.row("RC-08")
def test_a_key_is_put_as_json_and_only_the_service_that_reads_it_is_rolled(
    emulator: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    CliRunner().invoke(
        blueprints, ["render", "recipe-chatbot", "dev", "--output", str(tmp_path)], catch_exceptions=False
    )
    chat = Person(emulator, forked_cli, tmp_path, "recipe-chatbot")
    chat.account.deploy(chat.account.seed())
    before = {name: chat.service(name) for name in ("backend", "frontend")}
    result = chat.puts("OPENAI_API_KEY", "--wait")

    assert result.exit_code == 0, result.output
    _, arn, _ = result.stdout.split()
    read = chat.account.aws("secretsmanager", "get-secret-value", "--secret-id", arn)["SecretString"]
    assert json.loads(read) == {"api_key": VALUE}
    rolled = {name for name in before if deployed(chat.service(name)) != deployed(before[name])}
    assert rolled == {"backend"}


def deployed(service: dict[str, Any]) -> str:
    return str(service["deployments"][0]["id"])


# The shell entry point


def test_the_script_passes_shellcheck(root: Path) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    finished = subprocess.run(
        [shellcheck, "--shell=sh", root / "scripts" / "put-secret"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout


def script(root: Path, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """The script in a checkout of its own."""
    (folder / "scripts").mkdir(exist_ok=True)
    copy = shutil.copy(root / "scripts" / "put-secret", folder / "scripts")
    command = [copy, "recipe-chatbot", "dev", "OPENAI_API_KEY"]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)


def program(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {says} "$@"\n', encoding="utf-8")
    path.chmod(0o700)


def test_the_script_takes_the_program_beside_it_then_the_one_on_the_path(root: Path, tmp_path: Path) -> None:
    elsewhere = f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}"
    nowhere = script(root, tmp_path, os.defpath)
    program(tmp_path / "bin" / "blueprints", "path")
    on_path = script(root, tmp_path, elsewhere)
    program(tmp_path / ".venv" / "bin" / "blueprints", "beside")
    beside = script(root, tmp_path, elsewhere)

    assert (nowhere.returncode, nowhere.stdout) == (127, "")
    assert "run 'make render' once, or install the package" in nowhere.stderr
    assert on_path.stdout == "path put-secret recipe-chatbot dev OPENAI_API_KEY\n"
    assert beside.stdout == "beside put-secret recipe-chatbot dev OPENAI_API_KEY\n"


def test_make_says_which_name_is_missing(root: Path) -> None:
    finished = subprocess.run(
        ["make", "put-secret", "ARCHITECTURE=facerec"], cwd=root, capture_output=True, text=True, check=False
    )

    assert finished.returncode != 0
    assert "make put-secret ARCHITECTURE=facerec ENVIRONMENT=dev" in finished.stderr
