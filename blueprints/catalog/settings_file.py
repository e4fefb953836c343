"""Settings in a YAML file: for each environment, what differs from the defaults.

.. code-block:: yaml

    # yaml-language-server: $schema=facerec.schema.json
    dev:
      region: eu-central-1
    prod:
      region: eu-central-1
      domain_name: faces.example.com
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from blueprints import catalog
from blueprints.model.errors import SettingsError
from blueprints.model.settings import ENVIRONMENT_PATTERN, Settings


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which PyYAML would keep the last and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read(architecture: str, path: Path) -> dict[str, Settings]:
    """The settings of every environment that the file names.

    Raises:
        SettingsError: the file cannot be read, or a value in it is not allowed; the message names file, environment,
            setting and what is allowed.
    """
    kind = catalog.load(architecture).Settings
    return {name: _settings(kind, path, name, values) for name, values in _environments(path).items()}


def schema(architecture: str) -> dict[str, Any]:
    """JSON Schema of such a file, for completion and checks in an editor."""
    settings = catalog.load(architecture).Settings.model_json_schema()
    definitions = settings.pop("$defs", {})
    settings["properties"].pop("environment", None)
    settings["title"] = "Settings of one environment"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Settings of {architecture}",
        "description": "For each environment, what differs from the defaults.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": ENVIRONMENT_PATTERN},
        "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Environment"}, {"type": "null"}]},
        "$defs": {"Environment": settings, **definitions},
    }


def _environments(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from None
    if not isinstance(data, dict) or not data:
        raise SettingsError(f"{path}: give a mapping of environments, such as dev and prod, to their settings")
    return {str(name): values for name, values in data.items()}


def _settings(kind: type[Settings], path: Path, name: str, values: Any) -> Settings:
    if values is not None and not isinstance(values, dict):
        raise SettingsError(f"{path}: {name} has to be a mapping of settings, got {values!r}")
    if "environment" in (values or {}):
        raise SettingsError(f"{path}: {name}.environment is not allowed: the key above it, {name}, is the environment")
    try:
        return kind(**{**{str(key): value for key, value in (values or {}).items()}, "environment": name})
    except SettingsError as error:
        raise SettingsError("\n".join(f"{path}: {name}.{line}" for line in str(error).splitlines())) from None
