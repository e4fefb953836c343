"""What both services stand on: the load balancer with its rules, the cluster, and the page that shows them."""

from __future__ import annotations

from dataclasses import replace

from troposphere import GetStackOutput

from blueprints.catalog._part import Part
from blueprints.catalog._web_service import FrontDoor, place, protect
from blueprints.catalog.recipe_chatbot.metrics import groups
from blueprints.catalog.recipe_chatbot.parts import BACKEND, FRONTEND
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.components.blue_green import BlueGreen
from blueprints.components.cluster import Cluster
from blueprints.components.dashboard import GroupedDashboard
from blueprints.components.listener_rule import EVERYTHING, Requests, listener_rule
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.log_delivery import AccessLogDelivery
from blueprints.components.network import Network
from blueprints.components.service_connect import Namespace
from blueprints.components.target_group import TargetGroup
from blueprints.model.context import because
from blueprints.model.stack import Stack

# The document's priority of the backend's rule; test traffic has to be asked for before production's.
BACKEND_PRIORITY = 100
TEST_PRIORITIES = {BACKEND.name: 10, FRONTEND.name: 20}

# Whoever sends this header with the value of the settings sees the new version while a deployment still tests it.
TEST_HEADER = "X-Deployment"

# Elastic Load Balancing takes no longer for deregistration_delay.timeout_seconds.
LONGEST_DRAINING = 3600

# Long messages are what a chat sends; the rule blocks bodies of more than 8 KB.
COUNTED = {"SizeRestrictions_BODY"}


def platform_stack(settings: Settings, network_stack: Stack | None) -> Stack:
    """The way in, with a target group and rules for each service, and the cluster that they run in."""
    stack = Stack(
        "platform",
        settings,
        description=f"Recipe Chatbot {settings.environment}: load balancer, cluster and dashboard of both services",
        arch="Clients -> web ACL -> Application Load Balancer -> frontend, and by path -> backend",
        must=["The load balancer is the only way in", "Rules that ECS rewrites keep their text"],
    )
    network = place(stack, settings, network_stack, "balancer")
    door = FrontDoor(stack, settings)
    targets = {part.name: [_targets(stack, settings, network, part)] for part in (BACKEND, FRONTEND)}
    balancer = stack.add(
        LoadBalancer(
            "Public",
            network=network,
            targets=targets[FRONTEND.name][0],
            certificate=door.certificate_arn,
            clients=settings.clients,
            idle_seconds=settings.answer_seconds,
            dual_stack=settings.dual_stack,
            protect=settings.keep_data,
        )
    )
    if settings.deployment == "blue-green":
        _shift_traffic(stack, settings, network, balancer, targets)
    else:
        rule = listener_rule(
            "BackendProductionRule", balancer.listener, _to_backend(settings), targets[BACKEND.name][0].forward_rule()
        )
        stack.add(because("Sends what the API answers to the backend, and the rest stays with the frontend.", rule))
    cluster = stack.add(Cluster("Chatbot", physical_name=settings.name("cluster")))
    namespace = stack.add(Namespace("Chatbot"))
    if settings.access_logs:
        _keep_access_logs(stack, settings, balancer)
    protect(stack, settings, balancer, count=COUNTED)
    _publish(stack, balancer, cluster, namespace, targets)
    _show(stack, settings, balancer, cluster, targets)
    door.lead_to(balancer)
    if door.domain_name is not None:
        stack.output("DomainName", door.domain_name.ref(), "The public name")
    return stack


def target_group_names(stack: Stack, platform: Stack, part: Part) -> list[GetStackOutput]:
    """The full names of a service's target groups, for alarms in *stack*: two where ECS moves traffic."""
    outputs = [f"{part.name}TargetGroup{number}FullName" for number in (1, 2)]
    return [stack.from_stack(platform, output) for output in outputs if output in platform.outputs]


def _targets(stack: Stack, settings: Settings, network: Network, part: Part, colour: str = "") -> TargetGroup:
    """A target group of a service, whose tasks finish an answer before they go."""
    draining = min(settings.answer_seconds, LONGEST_DRAINING)
    return stack.add(
        TargetGroup(
            f"{part.name}{colour}",
            network=network,
            port=part.port,
            health_check=part.health_check,
            draining_seconds=draining,
        )
    )


def _to_backend(settings: Settings, priority: int = BACKEND_PRIORITY) -> Requests:
    return Requests(priority, settings.paths)


def _shift_traffic(
    stack: Stack, settings: Settings, network: Network, balancer: LoadBalancer, targets: dict[str, list[TargetGroup]]
) -> None:
    """A second target group for each service, and the rules whose weights ECS moves."""
    takes = {BACKEND: _to_backend(settings), FRONTEND: EVERYTHING}
    for part, requests in takes.items():
        (blue,) = targets[part.name]
        green = _targets(stack, settings, network, part, "Green")
        tests = replace(requests, priority=TEST_PRIORITIES[part.name], header=(TEST_HEADER, settings.test_header))
        shift = stack.add(
            BlueGreen(part.name, listener=balancer.listener, blue=blue, green=green, takes=requests, tests=tests)
        )
        for rule in shift.rules:
            stack.leave_to_ecs(rule)
        shift.publish(stack)
        targets[part.name].append(green)


def _keep_access_logs(stack: Stack, settings: Settings, balancer: LoadBalancer) -> None:
    delivery = AccessLogDelivery(
        "Public",
        load_balancer=balancer.load_balancer.ref(),
        log_group_name=settings.name("load-balancer", under=settings.log_folder),
        retention_days=settings.log_retention_days,
    )
    stack.add(delivery)


def _publish(
    stack: Stack,
    balancer: LoadBalancer,
    cluster: Cluster,
    namespace: Namespace,
    targets: dict[str, list[TargetGroup]],
) -> None:
    """What the stacks of the services and of the alarms read."""
    stack.output("ClusterName", cluster.reference, "The ECS cluster")
    stack.output("NamespaceArn", namespace.arn, "Where the services know each other by name")
    stack.output("LoadBalancerSecurityGroupId", balancer.security_group_id, "Security group of the load balancer")
    stack.output("LoadBalancerFullName", balancer.full_name, "The load balancer, as its metrics name it")
    for part, groups_of in targets.items():
        for number, group in enumerate(groups_of, start=1):
            stack.output(f"{part}TargetGroup{number}Arn", group.arn, f"A target group of {part}")
            stack.output(f"{part}TargetGroup{number}FullName", group.full_name, "The same, as its metrics name it")


def _show(
    stack: Stack, settings: Settings, balancer: LoadBalancer, cluster: Cluster, targets: dict[str, list[TargetGroup]]
) -> None:
    """The document's dashboard; services are found by the cluster's name, because they come after it."""
    named = {
        f"{part}{colour}": group.full_name
        for part, groups_of in targets.items()
        for colour, group in zip(("", "Green"), groups_of, strict=False)
    }
    names = {"LoadBalancer": balancer.full_name, "Cluster": cluster.reference, **named}
    stack.add(GroupedDashboard("Chatbot", names=names, groups=groups(settings.namespace, list(named))))
