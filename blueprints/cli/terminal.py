"""How the command line talks: plain lines for a pipe or a log, rich where a person sits at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from blueprints.deploy.execute import DeployResult


def say(message: str) -> None:
    """Tell the person; never part of the data."""
    click.echo(message, err=True)


def complain(error: Exception) -> None:
    """Tell what went wrong, the way click does."""
    say(f"Error: {error}")


def console(stream: TextIO) -> Console:
    """Return rich's console; it knows NO_COLOR and TERM=dumb."""
    from rich.console import Console

    return Console(file=stream, highlight=False)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, stream: TextIO | None = None) -> None:
    """Print *rows*: a table on a terminal, else a line each with columns that awk and a person can read."""
    stream = stream or sys.stdout
    if stream.isatty():
        _rich_table(headings, rows, stream)
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))] if rows else []
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip(), file=stream)


def outputs_table(result: DeployResult) -> None:
    """Hand out what the stacks give: the data of a deploy."""
    rows = [[stack.entry.stack_name, name, value] for stack in result.stacks for name, value in stack.outputs.items()]
    if rows:
        table(["Stack", "Output", "Value"], rows)


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(*headings, box=SIMPLE_HEAD)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    console(stream).print(shown)
