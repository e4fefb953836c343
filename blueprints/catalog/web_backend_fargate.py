"""Web backend on Fargate: FastAPI behind a load balancer with PostgreSQL, and a frontend behind CloudFront."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from blueprints.access.connections import connect, reach_https
from blueprints.catalog._part import Part, container_of_part, stand_on
from blueprints.catalog._web_backend.application import (
    API,
    MIGRATION,
    database,
    database_host,
    secret_values,
    variables,
)
from blueprints.catalog._web_backend.data import data_stack
from blueprints.catalog._web_backend.files import files_of
from blueprints.catalog._web_backend.frontend import edge_stack, origins_from
from blueprints.catalog._web_backend.monitoring import Monitoring
from blueprints.catalog._web_backend.platform import add_entrance, finish, target_group
from blueprints.catalog._web_backend.release import release_stacks
from blueprints.catalog._web_backend.settings import LoadBalancedSettings
from blueprints.catalog._web_service import ask_for_image, network_stack, place, registry_stack, task_bounds
from blueprints.catalog._web_settings import TaskSettings
from blueprints.components import dashboard
from blueprints.components.alarms import ServiceAlarms, deployment_alarm
from blueprints.components.autoscaling import Autoscaling
from blueprints.components.blue_green import BlueGreen, TrafficShift
from blueprints.components.cluster import Cluster, ClusterName
from blueprints.components.container import Container
from blueprints.components.dashboard import Widget
from blueprints.components.fargate_service import FargateService
from blueprints.components.listener_rule import EVERYTHING, Requests
from blueprints.components.metrics import ServiceMetrics
from blueprints.components.one_off_task import OneOffTaskDefinition
from blueprints.components.repository import image_uri
from blueprints.components.rollout import BAKE_MINUTES, Rollout
from blueprints.components.target_group import Targets
from blueprints.components.task_size import TaskSize, check_size
from blueprints.model.stack import Stack
from blueprints.model.steps import OutputOf
from blueprints.model.text_file import TextFile

ARCHITECTURE = REPOSITORY = "web-backend-fargate"

# ECS moves the weights of a rule that takes everything that CloudFront sends.
PRODUCTION_PRIORITY = 100


class Settings(LoadBalancedSettings, TaskSettings):
    """Settings of the web backend on Fargate."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = LoadBalancedSettings.environment_defaults

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = ARCHITECTURE
    """First part of every stack's name and the value of the tag Project."""
    target_memory: Annotated[int, Field(ge=10, le=95)] = 80
    """Percent of memory that autoscaling holds."""
    deployment: Literal["rolling", "blue-green"] = "rolling"
    """Roll new tasks in with a circuit breaker, or let ECS move traffic between two target groups."""
    bake_minutes: Annotated[int, Field(ge=0, le=1440)] = BAKE_MINUTES
    """Minutes that the old tasks stay after a blue/green deployment has moved all traffic."""

    @model_validator(mode="after")
    def _size_exists(self) -> Settings:
        check_size(self.cpu, self.memory, of="")
        return self


def build(settings: Settings) -> list[Stack]:
    """Images, network, data, the way in, the migration, the service, eyes on it, and what delivers it."""
    registry = registry_stack(settings, {API: REPOSITORY})
    network = network_stack(settings, dual_stack=settings.dual_stack, data_subnets=True)
    data = data_stack(settings, network)
    edge = edge_stack(settings)
    platform = _platform(settings, network, data, edge)
    migration = _migration(settings, network, data, platform) if settings.migration else None
    service = _service(settings, network, data, platform)
    monitoring = _monitoring(settings, data, platform, service) if settings.alarms else None
    made = (registry, network, data, edge, platform, migration, service, monitoring)
    stacks = [stack for stack in made if stack is not None]
    return [*stacks, *release_stacks(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=stacks)]


def files(settings: Settings) -> list[TextFile]:
    """The image's Dockerfile, a compose file, the workflow, and the three runtimes side by side."""
    return files_of(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=build(settings))


def _platform(settings: Settings, network: Stack | None, data: Stack, edge: Stack | None) -> Stack:
    """What stays when a new version comes: the load balancer, the cluster, the frontend."""
    stack = Stack(
        "platform",
        settings,
        description=f"Web backend {settings.environment}: load balancer, ECS cluster and frontend",
        arch="Clients -> Application Load Balancer -> tasks; browsers -> CloudFront -> frontend in S3",
        must=["The load balancer is the only way in"],
    )
    entrance = add_entrance(stack, settings, network, data, edge)
    cluster = stack.add(Cluster(API))
    stack.output("ClusterName", cluster.reference, "The ECS cluster")
    stack.output("ClusterArn", cluster.cluster.get_att("Arn"), "The same by its ARN")
    targets = [entrance.targets]
    if settings.deployment == "blue-green":
        targets.append(target_group(stack, settings, entrance.network, "Green"))
        takes = Requests(PRODUCTION_PRIORITY, header=entrance.only_with) if entrance.only_with else EVERYTHING
        shift = stack.add(
            BlueGreen(API, listener=entrance.balancer.listener, blue=targets[0], green=targets[1], takes=takes)
        )
        stack.leave_to_ecs(shift.rule)
        shift.publish(stack)
    finish(
        stack,
        settings,
        entrance,
        edge,
        targets=targets,
        widgets=[_use_of_tasks()],
        names={"Cluster": cluster.reference},
    )
    return stack


def _use_of_tasks() -> Widget:
    """CPU and memory of whatever runs in the cluster: the service comes after the dashboard."""
    searches = [
        f"SEARCH('{{AWS/ECS,ClusterName,ServiceName}} MetricName=\"{metric}\" ClusterName=\"${{Cluster}}\"', 'Average')"
        for metric in ("CPUUtilization", "MemoryUtilization")
    ]
    return dashboard.widget("CPU and memory in percent", [[{"expression": search}] for search in searches])


def _migration(settings: Settings, network: Stack | None, data: Stack, platform: Stack) -> Stack:
    """The new version's image, run once to bring the database up to it, before the service hears of it."""
    stack = Stack(
        "migration",
        settings,
        description=f"Web backend {settings.environment}: the migration of its database",
        arch="A task that runs once, to its end, before a new version takes requests",
        must=["A task that fails stops the deployment; the old version goes on"],
    )
    subnets = [] if network is None else _task_subnets(settings, network)
    container = Container(
        name="migration",
        image=image_uri(REPOSITORY, ask_for_image(stack, REPOSITORY)),
        port=None,
        health_path=None,
        command=settings.migration,
        user=settings.run_as,
        **_told(stack, settings, data, platform),
    )
    task = OneOffTaskDefinition(
        MIGRATION,
        network=place(stack, settings, network, "tasks"),
        container=container,
        repository=REPOSITORY,
        size=TaskSize.ask(stack, cpu=settings.cpu, memory=settings.memory),
        log_retention_days=settings.log_retention_days,
        arm=settings.arm,
    )
    stack.add(task).publish(stack)
    stack.add([*connect(task, database(stack, data)), reach_https(task)])
    cluster = OutputOf(platform.name, "ClusterName")
    stack.tasks.append(task.step("migration", stack, cluster=cluster, subnets=subnets))
    return stack


def _task_subnets(settings: Settings, network: Stack) -> list[OutputOf]:
    kind = "Public" if settings.egress == "public" else "Private"
    return [OutputOf(network.name, f"{kind}Subnet{zone}") for zone in range(1, settings.availability_zones + 1)]


def _told(stack: Stack, settings: Settings, data: Stack, platform: Stack) -> dict[str, Any]:
    """What a container of the application is told, whatever it runs."""
    return {
        "environment": variables(
            settings,
            database_host=database_host(stack, data),
            cors_origins=origins_from(stack, settings, platform),
        ),
        "secrets": secret_values(stack, settings, data),
    }


def _service(settings: Settings, network: Stack | None, data: Stack, platform: Stack) -> Stack:
    """The application: what it is told, whom it talks to, how many run and how a new version takes over."""
    stack = Stack(
        "service",
        settings,
        description=f"Web backend {settings.environment}: the application on Fargate",
        arch="Load balancer -> tasks -> PostgreSQL over TLS",
        must=["No value of a secret is ever written into this template"],
    )
    part = Part(API, REPOSITORY, settings.container_port, settings.health_check_path)
    container = container_of_part(stack, settings, part, {})
    balancer = stack.from_stack(platform, "LoadBalancerFullName")
    alarm = stack.add(
        deployment_alarm(f"{API}DeploymentAlarm", load_balancer=balancer, target_groups=_groups(stack, platform))
    )
    shift = TrafficShift.from_stack(stack, platform, API) if settings.deployment == "blue-green" else None
    service = FargateService(
        API,
        network=place(stack, settings, network, "tasks"),
        cluster=ClusterName(stack.from_stack(platform, "ClusterName")),
        container=replace(container, **_told(stack, settings, data, platform)),
        repository=REPOSITORY,
        size=TaskSize.ask(stack, cpu=settings.cpu, memory=settings.memory),
        targets=Targets(stack.from_stack(platform, f"{API}TargetGroup1Arn")),
        tasks=None,
        log_retention_days=settings.log_retention_days,
        grace_seconds=settings.start_seconds,
        capacity=settings.capacity,
        arm=settings.arm,
        shell=settings.shell,
        rollout=Rollout(shift, alarms=[alarm], bake_minutes=settings.bake_minutes),
    )
    stand_on(stack, service, platform)
    service.wait_for(*stack.add([*connect(service, database(stack, data))]))
    minimum, maximum = task_bounds(stack, settings.minimum_capacity, settings.maximum_capacity)
    stack.add(
        Autoscaling(
            API,
            service=service,
            minimum=minimum,
            maximum=maximum,
            cpu=settings.target_cpu,
            memory=settings.target_memory,
        )
    )
    return stack


def _groups(stack: Stack, platform: Stack) -> list[Any]:
    outputs = [f"{API}TargetGroup{number}FullName" for number in (1, 2)]
    return [stack.from_stack(platform, output) for output in outputs if output in platform.outputs]


def _monitoring(settings: Settings, data: Stack, platform: Stack, service: Stack) -> Stack:
    """Alarms on the way in and on the tasks, beside those of every runtime."""
    monitoring = Monitoring(settings, data)
    stack = monitoring.stack
    metrics = ServiceMetrics(
        load_balancer=stack.from_stack(platform, "LoadBalancerFullName"),
        target_groups=_groups(stack, platform),
        cluster=stack.from_stack(service, "ClusterName"),
        service=stack.from_stack(service, "ServiceName"),
    )
    monitoring.watch(ServiceAlarms(API, metrics=metrics, topic=monitoring.topic.arn))
    https = settings.https != "off" or settings.api_through_cloudfront
    monitoring.ask_for_database(stack.from_stack(platform, "PublicName"), https=https)
    return stack
