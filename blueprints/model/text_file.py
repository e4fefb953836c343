"""A text file that an architecture brings beside its templates: a Dockerfile, a workflow, a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from blueprints.model.errors import RenderError
from blueprints.model.settings import SHARED

PAGE = "README.md"


@dataclass(frozen=True)
class TextFile:
    """One file below ``output/<architecture>/``, shared by the environments of the architecture.

    Args:
        path: where it goes, relative to the folder of the architecture: ``docker/backend/Dockerfile``.
        template: its Jinja2 source below ``src/templates``: ``docker/fastapi/Dockerfile.jinja``.
        values: every name that the source uses, beside ``path``; one that is missing is an error.
        about: one line for the page of the architecture, without ``|``.
        executable: whether it is a program (mode 0755) or a text (0644).

    Raises:
        RenderError: the path leads out of the folder, or to what rendering writes there itself.
    """

    path: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    executable: bool = False

    def __post_init__(self) -> None:
        if not is_free(self.path):
            raise RenderError(
                f"{self.path!r} cannot be the path of a text file: it stays below the architecture's folder, with "
                f"single slashes, and {PAGE} and {SHARED}/ are taken; for example docker/backend/Dockerfile"
            )


def is_free(path: str) -> bool:
    """Whether a text file may have this path: below the folder of the architecture, and not taken there."""
    pure = PurePosixPath(path)
    plain = str(pure) == path and "\\" not in path and path.isprintable()
    inside = bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts
    return plain and inside and path != PAGE and pure.parts[0] != SHARED
