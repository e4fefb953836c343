"""A step of a pipeline that runs commands: a CodeBuild project, its role and its log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from awacs.aws import Statement
from troposphere import Sub, codebuild, iam, logs, s3

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because

# Amazon Linux 2023 with Docker, Python, the AWS CLI and kubectl (github.com/aws/aws-codebuild-docker-images,
# al/x86_64/standard/5.0), and the same for Graviton.
BUILD_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
ARM_BUILD_IMAGE = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
BUILD_MINUTES = 30


@dataclass(frozen=True)
class Commands:
    """What a build runs, with what and as whom.

    Args:
        specification: CodeBuild's build specification.
        variables: environment variables; what the pipeline knows only when it runs, its actions add.
        may: what the build is allowed beside writing its log and reading the source code.
        docker: start a Docker daemon.
        arm: run on Graviton.
        minutes: when it is stopped.

    """

    specification: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    may: Sequence[Statement] = ()
    docker: bool = False
    arm: bool = False
    minutes: int = BUILD_MINUTES


class BuildProject(Component):
    """A CodeBuild project that a pipeline starts.

    Args:
        name: logical id of the project, and first part of those of its role and its log.
        why: what it is for.
        commands: what it runs.
        artifacts: the bucket where the pipeline leaves the source code.
        log_retention_days: days that its log is kept.
        role: what its role may do, in a sentence.

    """

    def __init__(  # noqa: PLR0913 - each is a part of a build
        self, name: str, why: str, *, commands: Commands, artifacts: s3.Bucket, log_retention_days: int, role: str
    ) -> None:
        self._name = name
        self.log_group = because(
            "Shows what the build did.", logs.LogGroup(f"{name}LogGroup", RetentionInDays=log_retention_days)
        )
        self.role = self._role(role, commands.may, artifacts)
        self.project = self._project(why, commands)

    def _role(self, why: str, may: Sequence[Statement], artifacts: s3.Bucket) -> iam.Role:
        builds = Sub("arn:${AWS::Partition}:codebuild:${AWS::Region}:${AWS::AccountId}:project/*")
        return because(
            why,
            iam.Role(
                f"{self._name}Role",
                AssumeRolePolicyDocument=grants.trust("codebuild", source_arn=builds),
                Policies=[
                    grants.policy(
                        "Build",
                        *may,
                        grants.write_logs(self.log_group),
                        grants.read_artifacts(artifacts.get_att("Arn")),
                    )
                ],
            ),
        )

    def _project(self, why: str, commands: Commands) -> codebuild.Project:
        # docker build needs a Docker daemon, which runs in privileged containers only.
        privileged: dict[str, Any] = {"PrivilegedMode": True} if commands.docker else {}
        environment = codebuild.Environment(
            Type="ARM_CONTAINER" if commands.arm else "LINUX_CONTAINER",
            ComputeType="BUILD_GENERAL1_SMALL",
            Image=ARM_BUILD_IMAGE if commands.arm else BUILD_IMAGE,
            **privileged,
            EnvironmentVariables=[
                codebuild.EnvironmentVariable(Name=key, Value=value) for key, value in commands.variables.items()
            ],
        )
        return because(
            why,
            codebuild.Project(
                self._name,
                ServiceRole=self.role.get_att("Arn"),
                Source=codebuild.Source(Type="CODEPIPELINE", BuildSpec=json.dumps(commands.specification, indent=2)),
                Artifacts=codebuild.Artifacts(Type="CODEPIPELINE"),
                Environment=environment,
                LogsConfig=codebuild.LogsConfig(
                    CloudWatchLogs=codebuild.CloudWatchLogs(Status="ENABLED", GroupName=self.log_group.ref())
                ),
                TimeoutInMinutes=commands.minutes,
            ),
        )
