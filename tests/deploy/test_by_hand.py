"""The documented way without this program: `aws cloudformation deploy`, as the pages write it."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from blueprints.deploy.local import Emulator
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import Target
from tests.deploy.emulator_fixtures import CALL_SECONDS

_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _commands(page: Path, *names: str) -> list[list[str]]:
    """The page's commands that deploy stacks whose names begin like one of these, with continued lines joined."""
    lines = [
        line for block in _BLOCK.findall(page.read_text("utf-8")) for line in block.replace("\\\n", " ").split("\n")
    ]
    deploying = [shlex.split(line) for line in lines if line.startswith("aws cloudformation deploy ")]
    found = [words for words in deploying if words[words.index("--stack-name") + 1].startswith(names)]
    unique = {tuple(words): words for words in found}
    assert unique, f"{page} shows no `aws cloudformation deploy`"
    return list(unique.values())


def _target(emulator: Emulator, cli_folder: Path, manifest: Path) -> Target:
    emulator.reset()
    return Target(emulator, cli_folder, Manifest.load(manifest))


def _typed(target: Target, folder: Path, words: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    """Type the command in this folder. Neither endpoint way reaches every client of the AWS CLI, so both are set."""
    assert target.environment["AWS_ENDPOINT_URL"] == target.emulator.endpoint_url
    for _ in range(20):
        answer = subprocess.run(
            [*words, "--endpoint-url", target.emulator.endpoint_url, *more],
            env=target.environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )
        # The AWS CLI names a change set by the second, so a second deploy of a stack can come too soon for its name.
        if not re.search("ChangeSet .* already exists", answer.stderr):
            break
    assert "amazonaws.com" not in answer.stderr
    return answer


def _deploys(target: Target, folder: Path, commands: list[list[str]]) -> None:
    names = [words[words.index("--stack-name") + 1] for words in commands]
    assert names == [entry.stack_name for entry in target.manifest.stacks]
    for entry, words in zip(target.manifest.stacks, commands, strict=True):
        answer = _typed(target, folder, words)
        assert answer.returncode == 0, answer.stderr
        assert f"Successfully created/updated stack - {entry.stack_name}" in answer.stdout
        assert set(target.resources(entry.name)) == set(target.template(entry.name)["Resources"])
        assert target.status(entry.name) == "CREATE_COMPLETE"


def _images(target: Target) -> set[str]:
    """The applications that run: the first container of every task definition, without the registry's address."""
    found = target.aws("ecs", "list-task-definitions")["taskDefinitionArns"]
    read = [target.aws("ecs", "describe-task-definition", "--task-definition", arn)["taskDefinition"] for arn in found]
    return {str(each["containerDefinitions"][0]["image"]).rpartition("/")[2] for each in read}


def test_the_readme_deploys_facerec(emulator_server: Emulator, forked_cli: Path, root: Path) -> None:
    target = _target(emulator_server, forked_cli, root / "output" / "facerec" / "dev" / "manifest.json")
    commands = _commands(root / "README.md", "facerec-registry", "facerec-dev-")
    _deploys(target, root, commands)
    service = commands[-1]
    (tag,) = [word.removeprefix("ImageTag=") for word in service if word.startswith("ImageTag=")]
    assert _images(target) == {f"facerec-api:{tag}"}

    again = _typed(target, root, service)
    assert again.returncode == 255
    assert "No changes to deploy. Stack facerec-dev-service is up to date" in again.stdout + again.stderr
    assert _typed(target, root, service, "--no-fail-on-empty-changeset").returncode == 0


@pytest.mark.parametrize(
    ("architecture", "form"), [("cooking-assistant", "yaml"), ("cooking-assistant", "json"), ("recipe-chatbot", "yaml")]
)
def test_the_page_of_an_architecture_deploys_production(
    emulator_server: Emulator, forked_cli: Path, output: Path, architecture: str, form: str
) -> None:
    folder = output / architecture
    target = _target(emulator_server, forked_cli, folder / "prod" / "manifest.json")
    values = target.seed()
    commands = [
        [_filled(word, values).replace(".yaml", f".{form}") for word in words]
        for words in _commands(folder / "README.md", f"{architecture}-registry", f"{architecture}-prod-")
    ]
    _deploys(target, folder, commands)
    repositories = [image.repository for entry in target.manifest.stacks for image in entry.images]
    assert _images(target) == {f"{repository}:{values['ImageTag']}" for repository in repositories}


def _filled(word: str, values: dict[str, str]) -> str:
    """Name=... is for a person to fill in."""
    name, given, rest = word.partition("=...")
    return f"{name}={values[name]}{rest}" if given else word


def test_without_an_image_the_service_is_refused(emulator_server: Emulator, forked_cli: Path, root: Path) -> None:
    target = _target(emulator_server, forked_cli, root / "output" / "facerec" / "dev" / "manifest.json")
    *_, service = _commands(root / "README.md", "facerec-dev-service")
    answer = _typed(
        target, root, [word for word in service if "ImageTag" not in word and word != "--parameter-overrides"]
    )
    assert answer.returncode == 255
    assert "ValidationError" in answer.stderr
    assert "ImageTag" in answer.stderr
