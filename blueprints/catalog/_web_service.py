"""What every web service of the catalog is asked and made of: a network, a way in, a service, eyes on it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from troposphere import Sub

from blueprints.components.alarms import ServiceAlarms
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.dashboard import Dashboard
from blueprints.components.domain import AliasRecord, Certificate
from blueprints.components.fargate_service import Capacity, FargateService
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.metrics import ServiceMetrics
from blueprints.components.network import Network, Vpc
from blueprints.components.repository import Repository
from blueprints.components.target_group import TargetGroup
from blueprints.components.task_size import check_size
from blueprints.components.web_acl import WebAcl
from blueprints.model import parameters
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import DOMAIN_PATTERN, StackParameter
from blueprints.model.settings import Settings
from blueprints.model.stack import ImageSource, Stack

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
VariableValue = Annotated[str, Field(max_length=128)]


class WebServiceSettings(Settings):
    """What a container behind a load balancer can be told."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "prod": {"keep_data": True, "https": "domain", "access_logs": True, "alarms": True}
    }

    egress: Literal["public", "nat", "nat-per-zone"] = "nat"
    """How tasks reach the internet, which the application needs: from public subnets with addresses of their own, or
    from private ones through one NAT gateway or one a zone."""

    task_cpu: int = 256
    """CPU units of a task (default of the parameter TaskCpu); 1024 are one vCPU."""
    task_memory: int = 512
    """Memory of a task in MiB (default of the parameter TaskMemory)."""
    minimum_tasks: Annotated[int, Field(ge=0, le=100)] = 1
    """Fewest tasks under autoscaling (default of the parameter MinimumTasks)."""
    maximum_tasks: Annotated[int, Field(ge=1, le=100)] = 4
    """Most tasks under autoscaling (default of the parameter MaximumTasks)."""
    capacity: Capacity = "on-demand"
    """Fargate, Fargate Spot for all tasks but the first, or Fargate Spot alone (cheaper, may be interrupted)."""
    arm: bool = False
    """Run on Graviton; the image has to be built for linux/arm64."""

    container_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """TCP port that the container listens on."""
    health_check_path: Annotated[str, Field(pattern=r"^/[!-~]{0,63}$")] = "/health"
    """Path that answers 200 while the application is well."""
    container_health_check: bool = True
    """Ask for health inside the container too, with curl, wget or Python; off for images that have none of them."""
    start_seconds: Annotated[int, Field(ge=0, le=300)] = 60
    """Seconds that a task may take to get well after its start."""
    variables: dict[VariableName, VariableValue] = Field(default_factory=dict, max_length=12)
    """Further plain environment variables of the container, 12 at most; no secrets."""
    run_as: Annotated[str, Field(pattern=r"^(\d{1,10}(:\d{1,10})?)?$")] = "1000:1000"
    """User and group id that the container runs as; empty leaves it to the image."""
    writable_root: bool = False
    """Leave the container's root file system writable; otherwise only /tmp is."""
    shell: bool = False
    """Allow a shell in a running task (ECS Exec); makes the root file system writable."""

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
    waf: bool = False
    """Put a web ACL before the load balancer: AWS managed rules and a rate limit."""
    waf_rate_limit: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    """Requests of one address in five minutes before the web ACL blocks it."""
    alarms: bool = False
    """Alarms on errors, latency, health and load, to an SNS topic."""
    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Address that the alarms are sent to; it has to confirm once."""

    @model_validator(mode="before")
    @classmethod
    def _domain_means_https(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("domain_name") and "https" not in values:
            return {**values, "https": "domain"}
        return values

    @field_validator("clients")
    @classmethod
    def _address_range(cls, value: str) -> str:
        try:
            ipaddress.IPv4Network(value)
        except ValueError as error:
            raise ValueError(f"an IPv4 range without host bits, such as 203.0.113.0/24 ({error})") from None
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> WebServiceSettings:
        check_size(self.task_cpu, self.task_memory)
        if self.minimum_tasks > self.maximum_tasks:
            raise SettingsError(
                f"minimum_tasks: {self.minimum_tasks} is more than maximum_tasks ({self.maximum_tasks}); "
                "lower the one or raise the other"
            )
        if self.domain_name and self.https != "domain":
            raise SettingsError(
                f"domain_name: {self.domain_name!r} needs https to be 'domain', got {self.https!r}; leave https out"
            )
        return self


def registry_stack(settings: Settings, *, name: str, repository: str) -> Stack:
    """The repository of the image, in a stack that environments share."""
    stack = Stack(
        "registry",
        settings,
        shared=True,
        description=f"Container images of {settings.project}, shared by its environments",
        arch="One ECR repository; images are pushed once and run in every environment",
    )
    made = stack.add(Repository(name, repository=repository))
    stack.output("RepositoryUri", made.repository.get_att("RepositoryUri"), "Where images are pushed to")
    stack.output("RepositoryArn", made.repository.get_att("Arn"), "The repository")
    return stack


def network_stack(settings: Settings) -> Stack | None:
    """The network of the environment; none of ours where a VPC exists."""
    if settings.existing_vpc:
        return None
    stack = Stack(
        "network",
        settings,
        description=f"Network of {settings.project} {settings.environment}",
        arch="VPC with a public and a private subnet in each Availability Zone, and one way out",
        must=["The load balancer is the only way in"],
    )
    retention = settings.log_retention_days if settings.flow_logs else None
    vpc = Vpc(
        "Main",
        zones=settings.availability_zones,
        egress=settings.egress,
        cidr=settings.vpc_cidr,
        flow_logs=retention,
    )
    stack.add(vpc).publish(stack)
    return stack


def place(stack: Stack, producer: Stack | None, *, faces_internet: bool = True) -> Network:
    """The network that *stack* goes to: another stack's, or a VPC that exists."""
    settings = stack.settings
    if producer is None:
        return Network.existing(stack, egress=settings.egress, faces_internet=faces_internet)
    return Network.from_stack(stack, producer, zones=settings.availability_zones, egress=settings.egress)


def ask_for_image(stack: Stack, repository: str) -> StackParameter:
    """The parameter that says which image runs; a deployment looks whether it is there."""
    tag = stack.add(parameters.image_tag(repository))
    stack.images.append(ImageSource(repository, str(tag.title)))
    return tag


def task_bounds(stack: Stack, settings: WebServiceSettings) -> tuple[Any, Any]:
    """The bounds that autoscaling keeps."""
    bounds = {"Minimum": ("Fewest", settings.minimum_tasks), "Maximum": ("Most", settings.maximum_tasks)}
    low, high = (
        stack.add(
            parameters.number(
                f"{title}Tasks",
                group="Capacity",
                label=f"{title} number of tasks",
                description=f"{word} tasks that autoscaling runs",
                default=default,
                minimum=0,
                maximum=100,
            )
        )
        for title, (word, default) in bounds.items()
    )
    return low.ref(), high.ref()


class FrontDoor:
    """The name and the certificate that a service answers under: parameters first, resources with the load balancer."""

    def __init__(self, stack: Stack, settings: WebServiceSettings) -> None:
        self._stack = stack
        self.domain_name: StackParameter | None = None
        self.hosted_zone_id: StackParameter | None = None
        self.certificate_arn: Any | None = None
        if settings.https == "certificate":
            self.certificate_arn = stack.add(parameters.certificate_arn(None)).ref()
        if settings.https == "domain":
            self.domain_name = stack.add(parameters.domain_name(settings.domain_name))
            self.hosted_zone_id = stack.add(parameters.hosted_zone_id(settings.hosted_zone_id))
            certificate = Certificate("Public", domain_name=self.domain_name, hosted_zone_id=self.hosted_zone_id)
            self.certificate_arn = stack.add(certificate).arn

    def lead_to(self, balancer: LoadBalancer) -> None:
        """Write the DNS record, where there is a domain, and the output with the service's address."""
        if self.domain_name is not None and self.hosted_zone_id is not None:
            self._stack.add(
                AliasRecord(
                    "Public",
                    domain_name=self.domain_name,
                    hosted_zone_id=self.hosted_zone_id,
                    load_balancer=balancer.load_balancer,
                )
            )
        self._stack.output("Url", self._url(balancer), "Where the service answers")
        self._stack.output("LoadBalancerDnsName", balancer.dns_name, "The load balancer's own name in DNS")

    def _url(self, balancer: LoadBalancer) -> Any:
        if self.domain_name is not None:
            return Sub(f"https://${{{self.domain_name.title}}}")
        scheme = "http" if self.certificate_arn is None else "https"
        return Sub(f"{scheme}://${{{balancer.load_balancer.title}.DNSName}}")


def protect(stack: Stack, settings: WebServiceSettings, balancer: LoadBalancer) -> None:
    """The web ACL before the load balancer, where it is asked for."""
    if settings.waf:
        acl = WebAcl(
            "Public",
            association=balancer.load_balancer.ref(),
            rate_limit=settings.waf_rate_limit,
            log_retention_days=settings.log_retention_days,
        )
        stack.add(acl)


def show(stack: Stack, *, service: FargateService, balancer: LoadBalancer, targets: Sequence[TargetGroup]) -> None:
    """A dashboard, and the names under which a monitoring stack and people find the service's metrics."""
    metrics = ServiceMetrics(
        load_balancer=balancer.load_balancer.get_att("LoadBalancerFullName"),
        target_groups=[group.target_group.get_att("TargetGroupFullName") for group in targets],
        cluster=service.cluster_name,
        service=service.service_name,
    )
    stack.add(Dashboard(service.name, metrics=metrics))
    stack.output("ClusterName", metrics.cluster, "The ECS cluster")
    stack.output("ServiceName", metrics.service, "The ECS service")
    stack.output("LogGroupName", service.log_group.ref(), "Where the application's log is")
    stack.output("LoadBalancerFullName", metrics.load_balancer, "The load balancer, as its metrics name it")
    for number, group in enumerate(metrics.target_groups, start=1):
        stack.output(f"TargetGroup{number}FullName", group, "A target group, as its metrics name it")


def monitoring_stack(settings: WebServiceSettings, service: Stack, *, name: str) -> Stack | None:
    """Alarms on the service and the topic that they are heard on, where they are asked for."""
    if not settings.alarms:
        return None
    stack = Stack(
        "monitoring",
        settings,
        description=f"Alarms of {settings.project} {settings.environment}",
        arch="CloudWatch alarms on the load balancer and the service -> encrypted SNS topic -> people",
        must=["Somebody has to subscribe to the topic, and to confirm it"],
    )
    groups = [output for output in service.outputs if output.startswith("TargetGroup")]
    metrics = ServiceMetrics(
        load_balancer=stack.from_stack(service, "LoadBalancerFullName"),
        target_groups=[stack.from_stack(service, group) for group in groups],
        cluster=stack.from_stack(service, "ClusterName"),
        service=stack.from_stack(service, "ServiceName"),
    )
    topic = stack.add(AlertTopic("Alerts", email=settings.alert_email))
    stack.add(ServiceAlarms(name, metrics=metrics, topic=topic.topic.ref()))
    stack.output("AlertTopicArn", topic.topic.ref(), "Subscribe here to hear of alarms")
    return stack
