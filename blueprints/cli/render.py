"""``blueprints render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blueprints.cli.names import ARCHITECTURE, ASSIGNMENT, ENVIRONMENTS, unknown
from blueprints.cli.terminal import say
from blueprints.model.errors import SettingsError

if TYPE_CHECKING:
    from blueprints.model.settings import Settings


@click.command(short_help="Write templates and manifests.")
@click.argument("architecture", type=ARCHITECTURE, required=False)
@click.argument("environments", nargs=-1, metavar="[ENVIRONMENT]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="output",
    show_default=True,
    help="Folder to write to.",
)
@click.option("--settings", "file", type=click.Path(path_type=Path), help="YAML file with values for each environment.")
@click.option("--set", "overrides", type=ASSIGNMENT, multiple=True, help="One setting, over those of the file.")
def render(
    architecture: str | None,
    environments: tuple[str, ...],
    output: Path,
    file: Path | None,
    overrides: tuple[tuple[str, str], ...],
) -> None:
    """Write templates as YAML and JSON, the manifest that deploying reads, and the files that go with them.

    Without names: every architecture in dev and prod. Prints the manifests that were written.
    """
    from blueprints import catalog
    from blueprints import render as rendering

    if architecture is None and (file or overrides):
        raise click.UsageError("--settings and --set need an architecture: settings differ between them")
    for name in [architecture] if architecture else catalog.names():
        chosen = _settings(name, environments, file, _values(overrides))
        for manifest in rendering.write_all(name, chosen, output):
            count = len(manifest.stacks)
            say(f"{name} {manifest.environment}: {count} {'stack' if count == 1 else 'stacks'}")
            click.echo(manifest.folder / "manifest.json")
        rendering.write_page(name, chosen, output)


def _values(overrides: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Read values as YAML does, so that numbers, booleans and lists can be given."""
    import yaml

    try:
        return {key: yaml.safe_load(value) for key, value in overrides}
    except yaml.YAMLError as error:
        raise SettingsError(f"--set takes a value as YAML writes it: {error}") from None


def _settings(name: str, environments: tuple[str, ...], file: Path | None, overrides: dict[str, Any]) -> list[Settings]:
    """Return the settings of each environment: defaults, then the file, then what was given one by one."""
    from blueprints import catalog
    from blueprints.catalog import settings_file

    kind = catalog.load(name).Settings
    if file is None:
        return [kind(**{"environment": one, **overrides}) for one in environments or ENVIRONMENTS]
    read = settings_file.read(name, file)
    for one in environments:
        if one not in read:
            raise SettingsError(f"{file} has {unknown('environment', one, read)}")
    chosen = [read[one] for one in environments or read]
    return [kind(**{**one.model_dump(exclude_unset=True), **overrides}) for one in chosen]
