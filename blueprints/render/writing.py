"""Write what was rendered, whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from troposphere import Parameter

from blueprints import catalog
from blueprints.model.errors import ManifestError, RenderError, SettingsError
from blueprints.model.settings import SHARED, Settings
from blueprints.model.stack import SecretSource, Stack
from blueprints.model.text_file import TextFile, is_free
from blueprints.render.manifest import FileEntry, ImageEntry, Manifest, ParameterEntry, SecretEntry, StackEntry
from blueprints.render.template import to_json, to_yaml

MANIFEST = "manifest.json"


def write(architecture: str, settings: Settings, output: Path) -> Manifest:
    """Render an architecture to ``output/<architecture>/<environment>/``, stacks that environments share beside it.

    Raises:
        RenderError: a file cannot be written.
        TemplateError: a stack cannot be rendered.
    """
    (manifest,) = write_all(architecture, [settings], output)
    return manifest


def write_all(architecture: str, environments: Sequence[Settings], output: Path) -> list[Manifest]:
    """Render an architecture for several environments at once.

    Everything is rendered, and written beside its place, before the first file takes its place, so that an error leaves
    what was there as it was. Templates of the former manifests that the settings no longer ask for are removed, and so
    are text files that no environment asks for any more; those that are asked for come with :func:`write_page`.

    Raises:
        RenderError: a file cannot be written.
        SettingsError: a stack or a text file that the environments share would differ between them.
        TemplateError: a stack cannot be rendered.
    """
    files: dict[Path, str] = {}
    former: set[Path] = set()
    manifests = []
    asked = text_files(architecture, environments)
    for settings in environments:
        manifest, texts = _rendered(architecture, settings, output)
        _agree(files, texts, settings)
        former |= _templates_of(manifest.folder)
        files |= texts
        manifests.append(manifest)
    folder = _normal(output / architecture)
    former_texts = _text_files_of(folder)
    _apart(folder, asked, files)
    replace(files)
    for path in sorted(former - files.keys()):
        path.unlink(missing_ok=True)
    _remove(folder, former_texts - _text_files_of(folder))
    return manifests


def text_files(architecture: str, environments: Iterable[Settings]) -> dict[str, TextFile]:
    """The text files that the environments ask for, by path; nothing of them is rendered yet.

    Raises:
        RenderError: one environment asks for two files of the same path.
        SettingsError: a file would differ between the environments, which share it.
    """
    found: dict[str, TextFile] = {}
    for settings in environments:
        listed = _text_files(architecture, settings)
        own = {file.path: file for file in listed}
        if len(own) < len(listed):
            twice = next(file.path for file in listed if own[file.path] is not file)
            raise RenderError(f"{architecture}: two text files are called {twice}; give one of them another path")
        for path in sorted(found.keys() & own.keys()):
            _agree_on_text(found[path], own[path], settings)
        found |= own
    return found


def _text_files(architecture: str, settings: Settings) -> list[TextFile]:
    """What the blueprint's function ``files`` gives; nothing where it has none."""
    made = getattr(catalog.load(architecture), "files", None)
    return [] if made is None else list(made(settings))


def _agree_on_text(one: TextFile, other: TextFile, settings: Settings) -> None:
    if one == other:
        return
    values = {
        name for name in one.values.keys() | other.values.keys() if one.values.get(name) != other.values.get(name)
    }
    what = ", ".join(sorted(values)) or "template"
    raise SettingsError(
        f"{settings.environment}: the file {one.path} is shared by all environments, and these settings render it "
        f"differently ({what}); give the settings that it is made from the same value in each environment"
    )


def _apart(folder: Path, asked: Iterable[str], files: Collection[Path]) -> None:
    """A text file does not take the place of a template or a manifest."""
    for path in asked:
        if folder / path in files:
            raise RenderError(f"{folder / path} is a template or a manifest; give the text file another path")


def _rendered(architecture: str, settings: Settings, output: Path) -> tuple[Manifest, dict[Path, str]]:
    stacks = catalog.load(architecture).build(settings)
    folder = _normal(output / architecture / settings.environment)
    files = _text_files(architecture, settings)
    manifest = manifest_of(architecture, settings, stacks, files).placed_in(folder)
    texts = {}
    for stack, entry in zip(stacks, manifest.stacks, strict=True):
        texts[_normal(folder / entry.yaml_file)] = to_yaml(stack)
        texts[_normal(folder / entry.json_file)] = to_json(stack)
    texts[folder / MANIFEST] = manifest.to_text()
    return manifest, texts


def _agree(files: Mapping[Path, str], texts: Mapping[Path, str], settings: Settings) -> None:
    differing = [path.stem for path in files.keys() & texts.keys() if files[path] != texts[path]]
    if differing:
        raise SettingsError(
            f"{settings.environment}: the stack {differing[0]} is shared by all environments, and these settings "
            "render it differently; give project, owner, cost_center and what else it is made from the same value in "
            "each environment"
        )


def manifest_of(architecture: str, settings: Settings, stacks: list[Stack], files: Sequence[TextFile] = ()) -> Manifest:
    """What a deployment has to know about the stacks."""
    return Manifest(
        architecture=architecture,
        environment=settings.environment,
        description=catalog.description(architecture),
        files=tuple(FileEntry(path=f"../{file.path}", about=file.about) for file in files),
        stacks=tuple(_entry(stack) for stack in stacks),
    )


def _entry(stack: Stack) -> StackEntry:
    place = f"../{SHARED}/" if stack.shared else ""
    return StackEntry(
        name=stack.name,
        stack_name=stack.stack_name,
        region=stack.region,
        description=stack.description or "",
        shared=stack.shared,
        yaml=f"{place}{stack.name}.yaml",
        json=f"{place}{stack.name}.json",
        parameters=tuple(_parameter(parameter) for parameter in stack.parameters.values()),
        capabilities=tuple(stack.capabilities),
        tags=stack.tags,
        termination_protection=stack.termination_protection,
        stack_policy=stack.stack_policy,
        retained=tuple(stack.retained),
        owned_by_ecs=tuple(stack.owned_by_ecs),
        images=tuple(ImageEntry(repository=image.repository, parameter=image.parameter) for image in stack.images),
        secrets=tuple(_secret(secret) for secret in stack.secrets),
        bundles=tuple(stack.bundles),
        tasks=tuple(stack.tasks),
        checks=tuple(stack.checks),
        workloads=tuple(stack.workloads),
        outputs=tuple(stack.outputs),
    )


def _parameter(parameter: Parameter) -> ParameterEntry:
    given: dict[str, Any] = parameter.properties
    return ParameterEntry(
        name=str(parameter.title),
        type=given["Type"],
        required="Default" not in given,
        default=given.get("Default"),
        description=given.get("Description", ""),
        allowed_values=given.get("AllowedValues"),
        pattern=given.get("AllowedPattern"),
        min_value=given.get("MinValue"),
        max_value=given.get("MaxValue"),
        min_length=given.get("MinLength"),
        max_length=given.get("MaxLength"),
        constraint_description=given.get("ConstraintDescription"),
        no_echo=given.get("NoEcho"),
    )


def _secret(secret: SecretSource) -> SecretEntry:
    if secret.parameter_name is not None:
        return SecretEntry(name=secret.name, kind="ssm", parameter_name=secret.parameter_name)
    return SecretEntry(
        name=secret.name,
        kind="secretsmanager",
        stack=secret.stack,
        output=secret.output,
        json_key=secret.json_key,
    )


def replace(texts: Mapping[Path, str], programs: Collection[Path] = ()) -> None:
    """Put each text at its path in one step: a reader sees the old file or the new one, never half of either.

    Those among *programs* can be run.

    Raises:
        RenderError: a file cannot be written; the old ones are still there.
    """
    staged: dict[Path, Path] = {}
    path = Path()
    try:
        for path, text in texts.items():
            staged[path] = _stage(path, text, 0o755 if path in programs else 0o644)
        for path, temporary in staged.items():
            temporary.replace(path)
    except OSError as error:
        raise RenderError(f"{path} cannot be written: {error.strerror}; name another folder with --output") from error
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def _stage(path: Path, text: str, mode: int) -> Path:
    """Write beside *path* what is to take its place."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(mode)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _templates_of(folder: Path) -> set[Path]:
    """The templates in an environment's own folder that its manifest names; other files there are somebody else's."""
    try:
        former = Manifest.load(folder / MANIFEST)
    except ManifestError:
        return set()
    paths = {_normal(folder / name) for entry in former.stacks for name in (entry.yaml_file, entry.json_file)}
    return {path for path in paths if path.parent == _normal(folder)}


def _text_files_of(folder: Path) -> set[Path]:
    """The text files that the manifests in the folder of an architecture name, and that a blueprint may ask for."""
    found: set[Path] = set()
    for path in folder.glob(f"*/{MANIFEST}"):
        try:
            manifest = Manifest.load(path)
        except ManifestError:
            continue
        found |= {_normal(manifest.folder / file.path) for file in manifest.files}
    return {path for path in found if path.is_relative_to(folder) and is_free(path.relative_to(folder).as_posix())}


def _remove(folder: Path, paths: Iterable[Path]) -> None:
    """Remove text files, and the folders that are empty then."""
    for path in sorted(paths):
        # Behind a link, or beside a manifest, there are other people's files, whatever a manifest says.
        inside = path.parent.resolve().is_relative_to(folder.resolve())
        if not inside or (path.parent / MANIFEST).exists() or not path.is_file():
            continue
        path.unlink()
        for parent in path.relative_to(folder).parents[:-1]:
            if any((folder / parent).iterdir()):
                break
            (folder / parent).rmdir()


def _normal(path: Path) -> Path:
    """The path without ``..``."""
    return Path(os.path.normpath(path))
