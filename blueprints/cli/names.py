"""Names a person types: an architecture, KEY=VALUE."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click.shell_completion import CompletionItem


# Rendered when none is named. Settings know what they change; any other name is an environment as well.
ENVIRONMENTS = ("dev", "prod")


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Say that *given* is no such thing, what is nearest to it, and what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"no {what} {given!r}: {hint}There is {', '.join(names) or 'none'}."


class Architecture(click.ParamType[str]):
    """The name of an architecture of the catalog."""

    name = "architecture"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from blueprints import catalog

        if value not in catalog.names():
            self.fail(unknown("architecture", str(value), catalog.names()), param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        from click.shell_completion import CompletionItem as Item

        from blueprints import catalog

        return [Item(name) for name in catalog.names() if name.startswith(incomplete)]


class Assignment(click.ParamType[tuple[str, str]]):
    """KEY=VALUE; the value may hold further equals signs, or nothing."""

    name = "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, assigned = str(value).partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        return key, assigned


ARCHITECTURE = Architecture()
ASSIGNMENT = Assignment()
