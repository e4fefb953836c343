"""Account: what an AWS account has once, whatever runs in it: GuardDuty with findings by mail, CloudTrail, GitHub.

Nobody has to deploy it, and no architecture needs it. Its stacks are one for all environments of an account, because
a second detector in the same Region is refused, and a second trail of the same events is charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from troposphere import iam

from blueprints.access import delivery_policies
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.guard_duty import Agent, FindingAlerts, Frequency, GuardDuty, Protection, check
from blueprints.components.trail import Trail
from blueprints.model import settings as model
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack

# What decides about a detector, and nothing where another one is used.
OF_THE_DETECTOR = ("protections", "runtime_agents", "left_out", "finding_frequency", "suspended")

# What decides about a trail, and nothing where there is none.
OF_THE_TRAIL = ("trail_days", "trail_lock", "trail_search")

# The longest that a lifecycle rule of ours is asked for; audits ask for seven to ten years at most.
MOST_TRAIL_DAYS = 3653


class Settings(model.Settings):
    """Settings of an account in a Region."""

    # One stack for all environments: none of them may have defaults of its own.
    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = "account"
    """First part of every stack's name and the value of the tag Project."""
    keep_data: Literal[True] = True
    """Stacks that environments share are always kept: termination protection is on."""
    detector: Literal["create", "existing"] = "create"
    """Make the detector, or leave the one that there is, an organization's perhaps, and only send its findings."""
    protections: list[Protection] = Field(default_factory=list)
    """Protection plans that are on, each charged beside the foundational detection: S3_DATA_EVENTS and EKS_AUDIT_LOGS
    by the event, EBS_MALWARE_PROTECTION, LAMBDA_NETWORK_LOGS and AI_PROTECTION by the GB, RDS_LOGIN_EVENTS and
    RUNTIME_MONITORING by vCPU and month."""
    runtime_agents: list[Agent] = Field(default_factory=list)
    """What GuardDuty installs for RUNTIME_MONITORING: ECS_FARGATE_AGENT_MANAGEMENT, EC2_AGENT_MANAGEMENT,
    EKS_ADDON_MANAGEMENT; on Fargate nothing is seen without it."""
    left_out: list[Protection] = Field(default_factory=list)
    """Protection plans that the Region does not have, and that may not even be turned off there."""
    finding_frequency: Frequency = "SIX_HOURS"
    """How often a finding that goes on is sent again; a new one is sent within five minutes."""
    suspended: bool = False
    """Stop watching, and being charged, without losing the findings that there are."""
    alert_severity: Annotated[float, Field(ge=1, le=10)] = 7
    """Severity from which findings are sent: low begins at 1, medium at 4, high at 7, critical at 9."""
    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Address that findings are sent to; it has to confirm once."""
    trail: bool = False
    """Record who changes what in all Regions with CloudTrail, in a bucket that nobody deletes from. The first copy of
    management events is free; leave it off where the account, or its organization, has a trail, and in further
    Regions."""
    trail_days: Annotated[int, Field(ge=1, le=MOST_TRAIL_DAYS)] = 365
    """Days after which the trail's log files expire."""
    trail_lock: bool = False
    """Lock each log file for trail_days with S3 Object Lock in governance mode; it cannot be turned off again."""
    trail_search: bool = False
    """Also send the trail's events to CloudWatch Logs for log_retention_days, to search in (charged by volume)."""

    github: bool = False
    """Let workflows of GitHub Actions take on roles that trust them: GitHub as an identity provider, of which an
    account has one."""

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        fields = type(self).model_fields
        defaults = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
        if not self.trail_search and self.log_retention_days != defaults["log_retention_days"]:
            raise SettingsError(
                f"log_retention_days: {self.log_retention_days} decides nothing here, a log group is made with "
                f"trail_search only; leave it out or give {defaults['log_retention_days']}"
            )
        for name in () if self.trail else OF_THE_TRAIL:
            if getattr(self, name) != defaults[name]:
                raise SettingsError(
                    f"{name}: {getattr(self, name)!r} needs trail to be on; without it there are no log files"
                )
        for name in OF_THE_DETECTOR if self.detector == "existing" else ():
            if getattr(self, name) != defaults[name]:
                raise SettingsError(
                    f"{name}: {getattr(self, name)!r} needs detector to be 'create'; whoever made the detector that "
                    "exists decides about it"
                )
        check(self.protections, self.runtime_agents, self.left_out)
        return self


def build(settings: Settings) -> list[Stack]:
    """Threat detection, the record of who did what, and whom roles may trust: what environments share."""
    trail = [_trail(settings)] if settings.trail else []
    return [_guardduty(settings), *trail, *([_github(settings)] if settings.github else [])]


def _guardduty(settings: Settings) -> Stack:
    """The detector, where there is none yet, and the way from a finding to a person."""
    stack = Stack(
        "guardduty",
        settings,
        shared=True,
        description=_description(settings),
        arch="GuardDuty detector -> findings on the default event bus -> rule -> encrypted SNS topic -> people",
        must=["One for an account and Region", "Somebody has to subscribe to the topic, and to confirm it"],
    )
    if settings.detector == "create":
        guard = stack.add(
            GuardDuty(
                "Account",
                protections=settings.protections,
                agents=settings.runtime_agents,
                left_out=settings.left_out,
                frequency=settings.finding_frequency,
                suspended=settings.suspended,
            )
        )
        stack.output("DetectorId", guard.id, "The detector, as GuardDuty's commands ask for it")
    topic = stack.add(AlertTopic("Alerts", email=settings.alert_email, events=True))
    stack.add(FindingAlerts("Findings", topic=topic, severity=settings.alert_severity))
    stack.output("AlertTopicArn", topic.arn, "Subscribe here to hear of findings")
    return stack


def _trail(settings: Settings) -> Stack:
    """The record of who did what."""
    stack = Stack(
        "trail",
        settings,
        shared=True,
        description="CloudTrail of an account: who changed what, in all Regions, in a bucket of its own that nobody "
        "deletes from. Deploy it in one Region of an account that has no trail: a second copy of management events is "
        "charged. The bucket and what is in it stay when the stack goes",
        arch="Management events of all Regions -> CloudTrail -> private, versioned bucket"
        + (" and log group" if settings.trail_search else ""),
        must=["One for an account", "The trail is called like the stack, and the bucket's policy knows it by that"],
    )
    trail = stack.add(
        Trail(
            "Account",
            days=settings.trail_days,
            lock=settings.trail_lock,
            log_days=settings.log_retention_days if settings.trail_search else None,
        )
    )
    stack.output("TrailArn", trail.arn, "The trail, as CloudTrail's commands ask for it")
    stack.output("TrailBucketName", trail.bucket.ref(), "Where the log files and their digests are")
    return stack


def _github(settings: Settings) -> Stack:
    """GitHub as an identity provider; roles of architectures know its ARN, which has no part that AWS makes up."""
    stack = Stack(
        "github",
        settings,
        description="GitHub Actions as an identity provider of this account. It fails where there is one already",
        arch="Workflows exchange a token of GitHub for short-lived credentials; there are no access keys",
        shared=True,
    )
    # IAM needs no thumbprint for an issuer whose certificate a public authority has signed (IAM User Guide, "Obtain
    # the thumbprint for an OpenID Connect identity provider").
    provider = stack.add(
        because(
            "Lets roles trust tokens of GitHub's workflows; an account can have one only.",
            iam.OIDCProvider(
                "GitHubProvider",
                Url=f"https://{delivery_policies.GITHUB_ISSUER}",
                ClientIdList=[delivery_policies.GITHUB_AUDIENCE],
            ),
        )
    )
    stack.output("GitHubProviderArn", provider.get_att("Arn"), "GitHub as an identity provider")
    return stack


def _description(settings: Settings) -> str:
    if settings.detector == "existing":
        return "Findings of the GuardDuty detector that exists in the account and Region, sent to people"
    return (
        "GuardDuty of an account in a Region, which can have one detector. Deploy it only where `aws guardduty "
        "list-detectors` names none; otherwise it fails with `a detector already exists for the current account`. Then "
        "render it with the setting detector=existing, or import the detector. In an organization the delegated "
        "administrator manages GuardDuty: leave the detector to it. The detector stays when the stack goes"
    )
