from __future__ import annotations

import pytest

from blueprints.components.alert_topic import AlertTopic
from blueprints.components.reminder import QUARTERLY, Reminder
from blueprints.model.errors import SettingsError

pytestmark = pytest.mark.row("RC-23")

MESSAGE = "Ask OpenAI and SerpAPI for new keys, put them with put-secret, then deploy the backend."


@pytest.fixture
def topic():
    return AlertTopic("Critical", events=True)


def test_logical_ids_are_a_promise(topic):
    made = Reminder("KeyRotation", topic=topic, message=MESSAGE)
    assert [resource.title for resource in made.resources()] == ["KeyRotationReminderRole", "KeyRotationReminder"]


def test_no_linter_finds_anything(stack_of, findings, topic):
    assert findings(stack_of(topic, Reminder("KeyRotation", topic=topic, message=MESSAGE))) == []


def test_it_says_its_message_once_a_quarter(stack_of, properties_of, topic):
    stack = stack_of(topic, Reminder("KeyRotation", topic=topic, message=MESSAGE))
    schedule = properties_of(stack, "KeyRotationReminder")
    assert schedule["ScheduleExpression"] == QUARTERLY == "cron(0 9 1 1,4,7,10 ? *)"
    assert schedule["Target"] == {
        "Arn": {"Ref": "CriticalTopic"},
        "Input": MESSAGE,
        "RoleArn": {"Fn::GetAtt": ["KeyRotationReminderRole", "Arn"]},
    }


def test_its_role_publishes_to_one_topic_through_one_key(stack_of, properties_of, topic):
    stack = stack_of(topic, Reminder("KeyRotation", topic=topic, message=MESSAGE))
    role = properties_of(stack, "KeyRotationReminderRole")
    publish, encrypt = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (publish["Action"], publish["Resource"]) == (["sns:Publish"], [{"Ref": "CriticalTopic"}])
    assert encrypt["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert encrypt["Resource"] == [{"Fn::GetAtt": ["CriticalKey", "Arn"]}]


def test_only_schedules_of_this_account_take_its_role_on(stack_of, properties_of, topic):
    stack = stack_of(topic, Reminder("KeyRotation", topic=topic, message=MESSAGE))
    (trust,) = properties_of(stack, "KeyRotationReminderRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["scheduler.amazonaws.com"]}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {
            "aws:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"
            }
        },
    }


def test_a_topic_with_a_shared_key_is_published_to_through_that_key(stack_of, findings, properties_of, topic):
    second = AlertTopic("Alerts", key=topic.key, events=True)
    stack = stack_of(topic, second, Reminder("KeyRotation", topic=second, message=MESSAGE))
    _, encrypt = properties_of(stack, "KeyRotationReminderRole")["Policies"][0]["PolicyDocument"]["Statement"]
    assert encrypt["Resource"] == [{"Fn::GetAtt": ["CriticalKey", "Arn"]}]
    assert findings(stack) == []


def test_a_topic_for_alarms_only_is_refused():
    with pytest.raises(SettingsError, match="make it with events=True"):
        Reminder("KeyRotation", topic=AlertTopic("Critical"), message=MESSAGE)


@pytest.mark.parametrize(
    "schedule",
    ["0 9 1 1,4,7,10 ? *", "rate(90 days)", "cron(0 9 1 1,4,7,10 *)", "cron(0 9 1 1 * *)", "cron(0 9 ? 1 ? *)"],
)
def test_a_schedule_that_scheduler_does_not_take_is_refused(topic, schedule):
    with pytest.raises(SettingsError, match="as one of the two days, such as"):
        Reminder("KeyRotation", topic=topic, message=MESSAGE, schedule=schedule)


def test_hour_and_zone_are_chosen(stack_of, properties_of, topic):
    chosen = Reminder(
        "KeyRotation", topic=topic, message=MESSAGE, schedule="cron(30 8 ? 1,4,7,10 MON#1 *)", time_zone="Europe/Berlin"
    )
    schedule = properties_of(stack_of(topic, chosen), "KeyRotationReminder")
    assert schedule["ScheduleExpression"] == "cron(30 8 ? 1,4,7,10 MON#1 *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
