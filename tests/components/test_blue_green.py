from __future__ import annotations

import pytest

from blueprints.components.blue_green import BlueGreen
from blueprints.components.network import Network
from blueprints.components.target_group import HealthCheck, TargetGroup
from tests.support.service import front, service

pytestmark = pytest.mark.row("FR-14")


@pytest.fixture
def made(stack_of):
    return service(stack_of(), green=True)


def test_logical_ids_are_a_promise(made):
    titles = list(made.stack.resources)
    assert {"ApiProductionRule", "ApiDeploymentRole", "ApiGreenTargetGroup"} <= set(titles)


def test_ecs_moves_traffic_and_keeps_the_old_tasks_for_a_while(made):
    deployment = made.properties("ApiService")["DeploymentConfiguration"]
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", 10)


def test_a_circuit_breaker_turns_back_tasks_that_never_start(made):
    breaker = made.properties("ApiService")["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
    assert breaker == {"Enable": True, "Rollback": True}


def test_the_service_knows_both_target_groups_the_rule_and_the_role(made):
    (balancer,) = made.properties("ApiService")["LoadBalancers"]
    assert balancer["TargetGroupArn"] == {"Ref": "ApiTargetGroup"}
    assert balancer["AdvancedConfiguration"] == {
        "AlternateTargetGroupArn": {"Ref": "ApiGreenTargetGroup"},
        "ProductionListenerRule": {"Ref": "ApiProductionRule"},
        "RoleArn": {"Fn::GetAtt": ["ApiDeploymentRole", "Arn"]},
    }


def test_the_rule_takes_every_request_and_starts_with_all_traffic_on_blue(made):
    rule = made.properties("ApiProductionRule")
    assert rule["ListenerArn"] == {"Ref": "PublicHttpListener"}
    assert rule["Priority"] == 50000
    assert rule["Conditions"] == [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}]
    assert rule["Actions"][0]["ForwardConfig"]["TargetGroups"] == [
        {"TargetGroupArn": {"Ref": "ApiTargetGroup"}, "Weight": 100},
        {"TargetGroupArn": {"Ref": "ApiGreenTargetGroup"}, "Weight": 0},
    ]


def test_others_can_watch_the_target_group_that_the_next_deployment_fills(stack_of):
    stack = stack_of()
    network = Network.existing(stack, egress="public")
    blue, balancer = front(stack, network)
    green = TargetGroup("Next", network=network, port=8000, health_check=HealthCheck())
    assert BlueGreen("Api", listener=balancer.listener, blue=blue, green=green).green is green


@pytest.mark.row("XX-13")
def test_its_role_is_for_ecs_with_the_policy_that_aws_keeps(made):
    role = made.properties("ApiDeploymentRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["ecs.amazonaws.com"]}
    assert role["ManagedPolicyArns"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"}
    ]


def test_the_rule_says_that_its_text_must_never_change(made):
    context = made.resource("ApiProductionRule")["Metadata"]["com.aws.cloudformation.Context"]
    assert context["mutable"] == "must-never-change"
