from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.web_acl import COMMON_RULES, WebAcl
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = [pytest.mark.row("FR-14"), pytest.mark.row("RC-20")]

BALANCER = Ref("LoadBalancerArn")


@pytest.fixture
def load_balancer():
    return Parameter("LoadBalancerArn", Type="String", Description="ARN of the load balancer")


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in WebAcl("Public", association=BALANCER).resources()] == [
        "PublicWebAcl",
        "PublicWebAclAssociation",
    ]
    logged = WebAcl("Public", association=BALANCER, log_retention_days=30)
    assert [resource.title for resource in logged.resources()][2:] == ["PublicWebAclLogGroup", "PublicWebAclLogging"]


@pytest.mark.parametrize("days", [None, 30])
def test_no_linter_finds_anything(stack_of, findings, load_balancer, days):
    web_acl = WebAcl("Public", association=BALANCER, count=["SizeRestrictions_BODY"], log_retention_days=days)
    assert findings(stack_of(load_balancer, web_acl)) == []


def test_it_turns_away_what_amazon_knows_and_floods(stack_of, properties_of):
    rules = properties_of(stack_of(WebAcl("Public", association=BALANCER, rate_limit=500)), "PublicWebAcl")["Rules"]
    assert [rule["Name"] for rule in rules] == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "RateLimit",
    ]
    assert [rule["Priority"] for rule in rules] == [0, 1, 2, 3]
    assert all(rule["OverrideAction"] == {"None": {}} for rule in rules[:3])
    assert rules[3]["Action"] == {"Block": {}}
    assert rules[3]["Statement"]["RateBasedStatement"] == {"Limit": 500, "AggregateKeyType": "IP"}


def test_every_rule_can_be_seen(stack_of, properties_of):
    properties = properties_of(stack_of(WebAcl("Public", association=BALANCER)), "PublicWebAcl")
    visible = [properties["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in properties["Rules"])]
    assert all(config["CloudWatchMetricsEnabled"] and config["SampledRequestsEnabled"] for config in visible)
    assert len({config["MetricName"] for config in visible}) == 5


def test_a_rule_that_the_application_trips_over_only_counts(stack_of, properties_of):
    web_acl = WebAcl("Public", association=BALANCER, count=["SizeRestrictions_BODY"])
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]
        for rule in properties_of(stack_of(web_acl), "PublicWebAcl")["Rules"][:3]
    ]
    overridden = {group["Name"]: group["RuleActionOverrides"] for group in groups if "RuleActionOverrides" in group}
    assert overridden == {
        "AWSManagedRulesCommonRuleSet": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    }


def test_a_rule_that_amazon_does_not_have_is_refused():
    with pytest.raises(SettingsError, match="there are SizeRestrictions_BODY"):
        WebAcl("Public", association=BALANCER, count=["SizeRestriction_BODY"])
    assert len(COMMON_RULES) == 22


def test_a_rate_that_waf_does_not_take_is_refused():
    with pytest.raises(SettingsError, match="10 to 2000000000"):
        WebAcl("Public", association=BALANCER, rate_limit=9)


def test_its_log_shows_no_credentials(stack_of):
    web_acl = WebAcl("Public", association=BALANCER, log_retention_days=90)
    resources = to_dict(stack_of(web_acl))["Resources"]
    group = resources["PublicWebAclLogGroup"]["Properties"]
    assert group["LogGroupName"] == {"Fn::Sub": "aws-waf-logs-${AWS::StackName}-public"}
    assert group["RetentionInDays"] == 90
    logging = resources["PublicWebAclLogging"]["Properties"]
    assert [field["SingleHeader"]["Name"] for field in logging["RedactedFields"]] == ["authorization", "cookie"]


# CloudFront


@pytest.mark.row("MP-09")
def test_one_for_cloudfront_is_named_by_the_distribution_and_not_associated(stack_of, findings, properties_of):
    web_acl = WebAcl("Edge", scope="CLOUDFRONT", log_retention_days=30)
    stack = stack_of(web_acl, region="us-east-1")
    assert [resource.title for resource in web_acl.resources()] == [
        "EdgeWebAcl",
        "EdgeWebAclLogGroup",
        "EdgeWebAclLogging",
    ]
    assert properties_of(stack, "EdgeWebAcl")["Scope"] == "CLOUDFRONT"
    assert web_acl.arn.to_dict() == {"Fn::GetAtt": ["EdgeWebAcl", "Arn"]}
    assert findings(stack) == []


@pytest.mark.row("MP-09")
def test_scope_and_association_go_together():
    assert WebAcl("Public", association=BALANCER).web_acl.Scope == "REGIONAL"
    with pytest.raises(SettingsError, match="leave association out"):
        WebAcl("Edge", scope="CLOUDFRONT", association=BALANCER)
    with pytest.raises(SettingsError, match='scope="CLOUDFRONT" for a distribution'):
        WebAcl("Public")
