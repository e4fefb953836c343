from __future__ import annotations

import pytest
from troposphere import Ref, Template, sns

from blueprints.access import topic_policies

pytestmark = pytest.mark.row("RC-14")


@pytest.fixture
def policy():
    topic = sns.Topic("AlertsTopic")
    template = Template()
    template.add_resource(
        sns.TopicPolicy("Policy", Topics=[topic.ref()], PolicyDocument=topic_policies.alarms_publish(topic))
    )
    return template.to_dict()["Resources"]["Policy"]["Properties"]["PolicyDocument"]


def test_alarms_of_this_account_publish_and_nothing_else_is_let_in(policy):
    (publish,) = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert publish["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert publish["Action"] == ["sns:Publish"]
    assert publish["Resource"] == [{"Ref": "AlertsTopic"}]
    assert publish["Condition"]["ArnLike"] == {
        "aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"}
    }


def test_nobody_publishes_without_tls(policy):
    (refuse,) = [statement for statement in policy["Statement"] if statement["Effect"] == "Deny"]
    assert refuse["Principal"] == "*"
    assert refuse["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.row("RC-23")
def test_a_role_publishes_to_one_topic_only():
    statement = topic_policies.publish(Ref("AlertsTopic"))
    assert [action.JSONrepr() for action in statement.Action] == ["sns:Publish"]
    assert [resource.to_dict() for resource in statement.Resource] == [{"Ref": "AlertsTopic"}]
