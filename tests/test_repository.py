"""The repository itself: nothing of one machine, documents that agree with the code, scripts that pass."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import blueprints
from blueprints import catalog

# Put together here, so that this file does not find itself.
MACHINE_PATHS = tuple("/" + word for word in ("work/", "home/", "root/", "Users/", "tmp/w/", "opt/wheels", "opt/pypi"))
# Account ids of AWS's own examples, and those of one repeated digit, belong to nobody.
ACCOUNT_ID = re.compile(r"(?<![\d.])(?!123456789012|111122223333|012345678901|(\d)\1{11})\d{12}(?![\d.])")
SECRETS = re.compile(r"AKIA[0-9A-Z]{16}|BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY|ghp_[A-Za-z0-9]{36}")


def tracked(root: Path) -> list[Path]:
    """Return the files of a checkout; of an export without git, all but what .gitignore would leave out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [root / name for name in listed.stdout.split("\0") if name]
    else:
        ignored = {".venv", ".venv-checkov", ".cache", "__pycache__", "build", "dist"}
        found = [path for path in root.rglob("*") if not ignored.intersection(path.parts)]
    return [path for path in found if path.is_file()]


def texts(root: Path) -> dict[Path, str]:
    return {path.relative_to(root): path.read_text(encoding="utf-8") for path in tracked(root)}


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def tool(name: str) -> Path:
    return Path(sys.executable).parent / name


def test_no_file_names_a_place_on_somebodys_machine(root: Path) -> None:
    found = {str(path): word for path, text in texts(root).items() for word in MACHINE_PATHS if word in text}

    assert found == {}


def test_no_file_holds_a_key_or_a_real_account(root: Path) -> None:
    found = {
        str(path): match.group()
        for path, text in texts(root).items()
        for pattern in (SECRETS, ACCOUNT_ID)
        if (match := pattern.search(text))
    }

    assert found == {}


def test_every_text_ends_with_a_newline_and_has_no_carriage_returns(root: Path) -> None:
    assert [str(path) for path, text in texts(root).items() if text and (not text.endswith("\n") or "\r" in text)] == []


def test_public_names_are_those_that_can_be_imported() -> None:
    exported = {name for name in blueprints.__all__ if not hasattr(blueprints, name)}

    assert exported == set(), "in __all__, but not there"
    assert list(blueprints.__all__) == sorted(blueprints.__all__)


def test_every_public_name_of_a_package_is_there() -> None:
    packages = ["model", "access", "components", "catalog", "render", "checks", "deploy", "cli"]
    missing = [
        f"{package}.{name}"
        for package in packages
        for name in getattr(importlib.import_module(f"blueprints.{package}"), "__all__", ())
        if not hasattr(importlib.import_module(f"blueprints.{package}"), name)
    ]

    assert missing == []


def test_layers_import_only_those_below_them(root: Path) -> None:
    finished = run(tool("lint-imports"), "--no-cache", cwd=root)

    assert finished.returncode == 0, finished.stdout


def commands(root: Path) -> list[str]:
    """Return the Makefile's commands, in its order."""
    return re.findall(r"^\.PHONY: (\S+)$", (root / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_make_help_lists_every_command(root: Path) -> None:
    listed = re.findall(r"^  make (\S+) +\S", run("make", "help", cwd=root).stdout, flags=re.MULTILINE)

    assert listed == commands(root)
    assert len(listed) > 10


@pytest.mark.parametrize("target", ["deploy", "deploy-local", "delete"])
def test_make_says_which_name_is_missing(root: Path, target: str) -> None:
    finished = run("make", target, "ARCHITECTURE=facerec", cwd=root)

    assert finished.returncode != 0
    assert "ENVIRONMENT is missing" in finished.stderr
    assert f"make {target} ARCHITECTURE=facerec ENVIRONMENT=dev" in finished.stderr


def test_make_refuses_a_python_that_is_too_old(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    finished = run("make", "render", f"PYTHON={old}", "VENV=" + str(tmp_path / "venv"), cwd=root)

    assert finished.returncode != 0
    assert "is not Python 3.11 or later" in finished.stderr


def test_make_uses_nothing_that_the_make_of_macos_lacks(root: Path) -> None:
    """GNU make 3.81 has neither `!=` nor .ONESHELL, .SHELLFLAGS, $(file) or grouped targets."""
    makefile = (root / "Makefile").read_text(encoding="utf-8")

    assert re.findall(r"^\.ONESHELL|^\.SHELLFLAGS|^\w+ *!=|\$\(file |&:", makefile, flags=re.MULTILINE) == []


def test_the_readme_leads_to_every_architecture_and_to_its_settings(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    pages = {name: f"output/{name}/README.md" for name in catalog.names()}

    assert [page for name, page in pages.items() if f"| [`{name}`]({page}) |" not in readme] == []
    assert [page for page in pages.values() if f"]({page}#settings)" not in readme] == []


@pytest.mark.parametrize("name", catalog.names())
def test_every_setting_stands_on_the_page_of_its_architecture(root: Path, name: str) -> None:
    page = (root / "output" / name / "README.md").read_text(encoding="utf-8")
    settings = page.partition("\n## Settings\n")[2]

    assert [field for field in catalog.load(name).Settings.model_fields if f"| `{field}` |" not in settings] == []


def test_the_documents_link_only_to_files_that_are_there(root: Path) -> None:
    broken = [
        f"{document.name}: {target}"
        for document in root.glob("*.md")
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8"))
        if not (root / target).exists()
    ]

    assert broken == []


def test_documents_name_only_make_commands_that_exist(root: Path) -> None:
    named = {
        command
        for document in root.glob("*.md")
        for command in re.findall(
            r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
    }

    assert named - set(commands(root)) == set()


def test_hooks_before_a_commit_are_make_commands(root: Path) -> None:
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = {hook["entry"] for repository in config["repos"] for hook in repository["hooks"]}

    assert entries <= {f"make {command}" for command in commands(root)}


def test_github_accepts_the_workflows(root: Path) -> None:
    workflows = sorted((root / ".github" / "workflows").glob("*.yml"))
    schema = ["--builtin-schema", "vendor.github-workflows"]
    finished = run(tool("check-jsonschema"), *schema, *workflows, cwd=root)

    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_workflows_are_safe_as_zizmor_sees_it(root: Path) -> None:
    finished = run(tool("zizmor"), "--offline", "--persona", "pedantic", ".github", cwd=root)

    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_ci_runs_the_pythons_that_the_package_names(root: Path) -> None:
    workflow = yaml.safe_load((root / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    classifiers = re.findall(r"Python :: (3\.\d+)", (root / "setup.cfg").read_text(encoding="utf-8"))

    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == classifiers


def test_shell_scripts_pass_shellcheck(root: Path) -> None:
    scripts = [
        path
        for path in tracked(root)
        if path.suffix == ".sh" or first_line(path).endswith(("/bash", "env bash", "/sh"))
    ]
    finished = run(tool("shellcheck"), *scripts, cwd=root)

    assert scripts != []
    assert finished.returncode == 0, finished.stdout


def test_scripts_can_be_started(root: Path) -> None:
    scripts = [path for path in tracked(root) if first_line(path).startswith("#!")]

    assert [str(path.relative_to(root)) for path in scripts if not os.access(path, os.X_OK)] == []


def first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().rstrip("\n")


def test_functions_fit_on_a_screen(root: Path) -> None:
    """60 lines with its signature; a blueprint, which is read from top to bottom like the architecture, 80."""
    long = []
    for path in sorted((root / "blueprints").rglob("*.py")):
        limit = 80 if "catalog" in path.parts else 60
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for start, line in enumerate(lines):
            if re.match(r" *(async )?def ", line) and (length := len(inspect.getblock(lines[start:]))) > limit:
                long.append(f"{path.relative_to(root)}:{start + 1} has {length} lines")

    assert long == []


def test_no_test_patches_or_sleeps(root: Path) -> None:
    words = ("mock" + ".patch", "unittest" + ".mock", "time" + ".sleep(")
    sources = {path.relative_to(root): path.read_text(encoding="utf-8") for path in (root / "tests").rglob("*.py")}

    assert {str(path): word for path, text in sources.items() for word in words if word in text} == {}
