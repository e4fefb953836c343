from __future__ import annotations

import pytest

from blueprints.components.alert_topic import AlertTopic
from blueprints.model.errors import SettingsError
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


@pytest.mark.row("RC-14")
def test_two_topics_share_a_key_of_the_first(stack_of, findings, properties_of):
    alerts = AlertTopic("Alerts", physical_name="recipe-chatbot-alerts-dev", email="team@example.com", events=True)
    critical = AlertTopic("Critical", key=alerts.key, physical_name="recipe-chatbot-critical-dev", events=True)
    stack = stack_of(alerts, critical)
    assert [resource.title for resource in critical.resources()] == ["CriticalTopic", "CriticalTopicPolicy"]
    assert properties_of(stack, "AlertsTopic")["TopicName"] == "recipe-chatbot-alerts-dev"
    assert properties_of(stack, "CriticalTopic")["TopicName"] == "recipe-chatbot-critical-dev"
    assert properties_of(stack, "CriticalTopic")["KmsMasterKeyId"] == {"Ref": "AlertsKey"}
    assert critical.key_arn.to_dict() == {"Fn::GetAtt": ["AlertsKey", "Arn"]}
    assert findings(stack) == []


@pytest.mark.row("RC-23")
def test_roles_of_this_account_may_use_the_key_through_sns_where_they_are_asked_for(stack_of, properties_of):
    asked = properties_of(stack_of(AlertTopic("Alerts", events=True)), "AlertsKey")["KeyPolicy"]["Statement"]
    plain = properties_of(stack_of(AlertTopic("Alerts")), "AlertsKey")["KeyPolicy"]["Statement"]
    assert [statement["Sid"] for statement in plain] == ["AccountAdministers", "AlarmsEncrypt"]
    assert asked[:2] == plain
    assert asked[2]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert asked[2]["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert asked[2]["Condition"] == {
        "StringEquals": {"kms:ViaService": {"Fn::Sub": "sns.${AWS::Region}.${AWS::URLSuffix}"}}
    }


def test_a_shared_key_that_takes_messages_of_alarms_only_is_refused():
    alerts = AlertTopic("Alerts")
    with pytest.raises(SettingsError, match="AlertsKey takes messages of alarms only; make the topic that owns it"):
        AlertTopic("Critical", key=alerts.key, events=True)


@pytest.mark.row("MP-23")
def test_budgets_of_this_account_publish_where_they_are_asked_for(stack_of, properties_of):
    stack = stack_of(AlertTopic("Alerts", budgets=True))
    use = properties_of(stack, "AlertsKey")["KeyPolicy"]["Statement"][-1]
    _, publish, refuse = properties_of(stack, "AlertsTopicPolicy")["PolicyDocument"]["Statement"]
    for statement in (use, publish):
        assert statement["Principal"] == {"Service": ["budgets.amazonaws.com"]}
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnLike": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:budgets::${AWS::AccountId}:*"}},
        }
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert refuse["Sid"] == "RefusePlainHttp"
    assert "budgets" not in str(properties_of(stack_of(AlertTopic("Alerts")), "AlertsTopicPolicy"))


@pytest.mark.row("MP-17")
def test_mails_come_from_the_name_that_is_given(stack_of, properties_of, findings):
    stack = stack_of(AlertTopic("Alerts", display_name="MealPrep Alerts", email="team@example.com", budgets=True))
    assert properties_of(stack, "AlertsTopic")["DisplayName"] == "MealPrep Alerts"
    assert "DisplayName" not in properties_of(stack_of(AlertTopic("Alerts")), "AlertsTopic")
    assert findings(stack) == []


@pytest.mark.row("MP-23")
def test_a_shared_key_that_budgets_may_not_use_is_refused():
    with pytest.raises(SettingsError, match="make the topic that owns it with budgets=True too"):
        AlertTopic("Critical", key=AlertTopic("Alerts").key, budgets=True)
