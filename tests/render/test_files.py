"""Text files beside the templates, and the page that lists them."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

from blueprints import catalog, render
from blueprints.cli import blueprints
from blueprints.model.errors import RenderError, SettingsError
from blueprints.model.text_file import TextFile
from blueprints.render import files
from blueprints.render.manifest import Manifest

BLUEPRINT = '''
"""A queue with a script: an architecture that brings text files."""

from troposphere import sqs

from blueprints.model import settings
from blueprints.model.stack import SecretSource, Stack
from blueprints.model.text_file import TextFile

NOTE = "what the page of the architecture is told"


class Settings(settings.Settings):
    project: str = "notes"
    port: int = 8000
    paths: list[str] = ["docker/app/Dockerfile"]
    script: bool = False
    source: str = "port.jinja"


def build(settings):
    service = Stack("service", settings, description="Service", arch="One queue")
    service.add(sqs.Queue("Jobs"))
    service.secrets += [SecretSource("KEY", parameter_name="/notes/KEY")]
    return [service]


def files(settings):
    made = [TextFile(path, settings.source, {"port": settings.port}, about="What listens") for path in settings.paths]
    if settings.script:
        made.append(TextFile("scripts/start.sh", "start.sh.jinja", about="Starts it", executable=True))
    return made
'''


@pytest.fixture
def templates(root, tmp_path, monkeypatch):
    """A folder of Jinja2 sources: those of the repository, and two of the test's own."""
    folder = tmp_path / "templates"
    shutil.copytree(root / "src" / "templates", folder)
    (folder / "port.jinja").write_text(
        "# [[ path ]]: ${{ github.sha }} {{ shell }}\nEXPOSE [[ port ]]\n", encoding="utf-8"
    )
    (folder / "start.sh.jinja").write_text("#!/bin/sh\necho started\n", encoding="utf-8")
    monkeypatch.setattr(files, "PLACES", (folder,))
    return folder


@pytest.fixture
def notes(templates, tmp_path, monkeypatch):
    """Settings of an architecture with text files, in another folder of the catalog."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "notes.py").write_text(BLUEPRINT, encoding="utf-8")
    monkeypatch.setattr(catalog, "__path__", [*catalog.__path__, str(tmp_path / "more")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    yield catalog.load("notes").Settings
    del sys.modules["blueprints.catalog.notes"]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def rendered(out, *environments):
    """Render these settings as `blueprints render` does; return the folder of the architecture."""
    render.write_all("notes", environments, out)
    render.write_page("notes", environments, out)
    return out / "notes"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


# What is written


def test_a_text_file_is_rendered_below_the_folder_of_the_architecture(notes, out):
    folder = rendered(out, notes())
    assert (folder / "docker" / "app" / "Dockerfile").read_text("utf-8") == (
        "# docker/app/Dockerfile: ${{ github.sha }} {{ shell }}\nEXPOSE 8000\n"
    )


def test_only_what_is_a_program_can_be_run(notes, out):
    folder = rendered(out, notes(script=True))
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in contents(folder)}
    assert modes == {name: 0o755 if name == "scripts/start.sh" else 0o644 for name in modes}
    assert subprocess.check_output([folder / "scripts" / "start.sh"], text=True) == "started\n"


def test_the_command_line_writes_text_files_and_another_run_the_same_bytes(notes, out):
    command = ["render", "notes", "--output", str(out), "--set", "script=true"]
    assert CliRunner().invoke(blueprints, command).exit_code == 0
    first = contents(out)
    assert CliRunner().invoke(blueprints, command).exit_code == 0
    assert {"notes/docker/app/Dockerfile", "notes/scripts/start.sh", "notes/README.md"} < first.keys()
    assert contents(out) == first


def test_no_temporary_file_stays_behind(notes, out):
    assert [name for name in contents(rendered(out, notes(script=True))) if "/." in name] == []


def test_a_manifest_names_text_files_and_is_read_back(notes, out):
    folder = rendered(out, notes(script=True))
    assert json.loads((folder / "dev" / "manifest.json").read_text("utf-8"))["files"] == [
        {"path": "../docker/app/Dockerfile", "about": "What listens"},
        {"path": "../scripts/start.sh", "about": "Starts it"},
    ]
    assert [file.about for file in Manifest.load(folder / "dev").files] == ["What listens", "Starts it"]


def test_a_manifest_without_text_files_does_not_speak_of_them(notes, out):
    folder = rendered(out, notes(paths=[]))
    assert "files" not in json.loads((folder / "dev" / "manifest.json").read_text("utf-8"))
    assert Manifest.load(folder / "dev").files == ()


def test_templates_alone_are_rendered_without_jinja2(notes, templates, tmp_path, root):
    """Whoever renders from Python and wants no text files does not wait for it."""
    code = f"""
import sys
from blueprints import catalog, render
catalog.__path__.append({str(tmp_path / "more")!r})
render.write("notes", catalog.load("notes").Settings(), __import__("pathlib").Path("out"))
print("jinja2" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-B", "-c", code], cwd=tmp_path, text=True) == "False\n"


# Environments share them


def test_environments_that_agree_share_one_file(notes, out):
    folder = rendered(out, notes(environment="dev"), notes(environment="prod"))
    assert [name for name in contents(folder) if "Dockerfile" in name] == ["docker/app/Dockerfile"]


def test_environments_that_would_differ_on_a_file_are_refused_before_anything_is_written(notes, out):
    both = [notes(environment="dev"), notes(environment="prod", port=9000)]
    message = (
        r"prod: the file docker/app/Dockerfile is shared by all environments.*differently \(port\); give the settings"
    )
    with pytest.raises(SettingsError, match=message):
        render.write_all("notes", both, out)
    assert not out.exists()


def test_a_file_of_one_environment_stays_while_another_is_rendered_alone(notes, out):
    rendered(out, notes(environment="dev"), notes(environment="prod", script=True))
    folder = rendered(out, notes(environment="dev"))
    assert "scripts/start.sh" in contents(folder)
    assert "(scripts/start.sh)" in (folder / "README.md").read_text("utf-8")


# What is no longer asked for


def test_a_file_that_is_no_longer_asked_for_goes_and_its_empty_folders_with_it(notes, out):
    rendered(out, notes(paths=["docker/app/Dockerfile", "docker/web/Dockerfile"]))
    folder = rendered(out, notes(paths=["docker/web/Dockerfile"]))
    assert not (folder / "docker" / "app").exists()
    assert "docker/web/Dockerfile" in contents(folder)
    rendered(out, notes(paths=[]))
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "dev"]


def test_a_file_of_somebody_else_stays_and_keeps_its_folder(notes, out):
    folder = rendered(out, notes())
    (folder / "docker" / "app" / "entrypoint.sh").write_text("mine", encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    rendered(out, notes(paths=[]))
    assert {"docker/app/entrypoint.sh", "notes.txt"} <= contents(folder).keys()
    assert "docker/app/Dockerfile" not in contents(folder)


@pytest.mark.parametrize(
    "precious", ["../../precious", "../prod/service.yaml", "../shared/registry.yaml", "service.txt"]
)
def test_a_manifest_that_points_elsewhere_removes_nothing_there(notes, out, precious):
    folder = rendered(out, notes(environment="dev"), notes(environment="prod"))
    path = folder / "dev" / precious
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf-8")
    manifest = folder / "dev" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace("../docker/app/Dockerfile", precious), encoding="utf-8")
    rendered(out, notes(environment="dev", paths=[]))
    assert path.read_text("utf-8") == "mine"


def test_what_lies_behind_a_link_is_not_ours(notes, out, tmp_path):
    folder = rendered(out, notes())
    shutil.move(folder / "docker", tmp_path / "theirs")
    (folder / "docker").symlink_to(tmp_path / "theirs")
    rendered(out, notes(paths=[]))
    assert (tmp_path / "theirs" / "app" / "Dockerfile").is_file()


# What is refused


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\\b", "README.md", "shared/a.txt", "a\nb"]
)
def test_a_path_that_leads_out_or_is_taken_is_refused(path):
    with pytest.raises(RenderError, match=re.escape(repr(path)) + ".*for example docker/backend/Dockerfile"):
        TextFile(path, "port.jinja")


def test_two_files_of_one_path_are_refused(notes, out):
    with pytest.raises(RenderError, match=r"notes: two text files are called a\.txt; give one of them another path"):
        render.write("notes", notes(paths=["a.txt", "a.txt"]), out)


@pytest.mark.parametrize("path", ["dev/service.yaml", "dev/manifest.json"])
def test_a_file_that_would_take_the_place_of_a_template_is_refused_before_anything_is_written(notes, out, path):
    with pytest.raises(RenderError, match=f"{path} is a template or a manifest; give the text file another path"):
        render.write("notes", notes(paths=[path]), out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no-such.jinja", r"docker/app/Dockerfile: there is no no-such.jinja below .*templates; name a template"),
        ("undefined.jinja", "docker/app/Dockerfile: undefined.jinja cannot be rendered: 'user' is undefined"),
        ("broken.jinja", "docker/app/Dockerfile: broken.jinja cannot be rendered: Encountered unknown tag 'nonsense'"),
    ],
)
def test_a_source_that_cannot_be_rendered_is_named_and_the_page_stays(notes, templates, out, source, message):
    (templates / "undefined.jinja").write_text("USER [[ user ]]\n", encoding="utf-8")
    (templates / "broken.jinja").write_text("[% nonsense %]\n", encoding="utf-8")
    before = (rendered(out, notes()) / "README.md").read_text("utf-8")
    with pytest.raises(RenderError, match=message):
        rendered(out, notes(source=source, script=True))
    assert (out / "notes" / "README.md").read_text("utf-8") == before
    assert not (out / "notes" / "scripts").exists()


# The page


def test_the_page_lists_text_files_with_what_they_are(notes, out):
    page = (rendered(out, notes(script=True)) / "README.md").read_text("utf-8")
    assert "| [docker/app/Dockerfile](docker/app/Dockerfile) | What listens |\n" in page
    assert "| [scripts/start.sh](scripts/start.sh) | Starts it |\n" in page


def test_the_page_without_text_files_does_not_speak_of_them(notes, out):
    assert "Files that go with them" not in (rendered(out, notes(paths=[])) / "README.md").read_text("utf-8")


def test_the_page_names_our_command_for_a_secret_first_and_then_the_aws_cli(notes, out):
    page = (rendered(out, notes(environment="prod")) / "README.md").read_text("utf-8")
    ours = page.index("make put-secret ARCHITECTURE=notes ENVIRONMENT=prod SECRET=KEY\n")
    installed = page.index("`blueprints put-secret notes prod NAME`")
    assert ours < installed < page.index("aws ssm put-parameter --region us-east-1 --name /notes/KEY")


def test_an_architecture_can_add_to_its_page(notes, templates, out):
    plain = (rendered(out, notes()) / "README.md").read_text("utf-8")
    (templates / "pages").mkdir(exist_ok=True)
    text = "## Costs\n\n[[ blueprint.NOTE ]], [[ environments[0].name ]]\n"
    (templates / "pages" / "notes.md.jinja").write_text(text, encoding="utf-8")
    page = (rendered(out, notes()) / "README.md").read_text("utf-8")
    assert page == plain + "\n## Costs\n\nwhat the page of the architecture is told, dev\n"


def test_the_page_of_an_architecture_without_an_addition_ends_with_the_settings(output):
    page = (output / "facerec" / "README.md").read_text("utf-8")
    assert page.splitlines()[-1].startswith("| `")
    assert page.endswith(" |\n")
