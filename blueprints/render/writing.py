"""Write what was rendered, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from troposphere import Parameter

from blueprints import catalog
from blueprints.model.errors import RenderError
from blueprints.model.settings import Settings
from blueprints.model.stack import SecretSource, Stack
from blueprints.render.manifest import ImageEntry, Manifest, ParameterEntry, SecretEntry, StackEntry
from blueprints.render.template import to_json, to_yaml

SHARED = "shared"
MANIFEST = "manifest.json"


def write(architecture: str, settings: Settings, output: Path) -> Manifest:
    """Render an architecture to ``output/<architecture>/<environment>/``, stacks that environments share beside it.

    Everything is rendered before the first file is written, and each file takes its place in one step, so that an
    error leaves the files that were there whole. Templates that the settings no longer ask for are removed.

    Raises:
        RenderError: a file cannot be written.
        TemplateError: a stack cannot be rendered.
    """
    stacks = catalog.load(architecture).build(settings)
    folder = output / architecture / settings.environment
    manifest = manifest_of(architecture, settings, stacks).placed_in(folder)
    files = {folder / MANIFEST: manifest.to_text()}
    for stack, entry in zip(stacks, manifest.stacks, strict=True):
        files[folder / entry.yaml_file] = to_yaml(stack)
        files[folder / entry.json_file] = to_json(stack)
    former = _templates_of(folder)
    for path, text in files.items():
        replace(Path(os.path.normpath(path)), text)
    for path in sorted(former - {Path(os.path.normpath(path)) for path in files}):
        path.unlink(missing_ok=True)
    return manifest


def manifest_of(architecture: str, settings: Settings, stacks: list[Stack]) -> Manifest:
    """What a deployment has to know about the stacks."""
    return Manifest(
        architecture=architecture,
        environment=settings.environment,
        description=catalog.description(architecture),
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
        images=tuple(ImageEntry(repository=image.repository, parameter=image.parameter) for image in stack.images),
        secrets=tuple(_secret(secret) for secret in stack.secrets),
        outputs=tuple(stack.outputs),
    )


def _parameter(parameter: Parameter) -> ParameterEntry:
    given: dict[str, Any] = parameter.properties
    return ParameterEntry(
        name=parameter.title,
        type=given["Type"],
        required="Default" not in given,
        default=given.get("Default"),
        description=given.get("Description", ""),
        allowed_values=given.get("AllowedValues"),
        pattern=given.get("AllowedPattern"),
        min_value=given.get("MinValue"),
        max_value=given.get("MaxValue"),
        constraint_description=given.get("ConstraintDescription"),
    )


def _secret(secret: SecretSource) -> SecretEntry:
    if secret.parameter_name is not None:
        return SecretEntry(name=secret.name, kind="ssm", parameter_name=secret.parameter_name)
    return SecretEntry(name=secret.name, kind="secretsmanager", stack=secret.stack, output=secret.output)


def replace(path: Path, text: str) -> None:
    """Put *text* at *path* in one step: a reader sees the old file or the new one, never half of either.

    Raises:
        RenderError: the file cannot be written; the old one is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RenderError(f"{path} cannot be written: {error.strerror}; name another folder with --output") from error


def _templates_of(folder: Path) -> set[Path]:
    """The templates of an environment that an earlier rendering left in its own folder."""
    return {path for suffix in ("yaml", "json") for path in folder.glob(f"*.{suffix}") if path.name != MANIFEST}
