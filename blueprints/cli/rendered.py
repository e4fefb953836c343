"""What has been rendered: found by architecture and environment, or an error that says what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blueprints.cli.names import unknown
from blueprints.model.errors import ManifestError

if TYPE_CHECKING:
    from blueprints.render.manifest import Manifest

MANIFEST = "manifest.json"

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="output",
    show_default=True,
    help="Folder that `blueprints render` wrote to.",
)


def load(output: Path, architecture: str, environment: str) -> Manifest:
    """Return the manifest of what was rendered; the architecture need not be one of the catalog."""
    from blueprints.render.manifest import Manifest

    rendered = _rendered(output)
    again = f"Render it first: blueprints render {architecture} {environment} -o {output}"
    if not rendered:
        raise ManifestError(f"there is nothing rendered in {output}. {again}")
    if architecture not in rendered:
        raise ManifestError(f"{output} holds {unknown('architecture', architecture, rendered)} {again}")
    if environment not in rendered[architecture]:
        known = rendered[architecture]
        raise ManifestError(f"{output / architecture} holds {unknown('environment', environment, known)} {again}")
    return Manifest.load(output / architecture / environment / MANIFEST)


def _rendered(output: Path) -> dict[str, list[str]]:
    """Return the environments of each architecture that stands in the folder."""
    found: dict[str, list[str]] = {}
    for path in sorted(output.glob(f"*/*/{MANIFEST}")):
        found.setdefault(path.parent.parent.name, []).append(path.parent.name)
    return found
