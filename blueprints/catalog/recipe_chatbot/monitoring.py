"""The document's alarms, who hears them, and what else people have to be told."""

from __future__ import annotations

from blueprints.catalog.recipe_chatbot.parts import BACKEND, FRONTEND
from blueprints.catalog.recipe_chatbot.platform import target_group_names
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.components.alarms import error_rate_alarm, healthy_hosts_alarm, latency_alarm
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.health_check import PublicHealthCheck
from blueprints.components.reminder import Reminder
from blueprints.model.stack import Stack

# The document's limit.
ERROR_PERCENT = 5

REMINDER = (
    "Rotate the API keys of the Recipe Chatbot: make new ones at OpenAI and SERP, put them with blueprints put-secret, "
    "then take the old ones back"
)


def monitoring_stack(settings: Settings, platform: Stack) -> Stack | None:
    """Two topics: one for what somebody should look at, one for what is down."""
    if not (settings.alarms or settings.health_check or settings.key_rotation == "reminder"):
        return None
    stack = Stack(
        "monitoring",
        settings,
        description=f"Alarms of {settings.project} {settings.environment}",
        arch="CloudWatch alarms -> encrypted SNS topics alerts and critical -> people",
        must=["Somebody has to subscribe to both topics, and to confirm it"],
    )
    reminds = settings.key_rotation == "reminder"
    critical = stack.add(
        AlertTopic("Critical", email=settings.critical_email, physical_name=settings.name("critical"), events=reminds)
    )
    stack.output("CriticalTopicArn", critical.arn, "Subscribe here to hear what is down")
    if settings.alarms:
        _alarms(stack, settings, platform, critical)
    if settings.health_check:
        name = stack.from_stack(platform, "DomainName")
        check = stack.add(PublicHealthCheck("Public", domain_name=name, path=BACKEND.health_path))
        stack.output("HealthCheckId", check.id, "Route 53's view of the public name")
        alarm = check.alarm(critical.arn, region=stack.region)
        if alarm is not None:
            stack.add(alarm)
    if reminds:
        stack.add(Reminder("KeyRotation", topic=critical, message=REMINDER))
    return stack


def _alarms(stack: Stack, settings: Settings, platform: Stack, critical: AlertTopic) -> None:
    alerts = stack.add(
        AlertTopic("Alerts", email=settings.alert_email, key=critical.key, physical_name=settings.name("alerts"))
    )
    stack.output("AlertTopicArn", alerts.arn, "Subscribe here to hear what needs a look")
    balancer = stack.from_stack(platform, "LoadBalancerFullName")
    stack.add(error_rate_alarm("HighErrorRateAlarm", load_balancer=balancer, topic=alerts.arn, percent=ERROR_PERCENT))
    stack.add(
        latency_alarm(
            "HighResponseTimeAlarm",
            load_balancer=balancer,
            topic=alerts.arn,
            seconds=settings.slow_seconds,
            few_samples="evaluate",
        )
    )
    for part in (BACKEND, FRONTEND):
        alarm = healthy_hosts_alarm(
            f"{part.name}LowHealthyHostsAlarm",
            load_balancer=balancer,
            target_groups=target_group_names(stack, platform, part),
            topic=critical.arn,
            service=f"the {part.known_as}",
            # The last tasks of an evening take a moment to go, and nobody has to get up for it.
            minutes=5 if settings.sleep else 1,
            silent_is_bad=not settings.sleep,
        )
        stack.add(alarm)
