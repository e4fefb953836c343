"""Web backend on Elastic Beanstalk: the same application on instances that Beanstalk starts, updates and watches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from troposphere import Sub

from blueprints.access.connections import connect, reach_https
from blueprints.catalog._web_backend.application import (
    API,
    database,
    database_host,
    secret_outputs,
    secret_values,
    variables,
)
from blueprints.catalog._web_backend.beanstalk_bundle import bundle, bundle_files
from blueprints.catalog._web_backend.data import ask_for_identifier, data_stack
from blueprints.catalog._web_backend.files import files_of
from blueprints.catalog._web_backend.frontend import add_frontend, edge_stack, origins_from, publish_origins
from blueprints.catalog._web_backend.monitoring import Monitoring
from blueprints.catalog._web_backend.platform import database_widgets
from blueprints.catalog._web_backend.release import release_stacks
from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.catalog._web_service import (
    access_logs,
    ask_for_image,
    list_subnets,
    network_stack,
    place_by_lists,
    registry_stack,
)
from blueprints.components import dashboard
from blueprints.components.beanstalk import BeanstalkApplication, BeanstalkVersion, platform_arn
from blueprints.components.beanstalk_alarms import BeanstalkAlarms
from blueprints.components.beanstalk_environment import BeanstalkEnvironment
from blueprints.components.beanstalk_settings import Capacity
from blueprints.components.bucket import Bucket
from blueprints.components.dashboard import Group, GroupedDashboard, Widget
from blueprints.components.domain import Certificate, NameRecord
from blueprints.model import parameters
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack
from blueprints.model.steps import EnvironmentCheck, OutputOf
from blueprints.model.text_file import TextFile

ARCHITECTURE = REPOSITORY = "web-backend-beanstalk"

WINDOW = r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01][0-9]|2[0-3]):[0-5][0-9])?$"

X86_INSTANCE, ARM_INSTANCE = "t3.small", "t4g.small"


class Settings(ApplicationSettings):
    """Settings of the web backend on Elastic Beanstalk."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = ARCHITECTURE
    """First part of every stack's name and the value of the tag Project."""
    instance_type: Annotated[str, Field(pattern=r"^([a-z0-9-]+\.[a-z0-9-]+)?$")] = ""
    """Instance type, each with one copy of the application; t3.small, or t4g.small with `arm`, when not given."""
    volume: Annotated[int, Field(ge=10, le=1000)] = 20
    """Root volume of an instance in GiB; it holds the images too."""
    platform: Literal["named", "latest"] = "named"
    """The platform's version: the parameter PlatformArn names it, or the newest one at each update of the stack."""
    update_window: Annotated[str, Field(pattern=r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun):[0-2][0-9]:[0-5][0-9])?$")] = (
        "Sun:03:00"
    )
    """When managed updates of the platform may begin, in UTC; empty for none."""
    deployment: Literal["rolling", "immutable", "traffic-splitting"] = "rolling"
    """New versions on one more batch of instances at a time, on new instances that then join, or on new ones that get a
    share of the traffic first."""

    @model_validator(mode="after")
    def _capacity_exists(self) -> Settings:
        capacity_of(self)
        return self


def capacity_of(settings: Settings) -> Capacity:
    """The instances that the settings ask for.

    Raises:
        SettingsError: Elastic Beanstalk does not take them, or they are made for another processor than the image.
    """
    given = settings.instance_type or (ARM_INSTANCE if settings.arm else X86_INSTANCE)
    capacity = Capacity(
        instance_type=given,
        minimum=settings.minimum_capacity,
        maximum=settings.maximum_capacity,
        target_cpu=settings.target_cpu,
        volume_gib=settings.volume,
    )
    if (capacity.architecture == "arm64") != settings.arm:
        wanted = f"Graviton, such as {ARM_INSTANCE}" if settings.arm else f"x86, such as {X86_INSTANCE}"
        raise SettingsError(f"instance_type: {given!r}, but arm is {settings.arm}; give {wanted}, or change arm")
    return capacity


def build(settings: Settings) -> list[Stack]:
    """Images, network, data, the frontend, the environment, eyes on it, and what delivers it."""
    registry = registry_stack(settings, {API: REPOSITORY})
    network = network_stack(settings, data_subnets=True)
    if network is not None:
        list_subnets(network, settings)
    data = _data(settings, network)
    edge = edge_stack(settings)
    frontend = _frontend(settings, edge) if settings.frontend else None
    service = _service(settings, network, data, frontend)
    monitoring = _monitoring(settings, data, service) if settings.alarms else None
    made = (registry, network, data, edge, frontend, service, monitoring)
    stacks = [stack for stack in made if stack is not None]
    return [*stacks, *release_stacks(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=stacks)]


def files(settings: Settings) -> list[TextFile]:
    """The source bundle, and what goes with the templates in every runtime."""
    told = variables(settings, database_host="", cors_origins="")
    return [
        *bundle_files(
            title=f"Web backend {settings.environment}",
            port=settings.container_port,
            names=[*told, *secret_outputs(settings)],
            health_path=settings.health_check_path,
            run_as=settings.run_as,
            migration=settings.migration,
            folder=_folder(settings),
        ),
        *files_of(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=build(settings)),
    ]


def _folder(settings: Settings) -> str:
    return f"bundle/{settings.environment}"


def _data(settings: Settings, network: Stack | None) -> Stack:
    """The database and the secrets, and the bucket that versions are made from."""
    stack = data_stack(settings, network)
    bundles = stack.add(Bucket("Bundles", why="Holds the source bundles that versions of the application are made of."))
    stack.output("BundleBucketName", bundles.bucket.ref(), "Source bundles go here, as <image tag>.zip")
    stack.output("BundleBucketObjects", Sub(f"${{{bundles.bucket.title}.Arn}}/*"), "ARN of its objects")
    return stack


def _frontend(settings: Settings, edge: Stack | None) -> Stack:
    stack = Stack(
        "frontend",
        settings,
        description=f"Web backend {settings.environment}: the frontend",
        arch="Browsers -> CloudFront -> frontend in S3",
    )
    publish_origins(stack, add_frontend(stack, settings, edge))
    return stack


def _service(settings: Settings, network_producer: Stack | None, data: Stack, frontend: Stack | None) -> Stack:
    """The environment, with what it is told and whom it talks to, under its name."""
    stack = Stack(
        "service",
        settings,
        description=f"Web backend {settings.environment}: the application on Elastic Beanstalk",
        arch="Clients -> load balancer of the environment -> instances -> PostgreSQL over TLS",
        must=["No value of a secret is ever written into this template", "The database is outside of the environment"],
    )
    tag = ask_for_image(stack, REPOSITORY)
    platform = stack.add(platform_arn()).ref() if settings.platform == "named" else None
    name = stack.add(parameters.domain_name(settings.domain_name)) if settings.https == "domain" else None
    zone = None if name is None else stack.add(parameters.hosted_zone_id(settings.hosted_zone_id))
    application = stack.add(BeanstalkApplication(API, description=f"Web backend {settings.environment}"))
    bucket = OutputOf(data.name, "BundleBucketName")
    step = bundle(bucket=bucket, repository_uri=OutputOf("registry", "RepositoryUri"), folder=_folder(settings))
    stack.bundles.append(step)
    key = Sub(f"${{{tag.title}}}.zip")
    version = BeanstalkVersion(API, application=application, bucket=stack.from_stack(data, bucket.output), key=key)
    environment = BeanstalkEnvironment(
        API,
        application=application,
        version=stack.add(version),
        network=place_by_lists(stack, settings, network_producer),
        repository=REPOSITORY,
        variables=variables(
            settings,
            database_host=database_host(stack, data),
            cors_origins=origins_from(stack, settings, frontend),
        ),
        secrets=secret_values(stack, settings, data),
        platform=platform,
        health_path=settings.health_check_path,
        capacity=capacity_of(settings),
        deployment=settings.deployment,
        certificate=_certificate(stack, settings, name, zone),
        clients=settings.clients,
        access_logs=access_logs(stack, settings, data),
        log_retention_days=settings.log_retention_days,
        update_window=settings.update_window or None,
        keep=settings.keep_data,
    )
    environment.wait_for(*stack.add([*connect(environment, database(stack, data)), reach_https(environment)]))
    stack.add(environment)
    public = environment.endpoint if name is None else name.ref()
    if name is not None and zone is not None:
        stack.add(NameRecord("Public", domain_name=name, hosted_zone_id=zone, target=environment.endpoint))
    scheme = "http" if settings.https == "off" else "https"
    host = "${ApiEnvironment.EndpointURL}" if name is None else f"${{{name.title}}}"
    stack.output("Url", Sub(f"{scheme}://{host}"), "Where the service answers")
    stack.output("PublicName", public, "The name that clients use")
    _publish_environment(stack, application, version, environment)
    names = {"Environment": environment.environment_name, "Database": ask_for_identifier(stack, settings).ref()}
    groups = [Group("API", 60, _widgets()), Group("Database", 60, database_widgets())]
    stack.add(GroupedDashboard(API, names=names, groups=groups))
    return stack


def _publish_environment(
    stack: Stack, application: BeanstalkApplication, version: BeanstalkVersion, environment: BeanstalkEnvironment
) -> None:
    """The environment and what it has to run, which a deployment compares with what it runs."""
    names = f"${{{application.application.title}}}/${{{environment.environment.title}}}"
    arn = f"arn:${{AWS::Partition}}:elasticbeanstalk:${{AWS::Region}}:${{AWS::AccountId}}:environment/{names}"
    stack.output("EnvironmentName", environment.environment_name, "The environment, as metrics and eb name it")
    stack.output("EnvironmentArn", Sub(arn), "ARN of the environment")
    stack.output("VersionLabel", version.label, "The version that the environment has to run")
    stack.output("LogGroupName", environment.log_group.ref(), "Where the application's log is")
    stack.output("LogGroupArn", environment.log_group.get_att("Arn"), "Its ARN, with its streams")
    environment_name, label, log_group = (
        OutputOf(stack.name, output) for output in ("EnvironmentName", "VersionLabel", "LogGroupName")
    )
    stack.checks.append(EnvironmentCheck(environment_name, label, log_group))


def _certificate(
    stack: Stack, settings: Settings, name: StackParameter | None, zone: StackParameter | None
) -> Any | None:
    """The certificate that the load balancer of the environment shows, where it has one."""
    if settings.https == "certificate":
        return stack.add(parameters.certificate_arn(None)).ref()
    if name is None:
        return None
    return stack.add(Certificate("Public", domain_name=name, hosted_zone_id=zone)).arn


def _widgets() -> list[Widget]:
    """Health, requests, errors and times, as the environment's agents count them."""
    shown = {
        "Health, from 0 (well) to 25 (severe)": ["EnvironmentHealth"],
        "Requests": ["ApplicationRequestsTotal"],
        "Errors": ["ApplicationRequests4xx", "ApplicationRequests5xx"],
        "Response time in seconds": ["ApplicationLatencyP50", "ApplicationLatencyP99"],
        "Instances": ["InstancesOk", "InstancesDegraded", "InstancesSevere"],
    }
    of = ["EnvironmentName", "${Environment}", {"stat": "Average"}]
    return [
        dashboard.widget(title, [["AWS/ElasticBeanstalk", metric, *of] for metric in metrics])
        for title, metrics in shown.items()
    ]


def _monitoring(settings: Settings, data: Stack, service: Stack) -> Stack:
    """Alarms on the environment, beside those of every runtime."""
    monitoring = Monitoring(settings, data)
    stack = monitoring.stack
    environment = stack.from_stack(service, "EnvironmentName")
    monitoring.watch(BeanstalkAlarms(API, environment=environment, topic=monitoring.topic.arn))
    monitoring.ask_for_database(stack.from_stack(service, "PublicName"), https=settings.https != "off")
    return stack
