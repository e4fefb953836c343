"""GuardDuty: threat detection for one account in one Region, and its findings sent to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from troposphere import Sub, events, guardduty, iam

from blueprints.access import grants, keys, topic_policies
from blueprints.components.alert_topic import AlertTopic
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# The protection plans by their names in GuardDuty's API (DetectorFeatureConfiguration). EKS_RUNTIME_MONITORING is left
# out: RUNTIME_MONITORING took its place, and a request that holds both is refused, whatever their status. So is
# AI_ANALYST: it investigates, detects nothing, is a preview in ten Regions and off in a new detector.
Protection = Literal[
    "S3_DATA_EVENTS",
    "EKS_AUDIT_LOGS",
    "EBS_MALWARE_PROTECTION",
    "RDS_LOGIN_EVENTS",
    "LAMBDA_NETWORK_LOGS",
    "RUNTIME_MONITORING",
    "AI_PROTECTION",
]
PROTECTIONS: tuple[Protection, ...] = get_args(Protection)

# Agents that GuardDuty installs by itself for RUNTIME_MONITORING (FeatureAdditionalConfiguration).
Agent = Literal["ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT"]
AGENTS: tuple[Agent, ...] = get_args(Agent)

Frequency = Literal["FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"]

# Low begins at 1.0, medium at 4.0, high at 7.0, critical at 9.0, and nothing is above 10 (GuardDuty User Guide,
# "Severity levels of GuardDuty findings").
LOWEST_SEVERITY = 1
HIGHEST_SEVERITY = 10

# What a message says of a finding: a name in the template, and where the event has it.
FINDING = {
    "account": "$.detail.accountId",
    "region": "$.detail.region",
    "severity": "$.detail.severity",
    "type": "$.detail.type",
    "title": "$.detail.title",
    "description": "$.detail.description",
    "detector": "$.detail.service.detectorId",
    "finding": "$.detail.id",
}
# A template of several lines that is no JSON has each line in quotes (EventBridge User Guide, "Input transformation").
MESSAGE = """\
"GuardDuty finding of severity <severity> in account <account>, <region>: <type>"
"<title>"
"<description>"
"aws guardduty get-findings --region <region> --detector-id <detector> --finding-ids <finding>"\
"""


class GuardDuty(Component):
    """The detector: GuardDuty in this account and Region, of which there can be one.

    Args:
        name: first part of the logical id.
        protections: the protection plans that are on, beside the foundational detection; each is charged by itself.
        agents: what GuardDuty installs for RUNTIME_MONITORING.
        left_out: protection plans that the Region does not have, and a request must not name.
        frequency: how often a finding that goes on is sent again; a new one is sent within five minutes.
        suspended: watch nothing and be charged nothing, and keep the findings that there are.

    Raises:
        SettingsError: the protections contradict each other.

    """

    def __init__(  # noqa: PLR0913 - these are GuardDuty's own settings
        self,
        name: str,
        *,
        protections: Sequence[Protection] = (),
        agents: Sequence[Agent] = (),
        left_out: Sequence[Protection] = (),
        frequency: Frequency = "SIX_HOURS",
        suspended: bool = False,
    ) -> None:
        check(protections, agents, left_out)
        self.detector = because(
            "Watches the account's API calls, network traffic and DNS queries for what attackers do.",
            guardduty.Detector(
                f"{name}Detector",
                Enable=not suspended,
                # CreateDetector turns on every plan that it is not told about, except RUNTIME_MONITORING: name each.
                Features=[_feature(plan, protections, agents) for plan in PROTECTIONS if plan not in left_out],
                FindingPublishingFrequency=frequency,
                Tags=[],
            ),
            must=["One detector for an account and Region: a second is refused", "Features, and never DataSources too"],
            mutable="review-required",
        )
        # A detector that is deleted takes the findings of 90 days along, and nobody watches any more. One that stays
        # can be imported, or left to the setting that makes none; a first create that rolls back leaves none behind.
        self.detector.DeletionPolicy = "RetainExceptOnCreate"
        self.detector.UpdateReplacePolicy = "Retain"

    @property
    def id(self) -> Any:
        """The detector's id, which every command of GuardDuty's asks for."""
        return self.detector.get_att("Id")


class FindingAlerts(Component):
    """Findings that are severe enough, as messages a person can read.

    GuardDuty puts its findings on the account's default event bus, whoever made the detector. The rule publishes in a
    role: the service itself would have to be let in by the topic's key from every account (``keys.used_to_publish``).

    Args:
        name: first part of the logical ids.
        topic: who hears of them; made with ``events=True``.
        severity: findings below it are not sent; 1 to 10, high begins at 7.

    Raises:
        SettingsError: no finding can have the severity, or the topic takes messages of alarms only.

    """

    def __init__(self, name: str, *, topic: AlertTopic, severity: float) -> None:
        if not LOWEST_SEVERITY <= severity <= HIGHEST_SEVERITY:
            raise SettingsError(
                f"{name}: severity is {severity}; GuardDuty's findings have {LOWEST_SEVERITY} to {HIGHEST_SEVERITY}"
            )
        if not topic.events:
            raise SettingsError(f"{name}: {topic.topic.title} takes messages of alarms only; make it with events=True")
        self.role = because(
            "Lets the rule publish to this one topic.",
            iam.Role(
                f"{name}Role",
                AssumeRolePolicyDocument=grants.trust(
                    "events", source_arn=Sub("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*")
                ),
                Policies=[
                    grants.policy("Publish", topic_policies.publish(topic.arn), keys.encrypt_messages(topic.key_arn))
                ],
            ),
        )
        self.rule = because(
            f"Sends GuardDuty's findings from severity {severity:g} to the topic.",
            events.Rule(
                f"{name}Rule",
                Description=f"GuardDuty findings from severity {severity:g}",
                State="ENABLED",
                EventPattern=_findings_from(severity),
                Targets=[
                    events.Target(
                        Id="topic",
                        Arn=topic.arn,
                        # A target in SNS may have a role since 2025-03; the topic's policy need not name it then.
                        RoleArn=self.role.get_att("Arn"),
                        InputTransformer=events.InputTransformer(InputPathsMap=FINDING, InputTemplate=MESSAGE),
                    )
                ],
            ),
            mutable="free-to-tune",
        )


def _findings_from(severity: float) -> dict[str, Any]:
    """The events of findings of this severity and more; 7 is written 7 rather than 7.0."""
    least = int(severity) if severity == int(severity) else severity
    return {
        "source": ["aws.guardduty"],
        "detail-type": ["GuardDuty Finding"],
        "detail": {"severity": [{"numeric": [">=", least]}]},
    }


def check(protections: Sequence[Protection], agents: Sequence[Agent], left_out: Sequence[Protection]) -> None:
    """Refuse protections that contradict each other.

    Raises:
        SettingsError: one is named twice, is on and left out, or agents are asked for that nothing uses.

    """
    for setting, values in {"protections": protections, "runtime_agents": agents, "left_out": left_out}.items():
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise SettingsError(f"{setting}: {twice[0]} stands there twice; give it once")
    both = [plan for plan in protections if plan in left_out]
    if both:
        raise SettingsError(f"left_out: {both[0]} is in protections, too; give it in one of them")
    if agents and "RUNTIME_MONITORING" not in protections:
        raise SettingsError(
            f"runtime_agents: {', '.join(agents)} needs RUNTIME_MONITORING in protections, got {list(protections)}"
        )


def _feature(
    plan: Protection, protections: Sequence[Protection], agents: Sequence[Agent]
) -> guardduty.CFNFeatureConfiguration:
    feature = guardduty.CFNFeatureConfiguration(Name=plan, Status=_status(on=plan in protections))
    if plan == "RUNTIME_MONITORING" and plan in protections:
        feature.AdditionalConfiguration = [
            guardduty.CFNFeatureAdditionalConfiguration(Name=agent, Status=_status(on=agent in agents))
            for agent in AGENTS
        ]
    return feature


def _status(*, on: bool) -> str:
    return "ENABLED" if on else "DISABLED"
