"""Under which names CloudWatch counts what a service does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ECS = "AWS/ECS"
CONTAINER_INSIGHTS = "ECS/ContainerInsights"
LOAD_BALANCER = "AWS/ApplicationELB"

# FILL makes a metric that is only written when it is not zero count as zero. Requests that no target could be chosen
# for are answered by the load balancer and missing from RequestCount, so they are added below the line as well.
ERROR_RATE = (
    "100 * (FILL(target_errors, 0) + FILL(balancer_errors, 0)) / (FILL(requests, 0) + FILL(balancer_errors, 0))"
)
ERROR_RATE_PARTS = {
    "target_errors": "HTTPCode_Target_5XX_Count",
    "balancer_errors": "HTTPCode_ELB_5XX_Count",
    "requests": "RequestCount",
}


@dataclass(frozen=True)
class ServiceMetrics:
    """A service behind a load balancer of its own, by the names that its metrics carry.

    Requests, times and errors are counted for the whole load balancer, so that they go on through a blue/green
    deployment, which moves them from one target group to the other.

    Args:
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        target_groups: the full names of its target groups (``TargetGroupFullName``); two with blue/green deployments.
        cluster: the cluster's name.
        service: the service's name (``GetAtt Name``; its Ref is an ARN).

    """

    load_balancer: Any
    target_groups: Sequence[Any]
    cluster: Any
    service: Any
