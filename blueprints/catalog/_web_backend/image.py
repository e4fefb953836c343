"""Dockerfile of the application: what all runtimes ask of its image."""

from __future__ import annotations

from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.components.postgres_instance import CERTIFICATE_BUNDLE
from blueprints.model.text_file import TextFile

# Python from Docker's own images, in Amazon ECR Public, with security fixes.
PYTHON = "public.ecr.aws/docker/library/python:3.14-slim-trixie"

# Longer than a load balancer keeps an idle connection, which is 60 seconds where nobody says otherwise.
KEEP_ALIVE_SECONDS = 75

# Shorter than the 30 seconds after which a runtime kills what did not end.
STOP_SECONDS = 25

# Programs that requirements.txt has to name, if the migration begins with them.
INSTALLED = ("alembic",)


def image_files(settings: ApplicationSettings, *, repository: str) -> list[TextFile]:
    """A Dockerfile and its ignore list.

    An image is built once and runs in every environment, so port, user and migration are the same in all of them;
    rendering refuses settings that differ there.
    """
    path = "docker/Dockerfile"
    values = {
        "title": repository,
        "folder": ".",
        "image": PYTHON,
        "module": "main:app",
        "port": settings.container_port,
        "user": settings.run_as,
        "keep_alive_seconds": KEEP_ALIVE_SECONDS,
        "stop_seconds": STOP_SECONDS,
        "programs": tuple(program for program in INSTALLED if settings.migration[:1] == [program]),
        "certificates": CERTIFICATE_BUNDLE,
        "runtimes": True,
    }
    return [
        TextFile(path, "docker/fastapi/Dockerfile.jinja", values, about="Image of the application"),
        TextFile(
            f"{path}.dockerignore",
            "docker/fastapi/dockerignore.jinja",
            {"runtimes": True},
            about="What never goes into the image of the application",
        ),
    ]
