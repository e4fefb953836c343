from __future__ import annotations

import json

import pytest
from troposphere import Parameter, Ref

from blueprints.components.eks_add_ons import ContainerLogs, NodeAddOns, WorkloadAddOns
from blueprints.components.eks_cluster import EksCluster, kubernetes_version
from blueprints.components.eks_fargate import FargateProfile
from blueprints.components.eks_nodes import NodeGroup
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-02")

VERSION = Ref("KubernetesVersion")
SUBNETS = Parameter("PrivateSubnetIds", Type="List<AWS::EC2::Subnet::Id>", Description="Private subnets")
ROLES = [
    Parameter("VpcCniRoleArn", Type="String", Description="A role"),
    Parameter("CloudWatchRoleArn", Type="String", Description="A role"),
]


def on_nodes(network, **options):
    cluster = EksCluster("Main", network=network, version=VERSION, keep=False)
    first = NodeAddOns("Main", cluster=cluster, vpc_cni_role=Ref("VpcCniRoleArn"))
    group = NodeGroup(
        "Main", cluster=cluster, network=network, version=VERSION, repository="web", after=first.before_nodes
    )
    groups = ContainerLogs("Main", cluster=cluster, retention_days=14)
    given = {"container_logs": groups, "cloudwatch_role": Ref("CloudWatchRoleArn")}
    last = WorkloadAddOns("Main", cluster=cluster, after=[group.node_group], compute="nodes", **(given | options))
    return cluster, first, group, groups, last


def on_fargate(network, **options):
    cluster = EksCluster("Main", network=network, version=VERSION, keep=False)
    profile = FargateProfile("Main", cluster=cluster, network=network, namespaces=["kube-system"], repository="web")
    last = WorkloadAddOns("Main", cluster=cluster, after=[profile.profile], compute="fargate", **options)
    return cluster, profile, last


@pytest.fixture
def resources(stack_of, network):
    return to_dict(stack_of(on_nodes(network)))["Resources"]


@pytest.fixture
def of_fargate(stack_of, network):
    return to_dict(stack_of(on_fargate(network)))["Resources"]


def add_ons(resources):
    return {
        title: each["Properties"]["AddonName"] for title, each in resources.items() if each["Type"] == "AWS::EKS::Addon"
    }


def configuration(resources, title):
    return json.loads(resources[title]["Properties"]["ConfigurationValues"])


def test_logical_ids_are_a_promise(resources, of_fargate):
    assert add_ons(resources) == {
        "MainPodIdentityAgentAddOn": "eks-pod-identity-agent",
        "MainKubeProxyAddOn": "kube-proxy",
        "MainVpcCniAddOn": "vpc-cni",
        "MainCoreDnsAddOn": "coredns",
        "MainMetricsServerAddOn": "metrics-server",
        "MainSecretsStoreAddOn": "aws-secrets-store-csi-driver-provider",
        "MainCloudWatchAddOn": "amazon-cloudwatch-observability",
    }
    assert add_ons(of_fargate) == {"MainCoreDnsAddOn": "coredns", "MainMetricsServerAddOn": "metrics-server"}


@pytest.mark.parametrize("made", [on_nodes, on_fargate])
def test_no_linter_finds_anything(stack_of, findings, network, made):
    roles = ROLES if made is on_nodes else []
    assert findings(stack_of(SUBNETS, roles, kubernetes_version(), made(network))) == []


def test_what_runs_on_nodes_waits_for_them(resources, of_fargate):
    for title in ("MainCoreDnsAddOn", "MainMetricsServerAddOn", "MainSecretsStoreAddOn", "MainCloudWatchAddOn"):
        assert resources[title]["DependsOn"][0] == "MainNodeGroup"
    for title in add_ons(of_fargate):
        assert of_fargate[title]["DependsOn"] == ["MainFargateProfile"]


def test_the_network_plugin_waits_for_the_agent_that_brings_its_credentials(resources):
    assert resources["MainVpcCniAddOn"]["DependsOn"] == ["MainPodIdentityAgentAddOn"]
    assert "DependsOn" not in resources["MainPodIdentityAgentAddOn"]
    assert "DependsOn" not in resources["MainKubeProxyAddOn"]


@pytest.mark.row("XX-03")
def test_agents_have_roles_of_their_own(resources):
    identities = {
        title: resources[title]["Properties"]["PodIdentityAssociations"]
        for title in add_ons(resources)
        if "PodIdentityAssociations" in resources[title]["Properties"]
    }
    assert identities == {
        "MainVpcCniAddOn": [{"ServiceAccount": "aws-node", "RoleArn": {"Ref": "VpcCniRoleArn"}}],
        "MainCloudWatchAddOn": [{"ServiceAccount": "cloudwatch-agent", "RoleArn": {"Ref": "CloudWatchRoleArn"}}],
    }


def test_network_policies_are_enforced_on_nodes(resources):
    assert configuration(resources, "MainVpcCniAddOn") == {"enableNetworkPolicy": "true"}


def test_names_are_resolved_on_fargate_too(resources, of_fargate):
    assert configuration(of_fargate, "MainCoreDnsAddOn") == {"computeType": "Fargate"}
    assert "ConfigurationValues" not in resources["MainCoreDnsAddOn"]["Properties"]


@pytest.mark.row("WB-05")
def test_mounted_secrets_become_variables_and_are_read_again(resources):
    driver = configuration(resources, "MainSecretsStoreAddOn")["secrets-store-csi-driver"]
    assert driver["syncSecret"] == {"enabled": True}
    assert driver["enableSecretRotation"] is True
    assert driver["tokenRequests"] == [{"audience": "pods.eks.amazonaws.com"}]


@pytest.mark.row("WB-08")
def test_containers_log_to_groups_that_are_there_first_and_expire(resources):
    groups = {
        title: each["Properties"]
        for title, each in resources.items()
        if each["Type"] == "AWS::Logs::LogGroup" and title != "MainControlPlaneLogGroup"
    }
    assert {title: each["LogGroupName"]["Fn::Sub"] for title, each in groups.items()} == {
        f"Main{kind.title()}LogGroup": f"/aws/containerinsights/${{MainCluster}}/{kind}"
        for kind in ("application", "dataplane", "host", "performance")
    }
    assert {each["RetentionInDays"] for each in groups.values()} == {14}
    assert resources["MainCloudWatchAddOn"]["DependsOn"] == ["MainNodeGroup", *groups]


def test_nothing_is_injected_into_the_application(resources):
    given = configuration(resources, "MainCloudWatchAddOn")
    assert given["containerLogs"] == {"enabled": True}
    assert given["manager"]["applicationSignals"]["autoMonitor"] == {"monitorAllServices": False}


def test_the_template_is_what_holds(resources):
    for title in add_ons(resources):
        assert resources[title]["Properties"]["ResolveConflicts"] == "OVERWRITE"
        assert "AddonVersion" not in resources[title]["Properties"]


def test_a_version_is_pinned_where_it_is_named(stack_of, properties_of, network):
    made = on_nodes(network, versions={"coredns": "v1.13.2-eksbuild.31"})
    stack = stack_of(made)
    assert properties_of(stack, "MainCoreDnsAddOn")["AddonVersion"] == "v1.13.2-eksbuild.31"
    assert "AddonVersion" not in properties_of(stack, "MainMetricsServerAddOn")


def test_a_version_for_an_add_on_that_is_not_there_is_refused(network):
    with pytest.raises(SettingsError, match="versions names vpc-cni; the add-ons are coredns, metrics-server"):
        on_fargate(network, versions={"vpc-cni": "v1.22.4-eksbuild.3"})


def test_only_nodes_take_a_role_for_the_cloudwatch_agent_and_have_to(network):
    with pytest.raises(SettingsError, match=r"compute is nodes; .* have to have the role"):
        on_nodes(network, cloudwatch_role=None)
    for option in ({"cloudwatch_role": Ref("CloudWatchRoleArn")}, {"container_logs": on_nodes(network)[3]}):
        with pytest.raises(SettingsError, match="compute is fargate; cloudwatch_role and container_logs are for nodes"):
            on_fargate(network, **option)


def test_log_groups_are_its_own_unless_it_is_given_some(network):
    given, own = on_nodes(network)[4], on_nodes(network, container_logs=None, log_retention_days=7)[4]
    assert given.container_logs is None
    assert [group.RetentionInDays for group in own.container_logs.log_groups] == [7] * 4
    for each in (given, own):
        assert each.application_log_group.title == "MainApplicationLogGroup"
    with pytest.raises(SettingsError, match="ask the profile"):
        _ = on_fargate(network)[2].application_log_group


def test_metric_filters_and_the_role_of_the_agent_find_the_log_groups(network):
    groups = on_nodes(network)[3]
    assert groups.application.title == "MainApplicationLogGroup"
    assert [arn.to_dict()["Fn::GetAtt"] for arn in groups.arns] == [
        [f"Main{kind}LogGroup", "Arn"] for kind in ("Application", "Dataplane", "Host", "Performance")
    ]
