"""Add-ons of an EKS cluster, in the order that works: networking, then nodes, then what runs on them.

EKS picks the version that is its default for the cluster's version of Kubernetes when none is named, and keeps it:
neither an update of this stack nor one of the cluster moves it. A version that a template pins has to be changed
together with each new version of Kubernetes, and differs by Region; so none is pinned unless somebody asks for it.
``aws eks describe-addon-versions --addon-name NAME --kubernetes-version 1.36`` lists them, ``aws eks
describe-addon-configuration`` what can be configured, and ``aws eks update-addon`` moves one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from troposphere import AWSObject, Sub, Tags, eks, logs

from blueprints.components.eks_cluster import EksCluster
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

Compute = Literal["nodes", "fargate"]

# Namespace and service account of the agents that get a role by Pod Identity (Amazon VPC CNI; CloudWatch User Guide,
# "Install the CloudWatch agent with the Amazon CloudWatch Observability EKS add-on", from version 3.1.0 on).
VPC_CNI_ACCOUNT = ("kube-system", "aws-node")
CLOUDWATCH_ACCOUNT = ("amazon-cloudwatch", "cloudwatch-agent")

# Where the CloudWatch add-on writes, by what is written: /aws/containerinsights/<cluster>/<kind> (CloudWatch User
# Guide, "Container Insights"). Its agents make missing groups themselves, and those never expire.
LOG_KINDS = {
    "application": "What containers say.",
    "dataplane": "What kubelet, proxy and network plugin say.",
    "host": "What the nodes' own systems say.",
    "performance": "Container Insights in detail, which its metrics are made from.",
}

# NetworkPolicies hold on nodes only with it (Amazon EKS User Guide, "Limit Pod traffic with Kubernetes network
# policies"); the schema wants text.
VPC_CNI = {"enableNetworkPolicy": "true"}

# Its pods carry an annotation that keeps them off Fargate otherwise (same guide, "Get started with AWS Fargate").
CORE_DNS_ON_FARGATE = {"computeType": "Fargate"}

# Sync makes Kubernetes secrets of mounted ones, so that a container can take them as variables; rotation reads them
# again. The driver hands the provider the pod's tokens only for audiences that are named: without that of Pod Identity
# no volume can be mounted. Keys as in github.com/aws/secrets-store-csi-driver-provider-aws,
# tests/addon_config_values.yaml.
SECRETS_STORE = {
    "secrets-store-csi-driver": {
        "enableSecretRotation": True,
        "rotationPollInterval": "2m",
        "syncSecret": {"enabled": True},
        "tokenRequests": [{"audience": "pods.eks.amazonaws.com"}],
    }
}

# Logs and Container Insights. Application Signals would put an agent into every pod of a Service since version 5,
# which a container with a read-only root file system does not survive.
CLOUDWATCH = {
    "agent": {"config": {"logs": {"metrics_collected": {"kubernetes": {"enhanced_container_insights": True}}}}},
    "containerLogs": {"enabled": True},
    "manager": {"applicationSignals": {"autoMonitor": {"monitorAllServices": False}}},
}


class NodeAddOns(Component):
    """What a node needs to get ready: network plugin, proxy, and the agent that brings pods their credentials.

    They are DaemonSets and count as installed while there is no node. They have to be there first: the cluster starts
    without any add-on, and EKS gives up on a node group whose nodes do not get ready.

    Args:
        name: first part of the logical ids.
        cluster: the cluster.
        vpc_cni_role: ARN of the network plugin's role (``VPC_CNI_ACCOUNT``), which nodes need not have then.
        versions: versions by name of the add-on, for those that are to be pinned.

    Raises:
        SettingsError: a version for an add-on that is not one of these.

    """

    def __init__(
        self, name: str, *, cluster: EksCluster, vpc_cni_role: Any, versions: Mapping[str, str] | None = None
    ) -> None:
        pinned = check_versions(name, versions, ("eks-pod-identity-agent", "kube-proxy", "vpc-cni"))
        self.pod_identity_agent = because(
            "Brings pods the credentials of their roles.",
            _add_on(f"{name}PodIdentityAgentAddOn", "eks-pod-identity-agent", cluster, pinned),
        )
        self.kube_proxy = because(
            "Leads a Service's address to its pods.",
            _add_on(f"{name}KubeProxyAddOn", "kube-proxy", cluster, pinned),
        )
        self.vpc_cni = because(
            "Gives pods addresses of the VPC, and enforces NetworkPolicies.",
            _add_on(
                f"{name}VpcCniAddOn",
                "vpc-cni",
                cluster,
                pinned,
                configuration=VPC_CNI,
                roles={VPC_CNI_ACCOUNT[1]: vpc_cni_role},
                # Its credentials come from the agent.
                after=[self.pod_identity_agent],
            ),
        )

    @property
    def before_nodes(self) -> list[AWSObject]:
        """What nodes have to wait for."""
        return [self.pod_identity_agent, self.kube_proxy, self.vpc_cni]


class ContainerLogs(Component):
    """The log groups that the CloudWatch add-on writes to, made before it so that they expire.

    They are apart from the add-on, because its role names them.

    Args:
        name: first part of the logical ids.
        cluster: the cluster, whose name is part of theirs.
        retention_days: days that the logs stay.

    """

    def __init__(self, name: str, *, cluster: EksCluster, retention_days: int = 30) -> None:
        prefix = f"/aws/containerinsights/${{{cluster.cluster.title}}}"
        self.log_groups = [
            because(
                why,
                logs.LogGroup(
                    f"{name}{kind.title()}LogGroup",
                    LogGroupName=Sub(f"{prefix}/{kind}"),
                    RetentionInDays=retention_days,
                ),
            )
            for kind, why in LOG_KINDS.items()
        ]

    @property
    def application(self) -> logs.LogGroup:
        """Where the containers' logs are, for metric filters."""
        return self.log_groups[0]

    @property
    def arns(self) -> list[Any]:
        """Their ARNs, each with ``:*`` at its end, for the role of the agents."""
        return [group.get_att("Arn") for group in self.log_groups]


class WorkloadAddOns(Component):
    """What runs on nodes or on Fargate and every workload counts on: names, measurements, secrets, logs.

    They come last: an add-on whose pods find no place stays degraded until CloudFormation gives up. On Fargate there
    are only CoreDNS and Metrics Server, whose namespace kube-system has to be in a profile; the Secrets Store driver
    and the CloudWatch agent are DaemonSets, which Fargate does not run.

    Args:
        name: first part of the logical ids.
        cluster: the cluster.
        after: where they run: the node group or the Fargate profile.
        compute: which of the two it is.
        cloudwatch_role: ARN of the CloudWatch agent's role (``CLOUDWATCH_ACCOUNT``); nodes have to have one.
        container_logs: where the agent writes; log groups of its own when not given.
        log_retention_days: days that logs in groups of its own stay.
        versions: versions by name of the add-on, for those that are to be pinned.

    Raises:
        SettingsError: nodes without a role for the CloudWatch agent, Fargate with one, or a version for an add-on that
            is not one of these.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        cluster: EksCluster,
        after: Sequence[AWSObject],
        compute: Compute,
        cloudwatch_role: Any | None = None,
        container_logs: ContainerLogs | None = None,
        log_retention_days: int = 30,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        known = ("coredns", "metrics-server")
        on_nodes = ("amazon-cloudwatch-observability", "aws-secrets-store-csi-driver-provider")
        fargate = compute == "fargate"
        if fargate == (cloudwatch_role is not None) or (fargate and container_logs is not None):
            raise SettingsError(
                f"{name}: compute is {compute}; cloudwatch_role and container_logs are for nodes, which have to have "
                "the role"
            )
        self._name, self._cluster, self._after = name, cluster, list(after)
        self._versions = check_versions(name, versions, known if fargate else (*known, *on_nodes))
        self.core_dns = because(
            "Resolves names of Services, and passes on all others.",
            self._made("CoreDns", "coredns", CORE_DNS_ON_FARGATE if fargate else None),
        )
        self.metrics_server = because(
            "Tells the autoscaler of pods what they use.", self._made("MetricsServer", "metrics-server")
        )
        self.secrets_store = None if fargate else self._secrets_store()
        self.container_logs: ContainerLogs | None = None
        if not fargate and container_logs is None:
            self.container_logs = ContainerLogs(name, cluster=cluster, retention_days=log_retention_days)
        self._logs = container_logs or self.container_logs
        self.cloudwatch = None if self._logs is None else self._cloudwatch(self._logs, cloudwatch_role)

    @property
    def application_log_group(self) -> logs.LogGroup:
        """Where the containers' logs are.

        Raises:
            SettingsError: on Fargate, where the profile has it.

        """
        if self._logs is None:
            raise SettingsError(f"{self._name}: containers on Fargate log to the profile's log group; ask the profile")
        return self._logs.application

    def _secrets_store(self) -> eks.Addon:
        return because(
            "Mounts secrets of Secrets Manager into pods, each with its own role.",
            self._made("SecretsStore", "aws-secrets-store-csi-driver-provider", SECRETS_STORE),
        )

    def _cloudwatch(self, container_logs: ContainerLogs, role: Any) -> eks.Addon:
        made = self._made("CloudWatch", "amazon-cloudwatch-observability", CLOUDWATCH, {CLOUDWATCH_ACCOUNT[1]: role})
        made.DependsOn = [resource.title for resource in (*self._after, *container_logs.log_groups)]
        return because("Sends containers' logs and Container Insights to CloudWatch.", made)

    def _made(
        self,
        noun: str,
        add_on: str,
        configuration: Mapping[str, Any] | None = None,
        roles: Mapping[str, Any] | None = None,
    ) -> eks.Addon:
        title = f"{self._name}{noun}AddOn"
        return _add_on(
            title, add_on, self._cluster, self._versions, configuration=configuration, roles=roles, after=self._after
        )


def check_versions(name: str, versions: Mapping[str, str] | None, known: Sequence[str]) -> Mapping[str, str]:
    """The versions to pin.

    Raises:
        SettingsError: one is for an add-on that is not *known*.

    """
    others = sorted(set(versions or ()) - set(known))
    if others:
        raise SettingsError(f"{name}: versions names {', '.join(others)}; the add-ons are {', '.join(sorted(known))}")
    return versions or {}


def _add_on(  # noqa: PLR0913 - an add-on has these parts
    title: str,
    add_on: str,
    cluster: EksCluster,
    versions: Mapping[str, str],
    *,
    configuration: Mapping[str, Any] | None = None,
    roles: Mapping[str, Any] | None = None,
    after: Sequence[AWSObject] = (),
) -> eks.Addon:
    # Overwrite: what somebody changes in the cluster by hand is set back, so that the template says how it is.
    made = eks.Addon(
        title,
        AddonName=add_on,
        ClusterName=cluster.cluster_name,
        ResolveConflicts="OVERWRITE",
        Tags=Tags(Name=add_on),
    )
    if after:
        made.DependsOn = [resource.title for resource in after]
    if add_on in versions:
        made.AddonVersion = versions[add_on]
    if configuration is not None:
        made.ConfigurationValues = json.dumps(configuration, sort_keys=True)
    if roles:
        made.PodIdentityAssociations = [
            eks.PodIdentityAssociationProperty(ServiceAccount=account, RoleArn=arn) for account, arn in roles.items()
        ]
    return made
