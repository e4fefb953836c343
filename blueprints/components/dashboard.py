"""A dashboard that shows on one page how a service is doing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from troposphere import Sub, cloudwatch

from blueprints.components.metrics import (
    CONTAINER_INSIGHTS,
    ECS,
    ERROR_RATE,
    ERROR_RATE_PARTS,
    LOAD_BALANCER,
    ServiceMetrics,
)
from blueprints.model.component import Component
from blueprints.model.context import because

# CloudWatch lays widgets out on 24 columns.
COLUMNS = 24
WIDTH, HEIGHT = 8, 6

# A widget is what CloudWatch's "Dashboard body structure and syntax" calls the properties of a metric widget.
Widget = dict[str, Any]

BALANCER = ("LoadBalancer", "${LoadBalancer}")
SERVICE = ("ClusterName", "${Cluster}", "ServiceName", "${Service}")


class Dashboard(Component):
    """CloudWatch's view of one service; CloudFormation chooses its name.

    Args:
        name: first part of the logical ids.
        metrics: the names that the service's metrics carry; Ref or GetAtt of resources of the same stack.
        widgets: what to show, left to right; all that this module has when not given.

    """

    def __init__(self, name: str, *, metrics: ServiceMetrics, widgets: Sequence[Widget] | None = None) -> None:
        shown = everything(len(metrics.target_groups)) if widgets is None else widgets
        body = _readable(shown)
        names = {"LoadBalancer": metrics.load_balancer, "Cluster": metrics.cluster, "Service": metrics.service}
        names |= {f"TargetGroup{number}": group for number, group in enumerate(metrics.target_groups, start=1)}
        used = set(re.findall(r"\$\{(\w+)\}", body))
        self.dashboard = because(
            "Shows on one page whether the service answers, how fast and at what load.",
            cloudwatch.Dashboard(
                f"{name}Dashboard",
                DashboardBody=Sub(body, **{key: value for key, value in names.items() if key in used}),
            ),
            mutable="free-to-tune",
        )


def everything(target_groups: int = 1) -> list[Widget]:
    """All widgets, what users notice first."""
    return [
        request_count(),
        response_time(),
        error_rate(),
        error_counts(),
        healthy_hosts(target_groups),
        running_tasks(),
        cpu_and_memory(),
    ]


def request_count() -> Widget:
    """How many requests came."""
    return _widget("Requests", [[LOAD_BALANCER, "RequestCount", *BALANCER, {"stat": "Sum"}]])


def response_time() -> Widget:
    """How long half, 95 and 99 of 100 requests waited, in seconds."""
    metrics = [
        [LOAD_BALANCER, "TargetResponseTime", *BALANCER, {"stat": stat, "label": stat}]
        for stat in ("p50", "p95", "p99")
    ]
    return _widget("Response time in seconds", metrics)


def error_rate() -> Widget:
    """Which share of requests failed, as the alarm reckons it."""
    parts: list[list[Any]] = [
        [LOAD_BALANCER, metric, *BALANCER, {"id": key, "stat": "Sum", "visible": False}]
        for key, metric in ERROR_RATE_PARTS.items()
    ]
    rate = [{"expression": ERROR_RATE, "label": "Errors in percent", "id": "error_rate"}]
    return _widget("Error rate in percent", [rate, *parts])


def error_counts() -> Widget:
    """Refused and failed requests: by the service, and by the load balancer itself."""
    names = (
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_4XX_Count",
        "HTTPCode_ELB_5XX_Count",
    )
    return _widget("Errors", [[LOAD_BALANCER, name, *BALANCER, {"stat": "Sum"}] for name in names])


def healthy_hosts(target_groups: int = 1) -> Widget:
    """How many tasks pass their health check, and how many do not."""
    metrics = [
        [LOAD_BALANCER, name, *BALANCER, "TargetGroup", f"${{TargetGroup{number}}}", {"stat": stat}]
        for number in range(1, target_groups + 1)
        for name, stat in (("HealthyHostCount", "Minimum"), ("UnHealthyHostCount", "Maximum"))
    ]
    return _widget("Hosts", metrics)


def running_tasks() -> Widget:
    """How many tasks run and how many should; written by Container Insights, empty without it."""
    metrics = [[CONTAINER_INSIGHTS, name, *SERVICE] for name in ("RunningTaskCount", "DesiredTaskCount")]
    return _widget("Tasks", metrics)


def cpu_and_memory() -> Widget:
    """What the tasks use of what they were given, in percent."""
    metrics = [[ECS, name, *SERVICE] for name in ("CPUUtilization", "MemoryUtilization")]
    return _widget("CPU and memory in percent", metrics, axis={"left": {"min": 0, "max": 100}})


def _widget(title: str, metrics: Sequence[Sequence[Any]], axis: Widget | None = None) -> Widget:
    how = {"view": "timeSeries", "region": "${AWS::Region}", "period": 60, "stat": "Average"}
    return {"title": title, **how, "metrics": metrics, **({} if axis is None else {"yAxis": axis})}


def _readable(widgets: Sequence[Widget]) -> str:
    """The dashboard's body as JSON: a line for each widget's place and manner, and one for each metric."""
    return '{"widgets": [\n' + ",\n".join(_block(number, widget) for number, widget in enumerate(widgets)) + "\n]}"


def _block(number: int, properties: Widget) -> str:
    row, column = divmod(number, COLUMNS // WIDTH)
    place = {"type": "metric", "x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    manner = {key: value for key, value in properties.items() if key != "metrics"}
    metrics = ",\n".join(f"    {json.dumps(metric)}" for metric in properties["metrics"])
    return (
        f'{json.dumps(place)[:-1]}, "properties": {{\n  {json.dumps(manner)[1:-1]},\n  "metrics": [\n{metrics}\n  ]}}}}'
    )
