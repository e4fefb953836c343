"""The architectures: one module each, with its ``Settings`` and ``build(settings) -> list[Stack]``."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from blueprints.model.errors import BlueprintsError

if TYPE_CHECKING:
    from blueprints.model.settings import Settings
    from blueprints.model.stack import Stack


class Blueprint(Protocol):
    """What a module of the catalog offers; its docstring's first line says what it builds."""

    __doc__: str | None
    Settings: type[Settings]

    def build(self, settings: Any) -> list[Stack]:
        """The stacks of the architecture in deploy order."""


def names() -> list[str]:
    """The architectures that there are, found by listing the folder, without importing any."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_") and name != "settings_file")


def load(name: str) -> Blueprint:
    """The module of an architecture.

    Raises:
        BlueprintsError: there is no such architecture; the message names those there are.
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}" if close else ""
        raise BlueprintsError(f"{name!r} is no architecture{hint}. There are: {', '.join(known)}")
    return cast("Blueprint", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def description(name: str) -> str:
    """The first line of a blueprint's docstring, read without importing the blueprint."""
    module = importlib.util.find_spec(f"{__name__}.{name.replace('-', '_')}")
    if module is None or module.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(module.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
