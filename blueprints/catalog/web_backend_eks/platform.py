"""The way in, the frontend, and who hears when one of them is not well."""

from __future__ import annotations

from typing import Any

from troposphere import Join

from blueprints.catalog._web_backend.application import (
    API,
)
from blueprints.catalog._web_backend.data import ask_for_identifier
from blueprints.catalog._web_backend.frontend import add_frontend, publish_origins
from blueprints.catalog._web_backend.monitoring import Monitoring
from blueprints.catalog._web_backend.platform import add_entrance, database_widgets, finish
from blueprints.catalog._web_service import place
from blueprints.catalog.web_backend_eks.settings import Settings
from blueprints.components import dashboard
from blueprints.components.alarms import error_rate_alarm, healthy_hosts_alarm, latency_alarm, unhealthy_hosts_alarm
from blueprints.components.dashboard import Group, GroupedDashboard, Widget
from blueprints.model import parameters
from blueprints.model.stack import Stack


def platform_stack(settings: Settings, network: Stack | None, data: Stack, edge: Stack | None) -> Stack:
    """The way in and the frontend; of an Ingress's load balancer only what it has to be given."""
    stack = Stack(
        "platform",
        settings,
        description=f"Web backend {settings.environment}: the way in and the frontend",
        arch="Clients -> Application Load Balancer -> pods; browsers -> CloudFront -> frontend in S3",
    )
    if settings.load_balancer == "stack":
        entrance = add_entrance(stack, settings, network, data, edge)
        finish(stack, settings, entrance, edge, targets=[entrance.targets], widgets=_use_of_pods(settings))
        return stack
    if settings.https == "certificate":
        certificate = stack.add(parameters.certificate_arn(None))
        stack.output("CertificateArn", certificate.ref(), "The certificate that the Ingress names")
        name = stack.add(parameters.domain_name(None))
        stack.output("DomainName", name.ref(), "The name that the certificate has, and that the Ingress answers")
    if network is None:
        subnets = place(stack, settings, None, "balancer").public_subnets
        stack.output("PublicSubnetIds", Join(",", subnets), "Subnets of the Ingress's load balancer")
    publish_origins(stack, add_frontend(stack, settings, edge))
    names = {"Database": ask_for_identifier(stack, settings).ref()}
    pods = [Group("API", 60, _use_of_pods(settings))] if settings.compute == "nodes" else []
    groups = [*pods, Group("Database", 60, database_widgets())]
    stack.add(GroupedDashboard(API, names=names, groups=groups))
    return stack


def _use_of_pods(settings: Settings) -> list[Widget]:
    """What the pods use, by Container Insights; the cluster comes after the dashboard, so the namespace names them.

    Its agent is a DaemonSet, so there is nothing of pods on Fargate. CPU is a share of the node's, because a pod
    without a limit has no other (Amazon CloudWatch User Guide, "Container Insights metrics for Amazon EKS").
    """
    if settings.compute == "fargate":
        return []
    shown = {
        "CPU of pods in percent of a node": "pod_cpu_utilization",
        "Memory of pods in percent of their limit": "pod_memory_utilization_over_pod_limit",
    }
    return [
        dashboard.widget(
            title,
            [
                [
                    {
                        "expression": f"SEARCH('{{ContainerInsights,ClusterName,Namespace,Service}} "
                        f'MetricName="{metric}" Namespace="{settings.namespace}"\', \'Average\')'
                    }
                ]
            ],
        )
        for title, metric in shown.items()
    ]


def monitoring_stack(settings: Settings, data: Stack, platform: Stack) -> Stack:
    """Alarms on the way in, beside those of every runtime; of an Ingress's load balancer CloudFormation knows none."""
    monitoring = Monitoring(settings, data)
    stack, topic = monitoring.stack, monitoring.topic.arn
    if settings.load_balancer == "ingress":
        if "DomainName" in platform.outputs:
            monitoring.ask_for_database(stack.from_stack(platform, "DomainName"), https=True)
        return stack
    balancer = stack.from_stack(platform, "LoadBalancerFullName")
    groups = [stack.from_stack(platform, f"{API}TargetGroup1FullName")]
    hosts: dict[str, Any] = {"load_balancer": balancer, "target_groups": groups, "topic": topic}
    monitoring.watch(
        error_rate_alarm(f"{API}ErrorRateAlarm", load_balancer=balancer, topic=topic, percent=5),
        latency_alarm(f"{API}LatencyAlarm", load_balancer=balancer, topic=topic, seconds=2, periods=3, datapoints=2),
        unhealthy_hosts_alarm(f"{API}UnhealthyHostsAlarm", **hosts),
        healthy_hosts_alarm(f"{API}HealthyHostsAlarm", **hosts, minutes=5),
    )
    https = settings.https != "off" or settings.api_through_cloudfront
    monitoring.ask_for_database(stack.from_stack(platform, "PublicName"), https=https)
    return stack
