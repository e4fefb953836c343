"""The built wheel, used as a user does: in an environment of its own, from a folder outside the repository.

Nothing is downloaded. The new environment sees the dependencies of the one that runs the tests through a .pth file; a
path that a .pth file names has its own .pth files ignored, so the editable install stays out of sight.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from blueprints.render import files

SOURCES = ("blueprints", "src", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in SOURCES:
        if (root / name).is_dir():
            shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, source / name)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, source, cwd=source)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's programs, with the wheel installed."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=environment)
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder outside the repository."""
    return tmp_path


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    finished = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_the_wheel_holds_every_module_and_every_template_and_nothing_else(wheel: Path, root: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    modules = {path.relative_to(root).as_posix() for path in (root / "blueprints").rglob("*") if is_source(path)}
    templates = root / "src" / "templates"
    texts = {path.relative_to(templates).as_posix() for path in templates.rglob("*") if path.is_file()}

    assert held == modules | {f"blueprints/files/{name}" for name in texts}


def is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def test_the_license_travels_with_it(wheel: Path) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_an_installed_library_lists_the_architectures(installed: Path, folder: Path) -> None:
    names = [line.split()[0] for line in run(installed / "blueprints", "list", cwd=folder).splitlines()]

    assert names == [
        "account",
        "cooking-assistant",
        "facerec",
        "mealprep",
        "recipe-chatbot",
        "web-backend-beanstalk",
        "web-backend-eks",
        "web-backend-fargate",
    ]


def test_an_installed_library_renders_what_is_committed_and_lints_it(
    installed: Path, folder: Path, output: Path
) -> None:
    run(installed / "blueprints", "render", "facerec", "prod", "-o", "build/", cwd=folder)
    report = run(installed / "blueprints", "lint", "build/", "--format", "json", cwd=folder)

    built = {path.relative_to(folder / "build"): path.read_text("utf-8") for path in folder.rglob("*.*")}
    page = built.pop(Path("facerec/README.md"))
    assert {path: text for path, text in built.items() if (output / path).read_text("utf-8") != text} == {}
    assert Path("facerec/prod/manifest.json") in built
    assert page.startswith("# facerec\n")
    assert json.loads(report)["findings"] == []


def test_templates_of_text_files_are_found_in_a_checkout_and_in_an_installed_library(
    installed: Path, folder: Path, root: Path
) -> None:
    (folder / "use.py").write_text("from blueprints.render import files\nprint(files.root())\n", encoding="utf-8")

    assert files.root() == root / "src" / "templates"
    assert Path(run(installed / "python", "use.py", cwd=folder).strip()).is_relative_to(installed.parent)


def test_an_installed_library_gives_the_schema_of_the_settings(installed: Path, folder: Path) -> None:
    schema = json.loads(run(installed / "blueprints", "settings", "facerec", cwd=folder))

    assert schema["$schema"].startswith("https://json-schema.org/")


def test_an_installed_library_can_be_imported(installed: Path, folder: Path) -> None:
    code = """
import blueprints
from blueprints import render
from blueprints.catalog import facerec

print(blueprints.__file__)
print(render.to_yaml(facerec.build(facerec.Settings(environment="prod"))[-1]))
"""
    (folder / "use.py").write_text(code, encoding="utf-8")
    where, _, template = run(installed / "python", "use.py", cwd=folder).partition("\n")

    assert Path(where).is_relative_to(installed.parent)
    assert "AWSTemplateFormatVersion" in template


def test_an_installed_library_is_typed(installed: Path, folder: Path) -> None:
    (folder / "use.py").write_text(
        "from blueprints.model.settings import Settings\nreveal_type(Settings().region)\n", "utf-8"
    )
    mypy = [sys.executable, "-m", "mypy", "--python-executable", installed / "python", "--cache-dir", folder / "cache"]

    assert 'Revealed type is "str"' in run(*mypy, "use.py", cwd=folder).replace("builtins.", "")
