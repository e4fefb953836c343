"""A build that turns a commit into an image in the registry."""

from __future__ import annotations

import copy
from typing import Any

from troposphere import Sub, s3

from blueprints.access import grants
from blueprints.components.build_project import BuildProject, Commands

# What CodeBuild runs. Tags of the repository never move, so a commit that was pushed before is not built again.
BUILD_SPEC: dict[str, Any] = {
    "version": 0.2,
    "env": {"shell": "bash", "exported-variables": ["IMAGE_TAG"]},
    "phases": {
        "build": {
            "on-failure": "ABORT",
            "commands": [
                'export IMAGE_TAG="$CODEBUILD_RESOLVED_SOURCE_VERSION"',
                'image="$REGISTRY/$REPOSITORY:$IMAGE_TAG"',
                'aws ecr get-login-password | docker login --username AWS --password-stdin "$REGISTRY"',
                (
                    'if aws ecr describe-images --repository-name "$REPOSITORY" --image-ids imageTag="$IMAGE_TAG";'
                    ' then echo "$image is there already"; else'
                    ' docker build --platform linux/amd64 --tag "$image" "$BUILD_FOLDER"'
                    ' && docker push "$image"; fi'
                ),
            ],
        }
    },
}


class ImageBuild(BuildProject):
    """A CodeBuild project that a pipeline starts; it hands on the tag that it pushed as IMAGE_TAG.

    Args:
        name: first part of the logical ids.
        repository: the ECR repository that images are pushed to.
        folder: the folder with the Dockerfile, in the source code.
        artifacts: the bucket where the pipeline leaves the source code.
        log_retention_days: days that the build's log is kept.
        arm: build for Graviton, on Graviton.

    """

    def __init__(  # noqa: PLR0913 - each is a fact about the image
        self,
        name: str,
        *,
        repository: str,
        folder: str,
        artifacts: s3.Bucket,
        log_retention_days: int,
        arm: bool = False,
    ) -> None:
        registry = Sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}")
        super().__init__(
            f"{name}Build",
            "Builds the image of a commit for the processors that it runs on, and pushes it under the commit's id.",
            commands=Commands(
                _for_arm(BUILD_SPEC) if arm else BUILD_SPEC,
                {"REGISTRY": registry, "REPOSITORY": repository, "BUILD_FOLDER": folder},
                [grants.log_in_to_registry(), grants.push_image(repository)],
                docker=True,
                arm=arm,
            ),
            artifacts=artifacts,
            log_retention_days=log_retention_days,
            role="What a build may do: push to one repository, write one log, read the source code.",
        )


def _for_arm(specification: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(specification)
    build = changed["phases"]["build"]
    build["commands"] = [command.replace("linux/amd64", "linux/arm64") for command in build["commands"]]
    return changed
