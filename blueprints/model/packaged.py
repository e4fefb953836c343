"""Plain text files that belong to the library: ``src/templates`` in a checkout, ``blueprints/files`` in a wheel."""

from __future__ import annotations

from pathlib import Path

from blueprints.model.errors import RenderError

PLACES = (Path(__file__).parents[1] / "files", Path(__file__).parents[2] / "src" / "templates")


def text_of(name: str) -> str:
    """The text of a file, by its path below the folder of templates.

    Raises:
        RenderError: it is not there, so the installation is not whole.
    """
    for place in PLACES:
        file = place / name
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise RenderError(f"there is no file {name} in {' or '.join(map(str, PLACES))}: install the package again")
