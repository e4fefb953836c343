from __future__ import annotations

import pytest

from blueprints.components.alert_topic import AlertTopic
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("FR-14")


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in AlertTopic("Alerts", email="team@example.com").resources()] == [
        "AlertsKey",
        "AlertsTopic",
        "AlertsTopicPolicy",
        "AlertsSubscription",
    ]


@pytest.mark.parametrize("email", [None, "team@example.com"])
def test_no_linter_finds_anything(stack_of, findings, email):
    assert findings(stack_of(AlertTopic("Alerts", email=email), keep_data=bool(email))) == []


def test_messages_are_encrypted_with_a_key_that_rotates(stack_of, properties_of):
    stack = stack_of(AlertTopic("Alerts"))
    assert properties_of(stack, "AlertsTopic")["KmsMasterKeyId"] == {"Ref": "AlertsKey"}
    assert properties_of(stack, "AlertsKey")["EnableKeyRotation"] is True


def test_alarms_of_this_account_may_use_the_key_and_publish(stack_of, properties_of):
    stack = stack_of(AlertTopic("Alerts"))
    _, use = properties_of(stack, "AlertsKey")["KeyPolicy"]["Statement"]
    publish, _ = properties_of(stack, "AlertsTopicPolicy")["PolicyDocument"]["Statement"]
    for statement in (use, publish):
        assert statement["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert publish["Action"] == ["sns:Publish"]


def test_nobody_publishes_without_tls(stack_of, properties_of):
    _, refuse = properties_of(stack_of(AlertTopic("Alerts")), "AlertsTopicPolicy")["PolicyDocument"]["Statement"]
    assert refuse["Effect"] == "Deny"
    assert refuse["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_without_an_address_nobody_is_subscribed(stack_of):
    assert "AlertsSubscription" not in to_dict(stack_of(AlertTopic("Alerts")))["Resources"]
