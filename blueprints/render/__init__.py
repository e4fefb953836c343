"""Stacks as files: YAML, JSON, the manifest that says in which order they are deployed, and a page about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blueprints.model.settings import Settings
from blueprints.render.template import to_json, to_yaml
from blueprints.render.writing import write, write_all

__all__ = ["to_json", "to_yaml", "write", "write_all", "write_page"]


def write_page(architecture: str, environments: Sequence[Settings], output: Path) -> Path:
    """Write the page of an architecture and its text files; see :func:`blueprints.render.files.write_page`.

    Jinja2 is imported only here: whoever renders templates alone does not wait for it.
    """
    from blueprints.render.files import write_page as write_page_with_jinja2  # noqa: PLC0415

    return write_page_with_jinja2(architecture, environments, output)
