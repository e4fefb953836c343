"""A build that turns a commit into an image in the registry."""

from __future__ import annotations

import json

from troposphere import Sub, codebuild, iam, logs, s3

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because

BUILD_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
BUILD_MINUTES = 30

# What CodeBuild runs. Tags of the repository never move, so a commit that was pushed before is not built again.
BUILD_SPEC = {
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


class ImageBuild(Component):
    """A CodeBuild project that a pipeline starts; it hands on the tag that it pushed as IMAGE_TAG.

    Args:
        name: first part of the logical ids.
        repository: the ECR repository that images are pushed to.
        folder: the folder with the Dockerfile, in the source code.
        artifacts: the bucket where the pipeline leaves the source code.
        log_retention_days: days that the build's log is kept.

    """

    def __init__(
        self, name: str, *, repository: str, folder: str, artifacts: s3.Bucket, log_retention_days: int
    ) -> None:
        self._name = name
        self.log_group = because(
            "Shows what the build did.", logs.LogGroup(f"{name}BuildLogGroup", RetentionInDays=log_retention_days)
        )
        self.role = self._role(repository, artifacts)
        self.project = self._project(repository, folder)

    def _role(self, repository: str, artifacts: s3.Bucket) -> iam.Role:
        builds = Sub("arn:${AWS::Partition}:codebuild:${AWS::Region}:${AWS::AccountId}:project/*")
        return because(
            "What a build may do: push to one repository, write one log, read the source code.",
            iam.Role(
                f"{self._name}BuildRole",
                AssumeRolePolicyDocument=grants.trust("codebuild", source_arn=builds),
                Policies=[
                    grants.policy(
                        "Build",
                        grants.log_in_to_registry(),
                        grants.push_image(repository),
                        grants.write_logs(self.log_group),
                        grants.read_artifacts(artifacts.get_att("Arn")),
                    )
                ],
            ),
        )

    def _project(self, repository: str, folder: str) -> codebuild.Project:
        registry = Sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}")
        variables = {"REGISTRY": registry, "REPOSITORY": repository, "BUILD_FOLDER": folder}
        return because(
            "Builds the image of a commit for the processors that it runs on, and pushes it under the commit's id.",
            codebuild.Project(
                f"{self._name}Build",
                ServiceRole=self.role.get_att("Arn"),
                Source=codebuild.Source(Type="CODEPIPELINE", BuildSpec=json.dumps(BUILD_SPEC, indent=2)),
                Artifacts=codebuild.Artifacts(Type="CODEPIPELINE"),
                Environment=codebuild.Environment(
                    Type="LINUX_CONTAINER",
                    ComputeType="BUILD_GENERAL1_SMALL",
                    Image=BUILD_IMAGE,
                    PrivilegedMode=True,  # docker build needs a Docker daemon, which runs in privileged containers only
                    EnvironmentVariables=[
                        codebuild.EnvironmentVariable(Name=key, Value=value) for key, value in variables.items()
                    ],
                ),
                LogsConfig=codebuild.LogsConfig(
                    CloudWatchLogs=codebuild.CloudWatchLogs(Status="ENABLED", GroupName=self.log_group.ref())
                ),
                TimeoutInMinutes=BUILD_MINUTES,
            ),
        )
