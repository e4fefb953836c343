"""``blueprints list`` and ``blueprints settings``."""

from __future__ import annotations

import json

import click

from blueprints.cli.names import ARCHITECTURE, ENVIRONMENTS
from blueprints.cli.terminal import table


@click.command("list")
def list_() -> None:
    """List the architectures."""
    from blueprints import catalog

    table(["Architecture", "What it is"], [[name, catalog.description(name)] for name in catalog.names()])


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
