"""The two services: the backend that talks to the model, and the frontend that people see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from awacs.aws import Statement
from troposphere import cloudwatch, ecs

from blueprints.access import grants
from blueprints.access.connections import Peer, connect
from blueprints.catalog._part import Part, container_of_part, stand_on
from blueprints.catalog._web_service import place, task_bounds, working_hours
from blueprints.catalog._web_settings import PRODUCTION
from blueprints.catalog.recipe_chatbot import data as keys
from blueprints.catalog.recipe_chatbot.configuration import Configuration
from blueprints.catalog.recipe_chatbot.metrics import QUEUE_DEPTH, log_metrics
from blueprints.catalog.recipe_chatbot.parts import BACKEND, FRONTEND, KEYS, LONGEST_STOP
from blueprints.catalog.recipe_chatbot.platform import target_group_names
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.components.alarms import deployment_alarm
from blueprints.components.autoscaling import Autoscaling, BacklogPerTask
from blueprints.components.blue_green import TrafficShift
from blueprints.components.cluster import ClusterName
from blueprints.components.collector import Collector
from blueprints.components.container import TEMPORARY, Container
from blueprints.components.fargate_service import FargateService
from blueprints.components.log_metrics import LogMetrics
from blueprints.components.rollout import Hook, Rollout
from blueprints.components.secret import SecretValue
from blueprints.components.service_connect import ServiceConnect
from blueprints.components.target_group import Targets
from blueprints.components.task_size import TaskSize
from blueprints.model import parameters
from blueprints.model.stack import Stack

# The document's cooldowns, both ways.
COOLDOWN_SECONDS = 300

# Where Next.js keeps what it has rendered; everything else of the image is read-only.
NEXT_CACHE = "/app/.next/cache"


def backend_stack(settings: Settings, network: Stack | None, data: Stack, platform: Stack) -> Stack:
    """The backend, its keys and configuration, what is counted in its log, and the collector beside it."""
    stack = Stack(
        "backend",
        settings,
        description=f"Recipe Chatbot {settings.environment}: the backend (FastAPI)",
        arch="Load balancer and frontend -> backend tasks -> OpenAI and SERP over HTTPS; a collector beside them",
        must=["No value of a secret is ever written into this template"],
    )
    configuration = stack.add(Configuration(settings, origin=stack.from_stack(platform, "Url")))
    stack.secrets += keys.sources(data)
    collector = None
    if settings.tracing:
        collector = stack.add(
            Collector(
                BACKEND.name,
                namespace=settings.namespace,
                log_retention_days=settings.log_retention_days,
                log_group_name=settings.name("backend-metrics", under=settings.log_folder),
            )
        )
    variables = {
        "METRIC_NAMESPACE": settings.namespace,
        **_behind_the_load_balancer(settings),
        **({"OTEL_SERVICE_NAME": BACKEND.repository, **collector.variables} if collector else {}),
        **settings.backend_variables,
    }
    container = replace(
        container_of_part(stack, settings, BACKEND, variables),
        stop_seconds=LONGEST_STOP,
        secrets={**configuration.values, **_keys(stack, data)},
        labels=configuration.labels,
        port_name=BACKEND.known_as,
    )
    service = _service(
        stack,
        settings,
        BACKEND,
        container,
        network=network,
        platform=platform,
        may=[grants.put_metrics(settings.namespace), *(collector.permissions if collector else [])],
        sidecars=[collector.container] if collector else [],
    )
    stack.output("SecurityGroupId", service.security_group_id, "Security group of the backend's tasks")
    stack.add(
        LogMetrics(BACKEND.name, log_group=service.log_group, namespace=settings.namespace, metrics=log_metrics())
    )
    _scale(stack, settings, service, memory=settings.target_memory, backlog=_backlog(settings))
    return stack


def frontend_stack(settings: Settings, network: Stack | None, platform: Stack, backend: Stack) -> Stack:
    """The frontend, which calls the backend by its name in the namespace."""
    stack = Stack(
        "frontend",
        settings,
        description=f"Recipe Chatbot {settings.environment}: the frontend (Next.js)",
        arch="Load balancer -> frontend tasks -> backend by Service Connect",
    )
    variables = {
        "ENVIRONMENT": settings.application_environment,
        "BACKEND_URL": f"http://{BACKEND.known_as}:{BACKEND.port}",
        **settings.frontend_variables,
    }
    container = replace(
        container_of_part(stack, settings, FRONTEND, variables),
        stop_seconds=LONGEST_STOP,
        temporary=[*TEMPORARY, NEXT_CACHE],
    )
    service = _service(stack, settings, FRONTEND, container, network=network, platform=platform)
    callee = Peer(BACKEND.name, stack.from_stack(backend, "SecurityGroupId"), BACKEND.port)
    service.wait_for(*stack.add([*connect(service, callee)]))
    _scale(stack, settings, service)
    return stack


def _service(  # noqa: PLR0913 - what tells the two services apart
    stack: Stack,
    settings: Settings,
    part: Part,
    container: Container,
    *,
    network: Stack | None,
    platform: Stack,
    may: Sequence[Statement] = (),
    sidecars: Sequence[ecs.ContainerDefinition] = (),
) -> FargateService:
    """One container of a repository of its own, behind the platform's load balancer."""
    connection = ServiceConnect(
        stack.from_stack(platform, "NamespaceArn"), container.port_name, answer_seconds=settings.answer_seconds
    )
    service = FargateService(
        part.name,
        network=place(stack, settings, network, "tasks"),
        cluster=ClusterName(stack.from_stack(platform, "ClusterName")),
        container=container,
        repository=part.repository,
        size=_size(stack, settings, part),
        targets=Targets(stack.from_stack(platform, f"{part.name}TargetGroup1Arn")),
        tasks=None,
        may=may,
        log_retention_days=settings.log_retention_days,
        log_group_name=settings.name(part.known_as, under=settings.log_folder),
        grace_seconds=settings.start_seconds,
        capacity=settings.capacity,
        arm=settings.arm,
        shell=settings.shell,
        rollout=_rollout(stack, settings, part, platform),
        sidecars=sidecars,
        connect=connection,
        physical_name=settings.name(part.known_as),
    )
    return stand_on(stack, service, platform)


def _size(stack: Stack, settings: Settings, part: Part) -> TaskSize:
    cpu, memory = getattr(settings, f"{part.known_as}_cpu"), getattr(settings, f"{part.known_as}_memory")
    return TaskSize.ask(stack, cpu=cpu, memory=memory, of=part.name)


def _behind_the_load_balancer(settings: Settings) -> dict[str, str]:
    """Whose word uvicorn takes for the scheme and the address of a client, where we know the addresses of the VPC."""
    return {} if settings.existing_vpc else {"FORWARDED_ALLOW_IPS": f"127.0.0.1,{settings.vpc_cidr}"}


def _backlog(settings: Settings) -> BacklogPerTask | None:
    """The waiting calls that each task should have, where the application says how many wait."""
    if settings.queue == "none":
        return None
    target, shared = settings.target_queue_depth, settings.queue == "shared"
    return BacklogPerTask(target, settings.namespace, QUEUE_DEPTH.name, QUEUE_DEPTH.dimensions, shared=shared)


def _keys(stack: Stack, data: Stack) -> dict[str, SecretValue]:
    """The keys of the services that the backend calls, each one key of a JSON secret."""
    return {variable: SecretValue.from_stack(stack, data, name, key=True) for variable, (name, _, _) in KEYS.items()}


def _rollout(stack: Stack, settings: Settings, part: Part, platform: Stack) -> Rollout:
    """How new versions come, and the alarm that turns them back."""
    alarm = stack.add(_deployment_alarm(stack, part, platform))
    if settings.deployment == "rolling":
        return Rollout(alarms=[alarm])
    hooks = []
    if settings.deployment_hook:
        function = stack.add(parameters.function_arn("DeploymentHookArn", "decides whether a deployment may go on"))
        hooks.append(stack.add(Hook(part.name, function_arn=function.ref(), stages=settings.hook_stages)))
    shift = TrafficShift.from_stack(stack, platform, part.name)
    return Rollout(shift, alarms=[alarm], hooks=hooks, bake_minutes=settings.bake_minutes)


def _deployment_alarm(stack: Stack, part: Part, platform: Stack) -> cloudwatch.Alarm:
    return deployment_alarm(
        f"{part.name}DeploymentAlarm",
        load_balancer=stack.from_stack(platform, "LoadBalancerFullName"),
        target_groups=target_group_names(stack, platform, part),
    )


def _scale(
    stack: Stack,
    settings: Settings,
    service: FargateService,
    *,
    memory: int | None = None,
    backlog: BacklogPerTask | None = None,
) -> None:
    """Bounds that load moves between, and no tasks at all while the environment sleeps."""
    key = service.name.lower()
    least, most = getattr(settings, f"{key}_minimum_tasks"), getattr(settings, f"{key}_maximum_tasks")
    floor = 1 if settings.environment == PRODUCTION else 0
    minimum, maximum = task_bounds(stack, least, most, of=service.name, floor=floor)
    scaling = Autoscaling(
        service.name,
        service=service,
        minimum=minimum,
        maximum=maximum,
        cpu=settings.target_cpu,
        memory=memory,
        backlog=backlog,
        schedule=working_hours(settings, minimum, maximum),
        out_seconds=COOLDOWN_SECONDS,
    )
    stack.add(scaling)
