"""The way in and what the services stand on: CloudFront, the load balancer that knows only it, and the cluster."""

from __future__ import annotations

from troposphere import GetStackOutput, Sub

from blueprints.catalog._edge import OriginNames
from blueprints.catalog._web_service import place
from blueprints.catalog.mealprep.data import identifier_path
from blueprints.catalog.mealprep.parts import API, WEB
from blueprints.catalog.mealprep.settings import Settings
from blueprints.components import dashboard
from blueprints.components.autoscaling import request_label
from blueprints.components.cluster import Cluster
from blueprints.components.dashboard import Group, GroupedDashboard
from blueprints.components.distribution import Distribution
from blueprints.components.frontend_bucket import FrontendBucket
from blueprints.components.listener_rule import Requests, listener_rule
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.origin_secret import OriginSecret
from blueprints.components.target_group import TargetGroup
from blueprints.model import parameters
from blueprints.model.context import because
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack

# Paths that CloudFront sends to the API; everything else is the browser application's.
API_PATHS = ("/api/*", "/health")
API_PRIORITY = 100


def platform_stack(settings: Settings, network_stack: Stack | None, data: Stack, edge: Stack | None) -> Stack:
    """One distribution for pages and API, and the load balancer behind it, which answers nobody else."""
    stack = Stack(
        "platform",
        settings,
        description=f"MealPrep {settings.environment}: CloudFront, load balancer, cluster and dashboard",
        arch="Clients -> CloudFront with a web ACL -> pages in S3, and /api/* -> load balancer -> tasks",
        must=["CloudFront is the only way in", "The load balancer answers only who knows the header's value"],
    )
    network = place(stack, settings, network_stack, "balancer")
    prefix_list = stack.add(parameters.cloudfront_prefix_list(settings.region))
    names = OriginNames(
        stack,
        https=settings.https == "domain",
        domain_name=settings.domain_name,
        hosted_zone_id=settings.hosted_zone_id,
    )
    secret = stack.add(OriginSecret("Origin", generation=settings.origin_generation))
    targets = {
        part.name: stack.add(TargetGroup(part.name, network=network, port=part.port, health_check=part.health_check))
        for part in ([API, WEB] if settings.web_service else [API])
    }
    last = targets[WEB.name] if settings.web_service else targets[API.name]
    balancer = stack.add(
        LoadBalancer(
            "Public",
            network=network,
            targets=last,
            certificate=names.origin_certificate,
            prefix_list=prefix_list.ref(),
            only_with=secret.accepted,
            protect=settings.keep_data,
        )
    )
    if settings.web_service:
        takes = Requests(API_PRIORITY, API_PATHS, header=secret.accepted)
        rule = listener_rule("ApiRule", balancer.listener, takes, targets[API.name].forward_rule())
        stack.add(because("Sends the API's paths to the API.", rule))
    bucket = None if settings.web_service else stack.add(FrontendBucket("Frontend", versioned=settings.keep_data))
    distribution = stack.add(
        Distribution(
            "Public",
            frontend_bucket=bucket,
            api_origin=names.origin or balancer.dns_name,
            origin_header=secret.header,
            origin_https=names.origin is not None,
            web_acl_arn=None if edge is None or not settings.waf else stack.from_stack(edge, "WebAclArn"),
            certificate_arn=None if edge is None or names.public is None else stack.from_stack(edge, "CertificateArn"),
            aliases=[] if names.public is None else [names.public],
            api_paths=API_PATHS,
            price_class=settings.price_class,
        )
    )
    if balancer.verified is not None:
        # A new value of the header is taken in before it is sent.
        distribution.distribution.DependsOn = [balancer.verified.title]
    names.lead_to(balancer, distribution)
    cluster = stack.add(Cluster("MealPrep", physical_name=settings.name("cluster")))
    _publish(
        stack,
        balancer=balancer,
        distribution=distribution,
        cluster=cluster,
        targets=targets,
        names=names,
        bucket=bucket,
    )
    _show(stack, settings, balancer, targets[API.name], data)
    return stack


def _publish(  # noqa: PLR0913 - all that others read
    stack: Stack,
    *,
    balancer: LoadBalancer,
    distribution: Distribution,
    cluster: Cluster,
    targets: dict[str, TargetGroup],
    names: OriginNames,
    bucket: FrontendBucket | None,
) -> None:
    domain = "${DomainName}" if names.public is not None else f"${{{distribution.distribution.title}.DomainName}}"
    stack.output("APIEndpoint", Sub(f"https://{domain}"), "Where the API answers: /health, and everything below /api")
    stack.output("FrontendURL", Sub(f"https://{domain}"), "Where the pages are")
    stack.output("PublicName", names.public or distribution.domain_name, "The name that people use")
    stack.output("DistributionId", distribution.id, "Invalidate its cache after a release of the pages")
    if bucket is not None:
        stack.output("FrontendBucketName", bucket.name, "Copy the pages to /frontend in it")
    stack.output("MealPrepClusterName", cluster.reference, "The ECS cluster")
    stack.output("LoadBalancerSecurityGroupId", balancer.security_group_id, "Security group of the load balancer")
    stack.output("LoadBalancerFullName", balancer.full_name, "The load balancer, as its metrics name it")
    for name, group in targets.items():
        stack.output(f"{name}TargetGroupArn", group.arn, f"Target group of {name}")
        stack.output(f"{name}TargetGroupFullName", group.full_name, "The same, as its metrics name it")
        stack.output(f"{name}RequestLabel", request_label(balancer, group), "The same, as scaling by requests names it")


def target_group_name(stack: Stack, platform: Stack, name: str) -> GetStackOutput:
    """The full name of a service's target group, for metrics in *stack*."""
    return stack.from_stack(platform, f"{name}TargetGroupFullName")


def _show(stack: Stack, settings: Settings, balancer: LoadBalancer, targets: TargetGroup, data: Stack) -> None:
    """The document's dashboard: the API as its load balancer sees it, and the database."""
    database = stack.add(
        StackParameter(
            "DatabaseIdentifier",
            group="Other stacks",
            label="Path of the database's identifier",
            description=f"SSM parameter in which the stack {data.name} says what metrics call the database",
            type="AWS::SSM::Parameter::Value<String>",
            default=identifier_path(settings),
        )
    )
    names = {
        "LoadBalancer": balancer.full_name,
        "TargetGroup1": targets.full_name,
        "Database": database.ref(),
    }
    of_database = ["DBClusterIdentifier", "${Database}"]
    api = [dashboard.response_time(), dashboard.request_count(), dashboard.error_rate(), dashboard.healthy_hosts()]
    rds = [
        dashboard.widget("Database CPU in percent", [["AWS/RDS", "CPUUtilization", *of_database, {"stat": "Average"}]]),
        dashboard.widget(
            "Database connections", [["AWS/RDS", "DatabaseConnections", *of_database, {"stat": "Average"}]]
        ),
    ]
    groups = [Group("API Performance", 60, api), Group("Database Performance", 60, rds)]
    physical_name = f"{settings.title}-{settings.environment.title()}" if settings.documented_names else None
    stack.add(GroupedDashboard("MealPrep", names=names, groups=groups, physical_name=physical_name))
