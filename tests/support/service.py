"""A service behind a load balancer, put together as a blueprint does it, from parts that a test can look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from awacs.aws import Statement
from troposphere import Parameter, ecs

from blueprints.access.connections import connect, reach_https
from blueprints.components.blue_green import BlueGreen
from blueprints.components.cluster import Cluster, ClusterName
from blueprints.components.container import Container
from blueprints.components.fargate_service import Capacity, FargateService
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.network import Network
from blueprints.components.rollout import Rollout
from blueprints.components.service_connect import ServiceConnect
from blueprints.components.target_group import HealthCheck, TargetGroup
from blueprints.components.task_size import TaskSize
from blueprints.model.settings import Egress
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

CERTIFICATE = Parameter("CertificateArn", Type="String", Description="ARN of a certificate")


@dataclass
class Service:
    """The parts, and the stack that holds them."""

    stack: Stack
    network: Network
    targets: TargetGroup
    balancer: LoadBalancer
    cluster: Cluster
    fargate: FargateService

    def resource(self, logical_id: str) -> dict[str, Any]:
        resource: dict[str, Any] = to_dict(self.stack)["Resources"][logical_id]
        return resource

    def properties(self, logical_id: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resource(logical_id)["Properties"]
        return properties

    def statements(self, role: str) -> dict[str, dict[str, Any]]:
        """What a role's own policies allow, by statement id."""
        policies = self.properties(role).get("Policies", [])
        return {item["Sid"]: item for policy in policies for item in policy["PolicyDocument"]["Statement"]}


def container(**changes: Any) -> Container:
    return Container(**{"name": "api", "image": "nginx:1", "port": 8000, **changes})


def front(stack: Stack, network: Network) -> tuple[TargetGroup, LoadBalancer]:
    """A target group and a load balancer that leads to it."""
    targets = stack.add(TargetGroup("Api", network=network, port=8000, health_check=HealthCheck()))
    return targets, stack.add(LoadBalancer("Public", network=network, targets=targets))


def service(
    stack: Stack,
    *,
    runs: Container | None = None,
    egress: Egress = "nat",
    tasks: Any | None = 1,
    may: Sequence[Statement] = (),
    capacity: Capacity = "on-demand",
    arm: bool = False,
    shell: bool = False,
    green: bool = False,
    named: bool = False,
    rollout: Rollout | None = None,
    sidecars: Sequence[ecs.ContainerDefinition] = (),
    connect_by: ServiceConnect | None = None,
    elsewhere: ClusterName | None = None,
) -> Service:
    network = Network.existing(stack, egress=egress)
    size = TaskSize.ask(stack, cpu=256, memory=512)
    targets, balancer = front(stack, network)
    cluster = stack.add(Cluster("Api"))
    blue_green = _blue_green(stack, network, balancer, targets) if green else None
    fargate = stack.add(
        FargateService(
            "Api",
            network=network,
            cluster=elsewhere or cluster,
            container=runs or container(),
            repository="facerec-api",
            size=size,
            targets=targets,
            after=[cluster.capacity_providers, *([] if green else [balancer.listener])],
            tasks=tasks,
            may=may,
            log_retention_days=14,
            log_group_name="/ecs/facerec-api-dev" if named else None,
            grace_seconds=90,
            capacity=capacity,
            arm=arm,
            shell=shell,
            rollout=rollout or Rollout(blue_green.shift if blue_green else None),
            sidecars=sidecars,
            connect=connect_by,
            physical_name="facerec-api-dev" if named else None,
            group_name="facerec-api-ecs-sg-dev" if named else None,
        )
    )
    fargate.wait_for(*stack.add([*connect(balancer, fargate), reach_https(fargate)]))
    return Service(stack, network, targets, balancer, cluster, fargate)


def _blue_green(stack: Stack, network: Network, balancer: LoadBalancer, blue: TargetGroup) -> BlueGreen:
    green = stack.add(TargetGroup("ApiGreen", network=network, port=8000, health_check=HealthCheck()))
    return stack.add(BlueGreen("Api", listener=balancer.listener, blue=blue, green=green))
