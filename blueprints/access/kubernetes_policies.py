"""Who may do what around an EKS cluster: which pods take on a role, and what the cluster's own programs need in AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from awacs import acm as acm_actions
from awacs import ec2 as ec2_actions
from awacs import elasticloadbalancing as elb_actions
from awacs import iam as iam_actions
from awacs import logs as logs_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import wafv2 as wafv2_actions
from awacs.aws import Action, Allow, Condition, Null, PolicyDocument, Principal, Statement, StringEquals
from awacs.sts import AssumeRole, TagSession
from troposphere import AccountId, Select, Split, Sub

from blueprints.access.grants import allow, document
from blueprints.model.errors import SettingsError, TooBroadError

# The names that Kubernetes takes: a namespace is a DNS label (RFC 1123), a service account a DNS subdomain.
NAMESPACE = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE_ACCOUNT = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

# The tag that the AWS Load Balancer Controller puts on everything it makes; its value is the cluster's name.
CLUSTER_TAG = "elbv2.k8s.aws/cluster"

# Policies that AWS maintains, where statements of our own would be no narrower or would break with an add-on's update.
MANAGED = frozenset(
    {
        # The plug-in's own narrower policy (amazon-vpc-cni-k8s, docs/iam-policy.md) asks for the cluster's tag on
        # network interfaces. EC2 makes each node's first one, which bears no such tag. And pods get no addresses where
        # a new version of the add-on calls an action that a copy of the policy lacks.
        "AmazonEKS_CNI_Policy",
    }
)


def managed(name: str) -> Sub:
    """The ARN of a policy that AWS maintains; ``MANAGED`` says why it is not ours.

    Raises:
        TooBroadError: the policy is none of these.

    """
    if name not in MANAGED:
        raise TooBroadError(
            f"{name!r}: write statements, or say in MANAGED why not; it has {', '.join(sorted(MANAGED))}"
        )
    return Sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{name}")


# Trust


def trust_pods(cluster_arn: Any, *, namespace: str, service_account: str) -> PolicyDocument:
    """Let pods of one service account of one cluster take on a role, by EKS Pod Identity.

    The conditions are the session tags that Pod Identity sets, so an association must not turn them off (EKS User
    Guide, "Create IAM role with trust policy required by EKS Pod Identity" and "List of session tags"). The cluster is
    named by its tag and not by aws:SourceArn: no page of AWS's says which ARN EKS states there for a pod.

    Raises:
        SettingsError: Kubernetes does not take the name of the namespace or of the service account.

    """
    _check(namespace, service_account)
    only = {
        "aws:SourceAccount": AccountId,
        "aws:RequestTag/eks-cluster-arn": cluster_arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    return document(
        Statement(
            Effect=Allow,
            Action=[AssumeRole, TagSession],
            Principal=Principal("Service", ["pods.eks.amazonaws.com"]),
            Condition=Condition([StringEquals(only)]),
        )
    )


def trust_service_account(provider_arn: Any, *, namespace: str, service_account: str) -> Sub:
    """Let pods of one service account take on a role, by a token of the cluster's issuer (IRSA).

    The issuer stands in the keys of the condition, and CloudFormation has no functions in keys; so the document is a
    text, which AWS::IAM::Role takes as well as an object. The issuer is what follows ``oidc-provider/`` in the ARN.

    Args:
        provider_arn: the cluster's identity provider, of the same stack; another's value may not stand in Fn::Sub.
        namespace: where the service account is.
        service_account: its name.

    Raises:
        SettingsError: Kubernetes does not take the name of the namespace or of the service account.

    """
    _check(namespace, service_account)
    only = {
        "${Issuer}:aud": "sts.amazonaws.com",
        "${Issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
    }
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "${Provider}"},
        "Condition": {"StringEquals": only},
    }
    return Sub(
        json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2),
        Provider=provider_arn,
        Issuer=Select(1, Split("oidc-provider/", provider_arn)),
    )


def _check(namespace: str, service_account: str) -> None:
    if not NAMESPACE.fullmatch(namespace):
        raise SettingsError(
            f"namespace: {namespace!r} is no name that Kubernetes takes; use up to 63 of a-z, 0-9 and -, such as web"
        )
    if not SERVICE_ACCOUNT.fullmatch(service_account):
        raise SettingsError(
            f"service_account: {service_account!r} is no name that Kubernetes takes; use up to 253 of a-z, 0-9, - "
            "and ., such as application"
        )


# The application


def read_own_secrets(arns: Sequence[Any]) -> Statement:
    """What the Secrets Store CSI driver and the External Secrets Operator call in a pod's name for these secrets."""
    return allow(
        "ReadOwnSecrets",
        secretsmanager_actions.DescribeSecret,
        secretsmanager_actions.GetSecretValue,
        on=arns,
    )


# Logs


def write_container_logs(log_groups: Sequence[Any]) -> Statement:
    """Write to log groups that are there already: for Fluent Bit, the CloudWatch agent and Fargate's log router.

    CloudWatchAgentServerPolicy allows the same on every log group, and to make them, which would be without a
    retention. Fluent Bit and the agent make a group only after an answer that there is none.

    Args:
        log_groups: their ARNs, each with ``:*`` at its end, which stands for the streams.

    """
    return allow(
        "WriteContainerLogs",
        logs_actions.CreateLogStream,
        logs_actions.DescribeLogStreams,
        logs_actions.PutLogEvents,
        on=log_groups,
    )


def describe_nodes() -> Statement:
    """Look up tags and volumes of nodes, which Container Insights names its metrics by; AWS scopes it to no resource.

    The metrics themselves are log events in the embedded metric format, so the agent publishes none in CloudWatch.
    """
    return allow("DescribeNodes", ec2_actions.DescribeTags, ec2_actions.DescribeVolumes, on=["*"])


# The AWS Load Balancer Controller


def bind_targets(target_groups: Sequence[Any]) -> tuple[Statement, ...]:
    """What the controller needs where it only keeps targets: CloudFormation owns load balancer and target groups.

    These are the calls of its reconciler for a TargetGroupBinding and of that kind's admission webhook
    (kubernetes-sigs/aws-load-balancer-controller version 3, pkg/targetgroupbinding and webhooks/elbv2). They suffice
    when the controller is told Region and VPC and the binding has no ``networking``, so that no rule of a security
    group is the controller's. It looks for groups with rules of its own even then, hence DescribeSecurityGroups.

    Args:
        target_groups: their ARNs.

    """
    return (
        allow(
            "FindTargets",
            ec2_actions.DescribeSecurityGroups,
            ec2_actions.DescribeVpcs,
            elb_actions.DescribeTargetGroups,
            elb_actions.DescribeTargetHealth,
            on=["*"],
        ),
        allow("RegisterTargets", elb_actions.DeregisterTargets, elb_actions.RegisterTargets, on=target_groups),
    )


def manage_load_balancers(
    cluster_name: Any, *, web_acl: Any | None = None, find_certificates: bool = False
) -> tuple[Statement, ...]:
    """What the controller needs where it makes Application Load Balancers itself, for Ingress objects.

    The project's policy (docs/install/iam_policy.json of version 3, 2026), narrowed: it asks that the tag
    ``elbv2.k8s.aws/cluster`` be there, this asks that it name the cluster. AWS's AmazonEKSLoadBalancingPolicy sets such
    conditions on the same actions. Left out is what an Ingress of ours has no use for: Network Load Balancers, Shield,
    WAF Classic, Cognito, Outposts, address pools, reserved capacity and mutual TLS. So the controller is to be
    started with ``enable-shield`` and ``enable-waf`` off, and with ``enable-wafv2`` off where there is no web ACL.

    Args:
        cluster_name: the cluster whose load balancers these are.
        web_acl: ARN of the web ACL that an Ingress names, or None.
        find_certificates: let the controller look for a certificate by host name; an Ingress that names the
            certificate's ARN needs none of it.

    """
    return (
        _look_around(),
        _make_service_linked_role(),
        *_make(cluster_name),
        *_tag(cluster_name),
        _change(cluster_name),
        *_open_security_groups(cluster_name),
        *(_look_for_certificates() if find_certificates else ()),
        *(_protect(web_acl) if web_acl is not None else ()),
    )


BALANCERS, GROUPS = "loadbalancer/app/*", "targetgroup/*"
LISTENERS, RULES = "listener/app/*", "listener-rule/app/*"


def _balancing(*kinds: str) -> list[Sub]:
    account = "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}"
    return [Sub(f"{account}:{kind}") for kind in kinds]


def _network(kind: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:ec2:${{AWS::Region}}:${{AWS::AccountId}}:{kind}/*")


def _asked_for(cluster_name: Any) -> dict[str, Any]:
    return {f"aws:RequestTag/{CLUSTER_TAG}": cluster_name}


def _tagged(cluster_name: Any) -> dict[str, Any]:
    return {f"aws:ResourceTag/{CLUSTER_TAG}": cluster_name}


def _look_around() -> Statement:
    reads: tuple[Action, ...] = (
        ec2_actions.DescribeAccountAttributes,
        ec2_actions.DescribeAvailabilityZones,
        ec2_actions.DescribeInstances,
        ec2_actions.DescribeInternetGateways,
        ec2_actions.DescribeNetworkInterfaces,
        ec2_actions.DescribeRouteTables,
        ec2_actions.DescribeSecurityGroups,
        ec2_actions.DescribeSubnets,
        ec2_actions.DescribeTags,
        ec2_actions.DescribeVpcPeeringConnections,
        ec2_actions.DescribeVpcs,
        elb_actions.DescribeCapacityReservation,
        elb_actions.DescribeListenerAttributes,
        elb_actions.DescribeListenerCertificates,
        elb_actions.DescribeListeners,
        elb_actions.DescribeLoadBalancerAttributes,
        elb_actions.DescribeLoadBalancers,
        elb_actions.DescribeRules,
        elb_actions.DescribeSSLPolicies,
        elb_actions.DescribeTags,
        elb_actions.DescribeTargetGroupAttributes,
        elb_actions.DescribeTargetGroups,
        elb_actions.DescribeTargetHealth,
    )
    return allow("LookAround", *reads, on=["*"])


def _make_service_linked_role() -> Statement:
    """Elastic Load Balancing makes its role in whoever's name makes the account's first load balancer."""
    service = "elasticloadbalancing.amazonaws.com"
    role = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/aws-service-role/{service}"
    return allow(
        "MakeServiceLinkedRole",
        iam_actions.CreateServiceLinkedRole,
        on=[Sub(f"{role}/AWSServiceRoleForElasticLoadBalancing")],
        when=Condition([StringEquals("iam:AWSServiceName", service)]),
    )


def _make(cluster_name: Any) -> tuple[Statement, ...]:
    """A listener is made on a load balancer and a rule on a listener, so these are the resources of the calls."""
    return (
        allow(
            "MakeLoadBalancers",
            elb_actions.CreateListener,
            elb_actions.CreateLoadBalancer,
            elb_actions.CreateRule,
            elb_actions.CreateTargetGroup,
            on=_balancing(BALANCERS, LISTENERS, GROUPS),
            when=Condition([StringEquals(_asked_for(cluster_name))]),
        ),
        allow(
            "MakeSecurityGroups",
            ec2_actions.CreateSecurityGroup,
            on=[_network("security-group")],
            when=Condition([StringEquals(_asked_for(cluster_name))]),
        ),
        # Elastic Load Balancing asks in the caller's name which groups a load balancer in the VPC can have.
        allow(
            "UseVpcs",
            ec2_actions.CreateSecurityGroup,
            ec2_actions.GetSecurityGroupsForVpc,
            on=[_network("vpc")],
        ),
    )


def _tag(cluster_name: Any) -> tuple[Statement, ...]:
    """Tags come with what is made; later the cluster's own tag is not touched again."""
    made_by = ["CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup"]
    later = Condition([StringEquals(_tagged(cluster_name)), Null(f"aws:RequestTag/{CLUSTER_TAG}", "true")])
    resources = _balancing(BALANCERS, LISTENERS, RULES, GROUPS)
    return (
        allow(
            "TagLoadBalancersAtFirst",
            elb_actions.AddTags,
            on=resources,
            when=Condition([StringEquals({"elasticloadbalancing:CreateAction": made_by, **_asked_for(cluster_name)})]),
        ),
        allow("TagLoadBalancersLater", elb_actions.AddTags, elb_actions.RemoveTags, on=resources, when=later),
        allow(
            "TagSecurityGroupsAtFirst",
            ec2_actions.CreateTags,
            on=[_network("security-group")],
            when=Condition([StringEquals({"ec2:CreateAction": "CreateSecurityGroup", **_asked_for(cluster_name)})]),
        ),
        allow(
            "TagSecurityGroupsLater",
            ec2_actions.CreateTags,
            ec2_actions.DeleteTags,
            on=[_network("security-group")],
            when=later,
        ),
    )


def _change(cluster_name: Any) -> Statement:
    changes: tuple[Action, ...] = (
        elb_actions.AddListenerCertificates,
        elb_actions.DeleteListener,
        elb_actions.DeleteLoadBalancer,
        elb_actions.DeleteRule,
        elb_actions.DeleteTargetGroup,
        elb_actions.DeregisterTargets,
        elb_actions.ModifyListener,
        elb_actions.ModifyListenerAttributes,
        elb_actions.ModifyLoadBalancerAttributes,
        elb_actions.ModifyRule,
        elb_actions.ModifyTargetGroup,
        elb_actions.ModifyTargetGroupAttributes,
        elb_actions.RegisterTargets,
        elb_actions.RemoveListenerCertificates,
        elb_actions.SetIpAddressType,
        elb_actions.SetRulePriorities,
        elb_actions.SetSecurityGroups,
        elb_actions.SetSubnets,
    )
    return allow(
        "ChangeLoadBalancers",
        *changes,
        on=_balancing(BALANCERS, LISTENERS, RULES, GROUPS),
        when=Condition([StringEquals(_tagged(cluster_name))]),
    )


def _open_security_groups(cluster_name: Any) -> tuple[Statement, ...]:
    """Rules of the controller's own groups, and of the group that EKS made for the cluster and its nodes.

    EKS tags that one ``aws:eks:cluster-name`` (EKS User Guide, "View Amazon EKS security group requirements"); pods
    behind another group have to be opened to the load balancer by whoever made it.
    """
    rules = (ec2_actions.AuthorizeSecurityGroupIngress, ec2_actions.RevokeSecurityGroupIngress)
    groups = [_network("security-group")]
    return (
        allow(
            "ChangeSecurityGroups",
            *rules,
            ec2_actions.DeleteSecurityGroup,
            on=groups,
            when=Condition([StringEquals(_tagged(cluster_name))]),
        ),
        allow(
            "OpenClusterSecurityGroup",
            *rules,
            on=groups,
            when=Condition([StringEquals("aws:ResourceTag/aws:eks:cluster-name", cluster_name)]),
        ),
    )


def _look_for_certificates() -> tuple[Statement, ...]:
    certificates = Sub("arn:${AWS::Partition}:acm:${AWS::Region}:${AWS::AccountId}:certificate/*")
    return (
        allow("ListCertificates", acm_actions.ListCertificates, on=["*"]),
        allow("LookAtCertificates", acm_actions.DescribeCertificate, on=[certificates]),
    )


def _protect(web_acl: Any) -> tuple[Statement, ...]:
    """An association is a call on the web ACL and on the load balancer, and neither says which of them is the other."""
    return (
        allow(
            "AssociateWebAcl",
            wafv2_actions.AssociateWebACL,
            wafv2_actions.DisassociateWebACL,
            wafv2_actions.GetWebACL,
            wafv2_actions.GetWebACLForResource,
            on=[web_acl, *_balancing(BALANCERS)],
        ),
        allow("SetWebAcl", elb_actions.SetWebAcl, on=["*"]),
    )
