from __future__ import annotations

from troposphere import Parameter, Ref

from blueprints.components.flow_logs import FlowLogs
from blueprints.render.template import to_dict


def parts():
    vpc = Parameter("VpcId", Type="AWS::EC2::VPC::Id", Description="The VPC")
    return vpc, FlowLogs("Main", Ref("VpcId"), retention_days=14)


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in parts()[1].resources()] == [
        "MainFlowLogGroup",
        "MainFlowLogRole",
        "MainFlowLog",
    ]


def test_no_linter_finds_anything(stack_of, findings):
    assert findings(stack_of(*parts())) == []


def test_rejected_traffic_is_kept_for_the_days_asked_for(stack_of, properties_of):
    stack = stack_of(*parts())
    log = properties_of(stack, "MainFlowLog")
    assert (log["TrafficType"], log["ResourceType"], log["ResourceId"]) == ("REJECT", "VPC", {"Ref": "VpcId"})
    assert log["LogGroupName"] == {"Ref": "MainFlowLogGroup"}
    assert properties_of(stack, "MainFlowLogGroup")["RetentionInDays"] == 14


def test_its_role_is_for_flow_logs_of_this_account_and_writes_one_log_group(stack_of):
    role = to_dict(stack_of(*parts()))["Resources"]["MainFlowLogRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["vpc-flow-logs.amazonaws.com"]}
    assert set(trust["Condition"]) == {"StringEquals", "ArnLike"}
    assert statement["Resource"] == [{"Fn::GetAtt": ["MainFlowLogGroup", "Arn"]}]
