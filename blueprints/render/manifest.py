"""manifest.json: what was rendered, in deploy order, with what a deploy has to know and a template cannot say.

Reading is here, and the models; writing belongs to rendering. The deployer needs nothing else of a blueprint: no
settings, no Python of the architecture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from blueprints.model.errors import ManifestError
from blueprints.model.steps import Bundle, EnvironmentCheck, OneOffTask, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Literal[1] = 1

# What few stacks have is left out of the file where there is none.
_RARE = frozenset({"owned_by_ecs", "bundles", "tasks", "checks", "workloads"})

_FROZEN = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class ParameterEntry(BaseModel):
    """A template parameter; ``required`` means that it has no default. Absent limits are left out of the file."""

    model_config = _FROZEN

    name: str
    type: str = "String"
    required: bool
    default: str | None = None
    description: str = ""
    allowed_values: tuple[str, ...] | None = None
    pattern: str | None = None
    min_value: int | float | None = None
    max_value: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    constraint_description: str | None = None
    no_echo: bool | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class ImageEntry(BaseModel):
    """The parameter is an image tag in this ECR repository, in the region of the stack."""

    model_config = _FROZEN

    repository: str
    parameter: str


class SecretEntry(BaseModel):
    """A secret that must have a value before its stack is deployed.

    Either an SSM parameter that a person puts, or a Secrets Manager secret whose ARN is an output of an earlier stack;
    with ``json_key`` the secret holds a JSON object and the value stands under that key.
    """

    model_config = _FROZEN

    name: str
    kind: Literal["ssm", "secretsmanager"]
    parameter_name: str | None = None
    stack: str | None = None
    output: str | None = None
    json_key: str | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.kind == "ssm" and not self.parameter_name:
            raise ValueError(f"secret {self.name!r} of kind 'ssm' needs parameter_name")
        if self.kind == "secretsmanager" and not (self.stack and self.output):
            raise ValueError(f"secret {self.name!r} of kind 'secretsmanager' needs stack and output")
        return self

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class StackEntry(BaseModel):
    """One stack: its files, where and under which name it is deployed, and what must hold before and after."""

    model_config = _FROZEN

    name: str
    stack_name: str
    region: str
    description: str = ""
    shared: bool = False
    yaml_file: str = Field(alias="yaml")  # a field named `json` would hide BaseModel.json, so both carry a suffix
    json_file: str = Field(alias="json")
    parameters: tuple[ParameterEntry, ...] = ()
    capabilities: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    termination_protection: bool = False
    stack_policy: dict[str, Any] | None = None
    retained: tuple[str, ...] = ()
    owned_by_ecs: tuple[str, ...] = ()  # listener rules whose weights each blue/green deployment rewrites
    images: tuple[ImageEntry, ...] = ()
    secrets: tuple[SecretEntry, ...] = ()
    bundles: tuple[Bundle, ...] = ()  # uploaded before the stack
    tasks: tuple[OneOffTask, ...] = ()  # run to their end after it
    checks: tuple[EnvironmentCheck, ...] = ()  # what has to run what it says, before the next stack
    workloads: tuple[Workload, ...] = ()  # applied to its Kubernetes cluster once all stacks are there
    outputs: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key not in _RARE or value}

    def template_path(self, folder: Path) -> Path:
        """Where the YAML stands, given the manifest's folder."""
        return (folder / self.yaml_file).resolve()

    def parameter(self, name: str) -> ParameterEntry | None:
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


class FileEntry(BaseModel):
    """A text file beside the folders of the environments, which share it; its path is relative to the manifest."""

    model_config = _FROZEN

    path: str
    about: str = ""


class Manifest(BaseModel):
    """The stacks of one architecture in one environment, in deploy order."""

    model_config = _FROZEN

    version: Literal[1] = VERSION
    architecture: str
    environment: str
    description: str = ""
    files: tuple[FileEntry, ...] = ()
    stacks: tuple[StackEntry, ...]

    _folder: Path = PrivateAttr(default=Path())

    @model_serializer(mode="wrap")
    def _without_no_files(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key != "files" or value}

    @property
    def folder(self) -> Path:
        """Where the manifest was loaded from: its paths are relative to it. Not part of the file."""
        return self._folder

    def placed_in(self, folder: Path) -> Self:
        """Return the same manifest, with its paths relative to this folder."""
        placed = self.model_copy()
        placed._folder = folder  # noqa: SLF001 - pydantic keeps private attributes out of the file
        return placed

    def stack(self, name: str) -> StackEntry:
        """Return the stack of this short name."""
        for entry in self.stacks:
            if entry.name == name:
                return entry
        raise ManifestError(f"there is no stack {name!r} in {self.architecture}/{self.environment}: {self.stack_names}")

    @property
    def stack_names(self) -> str:
        """Return the short names, for messages."""
        return ", ".join(entry.name for entry in self.stacks)

    def to_text(self) -> str:
        """Return the file's text, the same for the same manifest."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a manifest; a folder stands for the manifest.json in it."""
        path = path / "manifest.json" if path.is_dir() else path
        data = _read(path)
        if data.get("version") != VERSION:
            raise ManifestError(
                f"{path} is a manifest of version {data.get('version')!r}, this program reads version {VERSION}: "
                "run `blueprints render` again with the installed version"
            )
        try:
            manifest = cls.model_validate(data)
        except ValidationError as error:
            raise ManifestError(
                f"{path} is not a manifest of ours: {_first(error)}. Run `blueprints render` again"
            ) from None
        return manifest.placed_in(path.parent)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(
            f"there is no {path}: run `blueprints render` first, or name the folder it wrote to"
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ManifestError(f"{path} cannot be read ({error}): run `blueprints render` again") from None
    if not isinstance(data, dict):
        raise ManifestError(f"{path} holds a {type(data).__name__}, not a manifest: run `blueprints render` again")
    return data


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])
