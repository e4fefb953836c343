"""Pods of an EKS cluster on Fargate: no nodes to keep, and none of what needs a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Sub, Tags, eks, iam, logs

from blueprints.access import grants, kubernetes_nodes, kubernetes_policies
from blueprints.components.eks_cluster import EksCluster
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

MOST_SELECTORS = 5  # Amazon EKS API Reference, CreateFargateProfile, selectors


class FargateProfile(Component):
    """Says which pods run on Fargate: all of these namespaces.

    DaemonSets do not run there. Network plugin and proxy come with Fargate; Pod Identity, the Secrets Store driver and
    the CloudWatch agent have no place. Pods get roles through IRSA and no security group but the cluster's. What they
    say goes to the log group if the ConfigMap aws-observability/aws-logging names it (Amazon EKS User Guide, "Start
    AWS Fargate logging for your cluster"); only pods that start later follow it.

    Args:
        name: first part of the logical ids.
        cluster: the cluster.
        network: pods stand in its private subnets; EKS refuses subnets with a route to an internet gateway.
        namespaces: whose pods; kube-system has to be one where CoreDNS is to run. Profiles cannot change, so another
            list replaces this one.
        repository: ECR repository of the application; the only one of the account that pods can be pulled from.
        log_retention_days: days that the pods' logs stay.

    Raises:
        SettingsError: no namespace, one twice, or more than a profile takes.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        cluster: EksCluster,
        network: Network,
        namespaces: Sequence[str],
        repository: str,
        log_retention_days: int = 30,
    ) -> None:
        check_namespaces(name, namespaces)
        self.log_group = because(
            "What the containers say; Fargate's log router writes it.",
            logs.LogGroup(f"{name}PodLogGroup", RetentionInDays=log_retention_days),
        )
        self.role = self._role(name, cluster, repository)
        self.profile = because(
            f"Runs the pods of {', '.join(namespaces)} on Fargate.",
            eks.FargateProfile(
                f"{name}FargateProfile",
                ClusterName=cluster.cluster_name,
                PodExecutionRoleArn=self.role.get_att("Arn"),
                Subnets=network.private_subnets,
                Selectors=[eks.Selector(Namespace=namespace) for namespace in namespaces],
                Tags=Tags(Name=name),
            ),
            must=["A change of any property replaces it; its pods go meanwhile"],
            mutable="change-with-constraints",
        )

    @property
    def log_group_name(self) -> Any:
        """The log group that the ConfigMap has to name."""
        return self.log_group.ref()

    def _role(self, name: str, cluster: EksCluster, repository: str) -> iam.Role:
        profiles = (
            "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:fargateprofile/"
            f"${{{cluster.cluster.title}}}/*"
        )
        return because(
            "What Fargate does to start a pod: register as a node, pull its image, write its log.",
            iam.Role(
                f"{name}PodExecutionRole",
                AssumeRolePolicyDocument=grants.trust("eks-fargate-pods", source_arn=Sub(profiles)),
                Policies=[
                    grants.policy(
                        "StartPods",
                        *kubernetes_nodes.pull_images(repository),
                        kubernetes_policies.write_container_logs([self.log_group.get_att("Arn")]),
                    )
                ],
            ),
            must=["Containers cannot use it; the application has a role of its own"],
        )


def check_namespaces(name: str, namespaces: Sequence[str]) -> None:
    """Raise SettingsError unless a profile takes these namespaces."""
    if not 1 <= len(namespaces) <= MOST_SELECTORS or len(set(namespaces)) != len(namespaces):
        raise SettingsError(
            f"{name}: namespaces are {list(namespaces)}; a profile takes 1 to {MOST_SELECTORS}, each once"
        )
