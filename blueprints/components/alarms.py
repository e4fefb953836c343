"""Alarms on what users of a service notice, and on what they will notice next; each says what to do."""

from __future__ import annotations

from typing import Any

from troposphere import cloudwatch

from blueprints.components.metrics import ECS, ERROR_RATE, ERROR_RATE_PARTS, LOAD_BALANCER, ServiceMetrics
from blueprints.model.component import Component
from blueprints.model.context import because

MINUTE = 60


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
        self.error_rate = self._error_rate(error_percent)
        self.latency = self._latency(latency_seconds)
        self.unhealthy_hosts = self._unhealthy_hosts()
        self.healthy_hosts = self._healthy_hosts()
        self.cpu = self._utilization(
            "Cpu", "CPUUtilization", cpu_percent, "Raise the most tasks of autoscaling, or give a task more CPU"
        )
        self.memory = self._utilization(
            "Memory",
            "MemoryUtilization",
            memory_percent,
            "Look for a leak since the last deployment, or give more memory",
        )

    def _error_rate(self, percent: float) -> cloudwatch.Alarm:
        parts = [
            self._part(key, metric, self._load_balancer, "Sum", 5 * MINUTE) for key, metric in ERROR_RATE_PARTS.items()
        ]
        return self._told(
            cloudwatch.Alarm(
                f"{self._name}ErrorRateAlarm",
                AlarmDescription=f"More than {percent:g} percent of requests failed in five minutes. "
                "Read the service's log for the first error; if it came with a deployment, roll back",
                Metrics=[_result("error_rate", ERROR_RATE, "Errors in percent"), *parts],
                ComparisonOperator="GreaterThanThreshold",
                Threshold=percent,
                EvaluationPeriods=1,
                TreatMissingData="notBreaching",  # without requests there is no rate, and nothing wrong
            )
        )

    def _latency(self, seconds: float) -> cloudwatch.Alarm:
        return self._told(
            cloudwatch.Alarm(
                f"{self._name}LatencyAlarm",
                AlarmDescription=f"Five of 100 answers took longer than {seconds:g} seconds. "
                "Compare with CPU and with what the service calls: a database, a cache, another API",
                Namespace=LOAD_BALANCER,
                MetricName="TargetResponseTime",
                Dimensions=self._load_balancer,
                ExtendedStatistic="p95",
                EvaluateLowSampleCountPercentile="ignore",  # a percentile of a handful of requests says nothing
                Period=5 * MINUTE,
                ComparisonOperator="GreaterThanThreshold",
                Threshold=seconds,
                EvaluationPeriods=3,
                DatapointsToAlarm=2,
                TreatMissingData="notBreaching",
            )
        )

    def _unhealthy_hosts(self) -> cloudwatch.Alarm:
        return self._told(
            cloudwatch.Alarm(
                f"{self._name}UnhealthyHostsAlarm",
                AlarmDescription="A task fails its health check. "
                "Look why in its log; ECS replaces it, so a lasting alarm means that new tasks fail as well",
                Metrics=self._hosts("UnHealthyHostCount", "Maximum"),
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                Threshold=1,
                EvaluationPeriods=5,
                DatapointsToAlarm=3,
                TreatMissingData="notBreaching",
            )
        )

    def _healthy_hosts(self) -> cloudwatch.Alarm:
        return self._told(
            cloudwatch.Alarm(
                f"{self._name}HealthyHostsAlarm",
                AlarmDescription="No task answers: the service is down. "
                "Look at the service's events for why tasks do not start or stay",
                Metrics=self._hosts("HealthyHostCount", "Minimum"),
                ComparisonOperator="LessThanThreshold",
                Threshold=1,
                EvaluationPeriods=5,
                DatapointsToAlarm=5,
                TreatMissingData="breaching",  # a target group without targets reports nothing, and nobody answers
            )
        )

    def _utilization(self, kind: str, metric: str, percent: float, advice: str) -> cloudwatch.Alarm:
        return self._told(
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
            )
        )

    @property
    def _load_balancer(self) -> list[cloudwatch.MetricDimension]:
        return _dimensions(LoadBalancer=self._metrics.load_balancer)

    def _hosts(self, metric: str, statistic: str) -> list[cloudwatch.MetricDataQuery]:
        """Hosts in all target groups: a blue/green deployment leaves one of two empty."""
        parts = [
            self._part(
                f"group_{number}",
                metric,
                _dimensions(LoadBalancer=self._metrics.load_balancer, TargetGroup=group),
                statistic,
                MINUTE,
            )
            for number, group in enumerate(self._metrics.target_groups, start=1)
        ]
        if len(parts) == 1:
            parts[0].ReturnData = True
            return parts
        total = " + ".join(f"FILL({part.Id}, 0)" for part in parts)
        return [_result("hosts", total, metric), *parts]

    def _part(
        self, key: str, metric: str, dimensions: list[cloudwatch.MetricDimension], statistic: str, period: int
    ) -> cloudwatch.MetricDataQuery:
        return cloudwatch.MetricDataQuery(
            Id=key,
            MetricStat=cloudwatch.MetricStat(
                Metric=cloudwatch.Metric(Namespace=LOAD_BALANCER, MetricName=metric, Dimensions=dimensions),
                Period=period,
                Stat=statistic,
            ),
            ReturnData=False,
        )

    def _told(self, alarm: cloudwatch.Alarm) -> cloudwatch.Alarm:
        """Let people hear when the alarm goes off, and when it is over."""
        alarm.AlarmActions = alarm.OKActions = [self._topic]
        return because(f"{alarm.AlarmDescription}.", alarm, mutable="free-to-tune")


def _dimensions(**values: Any) -> list[cloudwatch.MetricDimension]:
    return [cloudwatch.MetricDimension(Name=name, Value=value) for name, value in values.items()]


def _result(key: str, expression: str, label: str) -> cloudwatch.MetricDataQuery:
    return cloudwatch.MetricDataQuery(Id=key, Expression=expression, Label=label, ReturnData=True)
