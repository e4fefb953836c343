"""Alarms of an Elastic Beanstalk environment, on the metrics that its health reporting publishes."""

from __future__ import annotations

from typing import Any

from troposphere import cloudwatch

from blueprints.components.alarms import MINUTE, metric_alarm
from blueprints.model.component import Component
from blueprints.model.context import because

NAMESPACE = "AWS/ElasticBeanstalk"

# EnvironmentHealth: 0 ok, 1 info, 5 unknown, 10 no data, 15 warning, 20 degraded, 25 severe (AWS Elastic Beanstalk
# Developer Guide, "Publishing Amazon CloudWatch custom metrics for an environment").
DEGRADED = 20

# A metric without requests has no value; one of errors alone would count as no errors.
ERROR_SHARE = "100 * FILL(errors, 0) / requests"


class BeanstalkAlarms(Component):
    """Alarms on what users of an environment notice.

    Requests and times are what nginx on the instances saw; what the load balancer refuses by itself makes the
    environment's health worse and nothing else.

    Args:
        name: first part of the logical ids.
        environment: the environment's name.
        topic: ARN of the topic that hears when an alarm goes off and when it is over.
        error_percent: share of answers with a status of 500 or above, over five minutes.
        latency_seconds: what 99 of 100 answers have to stay below, three times five minutes in a row.

    """

    def __init__(
        self, name: str, *, environment: Any, topic: Any, error_percent: float = 5, latency_seconds: float = 2
    ) -> None:
        self._topic, self._dimensions = topic, {"EnvironmentName": environment}
        self.health = self._health(name)
        self.errors = self._errors(name, error_percent)
        self.latency = metric_alarm(
            f"{name}LatencyAlarm",
            description=f"One answer in a hundred took longer than {latency_seconds:g} seconds, for 15 minutes. "
            "Look at the database first, then raise the most instances",
            namespace=NAMESPACE,
            metric="ApplicationLatencyP99",
            over=[self._dimensions],
            topic=topic,
            threshold=latency_seconds,
            periods=3,
            missing="notBreaching",
        )

    def _health(self, name: str) -> cloudwatch.Alarm:
        return metric_alarm(
            f"{name}HealthAlarm",
            description="The environment was degraded or severe for five minutes, or said nothing. Read "
            "its causes: aws elasticbeanstalk describe-environment-health --attribute-names All",
            namespace=NAMESPACE,
            metric="EnvironmentHealth",
            over=[self._dimensions],
            topic=self._topic,
            threshold=DEGRADED,
            statistic="Maximum",
            comparison="GreaterThanOrEqualToThreshold",
            minutes=1,
            periods=5,
            missing="breaching",
        )

    def _errors(self, name: str, percent: float) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            f"{name}ErrorRateAlarm",
            AlarmDescription=f"More than {percent:g} percent of requests failed in five minutes. "
            "Read the log for the first error; if it came with a deployment, deploy the tag before it",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=percent,
            EvaluationPeriods=1,
            TreatMissingData="notBreaching",
            Metrics=[
                cloudwatch.MetricDataQuery(
                    Id="share", Expression=ERROR_SHARE, Label="Failed requests in percent", ReturnData=True
                ),
                self._sum("errors", "ApplicationRequests5xx"),
                self._sum("requests", "ApplicationRequestsTotal"),
            ],
        )
        alarm.AlarmActions = alarm.OKActions = [self._topic]
        return because(f"{alarm.AlarmDescription}.", alarm, mutable="free-to-tune")

    def _sum(self, key: str, metric: str) -> cloudwatch.MetricDataQuery:
        dimensions = [cloudwatch.MetricDimension(Name=name, Value=value) for name, value in self._dimensions.items()]
        return cloudwatch.MetricDataQuery(
            Id=key,
            MetricStat=cloudwatch.MetricStat(
                Metric=cloudwatch.Metric(Namespace=NAMESPACE, MetricName=metric, Dimensions=dimensions),
                Period=5 * MINUTE,
                Stat="Sum",
            ),
            ReturnData=False,
        )
