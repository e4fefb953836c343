"""A target group: where a load balancer sends requests, and how it knows that a target is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Tags
from troposphere import elasticloadbalancingv2 as elb

from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because

# Long enough for a request to end, short enough that a deployment does not wait the default of five minutes.
DEREGISTRATION_SECONDS = 30


@dataclass(frozen=True)
class HealthCheck:
    """How health is asked for; seconds and counts as Elastic Load Balancing takes them."""

    path: str = "/health"
    interval: int = 30
    timeout: int = 5
    healthy: int = 2
    unhealthy: int = 2


@dataclass(frozen=True)
class Targets:
    """A target group of another stack, by the ARN that a service joins it with."""

    arn: Any


class TargetGroup(Component):
    """Tasks by their addresses, as Fargate needs it (target type ip).

    Port, protocol and VPC cannot change without replacing the group, and a group with a name of its own cannot be
    replaced; so it has none unless a document names it. A task that goes has ``draining_seconds`` (0 to 3600) to finish
    what it was asked.
    """

    def __init__(  # noqa: PLR0913 - where it is, what it asks for, how long it waits
        self,
        name: str,
        *,
        network: Network,
        port: int,
        health_check: HealthCheck,
        physical_name: str | None = None,
        draining_seconds: int = DEREGISTRATION_SECONDS,
    ) -> None:
        self.target_group = because(
            "The tasks that requests go to; one that fails its health check gets none.",
            elb.TargetGroup(
                f"{name}TargetGroup",
                VpcId=network.vpc_id,
                TargetType="ip",
                Protocol="HTTP",
                Port=port,
                HealthCheckProtocol="HTTP",
                HealthCheckPath=health_check.path,
                HealthCheckPort=str(port),
                HealthCheckIntervalSeconds=health_check.interval,
                HealthCheckTimeoutSeconds=health_check.timeout,
                HealthyThresholdCount=health_check.healthy,
                UnhealthyThresholdCount=health_check.unhealthy,
                Matcher=elb.Matcher(HttpCode="200"),
                TargetGroupAttributes=[
                    elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value=str(draining_seconds))
                ],
                Tags=Tags(Name=physical_name or name),
            ),
            mutable="change-with-constraints",
        )
        if physical_name is not None:
            self.target_group.Name = physical_name

    @property
    def arn(self) -> Any:
        """The ARN of the target group."""
        return self.target_group.ref()

    @property
    def full_name(self) -> Any:
        """Its name as the metrics have it."""
        return self.target_group.get_att("TargetGroupFullName")

    def forward(self, order: int = 1) -> elb.Action:
        """A listener's action that sends the request here."""
        return elb.Action(Type="forward", Order=order, TargetGroupArn=self.target_group.ref())

    def forward_rule(self, order: int = 1) -> elb.ListenerRuleAction:
        """A listener rule's action that sends the request here."""
        return elb.ListenerRuleAction(Type="forward", Order=order, TargetGroupArn=self.target_group.ref())
