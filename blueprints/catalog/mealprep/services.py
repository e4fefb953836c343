"""What runs in the cluster: the API, and the pages where they are a service of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from awacs.aws import Statement
from troposphere import Ref, ecs

from blueprints.access import grants
from blueprints.access.connections import connect
from blueprints.catalog._part import Part, container_of_part, stand_on
from blueprints.catalog._web_service import place, task_bounds, working_hours
from blueprints.catalog._web_settings import PRODUCTION
from blueprints.catalog.mealprep.data import CACHE, DATABASE, DATABASE_NAME
from blueprints.catalog.mealprep.parts import API, WEB
from blueprints.catalog.mealprep.platform import target_group_name
from blueprints.catalog.mealprep.settings import Settings
from blueprints.components.aurora_server import AuroraServer
from blueprints.components.autoscaling import Autoscaling, RequestsPerTarget, RequestSteps
from blueprints.components.cache import CacheServer
from blueprints.components.cluster import ClusterName
from blueprints.components.collector import Collector
from blueprints.components.container import Container
from blueprints.components.fargate_service import FargateService
from blueprints.components.secret import SecretValue
from blueprints.components.target_group import Targets
from blueprints.components.task_size import TaskSize
from blueprints.model.stack import SecretSource, Stack

EMAIL_KEY = "Email__ApiKey"

# Room for a few uploads that are read at once, of 30 MB each at most unless Kestrel is told otherwise.
UPLOAD_MEBIBYTES = 256


def service_stack(settings: Settings, network: Stack | None, data: Stack, platform: Stack) -> Stack:
    """The API: what it is told, what it may do, whom it talks to, and how many of it run."""
    stack = Stack(
        "service",
        settings,
        description=f"MealPrep {settings.environment}: the API (.NET)",
        arch="Load balancer -> API tasks -> Aurora, cache, uploads, Bedrock and Rekognition; a collector beside them",
        must=["No value of a secret is ever written into this template"],
    )
    database = AuroraServer.from_stack(
        stack, data, DATABASE, database=DATABASE_NAME, generated=settings.master_secret == "generated"
    )
    cache = CacheServer.from_stack(stack, data, CACHE)
    collector = stack.add(Collector(API.name, namespace=None, xray_sdk=True)) if settings.tracing else None
    variables = {
        "ASPNETCORE_FORWARDEDHEADERS_ENABLED": "true",
        "ASPNETCORE_ENVIRONMENT": settings.aspnetcore_environment,
        "AWS_REGION": Ref("AWS::Region"),
        "CLOUDFRONT_DOMAIN": stack.from_stack(platform, "PublicName"),
        # .NET listens for debuggers through a file, which a read-only file system has no place for.
        "DOTNET_EnableDiagnostics": "0",
        "Storage__Bucket": stack.from_stack(data, "StorageBucketName"),
        "Cache__Host": cache.address,
        "Cache__Port": str(cache.port),
        "Cache__Tls": "true",
        **_database(settings, database),
        **(_traced(settings, collector) if collector else {}),
        **settings.api_variables,
    }
    container = replace(
        container_of_part(stack, settings, API, variables),
        secrets=_secrets(stack, settings, data, database, cache),
        # ASP.NET Core puts form files of more than 64 KB into a temporary folder (Microsoft Learn, "Upload files").
        temporary_mebibytes=UPLOAD_MEBIBYTES,
    )
    service = _service(
        stack,
        settings,
        container,
        part=API,
        network=network,
        platform=platform,
        size=TaskSize.ask(stack, cpu=settings.api_cpu, memory=settings.api_memory, of=API.name),
        may=[*_permissions(stack, settings, data), *(collector.permissions if collector else [])],
        sidecars=[collector.container] if collector else [],
    )
    service.wait_for(*stack.add([*connect(service, database.writer), *connect(service, cache)]))
    _scale(stack, settings, service, platform)
    return stack


def _database(settings: Settings, database: AuroraServer) -> dict[str, Any]:
    """Where the database is, for an API that puts its connection string together by itself."""
    if settings.master_secret == "generated":
        return {}
    writer = database.writer
    return {"Database__Host": writer.host, "Database__Port": str(writer.port), "Database__Name": writer.database}


def _traced(settings: Settings, collector: Collector) -> dict[str, Any]:
    """How the API calls itself in traces, to OpenTelemetry and to the SDK of X-Ray, and where it sends them."""
    name = settings.traced_as
    return {"OTEL_SERVICE_NAME": name, "AWS_XRAY_TRACING_NAME": name, **collector.variables}


def web_stack(settings: Settings, network: Stack | None, platform: Stack) -> Stack:
    """The pages as a service: it talks to nobody, browsers call the API."""
    stack = Stack(
        "web",
        settings,
        description=f"MealPrep {settings.environment}: the pages, from a container",
        arch="Load balancer -> tasks that serve the browser application",
    )
    variables = {"ENVIRONMENT": settings.environment}
    service = _service(
        stack,
        settings,
        container_of_part(stack, settings, WEB, variables),
        part=WEB,
        network=network,
        platform=platform,
        size=TaskSize.ask(stack, cpu=256, memory=512, of=WEB.name),
    )
    minimum, maximum = task_bounds(stack, 1, 4, of=WEB.name, floor=_floor(settings))
    hours = working_hours(settings, minimum, maximum)
    scaling = Autoscaling(
        WEB.name, service=service, minimum=minimum, maximum=maximum, cpu=settings.target_cpu, schedule=hours
    )
    stack.add(scaling)
    return stack


def _secrets(
    stack: Stack, settings: Settings, data: Stack, database: AuroraServer, cache: CacheServer
) -> dict[str, SecretValue]:
    """What the API reads when it starts: one connection string, or its parts where RDS keeps the password."""
    secrets = {
        "JWT__Secret": SecretValue.from_stack(stack, data, "AppSecrets", key=True),
        "Cache__AuthToken": SecretValue(cache.auth_token_arn),
    }
    if settings.email_key:
        secrets[EMAIL_KEY] = SecretValue.from_stack(stack, data, "EmailApiKey")
        stack.secrets.append(SecretSource(EMAIL_KEY, stack=data.name, output="EmailApiKeyArn"))
    if database.connection_string is not None:
        return {"ConnectionStrings__DefaultConnection": database.connection_string, **secrets}
    return {"Database__Username": database.username, "Database__Password": database.password, **secrets}


def _permissions(stack: Stack, settings: Settings, data: Stack) -> list[Statement]:
    """What the API may do in AWS: uploads, these models, and looking at images."""
    statements = [
        grants.read_write_objects(stack.from_stack(data, "StorageObjects")),
        grants.detect_in_images(),
    ]
    if settings.models or settings.model_profiles:
        regions = settings.profile_regions
        statements.append(grants.invoke_models(settings.models, settings.model_profiles, regions=regions))
    return statements


def _service(  # noqa: PLR0913 - what tells the services apart
    stack: Stack,
    settings: Settings,
    container: Container,
    *,
    part: Part,
    network: Stack | None,
    platform: Stack,
    size: TaskSize,
    may: Sequence[Statement] = (),
    sidecars: Sequence[ecs.ContainerDefinition] = (),
) -> FargateService:
    """One container behind the platform's load balancer."""
    service = FargateService(
        part.name,
        network=place(stack, settings, network, "tasks"),
        cluster=ClusterName(stack.from_stack(platform, "MealPrepClusterName")),
        container=container,
        repository=part.repository,
        size=size,
        targets=Targets(stack.from_stack(platform, f"{part.name}TargetGroupArn")),
        tasks=None,
        may=may,
        log_retention_days=settings.log_retention_days,
        log_group_name=settings.name(part.known_as, under=settings.log_folder),
        grace_seconds=settings.start_seconds,
        capacity=settings.capacity,
        arm=settings.arm,
        shell=settings.shell,
        sidecars=sidecars,
        physical_name=settings.name(part.known_as),
    )
    return stand_on(stack, service, platform)


def _scale(stack: Stack, settings: Settings, service: FargateService, platform: Stack) -> None:
    """The document's targets and steps, and no tasks at all while the environment sleeps."""
    minimum, maximum = task_bounds(
        stack, settings.api_minimum_tasks, settings.api_maximum_tasks, of=API.name, floor=_floor(settings)
    )
    by = settings.scale_requests_by
    balancer, group = stack.from_stack(platform, "LoadBalancerFullName"), target_group_name(stack, platform, API.name)
    label = stack.from_stack(platform, "ApiRequestLabel")
    scaling = Autoscaling(
        API.name,
        service=service,
        minimum=minimum,
        maximum=maximum,
        cpu=settings.target_cpu,
        memory=settings.target_memory,
        requests=RequestsPerTarget(settings.target_requests, label=label) if by == "target" else None,
        steps=RequestSteps(balancer, group) if by == "steps" else None,
        schedule=working_hours(settings, minimum, maximum),
    )
    stack.add(scaling)


def _floor(settings: Settings) -> int:
    return 1 if settings.environment == PRODUCTION else 0
