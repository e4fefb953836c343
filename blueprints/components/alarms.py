"""Alarms on what users of a service notice, and on what they will notice next; each says what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from troposphere import cloudwatch

from blueprints.components.metrics import ECS, ERROR_RATE, ERROR_RATE_PARTS, LOAD_BALANCER, ServiceMetrics
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

MINUTE = 60
DAY = 24 * 60  # minutes; CloudWatch looks back no further with periods below an hour (PutMetricAlarm)

Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]
# How CloudWatch's metric math makes one number of several (CloudWatch User Guide, "Using math expressions").
Together = Literal["MAX", "MIN", "SUM"]


class ServiceAlarms(Component):
    """Alarms of a service behind a load balancer of its own.

    Args:
        name: first part of the logical ids.
        metrics: the names that the service's metrics carry.
        topic: ARN of the topic that hears when an alarm goes off and when it is over.
        error_percent: share of answers with a status of 500 or above, over five minutes.
        latency_seconds: what 95 of 100 answers have to stay below.
        cpu_percent: CPU of the service's tasks.
        memory_percent: memory of the service's tasks; above 100 a task is killed.

    """

    def __init__(  # noqa: PLR0913 - each is a limit of its own
        self,
        name: str,
        *,
        metrics: ServiceMetrics,
        topic: Any,
        error_percent: float = 5,
        latency_seconds: float = 2,
        cpu_percent: float = 85,
        memory_percent: float = 85,
    ) -> None:
        self._name, self._metrics, self._topic = name, metrics, topic
        balancer, groups = metrics.load_balancer, metrics.target_groups
        self.error_rate = error_rate_alarm(
            f"{name}ErrorRateAlarm", load_balancer=balancer, topic=topic, percent=error_percent
        )
        self.latency = latency_alarm(
            f"{name}LatencyAlarm", load_balancer=balancer, topic=topic, seconds=latency_seconds, periods=3, datapoints=2
        )
        self.unhealthy_hosts = unhealthy_hosts_alarm(
            f"{name}UnhealthyHostsAlarm", load_balancer=balancer, target_groups=groups, topic=topic
        )
        self.healthy_hosts = healthy_hosts_alarm(
            f"{name}HealthyHostsAlarm", load_balancer=balancer, target_groups=groups, topic=topic, minutes=5
        )
        self.cpu = self._utilization(
            "Cpu", "CPUUtilization", cpu_percent, "Raise the most tasks of autoscaling, or give a task more CPU"
        )
        self.memory = self._utilization(
            "Memory",
            "MemoryUtilization",
            memory_percent,
            "Look for a leak since the last deployment, or give more memory",
        )

    def _utilization(self, kind: str, metric: str, percent: float, advice: str) -> cloudwatch.Alarm:
        return _told(
            cloudwatch.Alarm(
                f"{self._name}{kind}Alarm",
                AlarmDescription=f"{metric} was above {percent:g} percent for ten minutes. {advice}",
                Namespace=ECS,
                MetricName=metric,
                Dimensions=_dimensions(ClusterName=self._metrics.cluster, ServiceName=self._metrics.service),
                Statistic="Average",
                Period=MINUTE,
                ComparisonOperator="GreaterThanThreshold",
                Threshold=percent,
                EvaluationPeriods=10,
                DatapointsToAlarm=8,
                TreatMissingData="missing",
            ),
            self._topic,
        )


def error_rate_alarm(  # noqa: PLR0913 - each is a limit of its own
    title: str, *, load_balancer: Any, topic: Any, percent: float, minutes: int = 5, physical_name: str | None = None
) -> cloudwatch.Alarm:
    """Go off when too large a share of the requests to a load balancer fails.

    Args:
        title: the logical id.
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        percent: share of answers with a status of 500 or above.
        minutes: over how many minutes the share is taken.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: CloudWatch does not look that far back.

    """
    _check(title, minutes)
    parts = [
        _part(key, metric, _dimensions(LoadBalancer=load_balancer), "Sum", minutes * MINUTE)
        for key, metric in ERROR_RATE_PARTS.items()
    ]
    return _told(
        cloudwatch.Alarm(
            title,
            AlarmDescription=f"More than {percent:g} percent of requests failed in {_duration(minutes)}. "
            "Read the service's log for the first error; if it came with a deployment, roll back",
            Metrics=[_result("error_rate", ERROR_RATE, "Errors in percent"), *parts],
            ComparisonOperator="GreaterThanThreshold",
            Threshold=percent,
            EvaluationPeriods=1,
            TreatMissingData="notBreaching",  # without requests there is no rate, and nothing wrong
        ),
        topic,
        physical_name,
    )


def error_count_alarm(  # noqa: PLR0913 - each is a limit of its own
    title: str,
    *,
    load_balancer: Any,
    topic: Any,
    count: int = 10,
    minutes: int = 5,
    periods: int = 2,
    physical_name: str | None = None,
) -> cloudwatch.Alarm:
    """Go off when tasks behind a load balancer go on answering with errors, however many requests there are.

    Args:
        title: the logical id.
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        count: answers of tasks with a status of 500 or above, in each period.
        minutes: the length of a period.
        periods: how many periods in a row.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: CloudWatch does not look that far back.

    """
    return metric_alarm(
        title,
        description=f"Tasks answered {count} requests or more with errors, {periods} times {_duration(minutes)} in a "
        "row. Read the service's log for the first error; if it came with a deployment, roll back",
        namespace=LOAD_BALANCER,
        metric="HTTPCode_Target_5XX_Count",
        over=[{"LoadBalancer": load_balancer}],
        topic=topic,
        statistic="Sum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=count,
        minutes=minutes,
        periods=periods,
        missing="notBreaching",  # the metric is written only where there are errors
        physical_name=physical_name,
    )


def dead_letter_alarm(
    title: str, *, queue: Any, topic: Any, work: str = "A message", physical_name: str | None = None
) -> cloudwatch.Alarm:
    """Go off when a queue for what failed is not empty.

    SQS writes no metrics of a queue that nobody has used for six hours (Amazon SQS Developer Guide, "Monitoring
    queues"), so the alarm can be over without anybody having looked.

    Args:
        title: the logical id.
        queue: the queue's name (``QueueName``); its Ref is a URL.
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        work: what the description calls a message.
        physical_name: a name of its own, where a document names it.

    """
    return metric_alarm(
        title,
        description=f"{work} failed as often as it is tried and waits in the dead-letter queue. "
        "Read the log for the error, repair it, and move the messages back with start-message-move-task",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        over=[{"QueueName": queue}],
        topic=topic,
        statistic="Maximum",
        threshold=0,
        missing="notBreaching",
        physical_name=physical_name,
    )


def function_errors_alarm(  # noqa: PLR0913 - each is a limit of its own
    title: str, *, function: Any, topic: Any, count: int = 1, minutes: int = 5, physical_name: str | None = None
) -> cloudwatch.Alarm:
    """Go off when a Lambda function fails.

    Args:
        title: the logical id.
        function: the function's name.
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        count: failed invocations in *minutes*; a retry counts again.
        minutes: the length of the period.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: CloudWatch does not look that far back.

    """
    return metric_alarm(
        title,
        description=f"The function failed {'once' if count == 1 else f'{count} times'} or more in "
        f"{_duration(minutes)}. Read its log for the error",
        namespace="AWS/Lambda",
        metric="Errors",
        over=[{"FunctionName": function}],
        topic=topic,
        statistic="Sum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=count,
        minutes=minutes,
        missing="notBreaching",  # a function that is not called reports nothing
        physical_name=physical_name,
    )


def metric_alarm(  # noqa: PLR0913 - what CloudWatch asks for
    title: str,
    *,
    description: str,
    namespace: str,
    metric: str,
    over: Sequence[Mapping[str, Any]],
    topic: Any,
    threshold: float,
    statistic: str = "Average",
    comparison: Comparison = "GreaterThanThreshold",
    together: Together = "MAX",
    minutes: int = 5,
    periods: int = 1,
    missing: Literal["missing", "notBreaching", "breaching", "ignore"] = "missing",
    physical_name: str | None = None,
) -> cloudwatch.Alarm:
    """Go off when a metric that AWS writes leaves its limit, for one thing or for any of several.

    Args:
        title: the logical id.
        description: what happened, and what to do about it.
        namespace: where AWS writes the metric, such as ``AWS/RDS``.
        metric: the metric's name.
        over: the dimensions of each thing that is watched; ten at most (PutMetricAlarm, Metrics).
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        threshold: the limit, in the metric's own unit.
        statistic: what is taken of the values of a period.
        comparison: on which side of the limit something is wrong.
        together: what is taken of several things.
        minutes: the length of a period.
        periods: how many periods in a row.
        missing: what a period without values means.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: CloudWatch does not look that far back, or nothing is watched.

    """
    _check(title, minutes * periods)
    if not over:
        raise SettingsError(f"{title}: nothing is watched; give the dimensions of one thing at least")
    alarm = cloudwatch.Alarm(
        title,
        AlarmDescription=description,
        ComparisonOperator=comparison,
        Threshold=threshold,
        EvaluationPeriods=periods,
        DatapointsToAlarm=periods,
        TreatMissingData=missing,
    )
    period = minutes * MINUTE
    if len(over) == 1:
        alarm.Namespace, alarm.MetricName, alarm.Statistic, alarm.Period = namespace, metric, statistic, period
        alarm.Dimensions = _dimensions(**over[0])
    else:
        parts = _parts(namespace, metric, over, statistic, period)
        alarm.Metrics = [_result("all", f"{together}([{', '.join(str(part.Id) for part in parts)}])", metric), *parts]
    return _told(alarm, topic, physical_name)


def latency_alarm(  # noqa: PLR0913 - each is a limit of its own
    title: str,
    *,
    load_balancer: Any,
    topic: Any,
    seconds: float,
    minutes: int = 5,
    periods: int = 1,
    datapoints: int | None = None,
    few_samples: Literal["ignore", "evaluate"] = "ignore",
    physical_name: str | None = None,
) -> cloudwatch.Alarm:
    """Go off when five of 100 answers through a load balancer take too long.

    Args:
        title: the logical id.
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        seconds: what 95 of 100 answers have to stay below.
        minutes: the length of a period, over which the 95th percentile is taken.
        periods: how many periods are looked at.
        datapoints: how many of these have to be too slow; all of them when not given.
        few_samples: what to do with fewer than 200 answers in a period, of which a percentile says little: leave the
            alarm as it is, or judge by what there is.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: CloudWatch does not look that far back.

    """
    _check(title, minutes * periods)
    return _told(
        cloudwatch.Alarm(
            title,
            AlarmDescription=f"Five of 100 answers took longer than {seconds:g} seconds. "
            "Compare with CPU and with what the service calls: a database, a cache, another API",
            Namespace=LOAD_BALANCER,
            MetricName="TargetResponseTime",
            Dimensions=_dimensions(LoadBalancer=load_balancer),
            ExtendedStatistic="p95",
            EvaluateLowSampleCountPercentile=few_samples,
            Period=minutes * MINUTE,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=seconds,
            EvaluationPeriods=periods,
            DatapointsToAlarm=periods if datapoints is None else datapoints,
            TreatMissingData="notBreaching",
        ),
        topic,
        physical_name,
    )


def unhealthy_hosts_alarm(
    title: str, *, load_balancer: Any, target_groups: Sequence[Any], topic: Any
) -> cloudwatch.Alarm:
    """Go off when a task of a service fails its health check for three of five minutes.

    Args:
        title: the logical id.
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        target_groups: the full names of the service's target groups; two with blue/green deployments.
        topic: ARN of the topic that hears when the alarm goes off and when it is over.

    """
    parts = _of_groups("UnHealthyHostCount", "Maximum", load_balancer, target_groups, MINUTE)
    return _told(
        cloudwatch.Alarm(
            title,
            AlarmDescription="A task fails its health check. "
            "Look why in its log; ECS replaces it, so a lasting alarm means that new tasks fail as well",
            Metrics=_total(parts, "hosts", "UnHealthyHostCount"),
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
            EvaluationPeriods=5,
            DatapointsToAlarm=3,
            TreatMissingData="notBreaching",
        ),
        topic,
    )


def healthy_hosts_alarm(  # noqa: PLR0913 - each is a limit of its own
    title: str,
    *,
    load_balancer: Any,
    target_groups: Sequence[Any],
    topic: Any,
    minutes: int = 1,
    service: str = "the service",
    silent_is_bad: bool = True,
    physical_name: str | None = None,
) -> cloudwatch.Alarm:
    """Go off when no task of a service answers its health checks.

    Args:
        title: the logical id.
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        target_groups: the full names of the service's target groups; two with blue/green deployments.
        topic: ARN of the topic that hears when the alarm goes off and when it is over.
        minutes: for how many minutes in a row.
        service: what the description calls the service.
        silent_is_bad: whether a service without any target is down. HealthyHostCount is "reported if there are
            registered targets" (User Guide for Application Load Balancers, CloudWatch metrics), so a service that
            sleeps at night reports nothing and must not wake anybody.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: CloudWatch does not look that far back.

    """
    _check(title, minutes)
    parts = _of_groups("HealthyHostCount", "Minimum", load_balancer, target_groups, MINUTE)
    return _told(
        cloudwatch.Alarm(
            title,
            AlarmDescription=f"No task answers: {service} is down. "
            f"Look at {service}'s events for why tasks do not start or stay",
            Metrics=_total(parts, "hosts", "HealthyHostCount"),
            ComparisonOperator="LessThanThreshold",
            Threshold=1,
            EvaluationPeriods=minutes,
            DatapointsToAlarm=minutes,
            # A target group without targets reports nothing, and nobody answers.
            TreatMissingData="breaching" if silent_is_bad else "notBreaching",
        ),
        topic,
        physical_name,
    )


def deployment_alarm(  # noqa: PLR0913 - each is a limit of its own
    title: str,
    *,
    load_balancer: Any,
    target_groups: Sequence[Any],
    count: int = 5,
    minutes: int = 1,
    physical_name: str | None = None,
) -> cloudwatch.Alarm:
    """Let ECS roll a deployment back when tasks answer with errors; nobody is told, ECS asks for the state.

    ECS does not watch an alarm in a deployment that starts while it is in ALARM (Amazon ECS Developer Guide, "How
    CloudWatch alarms detect Amazon ECS deployment failures"), so it has to be over within minutes: short periods.

    Args:
        title: the logical id; its Ref is the name that the service's deployment configuration takes.
        load_balancer: the load balancer's full name (``LoadBalancerFullName``).
        target_groups: the full names of the service's target groups; two with blue/green deployments.
        count: answers with a status of 500 or above in one minute, over all of these groups.
        minutes: for how many minutes in a row.
        physical_name: a name of its own.

    Raises:
        SettingsError: CloudWatch does not look that far back.

    """
    _check(title, minutes)
    metric = "HTTPCode_Target_5XX_Count"
    parts = _of_groups(metric, "Sum", load_balancer, target_groups, MINUTE)
    return _described(
        cloudwatch.Alarm(
            title,
            AlarmDescription=f"Tasks answered {count} requests a minute with errors. ECS rolls a deployment back",
            Metrics=_total(parts, "errors", metric),
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=count,
            # Counts come late now and then, so older minutes are looked at as well.
            EvaluationPeriods=minutes + 2,
            DatapointsToAlarm=minutes,
            TreatMissingData="notBreaching",  # the metric is written only where there are errors
        ),
        physical_name,
    )


def _of_groups(
    metric: str, statistic: str, load_balancer: Any, target_groups: Sequence[Any], period: int
) -> list[cloudwatch.MetricDataQuery]:
    """The metric of each target group: a blue/green deployment leaves one of two empty."""
    return [
        _part(
            f"group_{number}",
            metric,
            _dimensions(LoadBalancer=load_balancer, TargetGroup=group),
            statistic,
            period,
        )
        for number, group in enumerate(target_groups, start=1)
    ]


def _parts(
    namespace: str, metric: str, over: Sequence[Mapping[str, Any]], statistic: str, period: int
) -> list[cloudwatch.MetricDataQuery]:
    return [
        _part(f"part_{number}", metric, _dimensions(**one), statistic, period, namespace=namespace)
        for number, one in enumerate(over, start=1)
    ]


def _total(parts: list[cloudwatch.MetricDataQuery], key: str, label: str) -> list[cloudwatch.MetricDataQuery]:
    if len(parts) == 1:
        parts[0].ReturnData = True
        return parts
    # SUM over a list adds up what there is; + has no result as soon as one side is missing, and FILL would make a
    # metric that comes late count as zero until it is there (CloudWatch User Guide, FILL).
    return [_result(key, f"SUM([{', '.join(str(part.Id) for part in parts)}])", label), *parts]


def _part(  # noqa: PLR0913 - what a metric is known by
    key: str,
    metric: str,
    dimensions: list[cloudwatch.MetricDimension],
    statistic: str,
    period: int,
    *,
    namespace: str = LOAD_BALANCER,
) -> cloudwatch.MetricDataQuery:
    return cloudwatch.MetricDataQuery(
        Id=key,
        MetricStat=cloudwatch.MetricStat(
            Metric=cloudwatch.Metric(Namespace=namespace, MetricName=metric, Dimensions=dimensions),
            Period=period,
            Stat=statistic,
        ),
        ReturnData=False,
    )


def _told(alarm: cloudwatch.Alarm, topic: Any, physical_name: str | None = None) -> cloudwatch.Alarm:
    """Let people hear when the alarm goes off, and when it is over."""
    alarm.AlarmActions = alarm.OKActions = [topic]
    return _described(alarm, physical_name)


def _described(alarm: cloudwatch.Alarm, physical_name: str | None) -> cloudwatch.Alarm:
    if physical_name is not None:
        alarm.AlarmName = physical_name
    return because(f"{alarm.AlarmDescription}.", alarm, mutable="free-to-tune")


def _dimensions(**values: Any) -> list[cloudwatch.MetricDimension]:
    return [cloudwatch.MetricDimension(Name=name, Value=value) for name, value in values.items()]


def _result(key: str, expression: str, label: str) -> cloudwatch.MetricDataQuery:
    return cloudwatch.MetricDataQuery(Id=key, Expression=expression, Label=label, ReturnData=True)


def _duration(minutes: int) -> str:
    return {1: "a minute", 5: "five minutes"}.get(minutes, f"{minutes} minutes")


def _check(title: str, minutes: int) -> None:
    if not 1 <= minutes <= DAY:
        raise SettingsError(f"{title}: it looks back {minutes} minutes; CloudWatch takes 1 to {DAY}, a day")
