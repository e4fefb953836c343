"""Who hears what goes wrong or becomes expensive, and where traces are found."""

from __future__ import annotations

from blueprints.catalog._part import Part
from blueprints.catalog.mealprep.data import CACHE, DATABASE
from blueprints.catalog.mealprep.parts import API, WEB
from blueprints.catalog.mealprep.platform import target_group_name
from blueprints.catalog.mealprep.settings import INSTANCE_MEMORY, MAX_CONNECTIONS, Settings
from blueprints.components.alarms import (
    dead_letter_alarm,
    error_count_alarm,
    function_errors_alarm,
    healthy_hosts_alarm,
    latency_alarm,
    unhealthy_hosts_alarm,
)
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.budget import Budget
from blueprints.components.cache import CacheNodes
from blueprints.components.database_alarms import CacheAlarms, DatabaseAlarms
from blueprints.components.tracing import Tracing
from blueprints.model.stack import Stack

# Memory that one unit of Serverless v2's capacity stands for, in GiB.
GIB_PER_ACU = 2

# What 95 of 100 answers stay below, in seconds; the document names no number.
SLOW_SECONDS = 2


def monitoring_stack(settings: Settings, data: Stack, platform: Stack, processing: Stack | None) -> Stack:
    """Alarms of every part on one topic, the month's budget on the same, and X-Ray's view of the API."""
    stack = Stack(
        "monitoring",
        settings,
        description=f"Alarms, budget and tracing of {settings.project} {settings.environment}",
        arch="CloudWatch alarms and AWS Budgets -> encrypted SNS topic -> people",
        must=["Somebody has to subscribe to the topic, and to confirm it"],
    )
    topic = stack.add(AlertTopic("Alerts", email=settings.alert_email, budgets=True, display_name="MealPrep Alerts"))
    stack.output("AlertTopicArn", topic.arn, "Subscribe here to hear of alarms and costs")
    for part in [API, WEB] if settings.web_service else [API]:
        _watch_hosts(stack, settings, platform, topic, part)
    _watch_answers(stack, platform, topic)
    _watch_data(stack, settings, data, topic)
    if processing is not None:
        _watch_processing(stack, processing, topic)
    stack.add(Budget("Monthly", amount=settings.budget, environment=settings.environment, topic=topic))
    if settings.tracing:
        stack.add(Tracing(API.name, service=settings.traced_as))
    return stack


def _watch_answers(stack: Stack, platform: Stack, topic: AlertTopic) -> None:
    balancer = stack.from_stack(platform, "LoadBalancerFullName")
    stack.add(
        [
            error_count_alarm("ApiErrorsAlarm", load_balancer=balancer, topic=topic.arn),
            latency_alarm("ApiLatencyAlarm", load_balancer=balancer, topic=topic.arn, seconds=SLOW_SECONDS, periods=3),
        ]
    )


def _watch_hosts(stack: Stack, settings: Settings, platform: Stack, topic: AlertTopic, part: Part) -> None:
    balancer = stack.from_stack(platform, "LoadBalancerFullName")
    groups = [target_group_name(stack, platform, part.name)]
    stack.add(
        [
            healthy_hosts_alarm(
                f"{part.name}HealthyHostsAlarm",
                load_balancer=balancer,
                target_groups=groups,
                topic=topic.arn,
                minutes=5,
                service=f"the service {part.known_as}",
                silent_is_bad=not settings.sleep,
            ),
            unhealthy_hosts_alarm(
                f"{part.name}UnhealthyHostsAlarm", load_balancer=balancer, target_groups=groups, topic=topic.arn
            ),
        ]
    )


def _watch_data(stack: Stack, settings: Settings, data: Stack, topic: AlertTopic) -> None:
    serverless = settings.database == "serverless"
    cluster = stack.from_stack(data, f"{DATABASE}ClusterIdentifier")
    memory = (
        settings.database_maximum_capacity * GIB_PER_ACU
        if serverless
        else INSTANCE_MEMORY[settings.database_instance_class]
    )
    stack.add(
        DatabaseAlarms(
            DATABASE,
            cluster=cluster,
            topic=topic.arn,
            max_connections=MAX_CONNECTIONS,
            memory_gib=memory,
            serverless=serverless,
        )
    )
    nodes = CacheNodes.from_stack(stack, data, CACHE, replicas=settings.cache_replicas)
    stack.add(CacheAlarms(CACHE, nodes=nodes.node_ids, topic=topic.arn))


def _watch_processing(stack: Stack, processing: Stack, topic: AlertTopic) -> None:
    queue = stack.from_stack(processing, "DeadLetterQueueName")
    function = stack.from_stack(processing, "FunctionName")
    stack.add(
        [
            dead_letter_alarm("ImagesDeadLettersAlarm", queue=queue, topic=topic.arn),
            function_errors_alarm("ImagesErrorsAlarm", function=function, topic=topic.arn),
        ]
    )
