"""The way in where CloudFormation makes the load balancer: on Fargate and on EKS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Sub

from blueprints.catalog._edge import OriginNames
from blueprints.catalog._web_backend.application import API
from blueprints.catalog._web_backend.data import ask_for_identifier
from blueprints.catalog._web_backend.frontend import add_frontend, publish_origins
from blueprints.catalog._web_backend.settings import LoadBalancedSettings
from blueprints.catalog._web_service import FrontDoor, access_logs, place, protect
from blueprints.components import dashboard
from blueprints.components.dashboard import Group, GroupedDashboard, Widget
from blueprints.components.distribution import Distribution
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.network import Network
from blueprints.components.origin_secret import OriginSecret
from blueprints.components.target_group import HealthCheck, TargetGroup
from blueprints.model import parameters
from blueprints.model.stack import Stack


@dataclass(frozen=True)
class Entrance:
    """The load balancer, the target group that it sends requests to, and the header that it asks for, if any."""

    network: Network
    balancer: LoadBalancer
    targets: TargetGroup
    only_with: tuple[str, Any] | None


@dataclass(frozen=True)
class _Way:
    """Where a load balancer stands, where it leads, and the bucket of its access logs."""

    network: Network
    targets: TargetGroup
    access_logs: Any | None


def add_entrance(
    stack: Stack, settings: LoadBalancedSettings, network_stack: Stack | None, data: Stack, edge: Stack | None
) -> Entrance:
    """The load balancer under the public name, or behind a distribution that has it."""
    network = place(stack, settings, network_stack, "balancer")
    targets = target_group(stack, settings, network)
    if settings.api_through_cloudfront:
        logs = access_logs(stack, settings, data)
        return _behind_cloudfront(stack, settings, _Way(network, targets, logs), edge)
    door = FrontDoor(stack, settings)
    balancer = stack.add(
        LoadBalancer(
            "Public",
            network=network,
            targets=targets,
            certificate=door.certificate_arn,
            clients=settings.clients,
            dual_stack=settings.dual_stack,
            access_logs=access_logs(stack, settings, data),
            protect=settings.keep_data,
        )
    )
    protect(stack, settings, balancer)
    door.lead_to(balancer)
    name = balancer.dns_name if door.domain_name is None else door.domain_name.ref()
    stack.output("PublicName", name, "The name that clients use")
    return Entrance(network, balancer, targets, None)


def target_group(stack: Stack, settings: LoadBalancedSettings, network: Network, colour: str = "") -> TargetGroup:
    """A target group for the application, asked for health without its database.

    A database that is away for a moment would otherwise end every copy at once.
    """
    check = HealthCheck(settings.health_check_path)
    return stack.add(TargetGroup(f"{API}{colour}", network=network, port=settings.container_port, health_check=check))


def _behind_cloudfront(stack: Stack, settings: LoadBalancedSettings, way: _Way, edge: Stack | None) -> Entrance:
    """A load balancer that answers only our distribution."""
    prefix_list = stack.add(parameters.cloudfront_prefix_list(settings.region))
    names = OriginNames(
        stack,
        https=settings.https == "domain",
        domain_name=settings.domain_name,
        hosted_zone_id=settings.hosted_zone_id,
    )
    secret = stack.add(OriginSecret("Origin", generation=settings.origin_generation))
    balancer = stack.add(
        LoadBalancer(
            "Public",
            network=way.network,
            targets=way.targets,
            certificate=names.origin_certificate,
            prefix_list=prefix_list.ref(),
            only_with=secret.accepted,
            access_logs=way.access_logs,
            protect=settings.keep_data,
        )
    )
    distribution = stack.add(
        Distribution(
            API,
            frontend_bucket=None,
            api_origin=names.origin or balancer.dns_name,
            origin_header=secret.header,
            origin_https=names.origin is not None,
            web_acl_arn=stack.from_stack(edge, "WebAclArn") if edge is not None and settings.waf else None,
            certificate_arn=None if edge is None or names.public is None else stack.from_stack(edge, "CertificateArn"),
            aliases=[] if names.public is None else [names.public],
            api_paths=(),
            price_class=settings.price_class,
        )
    )
    if balancer.verified is not None:
        # A new value of the header is taken in before it is sent.
        distribution.distribution.DependsOn = [balancer.verified.title]
    names.lead_to(balancer, distribution)
    public = "${DomainName}" if names.public is not None else f"${{{distribution.distribution.title}.DomainName}}"
    stack.output("Url", Sub(f"https://{public}"), "Where the service answers")
    stack.output("PublicName", names.public or distribution.domain_name, "The name that clients use")
    return Entrance(way.network, balancer, way.targets, secret.accepted)


def finish(  # noqa: PLR0913 - what it shows and what it publishes
    stack: Stack,
    settings: LoadBalancedSettings,
    entrance: Entrance,
    edge: Stack | None,
    *,
    targets: Sequence[TargetGroup],
    widgets: Sequence[Widget] = (),
    names: dict[str, Any] | None = None,
) -> None:
    """The frontend, the dashboard, and what other stacks read."""
    publish_origins(stack, add_frontend(stack, settings, edge))
    balancer = entrance.balancer
    stack.output("LoadBalancerSecurityGroupId", balancer.security_group_id, "Security group of the load balancer")
    stack.output("LoadBalancerFullName", balancer.full_name, "The load balancer, as its metrics name it")
    for number, group in enumerate(targets, start=1):
        stack.output(f"{API}TargetGroup{number}Arn", group.arn, f"A target group of {API}")
        stack.output(f"{API}TargetGroup{number}FullName", group.full_name, "The same, as its metrics name it")
    shown = {
        "LoadBalancer": balancer.full_name,
        **{f"TargetGroup{number}": group.full_name for number, group in enumerate(targets, start=1)},
        "Database": ask_for_identifier(stack, settings).ref(),
        **(names or {}),
    }
    api = [
        dashboard.request_count(),
        dashboard.response_time(),
        dashboard.error_rate(),
        dashboard.healthy_hosts(len(targets)),
    ]
    groups = [Group("API", 60, [*api, *widgets]), Group("Database", 60, database_widgets())]
    stack.add(GroupedDashboard(API, names=shown, groups=groups))


def database_widgets() -> list[Widget]:
    """The database's CPU, connections and free storage, by the gap ``${Database}``."""
    shown = {
        "Database CPU in percent": "CPUUtilization",
        "Database connections": "DatabaseConnections",
        "Database storage that is free, in bytes": "FreeStorageSpace",
    }
    return [
        dashboard.widget(title, [["AWS/RDS", metric, "DBInstanceIdentifier", "${Database}", {"stat": "Average"}]])
        for title, metric in shown.items()
    ]
