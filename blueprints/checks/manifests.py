"""What manifests know about a template: its regions, its stack's name and its parameters' values."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from blueprints.checks.templates import MANIFEST, NotReadableError, read

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, order=True)
class Variant:
    """One way in which a template is deployed."""

    region: str = DEFAULT_REGION
    stack_name: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


class Manifests:
    """The manifests around templates, each read once."""

    def __init__(self) -> None:
        self._entries = cache(_entries)

    def variants(self, template: Path, regions: Sequence[str]) -> tuple[Variant, ...]:
        """How *template* is deployed: as the manifests say, in *regions* where these are given."""
        own = template.resolve()
        known = {
            Variant(entry.region, entry.stack_name, entry.parameters)
            for manifest in _around(own)
            for entry in self._entries(manifest)
            if own in entry.files
        } or {Variant()}
        if regions:
            known = {Variant(region, one.stack_name, one.parameters) for region in regions for one in known}
        return tuple(sorted(known))


@dataclass(frozen=True)
class _Entry:
    region: str
    stack_name: str
    parameters: tuple[tuple[str, str], ...]
    files: tuple[Path, ...]


def _around(template: Path) -> Iterator[Path]:
    """The manifest beside a template, or those of the folders beside its own, where it is shared by environments."""
    beside = template.parent / MANIFEST
    if beside.is_file():
        yield beside
    else:
        yield from sorted(template.parent.parent.glob(f"*/{MANIFEST}"))


def _entries(manifest: Path) -> tuple[_Entry, ...]:
    """The stacks of *manifest*; none when it is something else that happens to be called so."""
    try:
        data = json.loads(read(manifest))
        return tuple(_entry(manifest.parent, stack) for stack in data["stacks"])
    except (NotReadableError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _entry(folder: Path, stack: dict[str, Any]) -> _Entry:
    return _Entry(
        region=str(stack.get("region", DEFAULT_REGION)),
        stack_name=str(stack.get("stack_name", "")),
        parameters=tuple(
            (str(parameter["name"]), str(parameter["default"]))
            for parameter in stack.get("parameters", [])
            if parameter.get("default") is not None
        ),
        files=tuple((folder / stack[kind]).resolve() for kind in ("yaml", "json") if kind in stack),
    )
