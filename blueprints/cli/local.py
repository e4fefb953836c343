"""``blueprints deploy --local``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from blueprints.render.manifest import Manifest


def deploy_locally(manifest: Manifest, parameters: Mapping[str, str], only: Collection[str]) -> None:
    """Deploy to an emulator that lives as long as this call."""
    raise NotImplementedError
