"""Dockerfiles of the two applications: what the task definitions ask of an image."""

from __future__ import annotations

from blueprints.catalog.recipe_chatbot.parts import BACKEND, FRONTEND, Part
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.model.text_file import TextFile

# Images of Docker's own, from Amazon ECR Public: a Python and a Node.js that get security fixes.
PYTHON = "public.ecr.aws/docker/library/python:3.14-slim-trixie"
NODE = "public.ecr.aws/docker/library/node:26-trixie-slim"

# The user that an image is built for where the task does not say which.
USER = "1000:1000"

# An application closes idle connections after the load balancer does, or requests meet a closed one.
LONGER_SECONDS = 5

# ECS kills a container 30 seconds after it asked it to stop.
STOP_SECONDS = 25


def image_files(settings: Settings) -> list[TextFile]:
    """A Dockerfile and its ignore list for each application."""
    keep_alive: dict[str, object] = {"keep_alive_seconds": settings.answer_seconds + LONGER_SECONDS}
    fastapi: dict[str, object] = {"image": PYTHON, "module": "main:app", "stop_seconds": STOP_SECONDS, **keep_alive}
    nextjs: dict[str, object] = {"image": NODE, **keep_alive}
    return [
        *_files(settings, BACKEND, "fastapi", fastapi),
        *_files(settings, FRONTEND, "nextjs", nextjs),
    ]


def _files(settings: Settings, part: Part, kind: str, values: dict[str, object]) -> list[TextFile]:
    folder = part.known_as
    common = {
        "title": f"Recipe Chatbot {folder}",
        "folder": folder,
        "port": part.port,
        "user": settings.run_as if ":" in settings.run_as else USER,
    }
    return [
        TextFile(
            f"docker/{folder}/Dockerfile",
            f"docker/{kind}/Dockerfile.jinja",
            {**common, **values},
            about=f"Builds the image of the {folder}, from the folder {folder}/ of the application",
        ),
        TextFile(
            f"docker/{folder}/Dockerfile.dockerignore",
            f"docker/{kind}/dockerignore.jinja",
            about=f"What stays out of the image of the {folder}",
        ),
    ]
