"""A service on Fargate: task definition, roles, logs and the rolling deployment that turns back by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from awacs.aws import Statement
from troposphere import AWSObject, Join, Select, Split, Tags, ecs, logs

from blueprints.access import grants
from blueprints.access.connections import closed_security_group
from blueprints.components.cluster import Cluster, ClusterName
from blueprints.components.container import Container, definition, log_configuration
from blueprints.components.network import Network
from blueprints.components.rollout import Rollout
from blueprints.components.service_connect import ServiceConnect
from blueprints.components.target_group import TargetGroup, Targets
from blueprints.components.task_definition import execution_role, task_definition, task_role
from blueprints.components.task_size import TaskSize
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

ROLLING = Rollout()

Capacity = Literal["on-demand", "spot-above-first", "spot"]

# Shares of the two capacity providers. The strategy is always written, because changing between it and a launch type
# replaces the service, while changing the strategy does not.
STRATEGIES: dict[str, list[dict[str, Any]]] = {
    "on-demand": [{"CapacityProvider": "FARGATE", "Weight": 1}],
    "spot-above-first": [
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 0},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
    ],
    "spot": [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}],
}


class FargateService(Component):
    """One container, run and kept running.

    Args:
        name: first part of the logical ids.
        network: where tasks run.
        cluster: what they belong to.
        container: what runs.
        repository: ECR repository of the image; the only one that the execution role can pull from.
        size: CPU and memory.
        targets: the target group that the tasks register with.
        after: what of this stack has to be there first and that nothing else makes it wait for: the cluster's capacity
            providers, and the listener or rule that leads to the target group.
        tasks: how many, or None where autoscaling decides: every update would set it back otherwise.
        may: what the application itself is allowed to do.
        log_retention_days: days that its logs stay.
        grace_seconds: how long the load balancer's verdict is ignored after a start.
        capacity: Fargate, Spot above the first task, or Spot alone.
        arm: run on Graviton; the image has to be built for linux/arm64 then.
        shell: allow ECS Exec; the container's root file system has to be writable for it.
        rollout: how deployments go; rolling with a circuit breaker unless it says otherwise.
        sidecars: containers beside it, written to its log group; they start before it.
        connect: its part in a namespace of services.
        physical_name: service and task family, where a document names them.

    Raises:
        SettingsError: a shell is asked for in a container whose root file system is read-only, or the container has no
            port.
    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        cluster: Cluster | ClusterName,
        container: Container,
        repository: str,
        size: TaskSize,
        targets: TargetGroup | Targets,
        after: Sequence[AWSObject] = (),
        tasks: Any | None = 1,
        may: Sequence[Statement] = (),
        log_retention_days: int = 30,
        log_group_name: Any | None = None,
        grace_seconds: int = 60,
        capacity: Capacity = "on-demand",
        arm: bool = False,
        shell: bool = False,
        rollout: Rollout = ROLLING,
        sidecars: Sequence[ecs.ContainerDefinition] = (),
        connect: ServiceConnect | None = None,
        physical_name: str | None = None,
        group_name: str | None = None,
    ) -> None:
        if shell and not container.writable:
            raise SettingsError(
                f"shell: ECS Exec writes to the root file system; make container {container.name} writable"
            )
        self.name, self.port = name, _port(container)
        self._container, self._cluster = container, cluster
        self.security_group = closed_security_group(name, network.vpc_id, f"Tasks of {name}", group_name=group_name)
        self.log_group = because(
            "What the application says.",
            logs.LogGroup(f"{name}LogGroup", RetentionInDays=log_retention_days),
        )
        if log_group_name is not None:
            self.log_group.LogGroupName = log_group_name
        self.execution_role = execution_role(name, container, repository, self.log_group)
        self.task_role = task_role(name, [*may, *([grants.open_shell()] if shell else [])])
        self.task_definition = self._task_definition(size, physical_name, sidecars, arm=arm)
        self.service = self._service(network, targets, after, grace_seconds, capacity, rollout=rollout, shell=shell)
        if rollout.shift is not None:
            self.service.LoadBalancers[0].AdvancedConfiguration = rollout.shift.advanced()
        if connect is not None:
            proxy_log = log_configuration(self.log_group, "service-connect")
            self.service.ServiceConnectConfiguration = connect.configuration(container, proxy_log)
        if tasks is not None:
            self.service.DesiredCount = tasks
        if physical_name is not None:
            self.service.ServiceName = physical_name

    def wait_for(self, *resources: AWSObject) -> None:
        """Start no task before these are there: a task without its way out cannot even pull its image."""
        self.service.DependsOn = [*self.service.resource["DependsOn"], *(resource.title for resource in resources)]

    @property
    def security_group_id(self) -> Any:
        """The id of its security group."""
        return self.security_group.get_att("GroupId")

    @property
    def service_name(self) -> Any:
        """The name of the ECS service."""
        return self.service.get_att("Name")

    @property
    def scalable_id(self) -> Any:
        """What Application Auto Scaling calls it: ``service/<cluster>/<service>``.

        The name of another stack's cluster may not stand inside a function, so there it is the end of the ARN.
        """
        if isinstance(self._cluster, ClusterName):
            return Select(5, Split(":", self.service.ref()))
        return Join("/", ["service", self.cluster_name, self.service_name])

    @property
    def cluster_name(self) -> Any:
        """The name of the cluster that it runs in."""
        return self._cluster.reference

    def _task_definition(
        self, size: TaskSize, family: str | None, sidecars: Sequence[ecs.ContainerDefinition], *, arm: bool
    ) -> ecs.TaskDefinition:
        application = definition(self._container, self.log_group, stream_prefix="ecs")
        for sidecar in sidecars:
            sidecar.LogConfiguration = log_configuration(self.log_group, "ecs")
        if sidecars:
            # Started, not healthy: an application without its sidecar is better than none.
            application.DependsOn = [
                ecs.ContainerDependency(ContainerName=sidecar.Name, Condition="START") for sidecar in sidecars
            ]
        made = task_definition(
            self.name,
            "What a task is: each change makes a new revision and the service rolls to it.",
            containers=[application, *sidecars],
            size=size,
            execution=self.execution_role,
            task=self.task_role,
            arm=arm,
        )
        if family is not None:
            made.Family = family
        return made

    def _service(  # noqa: PLR0913
        self,
        network: Network,
        targets: TargetGroup | Targets,
        after: Sequence[AWSObject],
        grace_seconds: int,
        capacity: Capacity,
        *,
        rollout: Rollout,
        shell: bool,
    ) -> ecs.Service:
        return because(
            "Keeps the tasks running and rolls out new ones; a rollout that does not get well is turned back.",
            ecs.Service(
                f"{self.name}Service",
                # A service joins a target group only once a listener leads there.
                DependsOn=[resource.title for resource in after],
                Cluster=self._cluster.reference,
                TaskDefinition=self.task_definition.ref(),
                CapacityProviderStrategy=[ecs.CapacityProviderStrategyItem(**item) for item in STRATEGIES[capacity]],
                DeploymentConfiguration=rollout.configuration(),
                AvailabilityZoneRebalancing="ENABLED",
                HealthCheckGracePeriodSeconds=grace_seconds,
                EnableExecuteCommand=shell,
                EnableECSManagedTags=True,
                PropagateTags="SERVICE",
                LoadBalancers=[
                    ecs.LoadBalancer(
                        ContainerName=self._container.name,
                        ContainerPort=self._container.port,
                        TargetGroupArn=targets.arn,
                    )
                ],
                NetworkConfiguration=ecs.NetworkConfiguration(
                    AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                        AssignPublicIp="ENABLED" if network.tasks_are_public else "DISABLED",
                        SecurityGroups=[self.security_group_id],
                        Subnets=network.task_subnets,
                    )
                ),
                Tags=Tags(Name=self.name),
            ),
            must=["Waits for the listener", "Turns a failed deployment back"],
            mutable="free-to-tune",
        )


def _port(container: Container) -> int:
    if container.port is None:
        raise SettingsError(f"container {container.name}: a service is reached on a port; give the container's port")
    return container.port
