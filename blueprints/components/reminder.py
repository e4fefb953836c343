"""A message that comes again and again, for what only a person can do."""

from __future__ import annotations

from troposphere import Sub, iam, scheduler

from blueprints.access import grants, keys, topic_policies
from blueprints.components.alert_topic import AlertTopic
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# Minutes, hours, day of the month, month, day of the week, year: nine o'clock on the first day of each quarter.
QUARTERLY = "cron(0 9 1 1,4,7,10 ? *)"
CRON_FIELDS = 6
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4


class Reminder(Component):
    """Publishes one message to an encrypted topic by the clock.

    This is a schedule of EventBridge Scheduler and not a rule of EventBridge: a rule whose target names no role
    publishes as the service itself, and a topic's key can let the service in from every account or not at all (see
    ``keys.used_to_publish``). A schedule takes on a role of this account, which may publish to this topic and nothing
    else. The role names topic and key, neither of them names the role.

    Args:
        name: first part of the logical ids.
        topic: who hears it; made with ``events=True``.
        message: the text, as it is sent.
        schedule: a cron expression of EventBridge Scheduler: six fields, one of the two days a question mark.
        time_zone: the zone that the schedule is read in, as the IANA names it.

    Raises:
        SettingsError: the topic takes messages of alarms only, or EventBridge Scheduler does not take the schedule.

    """

    def __init__(
        self, name: str, *, topic: AlertTopic, message: str, schedule: str = QUARTERLY, time_zone: str = "UTC"
    ) -> None:
        if not topic.events:
            raise SettingsError(f"{name}: {topic.topic.title} takes messages of alarms only; make it with events=True")
        _check(name, schedule)
        self.role = because(
            "Lets the schedule publish to this one topic.",
            iam.Role(
                f"{name}ReminderRole",
                # A schedule group's ARN is what Scheduler states as aws:SourceArn; a schedule's own does not match
                # (EventBridge Scheduler User Guide, "Confused deputy prevention").
                AssumeRolePolicyDocument=grants.trust(
                    "scheduler",
                    source_arn=Sub(
                        "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"
                    ),
                ),
                Policies=[
                    grants.policy("Publish", topic_policies.publish(topic.arn), keys.encrypt_messages(topic.key_arn))
                ],
            ),
        )
        self.schedule = because(
            "Reminds people of what AWS cannot do for them.",
            scheduler.Schedule(
                f"{name}Reminder",
                Description=f"Publishes a reminder to {topic.topic.title}",
                ScheduleExpression=schedule,
                ScheduleExpressionTimezone=time_zone,
                FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
                Target=scheduler.Target(Arn=topic.arn, RoleArn=self.role.get_att("Arn"), Input=message),
            ),
            mutable="free-to-tune",
        )


def _check(name: str, schedule: str) -> None:
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    shaped = schedule.startswith("cron(") and schedule.endswith(")") and len(fields) == CRON_FIELDS
    if not shaped or [fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]].count("?") != 1:
        raise SettingsError(
            f"{name}: schedule is {schedule!r}; EventBridge Scheduler takes cron(minutes hours day-of-month month "
            f"day-of-week year) with ? as one of the two days, such as {QUARTERLY}"
        )
