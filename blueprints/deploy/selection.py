"""Which stacks of a manifest are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Collection

    from blueprints.render.manifest import Manifest, StackEntry


def select(manifest: Manifest, only: Collection[str]) -> list[StackEntry]:
    """Return the stacks named, in deploy order; all when none is named."""
    known = [entry.name for entry in manifest.stacks]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise DeployError(
            f"{manifest.architecture}/{manifest.environment} has no stack {', '.join(map(repr, unknown))}: "
            f"--only takes {', '.join(known)}"
        )
    return [entry for entry in manifest.stacks if not only or entry.name in only]
