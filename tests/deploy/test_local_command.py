"""`python -m blueprints deploy ... --local`, typed in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
WHAT_IT_WAS = re.compile(r"(\w+) +(AWS(?:::\w+){2}) +(real in the emulator(?:, by a handler of ours)?|stand-in)")


@dataclass(frozen=True)
class Person:
    """Somebody in an empty folder, with no AWS account."""

    folder: Path
    python: Path

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
        }
        return subprocess.run(
            [str(self.python), "-m", "blueprints", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


@pytest.fixture
def person(tmp_path: Path, forked_cli: Path) -> Person:
    """The command looks for the AWS CLI beside its Python first, and there stands the one that starts fast."""
    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for made in (python, packages):
        made.parent.mkdir(parents=True)
    packages.symlink_to(sysconfig.get_path("purelib"))
    python.symlink_to(sys.executable)
    (environment / "bin" / "aws").symlink_to(forked_cli / "aws")
    (environment / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n", "utf-8")
    folder = tmp_path / "empty"
    folder.mkdir()
    return Person(folder, python)


def test_a_local_deploy_ends_well_and_says_what_was_real(person: Person, output: Path) -> None:
    answer = person.types("deploy", "facerec", "dev", "--local", "--yes", "-o", str(output))
    assert answer.returncode == 0, answer.stderr
    said = answer.stdout + answer.stderr
    rows = {found[1]: (found[2], found[3]) for found in WHAT_IT_WAS.finditer(answer.stdout)}
    assert set(rows) == _logical_ids(output / "facerec")
    assert rows["FacesBucket"] == ("AWS::S3::Bucket", "real in the emulator")
    assert rows["MainNatGateway1"] == ("AWS::EC2::NatGateway", "real in the emulator, by a handler of ours")
    assert rows["ApiScalableTarget"] == ("AWS::ApplicationAutoScaling::ScalableTarget", "stand-in")
    count = sum(word == "stand-in" for _, word in rows.values())
    assert f"{len(rows)} resources: " in said
    assert f"{count} stand-in" in said
    assert "A stand-in is made from the schema of its type" in said
    assert "takes the place of AWS" in said
    assert not re.search(r"deployed (to|in|on) AWS|is (now )?(live|online)", said, re.IGNORECASE)
    assert "Traceback" not in said
    assert not list(person.folder.iterdir())


def _logical_ids(architecture: Path) -> set[str]:
    """Of all resources of dev."""
    templates = [*(architecture / "dev").glob("*.json"), *(architecture / "shared").glob("*.json")]
    return {name for path in templates for name in json.loads(path.read_text("utf-8")).get("Resources", {})}


def test_two_services_of_one_image_tag_are_deployed_locally(person: Person, output: Path) -> None:
    answer = person.types("deploy", "recipe-chatbot", "dev", "--local", "--yes", "-o", str(output))
    assert answer.returncode == 0, answer.stderr
    assert {found[1] for found in WHAT_IT_WAS.finditer(answer.stdout)} == _logical_ids(output / "recipe-chatbot")
    for service in ("recipe-chatbot-backend-dev", "recipe-chatbot-frontend-dev"):
        assert re.search(rf"ServiceName\s.*\b{service}\b", answer.stdout)
    assert "local-value" not in answer.stdout + answer.stderr


def test_only_the_stacks_asked_for_are_deployed_and_told_of(person: Person, output: Path) -> None:
    answer = person.types("deploy", "facerec", "prod", "--local", "-o", str(output), "--only", "registry")
    assert answer.returncode == 0, answer.stderr
    assert [found[1] for found in WHAT_IT_WAS.finditer(answer.stdout)] == ["ApiRepository"]
    assert "1 resources: 1 real in the emulator" in answer.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("facrec", "dev"), 1, "'facrec'"),
        (("facerec", "staging"), 1, "'staging'"),
        (("facerec", "dev", "-p", "ImageTags=v1"), 1, "did you mean ImageTag?"),
        (("facerec", "dev", "-p", "ImageTag"), 2, "ImageTag"),
        (("facerec",), 2, "Missing argument 'ENVIRONMENT'"),
        (("facerec", "dev", "--profile", "me"), 2, "--local brings its own endpoint and credentials"),
    ],
)
def test_what_cannot_be_deployed_is_said_before_any_stack_is_touched(
    person: Person, output: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    answer = person.types("deploy", *words, "--local", "-o", str(output))
    assert answer.returncode == code
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


def test_without_a_render_it_says_how_to_render(person: Person) -> None:
    answer = person.types("deploy", "facerec", "dev", "--local")
    assert answer.returncode == 1
    assert "there is nothing rendered in output. Render it first: blueprints render facerec dev -o output" in (
        answer.stderr
    )


def test_a_manifest_without_its_template_says_how_to_render(person: Person, output: Path) -> None:
    shutil.copytree(output / "facerec", person.folder / "output" / "facerec")
    (person.folder / "output" / "facerec" / "dev" / "service.yaml").unlink()
    answer = person.types("deploy", "facerec", "dev", "--local")
    assert answer.returncode == 1
    assert "the template of stack service cannot be read" in answer.stderr
    assert "run `blueprints render` first" in answer.stderr
    assert answer.stdout == ""
