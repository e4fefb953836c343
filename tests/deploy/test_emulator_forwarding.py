"""What a listener and a rule forward to, from the template and from the AWS CLI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.emulator_fixtures import LocalAccount

TWO_GROUPS = """
Parameters: {Share: {Type: Number, Default: 90}}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref A, !Ref B]}}
  Blue:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref Vpc, Port: 80, Protocol: HTTP, TargetType: ip}
  Green:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref Vpc, Port: 80, Protocol: HTTP, TargetType: ip}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Blue}]
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 7
      Conditions:
      - {Field: path-pattern, PathPatternConfig: {Values: [/api/*, /docs]}}
      - {Field: http-header, HttpHeaderConfig: {HttpHeaderName: X-Test, Values: [green]}}
      Actions:
      - Type: forward
        ForwardConfig:
          TargetGroups:
          - {TargetGroupArn: !Ref Blue, Weight: !Ref Share}
          - {TargetGroupArn: !Ref Green, Weight: 10}
          TargetGroupStickinessConfig: {Enabled: true, DurationSeconds: 60}
"""
DEFAULT = "DefaultActions: [{Type: forward, TargetGroupArn: !Ref Blue}]"
WEIGHTED_DEFAULT = (
    "DefaultActions: [{Type: forward, ForwardConfig: {TargetGroups: "
    "[{TargetGroupArn: !Ref Blue, Weight: 1}, {TargetGroupArn: !Ref Green, Weight: 0}]}}]"
)


@pytest.fixture
def ids(local: LocalAccount) -> dict[str, str]:
    assert local.create("web", TWO_GROUPS) == "CREATE_COMPLETE"
    return local.physical_ids("web")


def _rule(local: LocalAccount, ids: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = local.aws("elbv2", "describe-rules", "--rule-arns", ids["Rule"])["Rules"][0]
    return found


def _weights(actions: list[dict[str, Any]], ids: dict[str, str]) -> dict[str, int]:
    names = {arn: name for name, arn in ids.items()}
    groups = actions[0]["ForwardConfig"]["TargetGroups"]
    return {names[each["TargetGroupArn"]]: each["Weight"] for each in groups}


def test_a_rule_forwards_to_both_groups_with_their_weights(local: LocalAccount, ids: dict[str, str]) -> None:
    rule = _rule(local, ids)
    assert _weights(rule["Actions"], ids) == {"Blue": 90, "Green": 10}
    assert "TargetGroupArn" not in rule["Actions"][0]
    stickiness = rule["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"]
    assert stickiness == {"Enabled": True, "DurationSeconds": 60}


def test_a_rule_has_its_conditions_and_its_priority(local: LocalAccount, ids: dict[str, str]) -> None:
    rule = _rule(local, ids)
    path, header = rule["Conditions"]
    assert rule["Priority"] == "7"
    assert path["PathPatternConfig"] == {"Values": ["/api/*", "/docs"]}
    assert header["HttpHeaderConfig"] == {"HttpHeaderName": "X-Test", "Values": ["green"]}


def test_an_update_moves_the_weights_of_a_rule_and_of_a_default_action(
    local: LocalAccount, ids: dict[str, str]
) -> None:
    assert local.update("web", TWO_GROUPS.replace(DEFAULT, WEIGHTED_DEFAULT), Share="30") == "UPDATE_COMPLETE"
    assert _weights(_rule(local, ids)["Actions"], ids) == {"Blue": 30, "Green": 10}
    [listener] = local.aws("elbv2", "describe-listeners", "--listener-arns", ids["Listener"])["Listeners"]
    assert _weights(listener["DefaultActions"], ids) == {"Blue": 1, "Green": 0}


def test_the_cli_can_switch_a_rule_to_the_other_group(local: LocalAccount, ids: dict[str, str]) -> None:
    groups = [{"TargetGroupArn": ids["Blue"], "Weight": 0}, {"TargetGroupArn": ids["Green"], "Weight": 100}]
    actions = json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
    local.aws("elbv2", "modify-rule", "--rule-arn", ids["Rule"], "--actions", actions)
    assert _weights(_rule(local, ids)["Actions"], ids) == {"Blue": 0, "Green": 100}


def test_a_listener_that_names_one_group_shows_it_both_ways(local: LocalAccount, ids: dict[str, str]) -> None:
    [listener] = local.aws("elbv2", "describe-listeners", "--listener-arns", ids["Listener"])["Listeners"]
    assert listener["DefaultActions"][0]["TargetGroupArn"] == ids["Blue"]
    assert _weights(listener["DefaultActions"], ids) == {"Blue": 1}


def test_a_group_knows_the_balancer_whose_rule_forwards_to_it(local: LocalAccount, ids: dict[str, str]) -> None:
    asked = ("describe-target-groups", "--load-balancer-arn", ids["Balancer"])
    groups = local.aws("elbv2", *asked)["TargetGroups"]
    assert {each["TargetGroupArn"] for each in groups} == {ids["Blue"], ids["Green"]}


def test_a_forward_to_nothing_is_refused(local: LocalAccount) -> None:
    local.create("web", TWO_GROUPS.replace(DEFAULT, "DefaultActions: [{Type: forward}]"))
    assert local.failures("web")["Listener"] == "A forward action needs a target group"
