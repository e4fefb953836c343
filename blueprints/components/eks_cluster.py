"""An EKS cluster: the control plane, who may administer it, and where its own logs go."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from troposphere import Select, Split, StackId, Sub, Tags, eks, iam, kms, logs

from blueprints.access import grants, kubernetes_nodes
from blueprints.access.connections import Peer
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack

# Versions in standard support, oldest first (Amazon EKS User Guide, "Understand the Kubernetes version lifecycle on
# EKS"; AWS announced 1.37 on 2026-10-02). 1.34 leaves standard support on 2026-12-02, so no cluster begins with it.
# ``aws eks describe-cluster-versions --version-status STANDARD_SUPPORT`` tells today's.
KUBERNETES_VERSIONS = ("1.35", "1.36", "1.37")

# One below the newest: what is installed in a cluster has been tried with it by then.
KUBERNETES_VERSION = KUBERNETES_VERSIONS[-2]

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def kubernetes_version(default: str = KUBERNETES_VERSION) -> StackParameter:
    """Which Kubernetes the control plane and its nodes run; EKS goes up one minor version at a time.

    Raises:
        SettingsError: the default is in extended support, which costs six times as much, or not there yet.

    """
    if default not in KUBERNETES_VERSIONS:
        raise SettingsError(
            f"kubernetes_version is {default!r}; in standard support are {', '.join(KUBERNETES_VERSIONS)}"
        )
    return StackParameter(
        "KubernetesVersion",
        group="Cluster",
        label="Kubernetes version",
        description="Minor version of Kubernetes; an update goes up by one at a time",
        default=default,
        allowed=KUBERNETES_VERSIONS,
        constraint="A minor version in standard support",
    )


class EksCluster(Component):
    """A control plane that only access entries open, its log group and, if wanted, a key of its own.

    It is named, because its log group has to be there first: EKS makes one that never expires otherwise, and makes it
    again when the cluster goes (github.com/terraform-aws-modules/terraform-aws-eks issues 920 and 2763). So the name
    ends in a part of the stack's own id, and what an older stack left behind is in nobody's way.

    EKS encrypts all that a cluster keeps with a key of AWS's since 1.28; a key of one's own costs a dollar a month and
    shows its use in CloudTrail. Cluster, role and key stay together for life: a change of any replaces the cluster.

    Args:
        name: first part of the logical ids.
        network: the control plane reaches nodes through its private subnets.
        version: the minor version of Kubernetes.
        keep: refuse to be deleted, by anyone.
        public_access_cidrs: IPv4 ranges that may call the Kubernetes API over the internet; with none, only the VPC
            can. Who calls is authenticated by IAM either way.
        log_retention_days: days that the control plane's logs stay.
        secrets_key: encrypt with a key of one's own.
        zonal_shift: let AWS take traffic between pods away from a zone that is impaired; there have to be enough pods
            in the others.

    Raises:
        SettingsError: a range is no IPv4 network.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        version: Any,
        keep: bool,
        public_access_cidrs: Sequence[str] = (),
        log_retention_days: int = 30,
        secrets_key: bool = False,
        zonal_shift: bool = False,
    ) -> None:
        check_cidrs(name, public_access_cidrs)
        self.name = name
        self.log_group = because(
            "Takes the control plane's logs; made first, so that they expire.",
            logs.LogGroup(
                f"{name}ControlPlaneLogGroup",
                LogGroupName=_with_cluster_name("/aws/eks/", "/cluster"),
                RetentionInDays=log_retention_days,
            ),
        )
        self.key = self._own_key() if secrets_key else None
        self.role = self._role()
        self.cluster = self._cluster(network, version, public_access_cidrs, keep=keep, zonal_shift=zonal_shift)

    @property
    def cluster_name(self) -> Any:
        """The cluster's name; who refers to it waits for the cluster."""
        return self.cluster.ref()

    @property
    def arn(self) -> Any:
        """The cluster's ARN."""
        return self.cluster.get_att("Arn")

    @property
    def known_arn(self) -> Sub:
        """The same, known before the cluster is there: who refers to it does not change when the cluster does."""
        return _with_cluster_name("arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/")

    @property
    def security_group_id(self) -> Any:
        """The security group that EKS makes and that control plane, nodes and Fargate pods wear.

        It lets its wearers talk to each other and opens all ways out.
        """
        return self.cluster.get_att("ClusterSecurityGroupId")

    @property
    def issuer_url(self) -> Any:
        """The URL of the issuer of its service accounts' tokens, for an IAM OIDC provider."""
        return self.cluster.get_att("OpenIdConnectIssuerUrl")

    def listening(self, port: int, name: str | None = None) -> Peer:
        """Its pods, as something to connect to: all of them wear the cluster's security group."""
        return Peer(name or self.name, self.security_group_id, port)

    def publish(self, stack: Stack) -> None:
        """Write the outputs that other stacks, manifests and kubectl need."""
        stack.output(f"{self.name}ClusterName", self.cluster_name, "For aws eks update-kubeconfig --name")
        stack.output(f"{self.name}ClusterArn", self.arn, "ARN of the cluster")
        stack.output(
            f"{self.name}ClusterSecurityGroupId", self.security_group_id, "Security group of control plane and pods"
        )

    def _own_key(self) -> kms.Key:
        return because(
            "Encrypts what the cluster keeps; every use shows in CloudTrail.",
            kms.Key(
                f"{self.name}SecretsKey",
                Description=f"Data of the EKS cluster {self.name}",
                EnableKeyRotation=True,
                KeyPolicy=kubernetes_nodes.for_cluster_secrets(),
            ),
            must=["Outlives the cluster: without the key it is lost"],
            mutable="must-never-change",
        )

    def _role(self) -> iam.Role:
        key_arn = None if self.key is None else self.key.get_att("Arn")
        own = [] if key_arn is None else [kubernetes_nodes.encrypt_secrets(key_arn)]
        return because(
            "What the control plane does in this account: find its nodes and tag them.",
            iam.Role(
                f"{self.name}ClusterRole",
                # Amazon EKS User Guide, "Cross-service confused deputy prevention": EKS says for which cluster it acts.
                AssumeRolePolicyDocument=grants.trust("eks", source_arn=self.known_arn),
                Policies=[grants.policy("ControlPlane", *kubernetes_nodes.manage_nodes(key_arn), *own)],
            ),
            mutable="review-required",
        )

    def _cluster(
        self, network: Network, version: Any, cidrs: Sequence[str], *, keep: bool, zonal_shift: bool
    ) -> eks.Cluster:
        access = eks.ResourcesVpcConfig(
            SubnetIds=network.private_subnets, EndpointPrivateAccess=True, EndpointPublicAccess=bool(cidrs)
        )
        if cidrs:
            access.PublicAccessCidrs = list(cidrs)
        made = eks.Cluster(
            f"{self.name}Cluster",
            DependsOn=[self.log_group.title],
            Name=_with_cluster_name(),
            Version=version,
            RoleArn=self.role.get_att("Arn"),
            ResourcesVpcConfig=access,
            # Both below cannot change later: add-ons are resources of the stack, and nobody gets in by having made it.
            BootstrapSelfManagedAddons=False,
            AccessConfig=eks.AccessConfig(AuthenticationMode="API", BootstrapClusterCreatorAdminPermissions=False),
            Logging=eks.Logging(
                ClusterLogging=eks.ClusterLogging(EnabledTypes=[eks.LoggingTypeConfig(Type=kind) for kind in LOG_TYPES])
            ),
            # Extended support is the default and costs 0.60 USD an hour; without it EKS upgrades when the time comes.
            UpgradePolicy=eks.UpgradePolicy(SupportType="STANDARD"),
            ZonalShiftConfig=eks.ZonalShiftConfig(Enabled=zonal_shift),
            DeletionProtection=keep,
            Tags=Tags(Name=self.name),
        )
        if self.key is not None:
            provider = eks.Provider(KeyArn=self.key.get_att("Arn"))
            # No Resources: all data is encrypted whatever it says (Amazon EKS API Reference, EncryptionConfig).
            made.EncryptionConfig = [eks.EncryptionConfig(Provider=provider)]
        return because(
            "Runs Kubernetes' API; AWS keeps it in three zones.",
            made,
            must=["Name, role, key and bootstrap settings stay: a change makes a new, empty cluster"],
            mutable="change-with-constraints",
        )


def check_cidrs(name: str, cidrs: Sequence[str]) -> None:
    """Raise SettingsError unless all are IPv4 ranges, written as EKS takes them."""
    for cidr in cidrs:
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError:
            raise SettingsError(
                f"{name}: public_access_cidrs has {cidr!r}; give IPv4 ranges such as 198.51.100.0/24"
            ) from None


def _with_cluster_name(before: str = "", after: str = "") -> Sub:
    """A text with the cluster's name in it, known before the cluster is there."""
    # A stack's id ends in a UUID (AWS::StackId): arn:aws:cloudformation:us-east-1:111122223333:stack/name/UUID.
    own_id = Select(0, Split("-", Select(2, Split("/", StackId))))
    return Sub(f"{before}${{AWS::StackName}}-${{OwnId}}{after}", OwnId=own_id)
