"""What an EKS control plane, its nodes and its Fargate pods may do in AWS.

AWS has managed policies for each of the three. They allow the same on every cluster and every repository of the
account; these statements name the cluster, the repository and the key.
"""

from __future__ import annotations

from typing import Any

from awacs import ec2, ecr, eks, eks_auth, kms
from awacs.aws import (
    AWSPrincipal,
    Condition,
    ForAnyValueStringLike,
    PolicyDocument,
    Statement,
    StringNotEquals,
)
from troposphere import AccountId, Sub

from blueprints.access import keys
from blueprints.access.grants import allow, document, log_in_to_registry, pull_image

KEYS_OF_ACCOUNT = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"


def manage_nodes(key_arn: Any | None = None) -> tuple[Statement, ...]:
    """What a control plane has to be allowed, without the load balancers that Kubernetes itself could make.

    These are the minimal permissions of a cluster's role in place of AmazonEKSClusterPolicy (Amazon EKS User Guide,
    "Amazon EKS cluster IAM role"), narrowed to this account, and to one key where the cluster has its own.
    """
    instances = Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")
    cluster_tags = ForAnyValueStringLike("aws:TagKeys", "kubernetes.io/cluster/*")
    return (
        allow("TagInstances", ec2.CreateTags, on=[instances], when=Condition([cluster_tags])),
        allow(
            "FindNodes",
            ec2.DescribeAvailabilityZones,
            ec2.DescribeDhcpOptions,
            ec2.DescribeInstanceTopology,
            ec2.DescribeInstances,
            ec2.DescribeNetworkInterfaces,
            ec2.DescribeVpcs,
            on=["*"],
        ),
        allow("FindKey", kms.DescribeKey, on=[Sub(KEYS_OF_ACCOUNT) if key_arn is None else key_arn]),
    )


def encrypt_secrets(key_arn: Any) -> Statement:
    """What a control plane does with a key of one's own: encrypt and decrypt the keys of its data."""
    return allow("EncryptSecrets", kms.Decrypt, kms.Encrypt, kms.ListGrants, on=[key_arn])


def for_cluster_secrets() -> PolicyDocument:
    """The policy of a key that encrypts what a cluster keeps: the account's own IAM policies say who uses it.

    EKS makes a grant in the name of whoever makes the cluster, who needs kms:DescribeKey and kms:CreateGrant
    (CloudFormation registry, AWS::EKS::Cluster, permissions of the create handler).
    """
    root = AWSPrincipal(Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    use = keys.on_this_key("AccountUses", *keys.USE, kms.CreateGrant, by=root)
    return document(keys.administered_by_account(), use)


def join_cluster(cluster_arn: Any) -> tuple[Statement, ...]:
    """What a node needs to join one cluster, and the Pod Identity Agent on it to fetch credentials for pods.

    AmazonEKSWorkerNodePolicy allows both for every cluster of the account, and to describe volumes and routes, which
    kubelet has not done since the cloud provider left it (Kubernetes 1.27).
    """
    return (
        allow("DescribeNode", ec2.DescribeInstanceTypes, ec2.DescribeInstances, on=["*"]),
        allow("JoinCluster", eks.DescribeCluster, eks_auth.AssumeRoleForPodIdentity, on=[cluster_arn]),
    )


def pull_images(repository: str) -> tuple[Statement, ...]:
    """Pull images of one repository of the account, and those that AWS keeps in accounts of its own.

    The images of EKS's add-ons are in registries of AWS, one account for several Regions (Amazon EKS User Guide,
    "View Amazon container image registries"). AmazonEC2ContainerRegistryPullOnly allows every repository of this
    account as well.
    """
    elsewhere = StringNotEquals("aws:ResourceAccount", AccountId)
    return (
        log_in_to_registry(),
        pull_image(repository),
        allow(
            "PullImagesOfAws",
            ecr.BatchCheckLayerAvailability,
            ecr.BatchGetImage,
            ecr.GetDownloadUrlForLayer,
            on=[Sub("arn:${AWS::Partition}:ecr:${AWS::Region}:*:repository/*")],
            when=Condition([elsewhere]),
        ),
    )
