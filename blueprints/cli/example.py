"""A settings file to start from: every setting with what it means, and its default commented out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from blueprints.model.settings import Settings

_WIDTH = 110


def write(architecture: str, kind: type[Settings], environments: tuple[str, ...]) -> str:
    """Return the text of a YAML file that renders what rendering without a file does."""
    head = [
        f"# yaml-language-server: $schema={architecture}.schema.json",
        f"# The settings of {architecture}: values for each environment, over the defaults that stand here.",
        "# Editors complete and check them once the schema lies beside this file:",
        f"#   blueprints settings {architecture} > {architecture}.schema.json",
    ]
    return "\n".join(head) + "\n" + "".join(_environment(kind, name) for name in environments)


def _environment(kind: type[Settings], environment: str) -> str:
    schema = kind.model_json_schema()["properties"]
    values = kind(environment=environment).model_dump(mode="json")
    values.pop("environment")
    # One value has to stand there: a YAML key with nothing but comments below it holds null.
    first = f"\n{environment}:\n  region: {values.pop('region')}\n"
    return first + "".join(_setting(name, value, schema[name]) for name, value in values.items())


def _setting(name: str, value: Any, schema: dict[str, Any]) -> str:
    allowed = f" One of {', '.join(map(str, schema['enum']))}." if "enum" in schema else ""
    meaning = textwrap.wrap(schema.get("description", "").replace("\n", " ") + allowed, _WIDTH)
    text = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True).splitlines()
    return "".join([*(f"  # {line}\n" for line in meaning), *(f"  #{line}\n" for line in text)])
