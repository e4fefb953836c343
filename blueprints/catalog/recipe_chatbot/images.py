"""Dockerfiles of the two applications: what the task definitions ask of an image."""

from __future__ import annotations

from collections.abc import Mapping

from blueprints.catalog._part import Part
from blueprints.catalog.recipe_chatbot.parts import BACKEND, FRONTEND, LONGEST_STOP
from blueprints.model.text_file import TextFile

# Images of Docker's own, from Amazon ECR Public: a Python and a Node.js that get security fixes.
PYTHON = "public.ecr.aws/docker/library/python:3.14-slim-trixie"
NODE = "public.ecr.aws/docker/library/node:26-trixie-slim"

# An image is built once and runs in every environment, as whom the settings run it by default.
USER = "1000:1000"

# Longer than a load balancer can keep an idle connection, 4,000 seconds, so that it never meets one that was closed.
KEEP_ALIVE_SECONDS = 4005

# Shorter than the task definition's, after which ECS kills the container.
STOP_SECONDS = LONGEST_STOP - 5


def image_files() -> list[TextFile]:
    """A Dockerfile and its ignore list for each application."""
    fastapi = {"image": PYTHON, "module": "main:app", "stop_seconds": STOP_SECONDS}
    return [*_files(BACKEND, "fastapi", fastapi), *_files(FRONTEND, "nextjs", {"image": NODE})]


def _files(part: Part, kind: str, values: Mapping[str, object]) -> list[TextFile]:
    path = f"docker/{part.known_as}/Dockerfile"
    common: dict[str, object] = {
        "title": f"Recipe Chatbot {part.known_as}",
        "folder": part.known_as,
        "port": part.port,
        "user": USER,
        "keep_alive_seconds": KEEP_ALIVE_SECONDS,
    }
    return [
        TextFile(path, f"docker/{kind}/Dockerfile.jinja", {**common, **values}, about=f"Image of the {part.known_as}"),
        TextFile(
            f"{path}.dockerignore",
            f"docker/{kind}/dockerignore.jinja",
            {"runtimes": False},
            about=f"What never goes into the image of the {part.known_as}",
        ),
    ]
