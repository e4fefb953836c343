from __future__ import annotations

import pytest
from troposphere import Parameter

from blueprints.components.alarms import deployment_alarm
from blueprints.components.blue_green import BlueGreen, TrafficShift
from blueprints.components.listener_rule import Requests
from blueprints.components.network import Network
from blueprints.components.rollout import Hook, Rollout
from blueprints.components.target_group import HealthCheck, TargetGroup
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict
from tests.support.service import front, service

pytestmark = pytest.mark.row("RC-18")

SHIFT = TrafficShift(green="green-arn", production_rule="rule-arn", role="role-arn", test_rule="test-rule-arn")
ALARM = deployment_alarm("ApiDeploymentAlarm", load_balancer="app/x/1", target_groups=["targetgroup/y/2"])


@pytest.fixture
def rolled_out(stack_of):
    """The service of a stack whose deployments go like this."""

    def make(rollout, *parts):
        made = service(stack_of(*parts), tasks=None, rollout=rollout)
        return made.properties("ApiService")

    return make


def test_rolling_doubles_the_tasks_and_turns_back_by_itself_or_by_alarm(rolled_out):
    deployment = rolled_out(Rollout(alarms=[ALARM]), ALARM)["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["Alarms"] == {"AlarmNames": [{"Ref": "ApiDeploymentAlarm"}], "Enable": True, "Rollback": True}


def test_blue_green_bakes_and_turns_back_by_alarm_and_by_circuit_breaker(rolled_out):
    properties = rolled_out(Rollout(SHIFT, alarms=[ALARM], bake_minutes=30), ALARM)
    deployment = properties["DeploymentConfiguration"]
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", 30)
    assert deployment["Alarms"]["Rollback"] is True
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert properties["LoadBalancers"][0]["AdvancedConfiguration"] == {
        "AlternateTargetGroupArn": "green-arn",
        "ProductionListenerRule": "rule-arn",
        "TestListenerRule": "test-rule-arn",
        "RoleArn": "role-arn",
    }


def test_a_hook_is_asked_at_its_stages_in_a_role_that_may_invoke_only_it(stack_of):
    parameter = Parameter("HookArn", Type="String", Description="The hook")
    hook = Hook("Api", function_arn=parameter.ref(), stages=["POST_TEST_TRAFFIC_SHIFT"])
    made = service(stack_of(parameter, hook), tasks=None, rollout=Rollout(SHIFT, hooks=[hook]))
    assert made.properties("ApiService")["DeploymentConfiguration"]["LifecycleHooks"] == [
        {
            "HookTargetArn": {"Ref": "HookArn"},
            "LifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            "RoleArn": {"Fn::GetAtt": ["ApiHookRole", "Arn"]},
        }
    ]
    (statement,) = made.statements("ApiHookRole").values()
    assert statement["Action"] == ["lambda:InvokeFunction"]
    assert {"Ref": "HookArn"} in statement["Resource"]


def test_rules_of_another_stack_are_read_from_its_outputs(stack_of):
    producer = stack_of()
    network = Network.existing(producer, egress="public")
    blue, balancer = front(producer, network)
    green = producer.add(TargetGroup("Green", network=network, port=8000, health_check=HealthCheck()))
    tests = Requests(10, header=("X-Deployment", "green"))
    made = producer.add(BlueGreen("Api", listener=balancer.listener, blue=blue, green=green, tests=tests))
    made.publish(producer)
    consumer = Stack("other", Settings(project="sample"), description="Reads", arch="Reads")
    shift = TrafficShift.from_stack(consumer, producer, "Api")
    read = [value.to_dict()["Fn::GetStackOutput"]["OutputName"] for value in vars(shift).values()]
    assert read == ["ApiGreenTargetGroupArn", "ApiProductionRuleArn", "ApiDeploymentRoleArn", "ApiTestRuleArn"]
    assert set(read) <= set(producer.outputs)
    outputs = to_dict(producer)["Outputs"]
    assert outputs["ApiTestRuleArn"]["Value"] == {"Ref": "ApiTestRule"}
    assert [rule.title for rule in made.rules] == ["ApiProductionRule", "ApiTestRule"]


def test_without_test_traffic_there_is_no_test_rule_to_read(stack_of):
    producer = stack_of()
    network = Network.existing(producer, egress="public")
    blue, balancer = front(producer, network)
    green = producer.add(TargetGroup("Green", network=network, port=8000, health_check=HealthCheck()))
    producer.add(BlueGreen("Api", listener=balancer.listener, blue=blue, green=green)).publish(producer)
    consumer = Stack("other", Settings(project="sample"), description="Reads", arch="Reads")
    assert TrafficShift.from_stack(consumer, producer, "Api").test_rule is None


def test_no_linter_finds_anything(stack_of, findings):
    hook_arn = Parameter("HookArn", Type="String", Description="The hook")
    stack = stack_of(hook_arn, ALARM)
    hook = stack.add(Hook("Api", function_arn=hook_arn.ref(), stages=["POST_TEST_TRAFFIC_SHIFT"]))
    made = service(stack, tasks=None, green=True)
    made.fargate.service.DeploymentConfiguration = Rollout(SHIFT, alarms=[ALARM], hooks=[hook]).configuration()
    assert findings(stack) == []
