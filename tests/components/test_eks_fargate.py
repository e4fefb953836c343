from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.eks_cluster import EksCluster, kubernetes_version
from blueprints.components.eks_fargate import FargateProfile
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-02")

SUBNETS = Parameter("PrivateSubnetIds", Type="List<AWS::EC2::Subnet::Id>", Description="Private subnets")


def profile(network, namespaces=("kube-system", "web-backend")):
    cluster = EksCluster("Main", network=network, version=Ref("KubernetesVersion"), keep=False)
    made = FargateProfile(
        "Pods", cluster=cluster, network=network, namespaces=namespaces, repository="web-backend", log_retention_days=14
    )
    return cluster, made


@pytest.fixture
def resources(stack_of, network):
    return to_dict(stack_of(profile(network)))["Resources"]


def test_logical_ids_are_a_promise(network):
    assert [resource.title for resource in profile(network)[1].resources()] == [
        "PodsPodLogGroup",
        "PodsPodExecutionRole",
        "PodsFargateProfile",
    ]


def test_no_linter_finds_anything(stack_of, findings, network):
    assert findings(stack_of(SUBNETS, kubernetes_version(), profile(network))) == []


def test_pods_of_its_namespaces_run_in_private_subnets(resources):
    made = resources["PodsFargateProfile"]["Properties"]
    assert made["Selectors"] == [{"Namespace": "kube-system"}, {"Namespace": "web-backend"}]
    assert made["Subnets"] == {"Ref": "PrivateSubnetIds"}
    assert made["ClusterName"] == {"Ref": "MainCluster"}


@pytest.mark.row("XX-03")
def test_only_fargate_profiles_of_this_cluster_take_on_the_role(resources):
    (trust,) = resources["PodsPodExecutionRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["eks-fargate-pods.amazonaws.com"]}
    arn = "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:fargateprofile/${MainCluster}/*"
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": {"Fn::Sub": arn}}


@pytest.mark.row("WB-08")
def test_logs_of_containers_go_to_one_group_that_expires(resources):
    statements = resources["PodsPodExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (writing,) = (each for each in statements if each["Sid"] == "WriteContainerLogs")
    assert writing["Resource"] == [{"Fn::GetAtt": ["PodsPodLogGroup", "Arn"]}]
    assert "logs:CreateLogGroup" not in writing["Action"]
    assert resources["PodsPodLogGroup"]["Properties"]["RetentionInDays"] == 14


def test_the_manifests_learn_the_log_group_from_it(network):
    assert profile(network)[1].log_group_name.to_dict() == {"Ref": "PodsPodLogGroup"}


@pytest.mark.parametrize("namespaces", [[], ["web", "web"], ["a", "b", "c", "d", "e", "f"]])
def test_what_a_profile_does_not_take_is_refused(network, namespaces):
    with pytest.raises(SettingsError, match="a profile takes 1 to 5, each once"):
        profile(network, namespaces)
