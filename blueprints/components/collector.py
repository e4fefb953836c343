"""OpenTelemetry beside an application: a sidecar that takes traces and metrics and hands them to AWS.

The image is the AWS Distro for OpenTelemetry (ADOT) collector. It is built from scratch, so it has no shell; it runs
as aoc, 4317:4317, and logs to its standard error, so it writes to no file (aws-observability/aws-otel-collector on
GitHub, cmd/awscollector/Dockerfile and pkg/logger). What it does is written in ``src/templates/collector.yaml``.
"""

from __future__ import annotations

from typing import Any

from awacs.aws import Statement
from troposphere import Ref, Sub, ecs, logs

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.packaged import text_of

# Released 2026-08-31 with version 0.158 of the collector's components.
IMAGE = "public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0"

CONFIGURATION = "collector.yaml"

# OTLP over gRPC. 4318 takes it over HTTP; 14250, which older guides name, speaks Jaeger's own protocol.
ENDPOINT = "http://localhost:4317"

# Of the task's memory, in MiB: what it gets for sure, and where it is killed; it refuses data at four fifths of that.
# Our choice: an eighth and a quarter of the smallest task that is documented with a collector (1,024 MiB).
RESERVED_MEBIBYTES, MOST_MEBIBYTES = 128, 256


class Collector(Component):
    """A collector as a container of the application's task, and the log group that its metrics pass through.

    The service takes ``container`` as a sidecar, the application's container ``variables``, together with an
    OTEL_SERVICE_NAME, and the task role ``permissions``. The collector is not essential: it is started again when it
    ends, and the application goes on without it.

    Args:
        name: first part of the logical ids.
        namespace: CloudWatch namespace of the application's metrics.
        log_retention_days: days that the metrics' log events stay; the metrics stay 15 months.
        log_group_name: the log group's name, where somebody relies on one.
        image: the collector; from v0.49.0 on, which calls a processor of the configuration resource_detection.

    """

    def __init__(
        self,
        name: str,
        *,
        namespace: str,
        log_retention_days: int,
        log_group_name: Any | None = None,
        image: str = IMAGE,
    ) -> None:
        self._namespace, self._image = namespace, image
        self.log_group = because(
            "CloudWatch makes metrics of what the collector writes here in the embedded metric format.",
            logs.LogGroup(f"{name}MetricsLogGroup", RetentionInDays=log_retention_days),
        )
        if log_group_name is not None:
            self.log_group.LogGroupName = log_group_name

    @property
    def container(self) -> ecs.ContainerDefinition:
        """The collector as a task definition has it, without a log configuration.

        Containers of a task share a network namespace, so its ports need no mapping.
        """
        return ecs.ContainerDefinition(
            Name="collector",
            Image=self._image,
            Essential=False,
            RestartPolicy=ecs.RestartPolicy(Enabled=True, RestartAttemptPeriod=60),
            Environment=[ecs.Environment(Name=key, Value=value) for key, value in self._settings.items()],
            HealthCheck=ecs.HealthCheck(
                Command=["CMD", "/healthcheck"], Interval=30, Timeout=5, Retries=3, StartPeriod=10
            ),
            LinuxParameters=ecs.LinuxParameters(Capabilities=ecs.KernelCapabilities(Drop=["ALL"])),
            Memory=MOST_MEBIBYTES,
            MemoryReservation=RESERVED_MEBIBYTES,
            ReadonlyRootFilesystem=True,
            User="4317:4317",
        )

    @property
    def variables(self) -> dict[str, Any]:
        """Where the application's OpenTelemetry SDK sends its data, in the variables that every SDK reads."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    @property
    def permissions(self) -> list[Statement]:
        """What the task role needs for it, and nothing else."""
        return [grants.send_traces(), grants.write_logs(self.log_group)]

    @property
    def _settings(self) -> dict[str, Any]:
        """The configuration with its values, filled in by CloudFormation: linters take what is left for a mistake."""
        values: dict[str, Any] = {
            "AWS_REGION": Ref("AWS::Region"),
            "METRICS_LOG_GROUP": self.log_group.ref(),
            "METRICS_NAMESPACE": self._namespace,
        }
        return {"AOT_CONFIG_CONTENT": Sub(configuration().replace("${env:", "${"), **values)}


def configuration() -> str:
    """The collector's configuration, in YAML, without comments and empty lines: a template has little room."""
    lines = text_of(CONFIGURATION).splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#")) + "\n"
