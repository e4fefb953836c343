"""The cluster: its control plane, what pods run on, who gets in, and what each of them may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blueprints.access import kubernetes_policies
from blueprints.access.connections import Peer, connect
from blueprints.catalog._web_backend.application import (
    API,
    database,
    secret_values,
)
from blueprints.catalog._web_backend.kubernetes import (
    CONTROLLER,
    CONTROLLER_NAMESPACE,
    OPERATOR_NAMESPACE,
)
from blueprints.catalog._web_service import place
from blueprints.catalog.web_backend_eks.settings import CLUSTER, REPOSITORY, SERVICE_ACCOUNT, Settings
from blueprints.components.eks_access import AccessEntry, administrator_arn
from blueprints.components.eks_add_ons import (
    CLOUDWATCH_ACCOUNT,
    VPC_CNI_ACCOUNT,
    ContainerLogs,
    NodeAddOns,
    WorkloadAddOns,
)
from blueprints.components.eks_cluster import EksCluster, kubernetes_version
from blueprints.components.eks_fargate import FargateProfile
from blueprints.components.eks_identity import AddOnRole, OidcProvider, PodIdentity, ServiceAccountRole
from blueprints.components.eks_nodes import NodeGroup
from blueprints.components.network import Network
from blueprints.model.stack import Stack


def cluster_stack(settings: Settings, network_producer: Stack | None, data: Stack, platform: Stack) -> Stack:
    """The cluster, what pods run on, who gets in, and what each of them may do."""
    stack = Stack(
        "cluster",
        settings,
        description=f"Web backend {settings.environment}: the EKS cluster",
        arch="EKS control plane -> nodes or Fargate -> pods; roles of pods by Pod Identity or IRSA",
        must=["Who administers it has an access entry; whoever made it has none"],
    )
    version = stack.add(kubernetes_version(settings.kubernetes_version))
    administrator = stack.add(administrator_arn(settings.administrator_arn))
    network = place(stack, settings, network_producer, "data")
    cluster = stack.add(
        EksCluster(
            CLUSTER,
            network=network,
            version=version.ref(),
            keep=settings.keep_data,
            public_access_cidrs=settings.endpoint_clients if settings.public_endpoint else (),
            log_retention_days=settings.log_retention_days,
            secrets_key=settings.secrets_key,
        )
    )
    cluster.publish(stack)
    stack.add(AccessEntry("Administrator", cluster=cluster, principal=administrator.ref()))
    if network_producer is None:
        stack.output("VpcId", network.vpc_id, "The VPC, as the load balancer controller is told it")
    permissions = _permissions(stack, settings, data, platform, cluster)
    if settings.compute == "nodes":
        _on_nodes(stack, settings, cluster, network, permissions)
    else:
        _on_fargate(stack, settings, cluster, network, permissions)
    pods = cluster.listening(settings.container_port, API)
    stack.add(connect(pods, database(stack, data)))
    if settings.load_balancer == "stack":
        balancer = Peer("Public", stack.from_stack(platform, "LoadBalancerSecurityGroupId"))
        stack.add(connect(balancer, pods))
    return stack


def _permissions(
    stack: Stack, settings: Settings, data: Stack, platform: Stack, cluster: EksCluster
) -> dict[tuple[str, str], Sequence[Any]]:
    """What may be done, by namespace and service account: by the application, and by the controller."""
    secrets = [value.readable for value in secret_values(stack, settings, data).values()]
    if settings.load_balancer == "stack":
        groups = [stack.from_stack(platform, f"{API}TargetGroup1Arn")]
        controller = kubernetes_policies.bind_targets(groups)
    else:
        controller = kubernetes_policies.manage_load_balancers(cluster.cluster_name)
    return {
        (settings.namespace, SERVICE_ACCOUNT): [kubernetes_policies.read_own_secrets(secrets)],
        (CONTROLLER_NAMESPACE, CONTROLLER): controller,
    }


# The roles of the two, by what the account is called.
NAMES = {SERVICE_ACCOUNT: "Application", CONTROLLER: "Controller"}


def _on_nodes(
    stack: Stack,
    settings: Settings,
    cluster: EksCluster,
    network: Network,
    permissions: Mapping[tuple[str, str], Sequence[Any]],
) -> None:
    """Nodes with their add-ons, in the order that works, and roles by Pod Identity."""
    cni = stack.add(
        AddOnRole(
            "VpcCni",
            cluster_arn=cluster.arn,
            namespace=VPC_CNI_ACCOUNT[0],
            service_account=VPC_CNI_ACCOUNT[1],
            managed=["AmazonEKS_CNI_Policy"],
        )
    )
    before = stack.add(NodeAddOns(CLUSTER, cluster=cluster, vpc_cni_role=cni.role_arn))
    nodes = stack.add(
        NodeGroup(
            CLUSTER,
            cluster=cluster,
            network=network,
            version=stack.parameters["KubernetesVersion"].ref(),
            repository=REPOSITORY,
            after=before.before_nodes,
            instance_types=settings.instance_types,
            minimum=settings.minimum_nodes,
            maximum=settings.maximum_nodes,
            capacity=settings.node_capacity,
            arm=settings.arm,
            disk_gib=settings.node_disk,
            tags=settings.stamped_tags,
        )
    )
    _add_ons_of_workloads(stack, settings, cluster, nodes)
    for (namespace, account), may in permissions.items():
        identity = PodIdentity(
            NAMES[account],
            cluster_name=cluster.cluster_name,
            cluster_arn=cluster.arn,
            namespace=namespace,
            service_account=account,
            may=may,
        )
        stack.add(identity)


def _add_ons_of_workloads(stack: Stack, settings: Settings, cluster: EksCluster, nodes: NodeGroup) -> None:
    """What runs on the nodes for everybody, the agent that sends logs with a role of its own."""
    container_logs = stack.add(ContainerLogs(CLUSTER, cluster=cluster, retention_days=settings.log_retention_days))
    agent = stack.add(
        AddOnRole(
            "CloudWatch",
            cluster_arn=cluster.arn,
            namespace=CLOUDWATCH_ACCOUNT[0],
            service_account=CLOUDWATCH_ACCOUNT[1],
            may=[
                kubernetes_policies.write_container_logs(container_logs.arns),
                kubernetes_policies.describe_nodes(),
            ],
        )
    )
    add_ons = stack.add(
        WorkloadAddOns(
            CLUSTER,
            cluster=cluster,
            after=[nodes.node_group],
            compute="nodes",
            cloudwatch_role=agent.role_arn,
            container_logs=container_logs,
        )
    )
    stack.output("LogGroupName", add_ons.application_log_group.ref(), "Where the application's log is")


def _on_fargate(
    stack: Stack,
    settings: Settings,
    cluster: EksCluster,
    network: Network,
    permissions: Mapping[tuple[str, str], Sequence[Any]],
) -> None:
    """A Fargate profile for the namespaces that have pods, and roles by the cluster's issuer."""
    profile = stack.add(
        FargateProfile(
            CLUSTER,
            cluster=cluster,
            network=network,
            namespaces=[CONTROLLER_NAMESPACE, OPERATOR_NAMESPACE, settings.namespace],
            repository=REPOSITORY,
            log_retention_days=settings.log_retention_days,
        )
    )
    stack.add(WorkloadAddOns(CLUSTER, cluster=cluster, after=[profile.profile], compute="fargate"))
    stack.output("LogGroupName", profile.log_group_name, "Where the application's log is")
    issuer = stack.add(OidcProvider(CLUSTER, issuer_url=cluster.issuer_url))
    for (namespace, account), may in permissions.items():
        role = ServiceAccountRole(
            NAMES[account], provider=issuer, namespace=namespace, service_account=account, may=may
        )
        stack.add(role)
        stack.output(f"{NAMES[account]}RoleArn", role.role_arn, f"Role of {namespace}/{account}")
