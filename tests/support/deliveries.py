"""Stacks that a delivery is read from, one set for each runtime, with the outputs that it asks for."""

from __future__ import annotations

from collections.abc import Sequence

from troposphere import iam

from blueprints.access import grants
from blueprints.model import parameters
from blueprints.model.settings import Settings
from blueprints.model.stack import ImageSource, Stack
from blueprints.model.steps import Bundle, EnvironmentCheck, OneOffTask, OutputOf, Workload

REPOSITORY = "web-backend"


def settings(environment: str = "prod", **values: object) -> Settings:
    return Settings(project="web-backend", environment=environment, region="us-east-1", **values)


def fargate(chosen: Settings) -> list[Stack]:
    platform = made(chosen, "platform", ["WebClusterName", "WebClusterArn"])
    migration = made(
        chosen,
        "migration",
        [
            "MigrationTaskDefinitionArn",
            "MigrationTaskDefinitions",
            "MigrationExecutionRoleArn",
            "MigrationTaskRoleArn",
            "MigrationLogGroupArn",
            "MigrationLogGroupName",
            "MigrationSecurityGroupId",
            "MigrationSubnetIds",
        ],
        image=True,
    )
    migration.tasks.append(
        OneOffTask(
            "migration",
            "migration",
            cluster=OutputOf("platform", "WebClusterName"),
            task_definition=OutputOf("migration", "MigrationTaskDefinitionArn"),
            subnets=(OutputOf("migration", "MigrationSubnetIds"),),
            security_group=OutputOf("migration", "MigrationSecurityGroupId"),
            log_group=OutputOf("migration", "MigrationLogGroupName"),
        )
    )
    return [platform, migration, made(chosen, "service", ["ServiceArn"], image=True)]


def beanstalk(chosen: Settings) -> list[Stack]:
    frontend = made(chosen, "frontend", ["BundlesBucketName", "BundlesBucketObjects", "DatabaseHost"])
    outputs = ["EnvironmentName", "EnvironmentArn", "VersionLabel", "LogGroupName", "LogGroupArn"]
    service = made(chosen, "service", outputs, image=True)
    bundle = OutputOf("frontend", "BundlesBucketName")
    values = {"DATABASE_HOST": OutputOf("frontend", "DatabaseHost")}
    service.bundles.append(Bundle("bundle", bundle, "${ImageTag}.zip", values))
    check = (OutputOf("service", output) for output in ("EnvironmentName", "VersionLabel", "LogGroupName"))
    service.checks.append(EnvironmentCheck(*check))
    return [frontend, service]


def eks(chosen: Settings) -> list[Stack]:
    cluster = made(chosen, "cluster", ["EksClusterName", "EksClusterArn", "TargetGroupArn"])
    cluster.workloads.append(
        Workload(
            folder="kubernetes",
            cluster=OutputOf("cluster", "EksClusterName"),
            namespace="web-backend",
            repository=REPOSITORY,
            deployment="web-backend",
            job="web-backend-migration-${IMAGE_TAG}",
            values={"TARGET_GROUP_ARN": OutputOf("cluster", "TargetGroupArn")},
        )
    )
    return [cluster]


RUNTIMES = {"fargate": fargate, "eks": eks, "beanstalk": beanstalk}


def made(chosen: Settings, name: str, outputs: Sequence[str], *, image: bool = False) -> Stack:
    stack = Stack(name, chosen, description="A stack for tests", arch="Outputs and a role")
    stack.add(iam.Role("Role", AssumeRolePolicyDocument=grants.trust("ecs-tasks")))
    for output in outputs:
        stack.output(output, f"{name}-{output}", "A value for tests")
    if image:
        stack.add(parameters.image_tag(REPOSITORY))
        stack.images.append(ImageSource(REPOSITORY, "ImageTag"))
    return stack
