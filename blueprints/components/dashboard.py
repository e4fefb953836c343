"""Dashboards that show on one page how a service is doing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from blueprints.model.errors import SettingsError

# CloudWatch lays widgets out on 24 columns.
COLUMNS = 24
WIDTH, HEIGHT = 8, 6

# Four side by side; with less room a graph's legend hides its lines.
NARROWEST = 6

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
        self.dashboard = because(
            "Shows on one page whether the service answers, how fast and at what load.",
            cloudwatch.Dashboard(f"{name}Dashboard", DashboardBody=_filled_in(body, names)),
            mutable="free-to-tune",
        )


@dataclass(frozen=True)
class Group:
    """Widgets that belong together, under a heading and with one period, in seconds."""

    title: str
    period: int
    widgets: Sequence[Widget]


class GroupedDashboard(Component):
    """CloudWatch's view of several services, in groups from top to bottom.

    Args:
        name: first part of the logical ids.
        names: what fills the gaps ``${Name}`` of the widgets; Ref or GetAtt of resources of the same stack. Those that
            no widget asks for are left out.
        groups: what to show.
        physical_name: the dashboard's name, where a document names it; it has to be unique in the account.

    Raises:
        SettingsError: a widget asks for a name that is not given.

    """

    def __init__(
        self, name: str, *, names: Mapping[str, Any], groups: Sequence[Group], physical_name: str | None = None
    ) -> None:
        self.dashboard = because(
            "Shows on one page how the services are and what they are used for.",
            cloudwatch.Dashboard(f"{name}Dashboard", DashboardBody=_filled_in(_grouped(groups), names)),
            mutable="free-to-tune",
        )
        if physical_name is not None:
            self.dashboard.DashboardName = physical_name


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
    return widget("Requests", [[LOAD_BALANCER, "RequestCount", *BALANCER, {"stat": "Sum"}]])


def response_time() -> Widget:
    """How long half, 95 and 99 of 100 requests waited, in seconds."""
    metrics = [
        [LOAD_BALANCER, "TargetResponseTime", *BALANCER, {"stat": stat, "label": stat}]
        for stat in ("p50", "p95", "p99")
    ]
    return widget("Response time in seconds", metrics)


def error_rate() -> Widget:
    """Which share of requests failed, as the alarm reckons it."""
    parts: list[list[Any]] = [
        [LOAD_BALANCER, metric, *BALANCER, {"id": key, "stat": "Sum", "visible": False}]
        for key, metric in ERROR_RATE_PARTS.items()
    ]
    rate = [{"expression": ERROR_RATE, "label": "Errors in percent", "id": "error_rate"}]
    return widget("Error rate in percent", [rate, *parts])


def error_counts() -> Widget:
    """Refused and failed requests: by the service, and by the load balancer itself."""
    names = (
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_4XX_Count",
        "HTTPCode_ELB_5XX_Count",
    )
    return widget("Errors", [[LOAD_BALANCER, name, *BALANCER, {"stat": "Sum"}] for name in names])


def healthy_hosts(target_groups: int = 1) -> Widget:
    """How many tasks pass their health check, and how many do not."""
    metrics = [
        [LOAD_BALANCER, name, *BALANCER, "TargetGroup", f"${{TargetGroup{number}}}", {"stat": stat}]
        for number in range(1, target_groups + 1)
        for name, stat in (("HealthyHostCount", "Minimum"), ("UnHealthyHostCount", "Maximum"))
    ]
    return widget("Hosts", metrics)


def running_tasks() -> Widget:
    """How many tasks run and how many should; written by Container Insights, empty without it."""
    metrics = [[CONTAINER_INSIGHTS, name, *SERVICE] for name in ("RunningTaskCount", "DesiredTaskCount")]
    return widget("Tasks", metrics)


def cpu_and_memory() -> Widget:
    """What the tasks use of what they were given, in percent."""
    metrics = [[ECS, name, *SERVICE] for name in ("CPUUtilization", "MemoryUtilization")]
    return widget("CPU and memory in percent", metrics, axis={"left": {"min": 0, "max": 100}})


def widget(title: str, metrics: Sequence[Sequence[Any]], axis: Widget | None = None) -> Widget:
    """A graph over time, in the lines of CloudWatch's metrics array; a statistic stands with its line."""
    how = {"view": "timeSeries", "region": "${AWS::Region}", "period": 60, "stat": "Average"}
    return {"title": title, **how, "metrics": metrics, **({} if axis is None else {"yAxis": axis})}


def _filled_in(body: str, names: Mapping[str, Any]) -> Sub:
    used = set(re.findall(r"\$\{(\w+)\}", body))
    missing = sorted(used - names.keys())
    if missing:
        raise SettingsError(f"dashboard: give {', '.join(missing)} in names; there are {', '.join(names) or 'none'}")
    return Sub(body, **{key: value for key, value in names.items() if key in used})


def _readable(widgets: Sequence[Widget]) -> str:
    """The dashboard's body as JSON: a line for each widget's place and manner, and one for each metric."""
    places = (divmod(number, COLUMNS // WIDTH) for number in range(len(widgets)))
    return _body(
        _graph(one, x=column * WIDTH, y=row * HEIGHT, width=WIDTH)
        for one, (row, column) in zip(widgets, places, strict=True)
    )


def _grouped(groups: Sequence[Group]) -> str:
    """The same with a heading above each group, whose widgets share the whole width and one period.

    Each line names its statistic, so the widgets' own is left out: a body in a template has to be short.
    """
    blocks, y = [], 0
    for group in groups:
        blocks.append(_heading(group.title, y))
        in_a_row = max(1, min(len(group.widgets), COLUMNS // NARROWEST))
        width = COLUMNS // in_a_row
        for number, one in enumerate(group.widgets):
            row, column = divmod(number, in_a_row)
            graph = {key: value for key, value in one.items() if key != "stat"} | {"period": group.period}
            blocks.append(_graph(graph, x=column * width, y=y + 1 + row * HEIGHT, width=width))
        y += 1 + math.ceil(len(group.widgets) / in_a_row) * HEIGHT
    return _body(blocks)


def _body(blocks: Iterable[str]) -> str:
    return '{"widgets": [\n' + ",\n".join(blocks) + "\n]}"


def _heading(title: str, y: int) -> str:
    place = {"type": "text", "x": 0, "y": y, "width": COLUMNS, "height": 1}
    return json.dumps({**place, "properties": {"markdown": f"## {title}"}})


def _graph(properties: Widget, *, x: int, y: int, width: int) -> str:
    place = {"type": "metric", "x": x, "y": y, "width": width, "height": HEIGHT}
    manner = {key: value for key, value in properties.items() if key != "metrics"}
    metrics = ",\n".join(f"    {json.dumps(metric)}" for metric in properties["metrics"])
    return (
        f'{json.dumps(place)[:-1]}, "properties": {{\n  {json.dumps(manner)[1:-1]},\n  "metrics": [\n{metrics}\n  ]}}}}'
    )
