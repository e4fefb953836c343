"""A repository for container images."""

from __future__ import annotations

import json

from troposphere import Parameter, Sub, ecr

from blueprints.model.component import Component
from blueprints.model.context import because

# Environments share a repository, and an image that runs in one of them must not go because others push.
KEEP_IMAGES = 100
FORGET_UNTAGGED_DAYS = 14


class Repository(Component):
    """An ECR repository: tags cannot be moved, images are scanned when pushed, old ones go.

    Args:
        name: first part of the logical id.
        repository: its name in the registry; scripts and image references use it.
        keep_images: how many images stay; a rollback needs the last few.
    """

    def __init__(self, name: str, *, repository: str, keep_images: int = KEEP_IMAGES) -> None:
        self.repository = because(
            "Images live apart from the service, so that one exists before the service asks for it.",
            ecr.Repository(
                f"{name}Repository",
                RepositoryName=repository,
                ImageTagMutability="IMMUTABLE",
                ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
                EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
                LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=_lifecycle(keep_images)),
            ),
            must=["Tags stay immutable: a rollback has to find the image that ran before"],
            mutable="change-with-constraints",
        )


def image_uri(repository: str, tag: Parameter) -> Sub:
    """The URI of an image in this account's registry, in the stack's Region."""
    registry = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
    return Sub(f"{registry}/{repository}:${{{tag.title}}}")


def _lifecycle(keep_images: int) -> str:
    """ECR's lifecycle rules as JSON text: untagged images go after two weeks, then all but the newest."""
    untagged = {
        "rulePriority": 1,
        "description": f"Untagged images go after {FORGET_UNTAGGED_DAYS} days",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": FORGET_UNTAGGED_DAYS,
        },
        "action": {"type": "expire"},
    }
    old = {
        "rulePriority": 2,
        "description": f"The newest {keep_images} images stay",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep_images},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [untagged, old]}, indent=2)
