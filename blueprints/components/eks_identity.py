"""Roles of Kubernetes service accounts: by EKS Pod Identity on nodes, by the cluster's OIDC issuer on Fargate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs.aws import Statement
from troposphere import eks, iam

from blueprints.access import grants, kubernetes_policies
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError


class PodIdentity(Component):
    """A role for the pods of one service account, by EKS Pod Identity.

    The agent that hands out the credentials is a DaemonSet, so there has to be a node; pods on Fargate take
    ``ServiceAccountRole``. The service account itself needs no annotation. It can be made before or after the
    association, which pods see when they start.

    Args:
        name: first part of the logical ids.
        cluster_name: the cluster, as an association names it.
        cluster_arn: the same cluster, as the role's trust names it.
        namespace: where the service account is.
        service_account: its name.
        may: what its pods may do in AWS.

    Raises:
        SettingsError: nothing is allowed, or Kubernetes does not take the name of namespace or service account.

    """

    def __init__(  # noqa: PLR0913 - each is a fact about the service account
        self,
        name: str,
        *,
        cluster_name: Any,
        cluster_arn: Any,
        namespace: str,
        service_account: str,
        may: Sequence[Statement],
    ) -> None:
        trust = kubernetes_policies.trust_pods(cluster_arn, namespace=namespace, service_account=service_account)
        self.role = because(f"What pods of {namespace}/{service_account} may do.", _role(name, trust, may))
        self.association = because(
            f"Gives the role to {namespace}/{service_account} in this cluster only.",
            eks.PodIdentityAssociation(
                f"{name}PodIdentity",
                ClusterName=cluster_name,
                Namespace=namespace,
                ServiceAccount=service_account,
                RoleArn=self.role_arn,
            ),
            must=["Session tags stay on: the role's trust reads them"],
        )

    @property
    def role_arn(self) -> Any:
        """The role's ARN."""
        return self.role.get_att("Arn")


class AddOnRole(Component):
    """A role for the service account of an EKS add-on; the add-on makes the association itself.

    Args:
        name: first part of the logical id.
        cluster_arn: the cluster that the add-on is in.
        namespace: where the add-on's service account is.
        service_account: its name, which the add-on decides.
        may: what the add-on may do in AWS.
        managed: names of policies that AWS maintains, each with a reason in ``kubernetes_policies.MANAGED``.

    Raises:
        SettingsError: nothing is allowed, or Kubernetes does not take the name of namespace or service account.
        TooBroadError: a managed policy is none of ``kubernetes_policies.MANAGED``.

    """

    def __init__(  # noqa: PLR0913 - each is a fact about the service account
        self,
        name: str,
        *,
        cluster_arn: Any,
        namespace: str,
        service_account: str,
        may: Sequence[Statement] = (),
        managed: Sequence[str] = (),
    ) -> None:
        trust = kubernetes_policies.trust_pods(cluster_arn, namespace=namespace, service_account=service_account)
        self._service_account = service_account
        self.role = because(
            f"What the add-on's pods of {namespace}/{service_account} may do.",
            _role(name, trust, may, managed),
        )

    @property
    def role_arn(self) -> Any:
        """The role's ARN."""
        return self.role.get_att("Arn")

    @property
    def association(self) -> eks.PodIdentityAssociationProperty:
        """What stands in the add-on's PodIdentityAssociations."""
        return eks.PodIdentityAssociationProperty(ServiceAccount=self._service_account, RoleArn=self.role_arn)


class OidcProvider(Component):
    """The cluster's issuer of tokens, known to IAM, so that roles can trust its service accounts.

    IAM needs no thumbprint: it trusts the issuer's certificate by its own list of authorities (IAM User Guide,
    "Create an OpenID Connect identity provider"). An account takes one provider for an issuer.

    Args:
        name: first part of the logical id.
        issuer_url: the cluster's OpenIdConnectIssuerUrl, ``https://oidc.eks.<region>.amazonaws.com/id/<id>``.

    """

    def __init__(self, name: str, *, issuer_url: Any) -> None:
        self.provider = because(
            "Lets IAM check tokens of the cluster's service accounts.",
            iam.OIDCProvider(f"{name}OidcProvider", Url=issuer_url, ClientIdList=["sts.amazonaws.com"]),
        )

    @property
    def arn(self) -> Any:
        """The provider's ARN; it ends in the issuer without ``https://``."""
        return self.provider.ref()


class ServiceAccountRole(Component):
    """A role for the pods of one service account, by a token of the cluster's issuer (IRSA): for pods on Fargate.

    The service account has to name the role in its annotation ``eks.amazonaws.com/role-arn``, and an add-on in
    ServiceAccountRoleArn.

    Args:
        name: first part of the logical id.
        provider: the cluster's issuer, of the same stack.
        namespace: where the service account is.
        service_account: its name.
        may: what its pods may do in AWS.

    Raises:
        SettingsError: nothing is allowed, or Kubernetes does not take the name of namespace or service account.

    """

    def __init__(
        self,
        name: str,
        *,
        provider: OidcProvider,
        namespace: str,
        service_account: str,
        may: Sequence[Statement],
    ) -> None:
        trust = kubernetes_policies.trust_service_account(
            provider.arn, namespace=namespace, service_account=service_account
        )
        self.role = because(
            f"What pods of {namespace}/{service_account} may do.",
            _role(name, trust, may),
        )

    @property
    def role_arn(self) -> Any:
        """The role's ARN, for the annotation of the service account."""
        return self.role.get_att("Arn")


def _role(name: str, trust: Any, may: Sequence[Statement], managed: Sequence[str] = ()) -> iam.Role:
    if not may and not managed:
        raise SettingsError(f"{name}: a role that allows nothing; say what the pods may do, or leave the role out")
    role = iam.Role(f"{name}Role", AssumeRolePolicyDocument=trust)
    if managed:
        role.ManagedPolicyArns = [kubernetes_policies.managed(policy) for policy in managed]
    if may:
        role.Policies = [grants.policy("Pods", *may)]
    return role
