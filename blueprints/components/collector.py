"""OpenTelemetry beside an application: a sidecar that takes traces and metrics and hands them to AWS.

The image is the AWS Distro for OpenTelemetry (ADOT) collector. It is built from scratch, so it has no shell; it runs
as aoc, 4317:4317, and logs to its standard error, so it writes to no file (aws-observability/aws-otel-collector on
GitHub, cmd/awscollector/Dockerfile and pkg/logger). What it does is written in ``src/templates/collector.yaml``.
"""

from __future__ import annotations

from typing import Any

import yaml
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

# Where SDKs of X-Ray send segments over UDP and ask for sampling rules over TCP, unless AWS_XRAY_DAEMON_ADDRESS says
# otherwise; OpenTelemetry's samplers ask there too.
DAEMON = "127.0.0.1:2000"

# Of the task's memory, in MiB: what it gets for sure, and where it is killed; it refuses data at four fifths of that.
# Our choice: an eighth and a quarter of the smallest task that is documented with a collector (1,024 MiB).
RESERVED_MEBIBYTES, MOST_MEBIBYTES = 128, 256


class Collector(Component):
    """A collector as a container of the application's task, and the log group that its metrics pass through, if any.

    The service takes ``container`` as a sidecar, the application's container ``variables``, together with an
    OTEL_SERVICE_NAME, and the task role ``permissions``. The collector is not essential: it is started again when it
    ends, and the application goes on without it.

    Args:
        name: first part of the logical ids.
        namespace: CloudWatch namespace of the application's metrics, or None where it sends traces only.
        log_retention_days: days that the metrics' log events stay; the metrics stay 15 months.
        log_group_name: the log group's name, where somebody relies on one.
        image: the collector; from v0.49.0 on, which calls a processor of the configuration resource_detection.
        xray_sdk: take what an SDK of X-Ray sends as well, in the place of its daemon. SDKs and daemon have been in
            maintenance mode since 2026-02-25, so this is for applications that still have one.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        namespace: str | None,
        log_retention_days: int = 30,
        log_group_name: Any | None = None,
        image: str = IMAGE,
        xray_sdk: bool = False,
    ) -> None:
        self._namespace, self._image, self._xray_sdk = namespace, image, xray_sdk
        self.log_group = None if namespace is None else _metrics_log_group(name, log_retention_days, log_group_name)

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
        # Metrics are sent by default, and the collector answers each time that it takes none.
        unless = {"OTEL_METRICS_EXPORTER": "none"} if self.log_group is None else {}
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", **unless}

    @property
    def permissions(self) -> list[Statement]:
        """What the task role needs for it, and nothing else."""
        return [grants.send_traces(), *([] if self.log_group is None else [grants.write_logs(self.log_group)])]

    @property
    def _settings(self) -> dict[str, Any]:
        """The configuration with its values, filled in by CloudFormation: linters take what is left for a mistake."""
        values: dict[str, Any] = {"AWS_REGION": Ref("AWS::Region")}
        if self.log_group is not None:
            values |= {"METRICS_LOG_GROUP": self.log_group.ref(), "METRICS_NAMESPACE": self._namespace}
        text = configuration(metrics=self.log_group is not None, xray_sdk=self._xray_sdk)
        return {"AOT_CONFIG_CONTENT": Sub(text.replace("${env:", "${"), **values)}


def _metrics_log_group(name: str, retention_days: int, physical_name: Any | None) -> logs.LogGroup:
    group = logs.LogGroup(f"{name}MetricsLogGroup", RetentionInDays=retention_days)
    if physical_name is not None:
        group.LogGroupName = physical_name
    return because("CloudWatch makes metrics of what the collector writes here in the embedded metric format.", group)


def configuration(*, metrics: bool = True, xray_sdk: bool = False) -> str:
    """The collector's configuration, in YAML, without comments and empty lines: a template has little room.

    Args:
        metrics: send metrics to CloudWatch; the file has it.
        xray_sdk: take segments of X-Ray's SDKs; the file has not.

    """
    lines = text_of(CONFIGURATION).splitlines()
    text = "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#")) + "\n"
    if metrics and not xray_sdk:
        return text
    config: dict[str, Any] = yaml.safe_load(text)
    if not metrics:
        _leave_metrics_out(config)
    if xray_sdk:
        _take_segments(config)
    return yaml.safe_dump(config, sort_keys=False)


def _leave_metrics_out(config: dict[str, Any]) -> None:
    """Take the pipeline out, and with it what no other pipeline uses."""
    pipelines = config["service"]["pipelines"]
    gone = pipelines.pop("metrics")
    for kind in ("receivers", "processors", "exporters"):
        for name in gone[kind]:
            if all(name not in pipeline[kind] for pipeline in pipelines.values()):
                del config[kind][name]


def _take_segments(config: dict[str, Any]) -> None:
    """The receiver answers on the daemon's TCP port itself, so the extension there makes way for it."""
    region = config["extensions"].pop("awsproxy")["region"]
    config["service"]["extensions"].remove("awsproxy")
    config["receivers"]["awsxray"] = {
        "endpoint": DAEMON,
        "transport": "udp",
        "proxy_server": {"endpoint": DAEMON, "region": region},
    }
    config["service"]["pipelines"]["traces"]["receivers"].append("awsxray")
