"""``blueprints list`` and ``blueprints settings``."""

from __future__ import annotations

import ast
import json
from importlib.util import find_spec
from pathlib import Path

import click

from blueprints.cli.names import ARCHITECTURE, ENVIRONMENTS
from blueprints.cli.terminal import table


@click.command("list")
def list_() -> None:
    """List the architectures."""
    from blueprints import catalog

    table(["Architecture", "What it is"], [[name, _description(name)] for name in catalog.names()])


@click.command(short_help="Print the JSON Schema of the settings.")
@click.argument("architecture", type=ARCHITECTURE)
@click.option("--example", is_flag=True, help="A YAML file to start from instead: every setting, commented out.")
def settings(architecture: str, *, example: bool) -> None:
    """Print the JSON Schema of an architecture's settings, for completion in an editor.

    \b
    blueprints settings facerec > facerec.schema.json
    blueprints settings facerec --example > facerec.yaml
    blueprints render facerec --settings facerec.yaml
    """
    from blueprints import catalog
    from blueprints.catalog import settings_file
    from blueprints.cli.example import write

    if example:
        click.echo(write(architecture, catalog.load(architecture).Settings, ENVIRONMENTS), nl=False)
    else:
        click.echo(json.dumps(settings_file.schema(architecture), indent=2))


def _description(name: str) -> str:
    """Read the first line of a blueprint's docstring: importing them all would load troposphere."""
    module = find_spec(f"blueprints.catalog.{name.replace('-', '_')}")
    if module is None or module.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(module.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
