"""One of several services that stand on a platform: what is the same of each, whatever the architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import Select, Split

from blueprints.access.connections import Peer, connect, reach_https
from blueprints.catalog._web_service import ask_for_image
from blueprints.catalog._web_settings import TaskSettings
from blueprints.components.container import Container
from blueprints.components.fargate_service import FargateService
from blueprints.components.repository import image_uri
from blueprints.components.target_group import HealthCheck
from blueprints.model.stack import Stack


@dataclass(frozen=True)
class Part:
    """A service, by what several stacks have to know of it.

    Args:
        name: first part of its logical ids.
        repository: the repository of its image.
        port: what it listens on.
        health_path: the path that is asked for health.
        unhealthy: how many failures in a row end a task.
    """

    name: str
    repository: str
    port: int
    health_path: str
    unhealthy: int = 2

    @property
    def known_as(self) -> str:
        """Its name in lower case: of the container, in settings, among the services and in names of log groups."""
        return self.name.lower()

    @property
    def health_check(self) -> HealthCheck:
        """How the load balancer asks for health."""
        return HealthCheck(self.health_path, unhealthy=self.unhealthy)


def container_of_part(stack: Stack, settings: TaskSettings, part: Part, variables: Mapping[str, Any]) -> Container:
    """What runs: an image of the part's repository, told the variables."""
    tag = ask_for_image(stack, part.repository)
    return Container(
        name=part.known_as,
        image=image_uri(part.repository, tag),
        port=part.port,
        environment=variables,
        health_path=part.health_path if settings.container_health_check else None,
        start_seconds=settings.start_seconds,
        user=settings.run_as or None,
        writable=settings.writable_root or settings.shell,
    )


def stand_on(stack: Stack, service: FargateService, platform: Stack) -> FargateService:
    """Open the ways in and out of a service behind the platform's load balancer, and publish where it is found."""
    balancer = Peer("Public", stack.from_stack(platform, "LoadBalancerSecurityGroupId"))
    service.wait_for(*stack.add([*connect(balancer, service), reach_https(service)]))
    # Not the platform's own output: an output cannot hand on another stack's.
    stack.output("ClusterName", Select(1, Split("/", service.service.ref())), "The ECS cluster")
    stack.output("ServiceName", service.service_name, "The ECS service")
    stack.output("LogGroupName", service.log_group.ref(), "Where the application's log is")
    return stack.add(service)
