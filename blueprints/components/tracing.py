"""What X-Ray keeps of a service's traces, and under which name they are found."""

from __future__ import annotations

from troposphere import Tags, xray

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# Characters of a group's and a rule's name (AWS X-Ray API Reference, CreateGroup and SamplingRule), and of the name of
# a service that a rule matches.
MOST_IN_NAME = 32
MOST_IN_SERVICE = 64

# X-Ray's default rule has 10,000 and these rates; among rules of one's own the lower number goes first.
PRIORITY = 1_000
RESERVOIR, RATE = 1, 0.05


class Tracing(Component):
    """A sampling rule for one service, and a group in which its traces are found.

    Both names are unique in an account and Region, so environments that share one need names of their own. Group and
    rule know a service by the name that it gives itself: OTEL_SERVICE_NAME with OpenTelemetry, the name that UseXRay is
    called with in the X-Ray SDK for .NET.

    Args:
        name: first part of the logical ids.
        service: the service's name in its traces.
        physical_name: name of group and rule, at most 32 characters; the service's unless it says otherwise.
        reservoir: requests a second that are traced in any case, by all of the service's tasks together.
        rate: share of the requests above these, 0 to 1.
        priority: 1 to 9999; the lowest number that matches a request decides.
        insights: let X-Ray look for rises in faults and tell them apart; it costs by the trace.

    Raises:
        SettingsError: X-Ray does not take the name, the service, the rate or the priority.

    """

    def __init__(  # noqa: PLR0913 - a rule has these parts
        self,
        name: str,
        *,
        service: str,
        physical_name: str | None = None,
        reservoir: int = RESERVOIR,
        rate: float = RATE,
        priority: int = PRIORITY,
        insights: bool = False,
    ) -> None:
        called = physical_name or service
        _check(name, service, called, rate, priority)
        self.sampling_rule = because(
            "Decides how many requests are traced; services ask for it while they run.",
            xray.SamplingRule(
                f"{name}SamplingRule",
                SamplingRule=xray.SamplingRuleProperty(
                    RuleName=called,
                    Priority=priority,
                    ReservoirSize=reservoir,
                    FixedRate=rate,
                    ServiceName=service,
                    ServiceType="*",
                    Host="*",
                    HTTPMethod="*",
                    URLPath="*",
                    ResourceARN="*",
                    Version=1,
                ),
                Tags=Tags(Name=called),
            ),
            mutable="free-to-tune",
        )
        self.group = because(
            "Shows the traces of this service by themselves, with metrics of their own.",
            xray.Group(
                f"{name}TraceGroup",
                GroupName=called,
                FilterExpression=f'service("{service}")',
                InsightsConfiguration=xray.InsightsConfiguration(InsightsEnabled=insights, NotificationsEnabled=False),
                Tags=Tags(Name=called),
            ),
            mutable="free-to-tune",
        )


def _check(name: str, service: str, called: str, rate: float, priority: int) -> None:
    if not service or len(service) > MOST_IN_SERVICE or any(mark in service for mark in '*?"\\'):
        raise SettingsError(
            f"{name}: service is {service!r}; name one service in full, at most {MOST_IN_SERVICE} characters without "
            "quotes and wildcards"
        )
    if len(called) > MOST_IN_NAME or called in {"Default", "default"}:
        raise SettingsError(
            f"{name}: {called!r} cannot name a group and a sampling rule: at most {MOST_IN_NAME} characters, and not "
            "Default, which X-Ray has; give a physical_name"
        )
    if not 0 <= rate <= 1:
        raise SettingsError(f"{name}: rate is {rate}; X-Ray takes a share from 0 to 1")
    if not 1 <= priority <= 9999:  # noqa: PLR2004 - said in the message
        raise SettingsError(f"{name}: priority is {priority}; X-Ray takes 1 to 9999")
