"""Kubernetes manifests of the application, and the Helm charts that they rely on.

Marks ``${NAME}`` stand for what is known once the stacks are there; ``needed_marks`` says which. Everything that
settings can set is written as a quoted text, so that ``off`` and ``1`` stay what they are.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from blueprints.components.load_balancer import TLS_POLICY
from blueprints.components.postgres import PORT as DATABASE_PORT
from blueprints.components.target_group import DEREGISTRATION_SECONDS, HealthCheck
from blueprints.model.errors import SettingsError
from blueprints.model.steps import Chart
from blueprints.model.text_file import TextFile

Compute = Literal["nodes", "fargate"]
MadeBy = Literal["stack", "ingress"]

# Releases of github.com/aws/eks-charts and github.com/external-secrets/external-secrets, of July and August 2026. The
# controller's permissions in blueprints/access are those of its version 3.4.
CONTROLLER_VERSION = "3.4.2"
OPERATOR_VERSION = "2.10.0"

# Where the charts live; on Fargate a profile has to select these namespaces.
CONTROLLER_NAMESPACE = "kube-system"
OPERATOR_NAMESPACE = "external-secrets"

# The service account that the controller's chart makes; its role is tied to this name.
CONTROLLER = "aws-load-balancer-controller"

# On Fargate a pod shares its address with the kubelet, which listens on 10250, the webhook's default port
# (github.com/aws-ia/terraform-aws-eks-blueprints-addons, "External Secrets", "EKS Fargate").
WEBHOOK_PORT = 9443

# The controller learns of a pod's end from the API server before it takes the target out.
NOTICE_SECONDS = 5

# A rollout may wait for a new node or a Fargate pod, for the image and for the load balancer's health checks.
PROGRESS_SECONDS = 600
MIGRATION_SECONDS = 900
STARTUP_PERIOD = 5

_MARK = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class KubernetesApplication:
    """All that the manifests are made from.

    Args:
        environment: name of the environment, a label of every object.
        region: the Region of the cluster.
        namespace: Kubernetes namespace of the application.
        service_account: what the application's role is tied to.
        variables: plain variables; the values may hold marks.
        secrets: variables and the marks of the ARNs of their secrets, each a whole value.
        generation: what changes with the secrets themselves, where their names stay.
        cpu: what a pod asks for, in units of which 1024 are one vCPU.
        memory: what a pod gets, in MiB.
        network: range of the VPC, where the load balancer and the database are; ``0.0.0.0/0`` where it is not known,
            since security groups narrow it anyway.
        name: name of the Deployment, and first part of the other names. Short, because a Job's name is a label's value
            too, with 63 characters at most: this one, ``-migration-`` and the image's tag.
        image: the image, with marks.
        health_path: what answers 200 while the application is well; not what asks the database.
        start_seconds: how long the application may take to get well.
        stop_seconds: how long it may take to end its requests once it is told to stop.
        run_as: user and group id; never root, which the namespace refuses.
        target_cpu: percent of ``cpu`` that autoscaling holds.
        migration: arguments of the migration's container; empty for none.
        compute: ``nodes`` has DaemonSets (Pod Identity, CSI driver, network policies), ``fargate`` has none.
        load_balancer: whether the stack owns it or the controller makes one for an Ingress.
        https: whether the Ingress has the certificate ``${CERTIFICATE_ARN}``.
        domain: the name that the Ingress answers for; empty for every name.
        clients: ranges that may call the Ingress, with commas between them.
        web_acl: whether the Ingress has the web ACL ``${WEB_ACL_ARN}``.
        access_log_bucket: whether its load balancer writes to the bucket ``${ACCESS_LOG_BUCKET}``.
        keep: whether its load balancer refuses to be deleted.
        tags: tags of what the controller makes for the Ingress.
        arm: whether the nodes are Graviton's.
        role_mark: ARN of the application's role, for IRSA.
        controller_role_mark: ARN of the controller's role, for IRSA.
        log_group: name of the log group that Fargate writes to.

    Raises:
        SettingsError: it would be refused by the cluster.
    """

    environment: str
    region: str
    namespace: str
    service_account: str
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    cpu: int
    memory: int
    minimum: int
    maximum: int
    network: str
    generation: str = ""
    name: str = "api"
    image: str = "${REPOSITORY_URI}:${IMAGE_TAG}"
    port: int = 8000
    health_path: str = "/health"
    start_seconds: int = 60
    stop_seconds: int = 30
    run_as: str = "1000:1000"
    target_cpu: int = 70
    migration: tuple[str, ...] = ("alembic", "upgrade", "head")
    compute: Compute = "nodes"
    load_balancer: MadeBy = "stack"
    https: bool = False
    domain: str = ""
    clients: str = "0.0.0.0/0"
    web_acl: bool = False
    access_log_bucket: bool = False
    keep: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    arm: bool = False
    role_mark: str = "${APPLICATION_ROLE_ARN}"
    controller_role_mark: str = "${CONTROLLER_ROLE_ARN}"
    log_group: str = "${LOG_GROUP}"

    def __post_init__(self) -> None:
        if self.arm and self.compute == "fargate":
            raise SettingsError(
                "arm: EKS runs pods on Fargate on x86 only (Amazon EKS User Guide, 'Simplify compute management with "
                "AWS Fargate'); leave it out, or take compute: nodes"
            )
        if not all(0 < int(number) < 2**31 for number in self.run_as.split(":")):
            raise SettingsError(
                f"run_as: {self.run_as} is refused by the namespace, whose pods are never root; take numbers from 1 to "
                f"{2**31 - 1}, such as 1000:1000"
            )
        odd = [tag for tag, value in self.tags.items() if "," in tag + value or "=" in tag]
        if self.load_balancer == "ingress" and odd:
            raise SettingsError(
                f"tags: {odd[0]} = {self.tags[odd[0]]} cannot be told to the AWS Load Balancer Controller, which takes "
                "k1=v1,k2=v2; leave commas out, and = in the tag's name, or take load_balancer: stack"
            )

    @property
    def job(self) -> str:
        """Name of the migration's Job, or empty; each tag has its own, since a Job cannot be changed."""
        return f"{self.name}-migration-${{IMAGE_TAG}}" if self.migration else ""


def manifests(application: KubernetesApplication, *, folder: str) -> list[TextFile]:
    """One file for each kind, below *folder*; the order of their names is the order in which they are applied."""
    values = _values(application)
    return [
        TextFile(f"{folder}/{name}.yaml", f"kubernetes/{template}.yaml.jinja", values, about=about)
        for name, template, about in _files(application)
    ]


def charts(application: KubernetesApplication) -> tuple[Chart, ...]:
    """What has to be there first: the controller, whose webhooks the manifests pass, and on Fargate the operator."""
    controller = Chart(
        name=CONTROLLER,
        repository="https://aws.github.io/eks-charts",
        version=CONTROLLER_VERSION,
        namespace=CONTROLLER_NAMESPACE,
        values=_controller_values(application),
    )
    operator = Chart(
        name="external-secrets",
        repository="https://charts.external-secrets.io",
        version=OPERATOR_VERSION,
        namespace=OPERATOR_NAMESPACE,
        values={"installCRDs": True, "webhook": {"port": WEBHOOK_PORT}},
    )
    return (controller, operator) if _reads_by_operator(application) else (controller,)


def needed_marks(application: KubernetesApplication) -> set[str]:
    """Names of the marks in the manifests and in the charts' values, for which a deployment needs values."""
    given = [
        application.image,
        *application.variables.values(),
        *application.secrets.values(),
        application.network,
        *([application.job] if application.migration else []),
        *(_of_ingress(application) if application.load_balancer == "ingress" else ["${TARGET_GROUP_ARN}"]),
        *([application.role_mark, application.log_group] if application.compute == "fargate" else []),
        json.dumps([chart.values for chart in charts(application)]),
    ]
    return {name for text in given for name in _MARK.findall(text)}


def quoted(text: str) -> str:
    """The text as one double-quoted scalar of YAML, whatever stands in it."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")


def _of_ingress(application: KubernetesApplication) -> list[str]:
    return [application.domain, *(value for _, value in _annotations(application))]


def _reads_by_operator(application: KubernetesApplication) -> bool:
    return application.compute == "fargate" and bool(application.secrets)


def _files(application: KubernetesApplication) -> Iterator[tuple[str, str, str]]:
    """Name, source and meaning of each file."""
    on_nodes = application.compute == "nodes"
    yield "00-namespace", "namespace", "Namespace, in which no pod may be root"
    if not on_nodes:
        yield "05-logging", "logging", "Where Fargate sends the pods' logs"
    yield "10-service-account", "service-account", "Who the pods are"
    if on_nodes:
        yield "15-network-policy", "network-policy", "What the pods may talk to"
    yield "20-configuration", "configuration", "Plain variables of the application"
    if application.secrets:
        source = "secrets-csi" if on_nodes else "secrets-operator"
        yield "25-secrets", source, "Which secrets of AWS Secrets Manager the application gets"
    yield "30-service", "service", "The ready pods, by one name"
    if application.load_balancer == "stack":
        yield "35-target-group-binding", "target-group-binding", "Makes the pods targets of the stack's load balancer"
    else:
        yield "35-ingress", "ingress", "Load balancer that the AWS Load Balancer Controller makes"
    if application.migration:
        yield "40-migration", "migration", "Job that migrates the database before the Deployment is changed"
    yield "50-deployment", "deployment", "The application"
    yield "60-disruption-budget", "disruption-budget", "How many pods may be away while nodes are drained"
    yield "65-autoscaler", "autoscaler", "How many pods run"


def _values(application: KubernetesApplication) -> dict[str, Any]:
    """What the sources use; every text is quoted."""
    return {**_names(application), **_contract(application), **_pod(application)}


def _names(application: KubernetesApplication) -> dict[str, Any]:
    name = application.name
    return {
        "name": quoted(name),
        "environment": quoted(application.environment),
        "namespace": quoted(application.namespace),
        "service_account": quoted(application.service_account),
        "role": quoted(application.role_mark),
        "configuration": quoted(f"{name}-configuration-{_digest(application.variables)}"),
        # The driver rewrites a Secret that is there only when it rotates, so other secrets get another name.
        "secrets_name": quoted(f"{name}-secrets-{_digest({**application.secrets, '': application.generation})}"),
        "name_in": quoted(f"{name}-in"),
        "name_out": quoted(f"{name}-out"),
        "name_migration_container": quoted("migration"),
        "job": quoted(application.job),
        "compute": application.compute,
        "domain": quoted(application.domain) if application.domain else "",
        "region": application.region,
        "log_group": application.log_group,
        "network": quoted(application.network),
        "annotations": [(name, quoted(value)) for name, value in _annotations(application)],
    }


def _contract(application: KubernetesApplication) -> dict[str, Any]:
    return {
        "variables": [(quoted(name), quoted(value)) for name, value in application.variables.items()],
        "secrets": [(quoted(name), quoted(arn)) for name, arn in application.secrets.items()],
        "from_stacks": quoted(" ".join(_marks_in([*application.variables.values(), *application.secrets.values()]))),
        "mounts_secrets": application.compute == "nodes" and bool(application.secrets),
        "migration": f"[{', '.join(quoted(word) for word in application.migration)}]",
        "database_port": DATABASE_PORT,
    }


def _pod(application: KubernetesApplication) -> dict[str, Any]:
    uid, gid = application.run_as.split(":")
    drain = DEREGISTRATION_SECONDS + NOTICE_SECONDS
    return {
        "image": quoted(application.image),
        "architecture": "arm64" if application.arm else "amd64",
        "uid": uid,
        "gid": gid,
        "port": application.port,
        "health_path": quoted(application.health_path),
        "cpu": quoted(f"{application.cpu * 1000 // 1024}m"),
        "memory": quoted(f"{application.memory}Mi"),
        "startup_period": STARTUP_PERIOD,
        "startup_failures": max(2, math.ceil(application.start_seconds / STARTUP_PERIOD)),
        "progress_seconds": PROGRESS_SECONDS + application.start_seconds,
        "migration_seconds": MIGRATION_SECONDS,
        "drain_seconds": drain,
        "grace_seconds": drain + application.stop_seconds + NOTICE_SECONDS,
        "minimum": application.minimum,
        "maximum": application.maximum,
        "target_cpu": application.target_cpu,
    }


def _digest(variables: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(variables, sort_keys=True).encode()).hexdigest()[:8]


def _marks_in(texts: Iterable[str]) -> list[str]:
    return sorted({mark.group() for text in texts for mark in _MARK.finditer(text)})


def _annotations(application: KubernetesApplication) -> list[tuple[str, str]]:
    """The Ingress's annotations, without their prefix (AWS Load Balancer Controller, "Ingress annotations").

    The health check and the time to deregister are those of our own target groups.
    """
    check = HealthCheck(path=application.health_path)
    ports: list[dict[str, int]] = [{"HTTP": 80}, *([{"HTTPS": 443}] if application.https else [])]
    return [
        ("scheme", "internet-facing"),
        ("target-type", "ip"),
        ("subnets", "${PUBLIC_SUBNETS}"),
        ("inbound-cidrs", application.clients),
        ("listen-ports", json.dumps(ports)),
        *(_https() if application.https else []),
        *([("wafv2-acl-arn", "${WEB_ACL_ARN}")] if application.web_acl else []),
        ("load-balancer-attributes", _joined(_load_balancer_attributes(application))),
        ("target-group-attributes", _joined({"deregistration_delay.timeout_seconds": DEREGISTRATION_SECONDS})),
        ("healthcheck-path", check.path),
        ("healthcheck-interval-seconds", str(check.interval)),
        ("healthcheck-timeout-seconds", str(check.timeout)),
        ("healthy-threshold-count", str(check.healthy)),
        ("unhealthy-threshold-count", str(check.unhealthy)),
        ("success-codes", "200"),
        *([("tags", _joined(application.tags))] if application.tags else []),
    ]


def _https() -> list[tuple[str, str]]:
    return [("ssl-redirect", "443"), ("ssl-policy", TLS_POLICY), ("certificate-arn", "${CERTIFICATE_ARN}")]


def _load_balancer_attributes(application: KubernetesApplication) -> dict[str, Any]:
    logs = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "${ACCESS_LOG_BUCKET}"}
    return {
        "deletion_protection.enabled": str(application.keep).lower(),
        "routing.http.drop_invalid_header_fields.enabled": "true",
        **(logs if application.access_log_bucket else {}),
    }


def _joined(pairs: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in pairs.items())


def _controller_values(application: KubernetesApplication) -> dict[str, Any]:
    """Region and VPC are told, because pods reach no instance metadata: Fargate has none, our nodes give it to no pod.

    The webhook that this turns off makes the controller the default of Services of type LoadBalancer, and stands in the
    way of every Service while the controller is away.
    """
    role = {"eks.amazonaws.com/role-arn": application.controller_role_mark}
    account = {"name": CONTROLLER, **({"annotations": role} if application.compute == "fargate" else {})}
    return {
        "clusterName": "${CLUSTER_NAME}",
        "region": application.region,
        "vpcId": "${VPC_ID}",
        "enableServiceMutatorWebhook": False,
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": application.load_balancer == "ingress" and application.web_acl,
        "serviceAccount": account,
    }
