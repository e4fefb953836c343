"""The CloudFormation registry's schemas, one file at a time.

cfn-lint carries the registry as data files. Only `blueprints.checks` may import cfn-lint's code; this module reads the
files beside it and imports nothing, because half a second of import for every local deploy would buy only a file path.
"""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Pointer: TypeAlias = tuple[str, ...]

# Every type exists in us-east-1 first; a region without a list of its own has the same types.
HOME_REGION = "us-east-1"


@dataclass(frozen=True)
class ResourceSchema:
    """What the registry says about one resource type."""

    document: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.document["typeName"])

    @property
    def primary_identifier(self) -> tuple[Pointer, ...]:
        return self._pointers("primaryIdentifier")

    @property
    def read_only(self) -> tuple[Pointer, ...]:
        return self._pointers("readOnlyProperties")

    @property
    def create_only(self) -> tuple[Pointer, ...]:
        return self._pointers("createOnlyProperties")

    @property
    def conditionally_create_only(self) -> tuple[Pointer, ...]:
        return self._pointers("conditionalCreateOnlyProperties")

    @property
    def tag_property(self) -> str | None:
        """The property that takes `Key`/`Value` tags, when the type has one."""
        name = str(self.document.get("tagging", {}).get("tagProperty", "")).removeprefix("/properties/")
        return name if self.definition((name,)).get("type") == "array" else None

    def definition(self, pointer: Pointer) -> Mapping[str, Any]:
        """The schema of a property, or nothing when the registry does not describe it."""
        node: Mapping[str, Any] = self.document
        for part in pointer:
            node = self.resolve(self.resolve(node).get("properties", {}).get(part, {}))
        return node

    def resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow `$ref` within this document."""
        while "$ref" in node:
            target: Any = self.document
            for part in str(node["$ref"]).removeprefix("#/").split("/"):
                target = target.get(part, {})
            node = target
        return node

    def _pointers(self, key: str) -> tuple[Pointer, ...]:
        # A pointer into the items of a list ("/properties/Rules/*/Id") names no single value.
        return tuple(path for path in map(_path, self.document.get(key) or ()) if "*" not in path)


def _path(pointer: str) -> Pointer:
    return tuple(pointer.removeprefix("/properties/").replace("/properties/", "/").split("/"))


@cache
def folder() -> Path:
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("cfn-lint is not installed, and with it the registry schemas: pip install cfn-lint")
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"


@cache
def _types() -> Mapping[str, str]:
    content: dict[str, str] = json.loads((folder() / "providers" / f"{HOME_REGION}.json").read_text("utf-8"))
    return content


def types() -> Iterator[str]:
    """Every resource type of the registry."""
    yield from _types()


@cache
def find(resource_type: str) -> ResourceSchema | None:
    """The schema of a type, read when it is first needed."""
    name = _types().get(resource_type)
    if name is None:
        return None
    return ResourceSchema(json.loads((folder() / "resources" / f"{name}.json").read_text("utf-8")))
