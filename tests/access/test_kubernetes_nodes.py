from __future__ import annotations

import json

import pytest
from troposphere import GetAtt, Ref

from blueprints.access import kubernetes_nodes
from blueprints.access.grants import document

pytestmark = [pytest.mark.row("WB-02"), pytest.mark.row("XX-03")]


def plain(*statements):
    text = json.dumps(
        document(*statements).JSONrepr(),
        default=lambda part: part.JSONrepr() if hasattr(part, "JSONrepr") else part.to_dict(),
    )
    return {each["Sid"]: each for each in json.loads(text)["Statement"]}


def test_a_control_plane_tags_instances_with_tags_of_clusters_only():
    tagging = plain(*kubernetes_nodes.manage_nodes())["TagInstances"]
    assert tagging["Action"] == ["ec2:CreateTags"]
    assert tagging["Resource"][0]["Fn::Sub"].endswith(":${AWS::AccountId}:instance/*")
    assert tagging["Condition"] == {"ForAnyValue:StringLike": {"aws:TagKeys": "kubernetes.io/cluster/*"}}


def test_a_control_plane_has_the_minimal_permissions_that_aws_documents():
    granted = plain(*kubernetes_nodes.manage_nodes())
    assert {action for each in granted.values() for action in each["Action"]} == {
        "ec2:CreateTags",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcs",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstanceTopology",
        "kms:DescribeKey",
    }


def test_a_key_of_its_own_is_the_only_one_that_it_finds():
    key = {"Fn::GetAtt": ["Key", "Arn"]}
    assert plain(*kubernetes_nodes.manage_nodes(GetAtt("Key", "Arn")))["FindKey"]["Resource"] == [key]
    assert plain(kubernetes_nodes.encrypt_secrets(GetAtt("Key", "Arn")))["EncryptSecrets"]["Resource"] == [key]


def test_the_key_lets_in_whom_the_account_lets_in_and_eks_make_its_grant():
    _, use = kubernetes_nodes.for_cluster_secrets().Statement
    used = {action.JSONrepr() for action in use.Action}
    assert {"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"} <= used
    assert use.Principal.JSONrepr()["AWS"].to_dict() == {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}


def test_images_of_other_repositories_of_the_account_are_not_pulled():
    granted = plain(*kubernetes_nodes.pull_images("web-backend"))
    assert granted["PullImage"]["Resource"][0]["Fn::Sub"].endswith(":repository/web-backend")
    assert granted["PullImagesOfAws"]["Condition"]["StringNotEquals"] == {
        "aws:ResourceAccount": {"Ref": "AWS::AccountId"}
    }


def test_nodes_join_one_cluster():
    assert plain(*kubernetes_nodes.join_cluster(Ref("ClusterArn")))["JoinCluster"]["Resource"] == [
        {"Ref": "ClusterArn"}
    ]
