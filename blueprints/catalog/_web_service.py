"""What every web service of the catalog is made of: a network, a way in, a container, eyes on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from troposphere import Join, Sub

from blueprints.access.connections import ANYWHERE
from blueprints.catalog._web_settings import (
    FrontDoorSettings,
    LoadBalancerSettings,
    PublicSettings,
    WebServiceSettings,
    WorkingHours,
)
from blueprints.components.alarms import ServiceAlarms
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.autoscaling import ScheduledCapacity
from blueprints.components.bucket import AccessLogBucket
from blueprints.components.container import Container
from blueprints.components.dashboard import Dashboard
from blueprints.components.domain import AliasRecord, Certificate
from blueprints.components.fargate_service import FargateService
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.metrics import ServiceMetrics
from blueprints.components.network import Network, Tenant, Vpc
from blueprints.components.network_acls import NetworkAcls
from blueprints.components.repository import Repository
from blueprints.components.secret import SecretValue
from blueprints.components.target_group import HealthCheck, TargetGroup
from blueprints.components.web_acl import WebAcl
from blueprints.model import parameters
from blueprints.model.parameters import StackParameter
from blueprints.model.settings import NetworkSettings, Settings
from blueprints.model.stack import ImageSource, Stack


def registry_stack(settings: Settings, repositories: Mapping[str, str]) -> Stack:
    """The repositories of the images, by the name of the service that runs them, in a stack that environments share."""
    stack = Stack(
        "registry",
        settings,
        shared=True,
        description=f"Container images of {settings.project}, shared by its environments",
        arch=f"{_counted(len(repositories))}; images are pushed once and run in every environment",
    )
    for name, repository in repositories.items():
        made = stack.add(Repository(name, repository=repository)).repository
        of = name if len(repositories) > 1 else ""
        stack.output(f"{of}RepositoryUri", made.get_att("RepositoryUri"), "Where images are pushed to")
        stack.output(f"{of}RepositoryArn", made.get_att("Arn"), "The repository")
    return stack


def _counted(repositories: int) -> str:
    return "One ECR repository" if repositories == 1 else f"{repositories} ECR repositories"


def network_stack(  # noqa: PLR0913 - each is a part of the network
    settings: NetworkSettings,
    *,
    clients: str = ANYWHERE,
    dual_stack: bool = False,
    listens: Sequence[int] = (),
    between: Sequence[int] = (),
    data_subnets: bool = False,
    zone_ids: Sequence[str] = (),
) -> Stack | None:
    """The network of the environment; none of ours where a VPC exists.

    Network ACLs let through what leads from *clients* to tasks that listen on these ports, and *between* tasks; no
    ports, no ACLs.
    """
    if settings.existing_vpc:
        return None
    stack = Stack(
        "network",
        settings,
        description=f"Network of {settings.project} {settings.environment}",
        arch="VPC with a public and a private subnet in each Availability Zone, and one way out"
        + ("; databases have subnets without any" if data_subnets else ""),
        must=["The load balancer is the only way in"],
    )
    retention = settings.log_retention_days if settings.flow_logs else None
    vpc = Vpc(
        "Main",
        zones=settings.availability_zones,
        egress=settings.egress,
        cidr=settings.vpc_cidr,
        flow_logs=retention,
        dual_stack=dual_stack,
        data_subnets=data_subnets,
        zone_ids=zone_ids,
    )
    stack.add(vpc).publish(stack)
    if listens:
        acls = NetworkAcls(
            "Main",
            vpc=vpc,
            ports=listens,
            between=between,
            clients=clients,
            dual_stack=dual_stack,
        )
        stack.add(acls)
    return stack


def place(stack: Stack, settings: NetworkSettings, producer: Stack | None, *holds: Tenant) -> Network:
    """The network of what *stack* holds, a load balancer and tasks if not told: another stack's, or one that exists."""
    if producer is None:
        return Network.existing(stack, egress=settings.egress, holds=holds or ("balancer", "tasks"))
    return Network.from_stack(stack, producer, zones=settings.availability_zones, egress=settings.egress)


def list_subnets(network: Stack, settings: NetworkSettings) -> None:
    """Publish the subnets of each kind as one text too, for what takes no list: it cannot be put together elsewhere."""
    for kind in ("Public", "Private"):
        subnets = [network.outputs[f"{kind}Subnet{zone}"].Value for zone in range(1, settings.availability_zones + 1)]
        network.output(f"{kind}SubnetIds", Join(",", subnets), f"The {kind.lower()} subnets, with commas between them")


def place_by_lists(stack: Stack, settings: NetworkSettings, producer: Stack | None) -> Network:
    """The network of what takes its subnets as one text."""
    if producer is None:
        return place(stack, settings, None)
    return Network(
        vpc_id=stack.from_stack(producer, "VpcId"),
        public_subnets=stack.from_stack(producer, "PublicSubnetIds"),
        private_subnets=stack.from_stack(producer, "PrivateSubnetIds"),
        tasks_are_public=settings.egress == "public",
    )


def ask_for_image(stack: Stack, repository: str) -> StackParameter:
    """The parameter that says which image runs; a deployment looks whether it is there."""
    tag = stack.add(parameters.image_tag(repository))
    stack.images.append(ImageSource(repository, str(tag.title)))
    return tag


def task_bounds(stack: Stack, minimum: int, maximum: int, *, of: str = "", floor: int = 0) -> tuple[Any, Any]:
    """The bounds that autoscaling keeps, never below *floor*; *of* tells the parameters of several services apart."""
    bounds = {"Minimum": ("Fewest", minimum), "Maximum": ("Most", maximum)}
    low, high = (
        stack.add(
            parameters.number(
                f"{of}{title}Tasks",
                group="Capacity",
                label=f"{title} number of tasks",
                description=f"{word} tasks that autoscaling runs",
                default=default,
                minimum=floor,
                maximum=100,
            )
        )
        for title, (word, default) in bounds.items()
    )
    return low.ref(), high.ref()


def working_hours(settings: WorkingHours, minimum: Any, maximum: Any) -> list[ScheduledCapacity]:
    """No tasks from evening to morning, and over the weekend, where an environment may sleep.

    Only a clock can wake a service up again: without tasks there is no metric that scaling could follow.
    """
    if not settings.sleep:
        return []
    zone = settings.time_zone
    return [
        ScheduledCapacity("wake-up", f"cron(0 {settings.wakes_at} ? * MON-FRI *)", minimum, maximum, zone),
        ScheduledCapacity("go-to-sleep", f"cron(0 {settings.sleeps_at} * * ? *)", 0, 0, zone),
    ]


def targets_of(
    stack: Stack, settings: WebServiceSettings, name: str, network: Network, *, physical_name: str | None = None
) -> TargetGroup:
    """A target group for the container's port, asked for health where the settings say."""
    check = HealthCheck(settings.health_check_path)
    port = settings.container_port
    return stack.add(TargetGroup(name, network=network, port=port, health_check=check, physical_name=physical_name))


def container_of(
    settings: WebServiceSettings,
    *,
    name: str,
    image: Any,
    variables: Mapping[str, Any],
    secrets: Mapping[str, SecretValue],
) -> Container:
    """The container that the settings describe; variables of the user's own win."""
    return Container(
        name=name,
        image=image,
        port=settings.container_port,
        environment={**variables, **settings.variables},
        secrets=secrets,
        health_path=settings.health_check_path if settings.container_health_check else None,
        start_seconds=settings.start_seconds,
        user=settings.run_as or None,
        writable=settings.writable_root or settings.shell,
    )


def keep_access_logs(data: Stack, settings: FrontDoorSettings) -> None:
    """A bucket for the load balancer's access logs, where they are asked for."""
    if settings.access_logs:
        bucket = data.add(AccessLogBucket("AccessLog", expire_after_days=settings.log_retention_days))
        data.output("AccessLogBucketName", bucket.bucket.ref(), "The bucket with the load balancer's access logs")


def access_logs(stack: Stack, settings: FrontDoorSettings, data: Stack) -> Any | None:
    """The name of that bucket."""
    return stack.from_stack(data, "AccessLogBucketName") if settings.access_logs else None


class FrontDoor:
    """The name and the certificate that a service answers under: parameters first, resources with the load balancer."""

    def __init__(self, stack: Stack, settings: LoadBalancerSettings) -> None:
        self._stack, self._settings = stack, settings
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
                    dual_stack=self._settings.dual_stack,
                )
            )
        self._stack.output("Url", self._url(balancer), "Where the service answers")
        self._stack.output("LoadBalancerDnsName", balancer.dns_name, "The load balancer's own name in DNS")

    def _url(self, balancer: LoadBalancer) -> Any:
        if self.domain_name is not None:
            return Sub(f"https://${{{self.domain_name.title}}}")
        scheme = "http" if self.certificate_arn is None else "https"
        return Sub(f"{scheme}://${{{balancer.load_balancer.title}.DNSName}}")


def protect(
    stack: Stack, settings: LoadBalancerSettings, balancer: LoadBalancer, *, count: Collection[str] = ()
) -> None:
    """The web ACL before the load balancer, where it is asked for; rules of *count* only count what they match."""
    if settings.waf:
        acl = WebAcl(
            "Public",
            association=balancer.load_balancer.ref(),
            rate_limit=settings.waf_rate_limit,
            count=count,
            log_retention_days=settings.log_retention_days,
        )
        stack.add(acl)


def show(stack: Stack, *, service: FargateService, balancer: LoadBalancer, targets: Sequence[TargetGroup]) -> None:
    """A dashboard, and the names under which a monitoring stack and people find the service's metrics."""
    metrics = ServiceMetrics(
        load_balancer=balancer.full_name,
        target_groups=[group.full_name for group in targets],
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


def monitoring_stack(settings: PublicSettings, service: Stack, *, name: str) -> Stack | None:
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
