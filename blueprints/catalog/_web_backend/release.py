"""What brings a new version to an environment: a pipeline of AWS's, or a workflow of GitHub's and its role."""

from __future__ import annotations

from collections.abc import Sequence

from blueprints.catalog._web_backend import delivery
from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile


def release_stacks(
    settings: ApplicationSettings, *, architecture: str, repository: str, stacks: Sequence[Stack]
) -> list[Stack]:
    """The stack that delivers into *stacks*, where one is asked for."""
    if settings.pipeline == "codepipeline":
        return [
            delivery.pipeline_stack(
                settings, architecture=architecture, repository=repository, stacks=stacks, arm=settings.arm
            )
        ]
    if settings.github_repository:
        return [
            delivery.github_stack(
                settings,
                repository=repository,
                stacks=stacks,
                github_repository=settings.github_repository,
            )
        ]
    return []


def release_files(settings: ApplicationSettings, *, architecture: str) -> list[TextFile]:
    """What the one or the other runs."""
    if settings.pipeline == "codepipeline":
        return delivery.script_files()
    if settings.pipeline == "github-actions":
        return delivery.workflow_files(architecture, arm=settings.arm)
    return []
