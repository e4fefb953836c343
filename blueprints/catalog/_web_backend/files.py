"""Text files that go with the templates, whatever the runtime."""

from __future__ import annotations

from collections.abc import Sequence

from blueprints.catalog._web_backend.compose import compose_files
from blueprints.catalog._web_backend.image import image_files
from blueprints.catalog._web_backend.parity import parity_file
from blueprints.catalog._web_backend.release import release_files
from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile


def files_of(
    settings: ApplicationSettings,
    *,
    architecture: str,
    repository: str,
    stacks: Sequence[Stack],
) -> list[TextFile]:
    """What builds the image, runs it on one machine, compares the runtimes, and delivers it."""
    return [
        *image_files(settings, repository=repository),
        *compose_files(settings, repository=repository),
        parity_file(settings, architecture=architecture, stacks=stacks),
        *release_files(settings, architecture=architecture),
    ]
