"""The environment, what it is told and whom it talks to, and who hears when it is not well."""

from __future__ import annotations

from typing import Any

from troposphere import Sub

from blueprints.access.connections import connect, reach_https
from blueprints.catalog._web_backend.application import (
    API,
    database,
    database_host,
    secret_values,
    variables,
)
from blueprints.catalog._web_backend.beanstalk_bundle import bundle
from blueprints.catalog._web_backend.data import ask_for_identifier
from blueprints.catalog._web_backend.frontend import origins_from
from blueprints.catalog._web_backend.monitoring import Monitoring
from blueprints.catalog._web_backend.platform import database_widgets
from blueprints.catalog._web_service import (
    access_logs,
    ask_for_image,
    place_by_lists,
)
from blueprints.catalog.web_backend_beanstalk.settings import REPOSITORY, Settings, capacity_of, folder
from blueprints.components import dashboard
from blueprints.components.beanstalk import BeanstalkApplication, BeanstalkVersion, platform_arn
from blueprints.components.beanstalk_alarms import BeanstalkAlarms
from blueprints.components.beanstalk_environment import BeanstalkEnvironment
from blueprints.components.dashboard import Group, GroupedDashboard, Widget
from blueprints.components.domain import Certificate, NameRecord
from blueprints.model import parameters
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack
from blueprints.model.steps import EnvironmentCheck, OutputOf


def service_stack(settings: Settings, network_producer: Stack | None, data: Stack, frontend: Stack | None) -> Stack:
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
    step = bundle(bucket=bucket, repository_uri=OutputOf("registry", "RepositoryUri"), folder=folder(settings))
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


def monitoring_stack(settings: Settings, data: Stack, service: Stack) -> Stack:
    """Alarms on the environment, beside those of every runtime."""
    monitoring = Monitoring(settings, data)
    stack = monitoring.stack
    environment = stack.from_stack(service, "EnvironmentName")
    monitoring.watch(BeanstalkAlarms(API, environment=environment, topic=monitoring.topic.arn))
    monitoring.ask_for_database(stack.from_stack(service, "PublicName"), https=settings.https != "off")
    return stack
