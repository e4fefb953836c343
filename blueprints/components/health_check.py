"""Whether a public name answers, asked from outside by Route 53."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, Tags, cloudwatch, route53

from blueprints.access.connections import HTTPS
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# CloudWatch has the metrics of health checks there, wherever the endpoint is (Amazon Route 53 Developer Guide,
# "Monitoring health checks using CloudWatch"), and an alarm reads metrics of its own Region only.
METRICS_REGION = "us-east-1"

HTTP = 80

MINUTE = 60
INTERVAL_SECONDS = 30  # 10 or 30; 10 costs extra
FAILURES = 3  # Route 53's default, of 1 to 10
LONGEST_PATH = 255

ADVICE = "The public name does not answer from outside. Look at the load balancer's healthy hosts first, then at DNS"


class PublicHealthCheck(Component):
    """A request from many places in the world, each every 30 seconds; three failures in a row count.

    A status from 200 to 399 within two seconds is well; the certificate is not looked at (Amazon Route 53 Developer
    Guide, "How Route 53 determines whether a health check is healthy"). A name is asked over IPv4 alone, and from
    Route 53's own addresses: where clients are a narrow range it cannot get in, and finds the name dead.

    Args:
        name: first part of the logical ids.
        domain_name: the public name.
        path: what is asked for, with the leading slash.
        https: ask over HTTPS on port 443, or over HTTP on port 80 where nothing else listens.

    Raises:
        SettingsError: the path does not begin with a slash, or is longer than 255 characters.
    """

    def __init__(self, name: str, *, domain_name: Any, path: str = "/", https: bool = True) -> None:
        if not path.startswith("/") or len(path) > LONGEST_PATH:
            raise SettingsError(
                f"{name}: path {path!r} is not allowed; begin it with / and take {LONGEST_PATH} characters at most"
            )
        self._name = name
        self.health_check = because(
            "Asks for the public name from outside: DNS, load balancer and tasks at once.",
            route53.HealthCheck(
                f"{name}HealthCheck",
                HealthCheckConfig=_config(domain_name, path, https=https),
                HealthCheckTags=Tags(Name=Sub(f"${{AWS::StackName}}-{name.lower()}")),
            ),
            must=["Clients may come from anywhere, or the check always fails"],
            mutable="free-to-tune",
        )

    @property
    def id(self) -> Any:
        """The id that its metrics carry as the dimension HealthCheckId."""
        return self.health_check.ref()

    def alarm(self, topic: Any, *, region: str, words: str = ADVICE) -> cloudwatch.Alarm | None:
        """An alarm for the stack to add, or None in a Region that has no metrics of health checks.

        Args:
            topic: ARN of a topic of the same Region, which hears when the alarm goes off and when it is over.
            region: the stack's Region.
            words: what is wrong when it goes off, and where to look.
        """
        if region != METRICS_REGION:
            return None
        return because(
            f"{words}.",
            cloudwatch.Alarm(
                f"{self._name}HealthCheckAlarm",
                AlarmDescription=words,
                Namespace="AWS/Route53",
                MetricName="HealthCheckStatus",
                Dimensions=[cloudwatch.MetricDimension(Name="HealthCheckId", Value=self.id)],
                Statistic="Minimum",
                Period=MINUTE,
                ComparisonOperator="LessThanThreshold",
                Threshold=1,
                EvaluationPeriods=1,  # the health check has counted failures already
                TreatMissingData="missing",  # a new health check reports nothing for some minutes
                AlarmActions=[topic],
                OKActions=[topic],
            ),
            mutable="free-to-tune",
        )


def _config(domain_name: Any, path: str, *, https: bool) -> route53.HealthCheckConfig:
    made = route53.HealthCheckConfig(
        Type="HTTPS" if https else "HTTP",
        FullyQualifiedDomainName=domain_name,
        Port=HTTPS if https else HTTP,
        ResourcePath=path,
    )
    if https:
        made.EnableSNI = True  # the load balancer picks the certificate by the name that is asked for
    made.RequestInterval, made.FailureThreshold = INTERVAL_SECONDS, FAILURES
    return made
