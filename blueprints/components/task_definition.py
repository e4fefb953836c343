"""What every task on Fargate has, whether it is kept running or runs once: two roles and a task definition."""

from __future__ import annotations

from collections.abc import Sequence

from awacs.aws import Statement
from troposphere import Sub, ecs, iam, logs

from blueprints.access import grants
from blueprints.components.container import Container
from blueprints.components.task_size import TaskSize
from blueprints.model.context import because


def execution_role(name: str, container: Container, repository: str, log_group: logs.LogGroup) -> iam.Role:
    """The role of ECS itself: it pulls from one repository, reads the container's secrets and writes one log group."""
    secrets = container.secrets.values()
    in_secrets_manager = [value.readable for value in secrets if not value.in_parameter_store]
    in_parameter_store = [value.readable for value in secrets if value.in_parameter_store]
    statements = [
        grants.log_in_to_registry(),
        grants.pull_image(repository),
        grants.write_logs(log_group),
    ]
    if in_secrets_manager:
        statements.append(grants.read_secrets(in_secrets_manager))
    if in_parameter_store:
        statements.append(grants.read_parameters(in_parameter_store))
    if any(value.in_parameter_store and value.encrypted for value in secrets):
        statements.append(grants.decrypt_parameters())
    return because(
        "What ECS itself does to start a task: pull its image, read its secrets, open its log.",
        iam.Role(
            f"{name}ExecutionRole",
            AssumeRolePolicyDocument=grants.trust("ecs-tasks"),
            Policies=[grants.policy("StartTasks", *statements)],
        ),
        must=["Names its repository, its secrets and its log group, and no others"],
    )


def task_role(name: str, statements: Sequence[Statement]) -> iam.Role:
    """The role of the application, with these statements and no others."""
    role = iam.Role(
        f"{name}TaskRole",
        AssumeRolePolicyDocument=grants.trust(
            "ecs-tasks", source_arn=Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")
        ),
    )
    if statements:
        role.Policies = [grants.policy("Application", *statements)]
    return because("What the application itself may do" + ("." if statements else ": nothing in AWS."), role)


def task_definition(  # noqa: PLR0913 - each is a part of a task
    name: str,
    why: str,
    *,
    containers: Sequence[ecs.ContainerDefinition],
    size: TaskSize,
    execution: iam.Role,
    task: iam.Role,
    arm: bool,
) -> ecs.TaskDefinition:
    """A task of these containers on Fargate, with a network interface of its own."""
    made = ecs.TaskDefinition(
        f"{name}TaskDefinition",
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        Cpu=size.cpu.ref(),
        Memory=size.memory.ref(),
        RuntimePlatform=ecs.RuntimePlatform(
            OperatingSystemFamily="LINUX", CpuArchitecture="ARM64" if arm else "X86_64"
        ),
        ExecutionRoleArn=execution.get_att("Arn"),
        TaskRoleArn=task.get_att("Arn"),
        ContainerDefinitions=list(containers),
    )
    return because(why, made)
