"""What the Recipe Chatbot is measured by: one table for its filters, its dashboard and its page.

The document lists custom metrics (``chat_requests_total``) and draws a dashboard of others (``ChatRequestsPerMinute``).
They are brought together here: a custom metric keeps its name in CloudWatch, the dashboard's name is the graph's title,
and what AWS counts anyway is taken from AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blueprints.components import dashboard
from blueprints.components.dashboard import Group
from blueprints.components.log_metrics import LogMetric
from blueprints.components.metrics import ECS, ERROR_RATE, LOAD_BALANCER

NAMESPACE = "RecipeChatbot/LLM"

# The document's groups and their periods in seconds.
HEALTH, BUSINESS, ERRORS, PERFORMANCE = "Service health", "Business metrics", "Error tracking", "Performance"
GROUPS = {HEALTH: 300, BUSINESS: 60, ERRORS: 60, PERFORMANCE: 300}

# A dimension whose values nobody knows before they come; a graph finds them by a search.
ANY = "*"
TARGET_GROUP = "${TargetGroup}"


@dataclass(frozen=True)
class LogEvent:
    """A line that the application writes, as structlog does it: ``log.info("tool_call", tool="web_search")``."""

    name: str
    when: str
    example: Mapping[str, Any]

    @property
    def line(self) -> str:
        """An example of the line; further fields do no harm."""
        return json.dumps({"event": self.name, **self.example})


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    Args:
        dashboard: the title of its graph.
        group: the heading that the graph stands under.
        name: CloudWatch's name of the metric.
        statistic: how it is read; a percentile of a filter's metric is one of the single values (CloudWatch Logs User
            Guide, "Creating metrics from log events using filters").
        dimensions: their values as the dashboard's body has them, or ANY.
        meaning: what it says, in its unit.
        document: its name in the document's list of custom metrics, empty where it is in none.
        math: metric math over it, where the graph does not show it as it is; ``key`` is its id in there.
        event: the log line that it is made of, and by which filters; nothing where AWS writes it.

    """

    dashboard: str
    group: str
    name: str
    statistic: str
    meaning: str
    document: str = ""
    namespace: str = NAMESPACE
    dimensions: Mapping[str, str] = field(default_factory=dict)
    math: str = ""
    key: str = ""
    event: LogEvent | None = None
    filters: tuple[LogMetric, ...] = ()

    @property
    def dimension_names(self) -> list[str]:
        """Its dimensions as a person reads them, with those values that are always the same."""
        fixed = {name: value for name, value in self.dimensions.items() if re.fullmatch(r"\w+", value)}
        return [f"{name}={fixed[name]}" if name in fixed else name for name in self.dimensions]


def _share(name: str, *, of: str, others: str, dimensions: Mapping[str, str] | None = None) -> tuple[LogMetric, ...]:
    """100 for each line of the one pattern and 0 for each of the other: the average is the percentage."""
    return (
        LogMetric(name, of, "100", "Percent", dimensions or {}, case="Yes"),
        LogMetric(name, others, "0", "Percent", dimensions or {}, case="No"),
    )


CHAT_REQUEST = LogEvent(
    "chat_request",
    "A chat request was answered. Every line with endpoint and status counts for error_rate, so other endpoints can "
    "log theirs under another event; endpoint is the route, never a path with an id in it.",
    {"cooking": True, "duration_ms": 812, "endpoint": "/api/chat", "status": 200},
)
LLM_CALL = LogEvent("llm_call", "The model answered, or did not.", {"tokens": 913, "failed": False})
TOOL_CALL = LogEvent("tool_call", "A tool answered, or was given up.", {"tool": "web_search", "timed_out": False})
QUEUE = LogEvent(
    "queue",
    "Every ten seconds or so, with the calls that wait at that moment for any of the tasks.",
    {"service": "Backend", "depth": 3},
)

QUEUE_DEPTH = Metric(
    "QueueDepth",
    PERFORMANCE,
    "QueueDepth",
    "Average",
    "Requests that wait for the model; the backend is scaled by it",
    document="QueueDepth",
    dimensions={"Service": "Backend"},
    event=QUEUE,
    filters=(
        LogMetric(
            "QueueDepth",
            '{ ($.event = "queue") && ($.service = "*") && ($.depth >= 0) }',
            "$.depth",
            "Count",
            {"Service": "$.service"},
        ),
    ),
)

METRICS = (
    Metric(
        "CPUUtilization",
        HEALTH,
        "CPUUtilization",
        "Average",
        "CPU that each service uses of what its tasks were given, in percent",
        namespace=ECS,
        dimensions={"ClusterName": "${Cluster}", "ServiceName": ANY},
    ),
    Metric(
        "MemoryUtilization",
        HEALTH,
        "MemoryUtilization",
        "Average",
        "Memory that each service uses of what its tasks were given, in percent",
        namespace=ECS,
        dimensions={"ClusterName": "${Cluster}", "ServiceName": ANY},
    ),
    Metric(
        "HealthyHostCount",
        HEALTH,
        "HealthyHostCount",
        "Minimum",
        "Tasks that pass the load balancer's health check, for each target group",
        namespace=LOAD_BALANCER,
        dimensions={"LoadBalancer": "${LoadBalancer}", "TargetGroup": TARGET_GROUP},
    ),
    Metric(
        "ChatRequestsPerMinute",
        BUSINESS,
        "chat_requests_total",
        "Sum",
        "Chat requests that were answered",
        document="chat_requests_total",
        event=CHAT_REQUEST,
        filters=(LogMetric("chat_requests_total", '{ $.event = "chat_request" }', "1", "Count", default=0),),
    ),
    Metric(
        "CookingQueryRatio",
        BUSINESS,
        "cooking_queries_ratio",
        "Average",
        "Chat requests about cooking, in percent of all",
        document="cooking_queries_ratio",
        event=CHAT_REQUEST,
        filters=_share(
            "cooking_queries_ratio",
            of='{ ($.event = "chat_request") && ($.cooking IS TRUE) }',
            others='{ ($.event = "chat_request") && ($.cooking IS FALSE) }',
        ),
    ),
    Metric(
        "ToolUsageDistribution",
        BUSINESS,
        "tool_usage_count",
        "Sum",
        "Calls of each tool (web_search, cookware_check)",
        document="tool_usage_count",
        dimensions={"Tool": ANY},
        event=TOOL_CALL,
        filters=(
            LogMetric(
                "tool_usage_count", '{ ($.event = "tool_call") && ($.tool = "*") }', "1", "Count", {"Tool": "$.tool"}
            ),
        ),
    ),
    Metric(
        "HTTPErrorRate",
        ERRORS,
        "HTTPCode_Target_5XX_Count",
        "Sum",
        "Requests that were answered with 500 or above, by the services or the load balancer, in percent of all",
        namespace=LOAD_BALANCER,
        dimensions={"LoadBalancer": "${LoadBalancer}"},
        math=ERROR_RATE,
    ),
    Metric(
        "HTTPErrorRate",
        ERRORS,
        "error_rate",
        "Average",
        "The same as the application sees it, for each endpoint",
        document="error_rate",
        dimensions={"Endpoint": ANY},
        event=CHAT_REQUEST,
        filters=_share(
            "error_rate",
            of='{ ($.endpoint = "*") && ($.status >= 500) }',
            others='{ ($.endpoint = "*") && ($.status < 500) }',
            dimensions={"Endpoint": "$.endpoint"},
        ),
    ),
    Metric(
        "LLMFailureRate",
        ERRORS,
        "llm_failure_rate",
        "Average",
        "Calls of the model that failed, in percent of all",
        event=LLM_CALL,
        filters=_share(
            "llm_failure_rate",
            of='{ ($.event = "llm_call") && ($.failed IS TRUE) }',
            others='{ ($.event = "llm_call") && ($.failed IS FALSE) }',
        ),
    ),
    Metric(
        "ToolTimeouts",
        ERRORS,
        "tool_timeouts",
        "Sum",
        "Calls of tools that were given up",
        event=TOOL_CALL,
        filters=(
            LogMetric("tool_timeouts", '{ ($.event = "tool_call") && ($.timed_out IS TRUE) }', "1", "Count", default=0),
        ),
    ),
    Metric(
        "ResponseTimeP95",
        PERFORMANCE,
        "response_time_p95",
        "p95",
        "What 95 of 100 chat requests took at most, in milliseconds; the metric has every duration",
        document="response_time_p95",
        event=CHAT_REQUEST,
        filters=(
            LogMetric(
                "response_time_p95",
                '{ ($.event = "chat_request") && ($.duration_ms >= 0) }',
                "$.duration_ms",
                "Milliseconds",
            ),
        ),
    ),
    Metric(
        "ResponseTimeP95",
        PERFORMANCE,
        "TargetResponseTime",
        "p95",
        "What the load balancer waited for 95 of 100 answers at most, in milliseconds",
        namespace=LOAD_BALANCER,
        dimensions={"LoadBalancer": "${LoadBalancer}"},
        math="1000 * seconds",
        key="seconds",
    ),
    Metric(
        "TokensPerSecond",
        PERFORMANCE,
        "llm_token_usage",
        "Sum",
        "Tokens that the model read and wrote",
        document="llm_token_usage",
        math="tokens / PERIOD(tokens)",
        key="tokens",
        event=LLM_CALL,
        filters=(
            LogMetric(
                "llm_token_usage", '{ ($.event = "llm_call") && ($.tokens >= 0) }', "$.tokens", "Count", default=0
            ),
        ),
    ),
    Metric(
        "ConcurrentConnections",
        PERFORMANCE,
        "ActiveConnectionCount",
        "Sum",
        "Connections of clients to the load balancer and from it to the tasks",
        namespace=LOAD_BALANCER,
        dimensions={"LoadBalancer": "${LoadBalancer}"},
        # Each of the load balancer's nodes says once a minute how many it has; a longer period adds minutes up.
        math="60 * connections / PERIOD(connections)",
        key="connections",
    ),
    QUEUE_DEPTH,
)


def log_metrics() -> list[LogMetric]:
    """The filters that make the application's metrics of its log."""
    return [one for metric in METRICS for one in metric.filters]


def groups(namespace: str, target_groups: Sequence[str]) -> list[Group]:
    """The dashboard's groups; its names are LoadBalancer, Cluster and those of the target groups.

    Args:
        namespace: where this environment's own metrics are.
        target_groups: the names by which the dashboard knows their full names; two, or four with blue/green.

    """
    titles = {group: dict.fromkeys(one.dashboard for one in METRICS if one.group == group) for group in GROUPS}
    return [
        Group(group, period, [_graph(title, namespace, target_groups) for title in titles[group]])
        for group, period in GROUPS.items()
    ]


def _graph(title: str, namespace: str, target_groups: Sequence[str]) -> dashboard.Widget:
    shown = [one for one in METRICS if one.dashboard == title]
    return dashboard.widget(title, [line for one in shown for line in _lines(one, namespace, target_groups)])


def _lines(metric: Metric, namespace: str, target_groups: Sequence[str]) -> Iterator[list[Any]]:
    """The lines of a graph's metrics array."""
    if metric.math == ERROR_RATE:
        yield from dashboard.error_rate()["metrics"]
        return
    where = [namespace if metric.namespace == NAMESPACE else metric.namespace, metric.name]
    if ANY in metric.dimensions.values():
        yield [{"expression": _search(metric, where[0])}]
    elif TARGET_GROUP in metric.dimensions.values():
        for name in target_groups:
            yield [*where, *_dimensions(metric, f"${{{name}}}"), {"stat": metric.statistic, "label": name}]
    elif metric.math:
        yield [{"expression": metric.math, "label": metric.name}]
        yield [*where, *_dimensions(metric), {"id": metric.key, "stat": metric.statistic, "visible": False}]
    else:
        yield [*where, *_dimensions(metric), {"stat": metric.statistic}]


def _dimensions(metric: Metric, target_group: str = "") -> list[str]:
    values = {name: target_group if value == TARGET_GROUP else value for name, value in metric.dimensions.items()}
    return [part for dimension in values.items() for part in dimension]


def _search(metric: Metric, namespace: str) -> str:
    """All metrics with these dimensions, whatever the values that are not known."""
    schema = ",".join((f'"{namespace}"', *metric.dimensions))
    known = [f'{name}="{value}"' for name, value in metric.dimensions.items() if value != ANY]
    terms = " ".join((f'MetricName="{metric.name}"', *known))
    return f"SEARCH('{{{schema}}} {terms}', '{metric.statistic}')"
