"""A task that runs to its end and is started by hand or by a deployment, such as a migration of a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs.aws import Statement
from troposphere import Join, Ref, Select, Split, Sub, logs

from blueprints.access.connections import closed_security_group
from blueprints.components.container import Container, definition
from blueprints.components.network import Network
from blueprints.components.task_definition import execution_role, task_definition, task_role
from blueprints.components.task_size import TaskSize
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack
from blueprints.model.steps import OneOffTask, OutputOf


class OneOffTaskDefinition(Component):
    """All that running one container to its end takes, but the run itself, which CloudFormation has no resource for.

    Args:
        name: first part of the logical ids and of the outputs.
        network: where the task runs; it opens no connection until rules on ``security_group_id`` say so.
        container: what runs; its exit code tells how it ended. It listens nowhere.
        repository: ECR repository of the image; the only one that the execution role can pull from.
        size: CPU and memory.
        may: what the application itself is allowed to do.
        log_retention_days: days that its log stays.
        arm: run on Graviton; the image has to be built for linux/arm64 then.

    Raises:
        SettingsError: the container listens on a port: then it does not end.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        container: Container,
        repository: str,
        size: TaskSize,
        may: Sequence[Statement] = (),
        log_retention_days: int = 30,
        arm: bool = False,
    ) -> None:
        if container.port is not None:
            raise SettingsError(
                f"container {container.name}: one that listens on port {container.port} does not end; leave the port "
                "out, or make it a service"
            )
        self.name = name
        self._container, self._network = container, network
        self.security_group = closed_security_group(name, network.vpc_id, f"Task {name}")
        self.log_group = because(
            "What the task says.",
            logs.LogGroup(f"{name}LogGroup", RetentionInDays=log_retention_days),
        )
        self.execution_role = execution_role(name, container, repository, self.log_group)
        self.task_role = task_role(name, may)
        self.task_definition = task_definition(
            name,
            "A task that runs to its end; whoever starts it names this revision.",
            containers=[definition(container, self.log_group, stream_prefix="ecs")],
            size=size,
            execution=self.execution_role,
            task=self.task_role,
            arm=arm,
        )

    @property
    def security_group_id(self) -> Any:
        """The id of its security group."""
        return self.security_group.get_att("GroupId")

    def publish(self, stack: Stack) -> None:
        """Write the outputs that :meth:`step` names; the subnets as well where they are a parameter of the stack."""
        name = self.name
        stack.output(f"{name}TaskDefinitionArn", self.task_definition.ref(), f"Task definition of {name}, its revision")
        stack.output(f"{name}SecurityGroupId", self.security_group_id, f"Security group of {name}")
        stack.output(f"{name}LogGroupName", self.log_group.ref(), f"Log group of {name}")
        self._publish_for_roles(stack)
        if isinstance(self._network.task_subnets, Ref):
            stack.output(f"{name}SubnetIds", Join(",", self._network.task_subnets), f"Subnets of {name}")

    def _publish_for_roles(self, stack: Stack) -> None:
        """Write the ARNs that roles name which may run it: every revision, and what they hand over to it."""
        name, family = self.name, Select(5, Split(":", self.task_definition.ref()))
        revisions = Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:${Family}:*", Family=family)
        stack.output(f"{name}TaskDefinitions", revisions, f"All revisions of {name}")
        stack.output(f"{name}ExecutionRoleArn", self.execution_role.get_att("Arn"), f"Execution role of {name}")
        stack.output(f"{name}TaskRoleArn", self.task_role.get_att("Arn"), f"Task role of {name}")
        stack.output(f"{name}LogGroupArn", self.log_group.get_att("Arn"), f"Log group of {name}, by its ARN")

    def step(self, name: str, stack: Stack, *, cluster: OutputOf, subnets: Sequence[OutputOf] = ()) -> OneOffTask:
        """The step of a deployment that runs it; *stack* is the one it was published in.

        Args:
            name: what it does, in a word: ``migration``.
            stack: where it is, and after which it runs.
            cluster: name or ARN of the ECS cluster.
            subnets: outputs with the ids of the network's subnets for tasks; none where the subnets are a parameter of
                the stack, which publishes them itself.

        Raises:
            SettingsError: subnets of another stack are not said, and this one has no output of them.
        """
        own = f"{self.name}SubnetIds"
        if not subnets and own not in stack.outputs:
            raise SettingsError(f"{self.name}: name the outputs of its subnets; stack {stack.name} has no output {own}")
        return OneOffTask(
            name=name,
            container=self._container.name,
            cluster=cluster,
            task_definition=OutputOf(stack.name, f"{self.name}TaskDefinitionArn"),
            subnets=tuple(subnets) or (OutputOf(stack.name, own),),
            security_group=OutputOf(stack.name, f"{self.name}SecurityGroupId"),
            log_group=OutputOf(stack.name, f"{self.name}LogGroupName"),
            public_address=self._network.tasks_are_public,
        )
