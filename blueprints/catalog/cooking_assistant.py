"""Cooking Assistant: one Fargate service behind a load balancer that answers with the help of the Anthropic API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from awacs.aws import Statement
from pydantic import Field, model_validator
from troposphere import AWSObject
from troposphere import elasticloadbalancingv2 as elb

from blueprints.access import grants
from blueprints.access.connections import connect, reach_https
from blueprints.catalog._web_service import (
    FrontDoor,
    access_logs,
    ask_for_image,
    container_of,
    keep_access_logs,
    monitoring_stack,
    network_stack,
    place,
    protect,
    registry_stack,
    show,
    targets_of,
    task_bounds,
)
from blueprints.catalog._web_settings import WebServiceSettings
from blueprints.components.autoscaling import Autoscaling, RequestsPerTarget
from blueprints.components.cache import Cache, CacheServer
from blueprints.components.cluster import Cluster
from blueprints.components.container import Container
from blueprints.components.fargate_service import FargateService
from blueprints.components.gate import Gate
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.network import Network
from blueprints.components.postgres import Database, Postgres
from blueprints.components.repository import image_uri
from blueprints.components.secret import Secret, SecretValue
from blueprints.components.sign_in import SignIn, scope_of
from blueprints.components.table import Table
from blueprints.components.task_size import TaskSize
from blueprints.model import parameters
from blueprints.model.errors import SettingsError
from blueprints.model.stack import SecretSource, Stack

REPOSITORY = "cooking-assistant"
API_KEY = "ANTHROPIC_API_KEY"
PEOPLE = "People"


class Settings(WebServiceSettings):
    """Settings of the Cooking Assistant."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "prod": {**WebServiceSettings.environment_defaults["prod"], "autoscaling": True}
    }

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = "cooking-assistant"
    """First part of every stack's name and the value of the tag Project."""
    secret_source: Literal["secrets-manager", "parameter-store"] = "secrets-manager"
    """Where the Anthropic API key is kept: a secret that the data stack makes, or an SSM SecureString that exists."""
    secret_parameter: Annotated[str, Field(max_length=128, pattern=r"^/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")] = (
        "/cooking-assistant/ANTHROPIC_API_KEY"
    )
    """Name of the SSM parameter, where `secret_source` is `parameter-store`."""
    tasks: Annotated[int, Field(ge=0, le=100)] = 1
    """Number of tasks where autoscaling is off (default of the parameter TaskCount)."""
    autoscaling: bool = False
    """Let the number of tasks follow CPU, memory and requests."""
    target_cpu: Annotated[int, Field(ge=10, le=95)] = 70
    """Percent of CPU that autoscaling holds."""
    target_memory: Annotated[int, Field(ge=10, le=95)] = 80
    """Percent of memory that autoscaling holds."""
    target_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Requests a minute that one task should get under autoscaling."""
    storage: Literal["none", "dynamodb", "aurora"] = "none"
    """Where recipes and preferences are kept: nowhere, a DynamoDB table, or Aurora PostgreSQL Serverless v2."""
    cache: bool = False
    """Keep answers in a Valkey cache, so that the same question is not paid for twice."""
    sign_in: Literal["none", "people", "machines", "people-and-machines"] = "none"
    """Who has to show who they are: people (Cognito's sign-in pages), machine clients (signed tokens), or both."""

    @model_validator(mode="after")
    def _sign_in_needs_a_domain(self) -> Settings:
        if self.sign_in != "none" and self.https != "domain":
            raise SettingsError(
                f"sign_in: {self.sign_in!r} needs https to be 'domain', got {self.https!r}: the load balancer signs "
                "people in over HTTPS only, and sends them back to the domain"
            )
        return self


def build(settings: Settings) -> list[Stack]:
    """Images, the network, what must survive, and the service that changes daily."""
    network = network_stack(settings, dual_stack=settings.dual_stack)
    data = _data(settings, network)
    service = _service(settings, network, data)
    monitoring = monitoring_stack(settings, service, name="Assistant")
    registry = registry_stack(settings, {"Assistant": REPOSITORY})
    stacks = (registry, network, data, service, monitoring)
    return [stack for stack in stacks if stack is not None and stack.resources]


def _data(settings: Settings, network: Stack | None) -> Stack:
    """The API key's place, and storage and cache where they are asked for."""
    stack = Stack(
        "data",
        settings,
        description=f"What {settings.project} {settings.environment} must not lose",
        arch="Secret for the Anthropic API key; recipes in DynamoDB or Aurora and answers in Valkey where asked for",
    )
    if settings.secret_source == "secrets-manager":
        key = stack.add(Secret("AnthropicApiKey", description="API key of the Anthropic account that pays for answers"))
        stack.output("AnthropicApiKeyArn", key.secret.ref(), "Put the Anthropic API key here before the service starts")
    if settings.storage == "dynamodb":
        recipes = stack.add(Table("Recipes", keep=settings.keep_data))
        stack.output("RecipesTableName", recipes.table.ref(), "The table with recipes and preferences")
        stack.output("RecipesTableArn", recipes.table.get_att("Arn"), "The table's ARN")
    keep_access_logs(stack, settings)
    if settings.sign_in != "none":
        _publish_people(stack, settings)
    if settings.storage == "aurora" or settings.cache:
        _publish_databases(stack, settings, place(stack, settings, network, "data"))
    return stack


def _publish_people(stack: Stack, settings: Settings) -> None:
    """People's accounts, which outlive the service that they sign in to."""
    machines = settings.sign_in in {"machines", "people-and-machines"}
    domain_name = stack.add(parameters.domain_name(settings.domain_name))
    people = stack.add(SignIn(PEOPLE, domain=domain_name.ref(), keep=settings.keep_data, machine_clients=machines))
    people.gate.publish(stack)
    stack.output("UserPoolId", people.user_pool.ref(), "Add people here: aws cognito-idp admin-create-user")
    stack.output("TokenDiscoveryUrl", people.discovery_url, "Names the endpoint that hands out tokens")


def _publish_databases(stack: Stack, settings: Settings, network: Network) -> None:
    if settings.storage == "aurora":
        recipes = stack.add(Postgres("Recipes", network=network, keep=settings.keep_data))
        recipes.publish(stack)
    if settings.cache:
        answers = stack.add(Cache("Answers", network=network, keep=settings.keep_data))
        answers.publish(stack)


def _service(settings: Settings, network_stack: Stack | None, data: Stack) -> Stack:
    """The load balancer, the service behind it, and eyes on both."""
    stack = Stack(
        "service",
        settings,
        description=f"Cooking Assistant {settings.environment}: the service and its load balancer",
        arch="Clients -> Application Load Balancer -> Fargate tasks -> Anthropic API; the key comes from outside",
        must=["The load balancer is the only way in", "No secret value is ever written into this template"],
    )
    tag = ask_for_image(stack, REPOSITORY)
    size = TaskSize.ask(stack, cpu=settings.task_cpu, memory=settings.task_memory)
    bounds = task_bounds(stack, settings.minimum_tasks, settings.maximum_tasks) if settings.autoscaling else None
    tasks = None if settings.autoscaling else _task_count(stack, settings)
    network = place(stack, settings, network_stack)
    door = FrontDoor(stack, settings)

    targets = targets_of(stack, settings, "Assistant", network)
    gate = _gate(stack, settings, data)
    balancer = stack.add(
        LoadBalancer(
            "Public",
            network=network,
            targets=targets,
            certificate=door.certificate_arn,
            before=_checks(settings, gate),
            clients=settings.clients,
            dual_stack=settings.dual_stack,
            access_logs=access_logs(stack, settings, data),
            protect=settings.keep_data,
        )
    )
    cluster = stack.add(Cluster("Assistant"))
    assistant = stack.add(
        FargateService(
            "Assistant",
            network=network,
            cluster=cluster,
            container=_container(stack, settings, data, image_uri(REPOSITORY, tag)),
            repository=REPOSITORY,
            size=size,
            targets=targets,
            after=[balancer.listener, cluster.capacity_providers],
            tasks=tasks,
            may=_permissions(stack, settings, data),
            log_retention_days=settings.log_retention_days,
            grace_seconds=settings.start_seconds,
            capacity=settings.capacity,
            arm=settings.arm,
            shell=settings.shell,
        )
    )
    databases = _connect_databases(stack, settings, data, assistant)
    assistant.wait_for(*stack.add([*connect(balancer, assistant), reach_https(assistant), *databases]))
    if gate:
        stack.add(reach_https(balancer))
    if gate and settings.sign_in == "people-and-machines":
        stack.add(gate.let_machines_in(listener=balancer.listener, forward=targets.forward_rule(order=2)))
    if bounds:
        requests = RequestsPerTarget(settings.target_requests, balancer, targets)
        scaling = Autoscaling(
            "Assistant",
            service=assistant,
            minimum=bounds[0],
            maximum=bounds[1],
            cpu=settings.target_cpu,
            memory=settings.target_memory,
            requests=requests,
        )
        stack.add(scaling)
    protect(stack, settings, balancer)
    show(stack, service=assistant, balancer=balancer, targets=[targets])
    door.lead_to(balancer)
    return stack


def _task_count(stack: Stack, settings: Settings) -> Any:
    """How many tasks run, where no autoscaling decides."""
    count = parameters.number(
        "TaskCount",
        group="Capacity",
        label="Tasks",
        description="How many tasks run",
        default=settings.tasks,
        minimum=0,
        maximum=100,
    )
    return stack.add(count).ref()


def _container(stack: Stack, settings: Settings, data: Stack, image: Any) -> Container:
    """What runs: the application, told where its data is and given its keys by ECS."""
    variables: dict[str, Any] = {"ENVIRONMENT": settings.environment}
    secrets = {API_KEY: _api_key(stack, settings, data)}
    if settings.storage == "dynamodb":
        variables["RECIPES_TABLE"] = stack.from_stack(data, "RecipesTableName")
    if settings.storage == "aurora":
        database = Database.from_stack(stack, data, "Recipes")
        variables |= {
            "DATABASE_HOST": database.host,
            "DATABASE_PORT": str(database.port),
            "DATABASE_NAME": database.database,
        }
        secrets |= {
            "DATABASE_USER": SecretValue(database.username_source, arn=database.secret_arn),
            "DATABASE_PASSWORD": SecretValue(database.password_source, arn=database.secret_arn),
        }
    if settings.cache:
        cache = CacheServer.from_stack(stack, data, "Answers")
        variables |= {"CACHE_HOST": cache.address, "CACHE_PORT": str(cache.port)}
        secrets["CACHE_AUTH_TOKEN"] = SecretValue(cache.auth_token_arn)
    return container_of(settings, name="assistant", image=image, variables=variables, secrets=secrets)


def _api_key(stack: Stack, settings: Settings, data: Stack) -> SecretValue:
    """The Anthropic API key, from where the settings keep it; a deployment looks whether it has a value."""
    if settings.secret_source == "parameter-store":
        stack.secrets.append(SecretSource(API_KEY, parameter_name=settings.secret_parameter))
        return SecretValue.parameter(settings.secret_parameter)
    stack.secrets.append(SecretSource(API_KEY, stack=data.name, output="AnthropicApiKeyArn"))
    return SecretValue(stack.from_stack(data, "AnthropicApiKeyArn"))


def _permissions(stack: Stack, settings: Settings, data: Stack) -> list[Statement]:
    """What the application itself may do in AWS: nothing, unless it keeps recipes in a table."""
    if settings.storage == "dynamodb":
        return [grants.read_write_items(stack.from_stack(data, "RecipesTableArn"))]
    return []


def _connect_databases(stack: Stack, settings: Settings, data: Stack, assistant: FargateService) -> list[AWSObject]:
    """The ways from the tasks to storage and cache, where there are any."""
    rules: list[AWSObject] = []
    if settings.storage == "aurora":
        rules += connect(assistant, Database.from_stack(stack, data, "Recipes"))
    if settings.cache:
        rules += connect(assistant, CacheServer.from_stack(stack, data, "Answers"))
    return rules


def _gate(stack: Stack, settings: Settings, data: Stack) -> Gate | None:
    """What the load balancer asks, where somebody has to show who they are."""
    if settings.sign_in == "none":
        return None
    return Gate.from_stack(stack, data, PEOPLE, scope=scope_of(PEOPLE))


def _checks(settings: Settings, gate: Gate | None) -> list[elb.Action]:
    """What the listener asks of everybody before it forwards a request."""
    if gate is None:
        return []
    return [gate.verify_machines() if settings.sign_in == "machines" else gate.authenticate_people()]
