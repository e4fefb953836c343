from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.log_delivery import AccessLogDelivery
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("RC-10")

GROUP = "/aws/ecs/recipe-chatbot-dev/access"


@pytest.fixture
def load_balancer():
    return Parameter("LoadBalancerArn", Type="String", Description="ARN of the load balancer")


@pytest.fixture
def delivery():
    return AccessLogDelivery("AccessLog", load_balancer=Ref("LoadBalancerArn"), log_group_name=GROUP, retention_days=90)


def test_logical_ids_are_a_promise(delivery):
    assert [resource.title for resource in delivery.resources()] == [
        "AccessLogLogGroup",
        "AccessLogDeliverySource",
        "AccessLogDeliveryDestination",
        "AccessLogDelivery",
    ]


@pytest.mark.parametrize("name", [None, GROUP])
@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, load_balancer, name, keep):
    delivery = AccessLogDelivery("AccessLog", load_balancer=load_balancer.ref(), log_group_name=name, retention_days=90)
    assert findings(stack_of(load_balancer, delivery, keep_data=keep)) == []


def test_access_logs_go_from_the_load_balancer_to_the_log_group_as_json(stack_of, delivery):
    made = {title: resource["Properties"] for title, resource in to_dict(stack_of(delivery))["Resources"].items()}
    source, destination = made["AccessLogDeliverySource"], made["AccessLogDeliveryDestination"]
    assert (source["LogType"], source["ResourceArn"]) == ("ALB_ACCESS_LOGS", {"Ref": "LoadBalancerArn"})
    assert (destination["DeliveryDestinationType"], destination["OutputFormat"]) == ("CWL", "json")
    assert destination["DestinationResourceArn"] == {"Fn::GetAtt": ["AccessLogLogGroup", "Arn"]}
    assert made["AccessLogDelivery"]["DeliverySourceName"] == {"Ref": "AccessLogDeliverySource"}
    assert made["AccessLogDelivery"]["DeliveryDestinationArn"] == {
        "Fn::GetAtt": ["AccessLogDeliveryDestination", "Arn"]
    }
    assert (made["AccessLogLogGroup"]["LogGroupName"], made["AccessLogLogGroup"]["RetentionInDays"]) == (GROUP, 90)


def test_only_deliveries_of_this_account_write_to_the_log_group(stack_of, properties_of, delivery):
    policy = properties_of(stack_of(delivery), "AccessLogLogGroup")["ResourcePolicyDocument"]
    (write,) = policy["Statement"]
    account = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:"
    assert write["Principal"] == {"Service": ["delivery.logs.amazonaws.com"]}
    assert write["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert write["Resource"] == [{"Fn::Sub": f"{account}log-group:{GROUP}:log-stream:*"}]
    assert write["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": {"Fn::Sub": f"{account}*"}},
    }


def test_without_a_documented_name_group_and_policy_are_named_after_the_stack(stack_of, properties_of):
    unnamed = AccessLogDelivery("AccessLog", load_balancer=Ref("Arn"), log_group_name=None, retention_days=30)
    group = properties_of(stack_of(unnamed), "AccessLogLogGroup")
    assert group["LogGroupName"] == {"Fn::Sub": "${AWS::StackName}-AccessLog"}
    (resource,) = group["ResourcePolicyDocument"]["Statement"][0]["Resource"]
    assert resource["Fn::Sub"].endswith(":log-group:${AWS::StackName}-AccessLog:log-stream:*")


def test_source_and_destination_are_named_after_the_stack_s_own_id(stack_of, properties_of, delivery):
    stack = stack_of(delivery)
    own_id = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    for title in ("AccessLogDeliverySource", "AccessLogDeliveryDestination"):
        assert properties_of(stack, title)["Name"] == {"Fn::Sub": ["AccessLog-${Id}", {"Id": own_id}]}


def test_a_name_that_leaves_no_room_for_the_stack_s_id_is_refused():
    with pytest.raises(SettingsError, match="take 23 characters"):
        AccessLogDelivery("A" * 24, load_balancer=Ref("Arn"), log_group_name=None, retention_days=30)
