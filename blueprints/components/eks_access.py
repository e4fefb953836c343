"""Who may use a cluster's Kubernetes API: access entries, which take the place of the ConfigMap aws-auth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from troposphere import Sub, Tags, eks

from blueprints.components.eks_cluster import EksCluster
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter

# A role or a user; sessions of STS are refused (Amazon EKS API Reference, CreateAccessEntry, principalArn).
PRINCIPAL = r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/[A-Za-z0-9+=,.@_/-]{1,576}$"

# The endings of AWS's own policies for people (Amazon EKS User Guide, "Review access policy permissions").
AccessPolicyName = Literal["ClusterAdmin", "Admin", "Edit", "View", "AdminView"]


def administrator_arn(default: str | None = None) -> StackParameter:
    """Who administers the cluster; without an access entry nobody can, not even who made it.

    Raises:
        SettingsError: the default is no ARN of a role or a user.

    """
    if default is not None and not re.fullmatch(PRINCIPAL, default):
        raise SettingsError(f"administrator_arn is {default!r}; give the ARN of an IAM role or user, no session")
    return StackParameter(
        "AdministratorArn",
        group="Cluster",
        label="Administrator",
        description="ARN of the IAM role or user that administers the cluster with kubectl",
        default=default,
        pattern=PRINCIPAL,
        constraint="The ARN of an IAM role or user with its path; no session of STS",
    )


class AccessEntry(Component):
    """Lets one IAM principal into a cluster.

    EKS makes the entries of managed node groups and Fargate profiles by itself.

    Args:
        name: first part of the logical ids.
        cluster: the cluster.
        principal: ARN of a role or user; it cannot change.
        policy: what it may do there.
        namespaces: where; everywhere when there is none.

    """

    def __init__(
        self,
        name: str,
        *,
        cluster: EksCluster,
        principal: Any,
        policy: AccessPolicyName = "ClusterAdmin",
        namespaces: Sequence[str] = (),
    ) -> None:
        where = f"in {', '.join(namespaces)}" if namespaces else "in the whole cluster"
        scope = eks.AccessScope(Type="namespace" if namespaces else "cluster")
        if namespaces:
            scope.Namespaces = list(namespaces)
        arn = f"arn:${{AWS::Partition}}:eks::aws:cluster-access-policy/AmazonEKS{policy}Policy"
        self.entry = because(
            f"Gives one principal {policy} rights {where}.",
            eks.AccessEntry(
                f"{name}AccessEntry",
                ClusterName=cluster.cluster_name,
                PrincipalArn=principal,
                AccessPolicies=[eks.AccessPolicy(PolicyArn=Sub(arn), AccessScope=scope)],
                Tags=Tags(Name=name),
            ),
            mutable="review-required",
        )
