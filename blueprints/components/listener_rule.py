"""Listener rules: which requests a load balancer sends where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import elasticloadbalancingv2 as elb

from blueprints.components.target_group import TargetGroup
from blueprints.model.errors import SettingsError

# Conditions are tried from the lowest number up; the highest takes whatever no other rule took.
LAST_PRIORITY = 50_000

# Elastic Load Balancing's quota "condition values per rule".
MOST_VALUES = 5


@dataclass(frozen=True)
class Requests:
    """The requests that a rule takes.

    Args:
        priority: 1 to 50,000; lower numbers are asked first, and each is given once on a listener.
        paths: path patterns, of which one has to match.
        header: an HTTP header and the value that it has to have as well, or a list of values of which one has to
            match. A value has up to 128 characters, is compared without case, and * and ? in it are wildcards.

    Raises:
        SettingsError: more values than a rule can have.
    """

    priority: int
    paths: Sequence[str] = ("/*",)
    header: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        count = len(self.paths) + len(self._header_values)
        if count > MOST_VALUES:
            raise SettingsError(
                f"paths: {', '.join(self.paths)} are more than a listener rule takes: {MOST_VALUES} values, a "
                "header's value among them; make two rules of it"
            )

    def conditions(self) -> list[elb.Condition]:
        """The rule's conditions; all of them have to hold."""
        paths = elb.Condition(Field="path-pattern", PathPatternConfig=elb.PathPatternConfig(Values=list(self.paths)))
        if self.header is None:
            return [paths]
        config = elb.HttpHeaderConfig(HttpHeaderName=self.header[0], Values=self._header_values)
        return [paths, elb.Condition(Field="http-header", HttpHeaderConfig=config)]

    @property
    def _header_values(self) -> list[Any]:
        if self.header is None:
            return []
        value = self.header[1]
        return list(value) if isinstance(value, list) else [value]


EVERYTHING = Requests(LAST_PRIORITY)


def listener_rule(
    title: str, listener: elb.Listener, takes: Requests, *actions: elb.ListenerRuleAction
) -> elb.ListenerRule:
    """A rule of *listener* that does *actions*, in their order, with the requests that it takes."""
    return elb.ListenerRule(
        title,
        ListenerArn=listener.ref(),
        Priority=takes.priority,
        Conditions=takes.conditions(),
        Actions=list(actions),
    )


def forward_by_weight(blue: TargetGroup, green: TargetGroup) -> elb.ListenerRuleAction:
    """Send everything to *blue*, and know *green*: what ECS starts from when it moves weights."""
    return elb.ListenerRuleAction(
        Type="forward",
        ForwardConfig=elb.ForwardConfig(
            TargetGroups=[
                elb.TargetGroupTuple(TargetGroupArn=blue.arn, Weight=100),
                elb.TargetGroupTuple(TargetGroupArn=green.arn, Weight=0),
            ]
        ),
    )
