"""What every web service of the catalog can be told."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from blueprints.components.fargate_service import Capacity
from blueprints.components.task_size import check_size
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import DOMAIN_PATTERN
from blueprints.model.settings import NetworkSettings, Settings

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
VariableValue = Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]


def domain_means_https(values: Any) -> Any:
    """Settings as they were given, with what `domain_name` says of `https`; YAML reads an unquoted off as false."""
    if not isinstance(values, dict):
        return values
    if values.get("https") is False:
        return {**values, "https": "off"}
    return {**values, "https": "domain"} if values.get("domain_name") and "https" not in values else values


class TaskSettings(NetworkSettings):
    """What containers on Fargate can be told, whatever they run."""

    capacity: Capacity = "on-demand"
    """Fargate, Fargate Spot for all tasks but the first, or Fargate Spot alone (cheaper, may be interrupted)."""
    arm: bool = False
    """Run on Graviton; the image has to be built for linux/arm64."""
    container_health_check: bool = True
    """Ask for health inside the container too, with curl, wget, Python or Node.js; off for images that have none."""
    start_seconds: Annotated[int, Field(ge=0, le=300)] = 60
    """Seconds that a task may take to get well after its start."""
    run_as: Annotated[str, Field(pattern=r"^(\d{1,10}(:\d{1,10})?)?$")] = "1000:1000"
    """User and group id that the container runs as; empty leaves it to the image."""
    writable_root: bool = False
    """Leave the container's root file system writable; otherwise only /tmp is."""
    shell: bool = False
    """Allow a shell in a running task (ECS Exec); makes the root file system writable."""


PRODUCTION = "prod"
Hour = Annotated[int, Field(ge=0, le=23)]


class WorkingHours(Settings):
    """When an environment that may sleep has tasks at all."""

    sleep: bool = False
    """Run no tasks outside working hours; never in prod."""
    wakes_at: Hour = 7
    """Hour at which tasks start, Monday to Friday."""
    sleeps_at: Hour = 20
    """Hour at which tasks stop, every day."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$", max_length=64)] = "UTC"
    """Time zone of these hours, such as `Europe/Berlin`."""

    @model_validator(mode="after")
    def _sleeps_where_it_may(self) -> WorkingHours:
        if self.sleep and self.environment == PRODUCTION:
            raise SettingsError("sleep: True is not allowed in prod, which always answers; leave it out")
        if self.wakes_at >= self.sleeps_at:
            raise SettingsError(
                f"wakes_at: {self.wakes_at} is not before sleeps_at ({self.sleeps_at}); give an earlier hour"
            )
        return self


class FrontDoorSettings(NetworkSettings):
    """What can be told of the way in from the internet, whoever makes the load balancer."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "prod": {"keep_data": True, "https": "domain", "access_logs": True}
    }

    egress: Literal["public", "nat", "nat-per-zone"] = "nat"
    """How tasks reach the internet, which the application needs: from public subnets with addresses of their own, or
    from private ones through one NAT gateway or one a zone."""

    https: Literal["off", "certificate", "domain"] = "off"
    """HTTPS with a certificate of yours, or with a domain: certificate and DNS record are made, HTTP redirects."""
    domain_name: Annotated[str, Field(pattern=DOMAIN_PATTERN)] | None = None
    """Default of the parameter DomainName; naming one turns `https` to `domain`."""
    hosted_zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]{1,31}$")] | None = None
    """Default of the parameter HostedZoneId."""
    clients: str = "0.0.0.0/0"
    """IPv4 range that may connect to the load balancer."""
    access_logs: bool = False
    """Keep the load balancer's access logs in a bucket."""

    @model_validator(mode="before")
    @classmethod
    def _domain_means_https(cls, values: Any) -> Any:
        return domain_means_https(values)

    @field_validator("clients")
    @classmethod
    def _address_range(cls, value: str) -> str:
        try:
            ipaddress.IPv4Network(value)
        except ValueError as error:
            raise ValueError(f"an IPv4 range without host bits, such as 203.0.113.0/24 ({error})") from None
        return value

    @model_validator(mode="after")
    def _domain_needs_https(self) -> FrontDoorSettings:
        if self.domain_name and self.https != "domain":
            raise SettingsError(
                f"domain_name: {self.domain_name!r} needs https to be 'domain', got {self.https!r}; leave https out"
            )
        return self


class LoadBalancerSettings(FrontDoorSettings):
    """What can be told of a load balancer of ours."""

    dual_stack: bool = False
    """Answer over IPv6 too: the load balancer, its subnets and the name; tasks stay on IPv4."""
    waf: bool = False
    """Put a web ACL before the load balancer: AWS managed rules and a rate limit."""
    waf_rate_limit: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    """Requests of one address in five minutes before the web ACL blocks it."""


class AlarmSettings(Settings):
    """Whether anybody hears when something goes wrong."""

    alarms: bool = False
    """Alarms on errors, latency, health and load, to an SNS topic."""
    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Address that the alarms are sent to; it has to confirm once."""


class PublicSettings(AlarmSettings, LoadBalancerSettings, TaskSettings):
    """What services behind a load balancer can be told."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "prod": {**FrontDoorSettings.environment_defaults["prod"], "alarms": True}
    }


class WebServiceSettings(PublicSettings):
    """What one container behind a load balancer can be told."""

    task_cpu: int = 256
    """CPU units of a task (default of the parameter TaskCpu); 1024 are one vCPU."""
    task_memory: int = 512
    """Memory of a task in MiB (default of the parameter TaskMemory)."""
    minimum_tasks: Annotated[int, Field(ge=0, le=100)] = 1
    """Fewest tasks under autoscaling (default of the parameter MinimumTasks)."""
    maximum_tasks: Annotated[int, Field(ge=1, le=100)] = 4
    """Most tasks under autoscaling (default of the parameter MaximumTasks)."""
    container_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """TCP port that the container listens on."""
    health_check_path: Annotated[str, Field(pattern=r"^/[!-~]{0,63}$")] = "/health"
    """Path that answers 200 while the application is well."""
    variables: dict[VariableName, VariableValue] = Field(default_factory=dict, max_length=12)
    """Further plain environment variables of the container, 12 at most; no secrets."""

    @model_validator(mode="after")
    def _fits_together(self) -> WebServiceSettings:
        check_size(self.task_cpu, self.task_memory)
        if self.minimum_tasks > self.maximum_tasks:
            raise SettingsError(
                f"minimum_tasks: {self.minimum_tasks} is more than maximum_tasks ({self.maximum_tasks}); "
                "lower the one or raise the other"
            )
        return self
