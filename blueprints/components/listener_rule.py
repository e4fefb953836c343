"""Listener rules: which requests a load balancer sends where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        header: an HTTP header and the value that it has to have as well.

    Raises:
        SettingsError: more values than a rule can have.
    """

    priority: int
    paths: Sequence[str] = ("/*",)
    header: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        count = len(self.paths) + (self.header is not None)
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
        name, value = self.header
        config = elb.HttpHeaderConfig(HttpHeaderName=name, Values=[value])
        return [paths, elb.Condition(Field="http-header", HttpHeaderConfig=config)]


EVERYTHING = Requests(LAST_PRIORITY)


def listener_rule(
    title: str, listener: elb.Listener, takes: Requests, action: elb.ListenerRuleAction
) -> elb.ListenerRule:
    """A rule of *listener* that does *action* with the requests that it takes."""
    return elb.ListenerRule(
        title,
        ListenerArn=listener.ref(),
        Priority=takes.priority,
        Conditions=takes.conditions(),
        Actions=[action],
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
