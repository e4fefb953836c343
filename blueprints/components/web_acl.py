"""A web application firewall before a load balancer or CloudFront: AWS's rules, and a limit on requests per address."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any, Literal

from troposphere import Sub, logs, wafv2

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

COMMON = "AWSManagedRulesCommonRuleSet"
MANAGED = {
    "AWSManagedRulesAmazonIpReputationList": "Addresses that Amazon knows for attacks",
    COMMON: "What web applications are attacked with in general",
    "AWSManagedRulesKnownBadInputsRuleSet": "Requests that exploit known holes",
}

# A group of rules takes an OverrideAction where a rule of ours has an Action.
AS_THE_GROUP_SAYS: dict[str, Any] = {"None": {}}

# Overriding a rule that the group does not have is refused by AWS WAF, so the names stand here (AWS WAF Developer
# Guide, "Baseline rule groups", core rule set). The BODY rules are those that uploads and long texts run into.
COMMON_RULES = frozenset(
    {
        "CrossSiteScripting_BODY",
        "CrossSiteScripting_COOKIE",
        "CrossSiteScripting_QUERYARGUMENTS",
        "CrossSiteScripting_URIPATH",
        "EC2MetaDataSSRF_BODY",
        "EC2MetaDataSSRF_COOKIE",
        "EC2MetaDataSSRF_QUERYARGUMENTS",
        "EC2MetaDataSSRF_URIPATH",
        "GenericLFI_BODY",
        "GenericLFI_QUERYARGUMENTS",
        "GenericLFI_URIPATH",
        "GenericRFI_BODY",
        "GenericRFI_QUERYARGUMENTS",
        "GenericRFI_URIPATH",
        "NoUserAgent_HEADER",
        "RestrictedExtensions_QUERYARGUMENTS",
        "RestrictedExtensions_URIPATH",
        "SizeRestrictions_BODY",
        "SizeRestrictions_Cookie_HEADER",
        "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_URIPATH",
        "UserAgent_BadBots_HEADER",
    }
)

# AWS WAF counts a rate over five minutes by default and takes limits from 10 to 2,000,000,000.
LOWEST_RATE, HIGHEST_RATE = 10, 2_000_000_000


Scope = Literal["REGIONAL", "CLOUDFRONT"]


class WebAcl(Component):
    """A web ACL: a regional one on a load balancer, or one that a CloudFront distribution names.

    AWS WAF takes scope CLOUDFRONT in us-east-1 only, so its stack stands there, wherever the distribution's does; the
    distribution names the ARN (WebACLId), because an association is refused for it.

    Args:
        name: first part of the logical ids.
        scope: CLOUDFRONT for distributions, else REGIONAL.
        association: ARN of the load balancer that a regional one stands in front of.
        rate_limit: requests that one address may send in five minutes before it is blocked.
        count: rules of the core rule set that only count what they match, because the application sends such things.
        log_retention_days: days to keep what was inspected, or None for no log (charged by volume).

    Raises:
        SettingsError: a rate or a rule that AWS WAF does not know, or scope and association do not go together.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        scope: Scope = "REGIONAL",
        association: Any | None = None,
        rate_limit: int = 2000,
        count: Collection[str] = (),
        log_retention_days: int | None = None,
    ) -> None:
        _check(name, rate_limit, count)
        _check_place(name, scope, association)
        self._name = name
        rules = [self._managed(priority, group, sorted(count)) for priority, group in enumerate(MANAGED)]
        self.web_acl = because(
            "Turns away known attacks and floods before they reach a task.",
            wafv2.WebACL(
                f"{name}WebAcl",
                Scope=scope,
                DefaultAction=wafv2.DefaultAction(Allow=wafv2.AllowAction()),
                Rules=[*rules, self._rate_limit(len(rules), rate_limit)],
                VisibilityConfig=self._visible("WebAcl"),
            ),
            mutable="free-to-tune",
        )
        self.association = None if association is None else self._before(association)
        self.log_group = None if log_retention_days is None else self._log_group(log_retention_days)
        self.logging = None if self.log_group is None else self._logging(self.log_group)

    @property
    def arn(self) -> Any:
        """The ARN of the web ACL."""
        return self.web_acl.get_att("Arn")

    def _before(self, load_balancer: Any) -> wafv2.WebACLAssociation:
        return because(
            "Puts the rules in front of the load balancer.",
            wafv2.WebACLAssociation(
                f"{self._name}WebAclAssociation", ResourceArn=load_balancer, WebACLArn=self.web_acl.get_att("Arn")
            ),
        )

    def _managed(self, priority: int, group: str, count: list[str]) -> wafv2.WebACLRule:
        counted = [
            wafv2.RuleActionOverride(Name=rule, ActionToUse=wafv2.RuleAction(Count=wafv2.CountAction()))
            for rule in count
            if group == COMMON
        ]
        statement = wafv2.ManagedRuleGroupStatement(VendorName="AWS", Name=group)
        if counted:
            statement.RuleActionOverrides = counted
        return wafv2.WebACLRule(
            Name=group,
            Priority=priority,
            Statement=wafv2.Statement(ManagedRuleGroupStatement=statement),
            OverrideAction=wafv2.OverrideAction(**AS_THE_GROUP_SAYS),
            VisibilityConfig=self._visible(group),
        )

    def _rate_limit(self, priority: int, limit: int) -> wafv2.WebACLRule:
        return wafv2.WebACLRule(
            Name="RateLimit",
            Priority=priority,
            Statement=wafv2.Statement(RateBasedStatement=wafv2.RateBasedStatement(Limit=limit, AggregateKeyType="IP")),
            Action=wafv2.RuleAction(Block=wafv2.BlockAction()),
            VisibilityConfig=self._visible("RateLimit"),
        )

    def _visible(self, metric: str) -> wafv2.VisibilityConfig:
        return wafv2.VisibilityConfig(
            CloudWatchMetricsEnabled=True, SampledRequestsEnabled=True, MetricName=f"{self._name}-{metric}"
        )

    def _log_group(self, retention_days: int) -> logs.LogGroup:
        return because(
            "Shows which rule turned a request away, and which requests come close.",
            logs.LogGroup(
                f"{self._name}WebAclLogGroup",
                # AWS WAF writes only to log groups whose name starts with aws-waf-logs-.
                LogGroupName=Sub(f"aws-waf-logs-${{AWS::StackName}}-{self._name.lower()}"),
                RetentionInDays=retention_days,
            ),
        )

    def _logging(self, log_group: logs.LogGroup) -> wafv2.LoggingConfiguration:
        return because(
            "Writes what was inspected to the log group, without what would let a reader take over a session.",
            wafv2.LoggingConfiguration(
                f"{self._name}WebAclLogging",
                ResourceArn=self.web_acl.get_att("Arn"),
                LogDestinationConfigs=[log_group.get_att("Arn")],
                RedactedFields=[
                    wafv2.LoggingConfigurationFieldToMatch(SingleHeader=wafv2.SingleHeader(Name=header))
                    for header in ("authorization", "cookie")
                ],
            ),
            must=["Authorization and cookie headers stay redacted"],
        )


def _check(name: str, rate_limit: int, count: Collection[str]) -> None:
    if not LOWEST_RATE <= rate_limit <= HIGHEST_RATE:
        raise SettingsError(
            f"{name}: rate_limit is {rate_limit}; AWS WAF takes {LOWEST_RATE} to {HIGHEST_RATE} in five minutes"
        )
    for rule in sorted(set(count) - COMMON_RULES):
        close = difflib.get_close_matches(rule, COMMON_RULES, n=3) or sorted(COMMON_RULES)
        raise SettingsError(f"{name}: {COMMON} has no rule {rule!r} to count; there are {', '.join(close)}")


def _check_place(name: str, scope: Scope, association: Any | None) -> None:
    if scope == "CLOUDFRONT" and association is not None:
        raise SettingsError(
            f"{name}: AWS WAF associates no web ACL of scope CLOUDFRONT; leave association out and give the ARN to the "
            "distribution"
        )
    if scope == "REGIONAL" and association is None:
        raise SettingsError(
            f"{name}: a regional web ACL protects nothing by itself; give the load balancer's ARN as association, or "
            'scope="CLOUDFRONT" for a distribution'
        )
