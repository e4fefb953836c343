"""Text files that go with the templates, whatever the runtime."""

from __future__ import annotations

from collections.abc import Sequence

from blueprints.catalog._web_backend.compose import compose_files
from blueprints.catalog._web_backend.image import image_files
from blueprints.catalog._web_backend.release import release_files
from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile


def files_of(
    settings: ApplicationSettings,
    *,
    architecture: str,
    repository: str,
    stacks: Sequence[Stack],  # noqa: ARG001
) -> list[TextFile]:
    """What builds the image, runs it on one machine, and delivers it."""
    return [
        *image_files(settings, repository=repository),
        *compose_files(settings, repository=repository),
        *release_files(settings, architecture=architecture),
    ]
