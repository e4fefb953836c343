"""Metrics that CloudWatch makes of an application's JSON log lines, without a call and without a permission."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from troposphere import logs

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# How many a metric filter can publish (CloudWatch Logs API Reference, MetricTransformation).
MOST_DIMENSIONS = 3

# CloudWatch's units (StandardUnit of the CloudWatch Logs API); one more word would be refused when the stack is made.
AMOUNTS = tuple(f"{size}{thing}" for size in ("Kilo", "Mega", "Giga", "Tera") for thing in ("bytes", "bits"))
RATES = tuple(f"{amount}/Second" for amount in ("Bytes", "Bits", *AMOUNTS, "Count"))
UNITS = frozenset(
    {"Seconds", "Milliseconds", "Microseconds", "Bytes", "Bits", *AMOUNTS, *RATES, "Count", "Percent", "None"}
)

_FIELD = re.compile(r"\$(?:\.\w+)+")


@dataclass(frozen=True)
class LogMetric:
    """One metric filter: which log lines count, and what each of them adds to the metric.

    Several filters may write to one metric, which is how a share is made: 100 for the lines that count and 0 for the
    others, so that the average is the percentage.

    Args:
        name: the metric's name.
        pattern: a filter pattern in its JSON form, such as ``{ $.event = "tool_call" }``.
        value: a number, or the field that holds it, such as ``$.tokens``.
        unit: one of CloudWatch's units.
        dimensions: fields by the names of the dimensions that they fill; each value is a metric that is charged.
        default: what is written for a minute in which other lines came but none that count.
        case: tells filters of the same metric apart in their logical ids.

    Raises:
        SettingsError: CloudWatch would refuse the filter, or make nothing of it.
    """

    name: str
    pattern: str
    value: str
    unit: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    default: float | None = None
    case: str = ""

    def __post_init__(self) -> None:
        for wrong, why in self._checks():
            if wrong:
                raise SettingsError(f"log metric {self.name!r}: {why}")

    def _checks(self) -> list[tuple[bool, str]]:
        fields = [*self.dimensions.values(), *([] if _is_number(self.value) else [self.value])]
        malformed = [one for one in fields if not _FIELD.fullmatch(one)]
        unmatched = sorted(set(fields) - set(_FIELD.findall(self.pattern)))
        json_form = self.pattern.startswith("{") and self.pattern.endswith("}")
        return [
            (not re.fullmatch(r"[^:*$]{1,255}", self.name), "a name has 1 to 255 characters and none of : * $"),
            (not json_form, f"write the pattern in its JSON form, {{ $.event = ... }}, got {self.pattern!r}"),
            (self.unit not in UNITS, f"{self.unit!r} is no unit of CloudWatch; there are {', '.join(sorted(UNITS))}"),
            (len(self.dimensions) > MOST_DIMENSIONS, f"a filter has at most {MOST_DIMENSIONS} dimensions"),
            (
                self.default is not None and bool(self.dimensions),
                "a default has no dimensions to go to; leave out one of both",
            ),
            (bool(malformed), f"a value is a number or a field such as $.tokens, got {', '.join(malformed)}"),
            # A line without the field would match and count nothing.
            (bool(unmatched), f"the pattern has to ask for {', '.join(unmatched)} too, for example with >= 0"),
        ]


class LogMetrics(Component):
    """Metric filters on one log group.

    Args:
        name: first part of the logical ids.
        log_group: what the application writes to.
        namespace: CloudWatch namespace of the metrics.
        metrics: what to make of which lines; a log group takes 100 filters.

    Raises:
        SettingsError: two filters would have the same logical id.
    """

    def __init__(self, name: str, *, log_group: logs.LogGroup, namespace: str, metrics: Sequence[LogMetric]) -> None:
        self._name, self._log_group, self._namespace = name, log_group, namespace
        self.filters: dict[str, logs.MetricFilter] = {}
        for metric in metrics:
            made = self._filter(metric)
            if made.title in self.filters:
                raise SettingsError(f"log metrics: two filters are called {made.title}; tell them apart with case=...")
            self.filters[str(made.title)] = made

    def _filter(self, metric: LogMetric) -> logs.MetricFilter:
        transformation = logs.MetricTransformation(
            MetricNamespace=self._namespace,
            MetricName=metric.name,
            MetricValue=metric.value,
            Unit=metric.unit,
        )
        if metric.default is not None:
            transformation.DefaultValue = metric.default
        if metric.dimensions:
            transformation.Dimensions = [logs.Dimension(Key=key, Value=one) for key, one in metric.dimensions.items()]
        return because(
            f"Makes {metric.name} of log lines.",
            logs.MetricFilter(
                f"{self._name}{_camel(metric.name)}{metric.case}Filter",
                LogGroupName=self._log_group.ref(),
                FilterPattern=metric.pattern,
                MetricTransformations=[transformation],
            ),
            mutable="free-to-tune",
        )


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


def _camel(name: str) -> str:
    """A metric's name as a part of a logical id: ``tool_usage_count`` is ToolUsageCount."""
    return "".join(word[0].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name) if word)
