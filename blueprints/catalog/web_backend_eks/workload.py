"""What is applied to the cluster, and where its values come from."""

from __future__ import annotations

from collections.abc import Mapping

from blueprints.access.connections import ANYWHERE
from blueprints.catalog._web_backend.application import (
    API,
    secret_outputs,
    variables,
)
from blueprints.catalog._web_backend.kubernetes import (
    KubernetesApplication,
    charts,
    needed_marks,
)
from blueprints.catalog.web_backend_eks.settings import CLUSTER, REPOSITORY, SERVICE_ACCOUNT, Settings
from blueprints.model.stack import Stack
from blueprints.model.steps import OutputOf, Workload


def folder(settings: Settings) -> str:
    return f"kubernetes/{settings.environment}"


def application(settings: Settings) -> KubernetesApplication:
    """The application as the manifests describe it; marks stand for what the stacks know."""
    return KubernetesApplication(
        environment=settings.environment,
        region=settings.region,
        namespace=settings.namespace,
        service_account=SERVICE_ACCOUNT,
        variables=variables(
            settings.model_copy(update={"variables": _unmarked(settings.variables)}),
            database_host="${DATABASE_HOST}",
            cors_origins=_origins(settings),
        ),
        secrets={name: f"${{{name}_ARN}}" for name in secret_outputs(settings)},
        generation=str(settings.password_generation),
        cpu=settings.cpu,
        memory=settings.memory,
        minimum=settings.minimum_capacity,
        maximum=settings.maximum_capacity,
        # Of a VPC that exists nobody says the range.
        network=ANYWHERE if settings.existing_vpc else settings.vpc_cidr,
        port=settings.container_port,
        health_path=settings.health_check_path,
        start_seconds=settings.start_seconds,
        run_as=settings.run_as,
        target_cpu=settings.target_cpu,
        migration=tuple(settings.migration),
        compute=settings.compute,
        load_balancer=settings.load_balancer,
        https=settings.https != "off",
        domain="${DOMAIN_NAME}" if settings.load_balancer == "ingress" and settings.https == "certificate" else "",
        clients=settings.clients,
        access_log_bucket=settings.access_logs,
        keep=settings.keep_data,
        tags=settings.stamped_tags,
        arm=settings.arm,
    )


def _origins(settings: Settings) -> str:
    return "${CORS_ORIGINS}" if settings.frontend else ",".join(settings.cors_origins)


def workload(settings: Settings, network: Stack | None, data: Stack, platform: Stack, cluster: Stack) -> Workload:
    """What is applied to the cluster, and where the values come from that only the stacks know."""
    described = application(settings)
    outputs = {
        "REPOSITORY_URI": OutputOf("registry", "RepositoryUri"),
        "CLUSTER_NAME": OutputOf(cluster.name, f"{CLUSTER}ClusterName"),
        "VPC_ID": OutputOf(cluster.name if network is None else network.name, "VpcId"),
        "LOG_GROUP": OutputOf(cluster.name, "LogGroupName"),
        "APPLICATION_ROLE_ARN": OutputOf(cluster.name, "ApplicationRoleArn"),
        "CONTROLLER_ROLE_ARN": OutputOf(cluster.name, "ControllerRoleArn"),
        "DATABASE_HOST": OutputOf(data.name, "DatabaseHost"),
        "CORS_ORIGINS": OutputOf(platform.name, "CorsOrigins"),
        "TARGET_GROUP_ARN": OutputOf(platform.name, f"{API}TargetGroup1Arn"),
        "DOMAIN_NAME": OutputOf(platform.name, "DomainName"),
        "CERTIFICATE_ARN": OutputOf(platform.name, "CertificateArn"),
        "ACCESS_LOG_BUCKET": OutputOf(data.name, "AccessLogBucketName"),
        "PUBLIC_SUBNETS": OutputOf(platform.name if network is None else network.name, "PublicSubnetIds"),
        **{f"{name}_ARN": OutputOf(data.name, output) for name, output in secret_outputs(settings).items()},
    }
    needed = needed_marks(described) - {"IMAGE_TAG"}
    return Workload(
        folder=folder(settings),
        cluster=outputs["CLUSTER_NAME"],
        namespace=settings.namespace,
        repository=REPOSITORY,
        deployment=described.name,
        job=described.job,
        values={name: outputs[name] for name in sorted(needed)},
        charts=charts(described),
    )


def _unmarked(values: Mapping[str, str]) -> dict[str, str]:
    """Values as marks leave them: ``${`` is a mark, ``${!`` is what it looks like."""
    return {name: value.replace("${", "${!") for name, value in values.items()}
