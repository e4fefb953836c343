"""Clusters of EKS in the emulator: what an update changes in place, and what EKS would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.emulator_fixtures import LocalAccount

POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS{}Policy"

CLUSTER = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: eks.amazonaws.com}, Action: sts:AssumeRole}]
  Cluster:
    Type: AWS::EKS::Cluster
    Properties:
      Name: main
      Version: "1.36"
      RoleArn: !GetAtt Role.Arn
      ResourcesVpcConfig: {SubnetIds: [!Ref A, !Ref B]}
      BootstrapSelfManagedAddons: false
      AccessConfig: {AuthenticationMode: API, BootstrapClusterCreatorAdminPermissions: false}
"""

PLUGIN = """
  Plugin:
    Type: AWS::EKS::Addon
    Properties:
      ClusterName: !Ref Cluster
      AddonName: vpc-cni
      ConfigurationValues: '{"enableNetworkPolicy": "true"}'
      PodIdentityAssociations: [{ServiceAccount: aws-node, RoleArn: !GetAtt Role.Arn}]
"""

NODES = """
  Nodes:
    Type: AWS::EKS::Nodegroup
    Properties:
      ClusterName: !Ref Cluster
      NodeRole: !GetAtt Role.Arn
      Subnets: [!Ref A, !Ref B]
      Version: "1.36"
      CapacityType: SPOT
      ScalingConfig: {MinSize: 1, MaxSize: 3, DesiredSize: 1}
"""
AFTER_PLUGIN = NODES.replace("    Properties:", "    DependsOn: Plugin\n    Properties:", 1)

NAMES = """
  Names: {Type: AWS::EKS::Addon, Properties: {ClusterName: !Ref Cluster, AddonName: coredns}}
"""

PEOPLE = f"""
  Person:
    Type: AWS::EKS::AccessEntry
    Properties:
      ClusterName: !Ref Cluster
      PrincipalArn: arn:aws:iam::000000000000:role/person
      AccessPolicies: [{{PolicyArn: {POLICY.format("ClusterAdmin")}, AccessScope: {{Type: cluster}}}}]
  Pods:
    Type: AWS::EKS::PodIdentityAssociation
    Properties: {{ClusterName: !Ref Cluster, Namespace: web, ServiceAccount: api, RoleArn: !GetAtt Role.Arn}}
Outputs:
  Group: {{Value: !GetAtt Cluster.ClusterSecurityGroupId}}
  Vpc: {{Value: !Ref Vpc}}
"""

WHOLE = CLUSTER + PLUGIN + AFTER_PLUGIN + PEOPLE


def _asked(local: LocalAccount, operation: str, *arguments: str) -> Any:
    (found,) = local.aws("eks", operation, "--cluster-name", "main", *arguments).values()
    return found


def test_a_cluster_and_what_is_in_it_change_in_place_and_go(local: LocalAccount) -> None:
    assert local.create("eks", WHOLE) == "CREATE_COMPLETE"
    outputs, before = local.outputs("eks"), local.physical_ids("eks")
    (group,) = local.aws("ec2", "describe-security-groups", "--group-ids", outputs["Group"])["SecurityGroups"]
    assert group["VpcId"] == outputs["Vpc"]
    assert before["Nodes"].startswith("main/")
    changed = (
        WHOLE.replace("DesiredSize: 1", "DesiredSize: 2")
        .replace("ClusterAdmin", "View")
        .replace('"true"}', '"false"}')
        .replace("{Type: cluster}", "{Type: namespace, Namespaces: [web]}")
    )
    assert local.update("eks", changed) == "UPDATE_COMPLETE"

    assert local.physical_ids("eks") == before
    group = _asked(local, "describe-nodegroup", "--nodegroup-name", before["Nodes"].split("/")[1])
    assert (group["scalingConfig"]["desiredSize"], group["capacityType"]) == (2, "SPOT")
    person = ("--principal-arn", before["Person"].split("|")[0])
    found = local.aws("eks", "list-associated-access-policies", "--cluster-name", "main", *person)
    assert [(each["policyArn"], each["accessScope"]) for each in found["associatedAccessPolicies"]] == [
        (POLICY.format("View"), {"type": "namespace", "namespaces": ["web"]})
    ]
    plugin = _asked(local, "describe-addon", "--addon-name", "vpc-cni")
    assert plugin["configurationValues"] == '{"enableNetworkPolicy": "false"}'
    accounts = [each["serviceAccount"] for each in _asked(local, "list-pod-identity-associations")]
    assert sorted(accounts) == ["api", "aws-node"]
    local.delete("eks")
    assert local.aws("eks", "list-clusters")["clusters"] == []


def test_a_protected_cluster_is_not_deleted_until_that_is_switched_off(local: LocalAccount) -> None:
    protected = CLUSTER.replace("Name: main", "Name: main\n      DeletionProtection: true")
    assert local.create("eks", protected) == "CREATE_COMPLETE"
    local.delete("eks")
    assert local.stack("eks")["StackStatus"] == "DELETE_FAILED"
    local.aws("eks", "update-cluster-config", "--name", "main", "--no-deletion-protection")
    local.delete("eks")
    assert local.aws("eks", "list-clusters")["clusters"] == []


@pytest.mark.parametrize(
    ("template", "logical_id", "reason"),
    [
        # Amazon EKS User Guide, "Troubleshoot problems with Amazon EKS clusters and nodes": nodes without a network
        # plugin do not get ready.
        (CLUSTER + NODES, "Nodes", "NodeCreationFailure"),
        # Same guide, "Amazon EKS add-ons": an add-on without a place for its pods is degraded.
        (CLUSTER + NAMES, "Names", "InsufficientNumberOfReplicas"),
    ],
    ids=["nodes before the network plugin", "pods of an add-on without a node"],
)
def test_what_eks_would_wait_for_in_vain_fails(
    local: LocalAccount, template: str, logical_id: str, reason: str
) -> None:
    assert local.create("eks", template) == "ROLLBACK_COMPLETE"
    assert reason in local.failures("eks")[logical_id]


def test_nodes_are_never_newer_than_their_cluster(local: LocalAccount) -> None:
    assert local.create("eks", WHOLE) == "CREATE_COMPLETE"
    head, nodes = WHOLE.split("  Nodes:")
    assert local.update("eks", f"{head}  Nodes:{nodes.replace('1.36', '1.37')}") == "UPDATE_ROLLBACK_COMPLETE"
    assert "newer than the cluster's 1.36" in local.failures("eks")["Nodes"]
