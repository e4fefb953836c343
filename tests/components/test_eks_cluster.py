from __future__ import annotations

import re

import botocore.session
import pytest
from troposphere import Parameter, Ref

from blueprints.access.connections import Peer, connect
from blueprints.components.eks_access import AccessEntry, administrator_arn
from blueprints.components.eks_cluster import KUBERNETES_VERSION, KUBERNETES_VERSIONS, EksCluster, kubernetes_version
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-02")

SUBNETS = Parameter("PrivateSubnetIds", Type="List<AWS::EC2::Subnet::Id>", Description="Private subnets")
OWN_ID = {"Fn::Select": [0, {"Fn::Split": ["-", {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}]}]}


def cluster(network, **options):
    given = {"version": Ref("KubernetesVersion"), "keep": False, "secrets_key": True}
    return EksCluster("Main", network=network, **(given | options))


@pytest.fixture
def resources(stack_of, network):
    return to_dict(stack_of(cluster(network)))["Resources"]


def test_logical_ids_are_a_promise(network):
    made = cluster(network)
    entry = AccessEntry("Administrator", cluster=made, principal=Ref("AdministratorArn"))
    assert [resource.title for part in (made, entry) for resource in part.resources()] == [
        "MainControlPlaneLogGroup",
        "MainSecretsKey",
        "MainClusterRole",
        "MainCluster",
        "AdministratorAccessEntry",
    ]


@pytest.mark.parametrize("options", [{}, {"keep": True, "public_access_cidrs": ["0.0.0.0/0"], "secrets_key": False}])
def test_no_linter_finds_anything(stack_of, findings, network, options):
    made = cluster(network, **options)
    parameters = [SUBNETS, kubernetes_version(), administrator_arn()]
    everywhere = AccessEntry("Administrator", cluster=made, principal=Ref("AdministratorArn"))
    there = AccessEntry(
        "Deployer", cluster=made, principal=made.role.get_att("Arn"), policy="Edit", namespaces=["web-backend"]
    )
    stack = stack_of(parameters, made, everywhere, there, keep_data=made.cluster.DeletionProtection)
    made.publish(stack)
    assert findings(stack) == []


def test_nobody_gets_in_by_having_made_it(resources):
    assert resources["MainCluster"]["Properties"]["AccessConfig"] == {
        "AuthenticationMode": "API",
        "BootstrapClusterCreatorAdminPermissions": False,
    }


def test_it_starts_without_add_ons_because_they_are_resources_of_the_stack(resources):
    assert resources["MainCluster"]["Properties"]["BootstrapSelfManagedAddons"] is False


@pytest.mark.row("WB-08")
def test_all_of_its_logs_go_to_a_group_that_is_there_first_and_expires(resources):
    made = resources["MainCluster"]
    enabled = made["Properties"]["Logging"]["ClusterLogging"]["EnabledTypes"]
    api = botocore.session.get_session().get_service_model("eks")
    assert {each["Type"] for each in enabled} == set(api.shape_for("LogType").enum)
    assert made["DependsOn"] == ["MainControlPlaneLogGroup"]
    assert resources["MainControlPlaneLogGroup"]["Properties"]["RetentionInDays"] == 30


def test_the_cluster_its_log_group_and_its_trust_say_the_same_name(resources):
    trust = resources["MainClusterRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert resources["MainCluster"]["Properties"]["Name"] == {
        "Fn::Sub": ["${AWS::StackName}-${OwnId}", {"OwnId": OWN_ID}]
    }
    assert resources["MainControlPlaneLogGroup"]["Properties"]["LogGroupName"] == {
        "Fn::Sub": ["/aws/eks/${AWS::StackName}-${OwnId}/cluster", {"OwnId": OWN_ID}]
    }
    arn = "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/${AWS::StackName}-${OwnId}"
    assert trust["Condition"]["ArnLike"]["aws:SourceArn"] == {"Fn::Sub": [arn, {"OwnId": OWN_ID}]}


@pytest.mark.row("XX-03")
def test_its_role_makes_no_load_balancers_and_uses_one_key(resources):
    statements = resources["MainClusterRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    actions = {action for statement in statements for action in statement["Action"]}
    assert not {action for action in actions if action.startswith(("elasticloadbalancing:", "autoscaling:"))}
    keyed = [each["Resource"] for each in statements if each["Action"][0].startswith("kms:")]
    assert keyed == [[{"Fn::GetAtt": ["MainSecretsKey", "Arn"]}]] * 2
    assert "ManagedPolicyArns" not in resources["MainClusterRole"]["Properties"]


def test_a_key_of_its_own_is_a_choice_because_aws_encrypts_with_one_anyway(stack_of, network, resources):
    assert resources["MainCluster"]["Properties"]["EncryptionConfig"] == [
        {"Provider": {"KeyArn": {"Fn::GetAtt": ["MainSecretsKey", "Arn"]}}}
    ]
    without = to_dict(stack_of(cluster(network, secrets_key=False)))["Resources"]
    assert "MainSecretsKey" not in without
    assert "EncryptionConfig" not in without["MainCluster"]["Properties"]


def test_its_api_is_private_unless_addresses_are_named(stack_of, properties_of, network, resources):
    private = resources["MainCluster"]["Properties"]["ResourcesVpcConfig"]
    assert (private["EndpointPrivateAccess"], private["EndpointPublicAccess"]) == (True, False)
    assert "PublicAccessCidrs" not in private
    named = cluster(network, public_access_cidrs=["198.51.100.0/24"])
    public = properties_of(stack_of(named), "MainCluster")["ResourcesVpcConfig"]
    assert (public["EndpointPrivateAccess"], public["EndpointPublicAccess"]) == (True, True)
    assert public["PublicAccessCidrs"] == ["198.51.100.0/24"]


@pytest.mark.parametrize("cidr", ["198.51.100.7/24", "2001:db8::/32", "anywhere"])
def test_what_is_no_ipv4_range_is_refused(network, cidr):
    with pytest.raises(SettingsError, match=re.escape(f"has '{cidr}'; give IPv4 ranges")):
        cluster(network, public_access_cidrs=[cidr])


def test_what_is_kept_refuses_to_be_deleted(stack_of, properties_of, network, resources):
    kept = properties_of(stack_of(cluster(network, keep=True), keep_data=True), "MainCluster")
    assert kept["DeletionProtection"] is True
    assert resources["MainCluster"]["Properties"]["DeletionProtection"] is False


def test_it_never_slides_into_extended_support(resources):
    assert resources["MainCluster"]["Properties"]["UpgradePolicy"] == {"SupportType": "STANDARD"}


def test_the_version_is_one_in_standard_support_and_not_the_newest():
    parameter = kubernetes_version().to_dict()
    assert parameter["AllowedValues"] == list(KUBERNETES_VERSIONS)
    assert parameter["Default"] == KUBERNETES_VERSION == KUBERNETES_VERSIONS[-2]
    with pytest.raises(SettingsError, match=r"is '1\.31'; in standard support are 1\.35, 1\.36, 1\.37"):
        kubernetes_version("1.31")


def test_an_administrator_is_a_role_or_a_user_and_no_session():
    assert "Default" not in administrator_arn().to_dict()
    sso = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
    assert administrator_arn(sso).to_dict()["Default"] == sso
    with pytest.raises(SettingsError, match="no session"):
        administrator_arn("arn:aws:sts::111122223333:assumed-role/Admin/me")


def test_an_access_entry_gives_rights_everywhere_or_in_namespaces(stack_of, properties_of, network):
    made = cluster(network)
    everywhere = AccessEntry("Administrator", cluster=made, principal=Ref("AdministratorArn"))
    there = AccessEntry("Deployer", cluster=made, principal=Ref("DeployerArn"), policy="Edit", namespaces=["web"])
    stack = stack_of(made, everywhere, there)
    policy, limited = (
        properties_of(stack, f"{name}AccessEntry")["AccessPolicies"][0] for name in ("Administrator", "Deployer")
    )
    prefix = "arn:${AWS::Partition}:eks::aws:cluster-access-policy/"
    assert policy["PolicyArn"] == {"Fn::Sub": f"{prefix}AmazonEKSClusterAdminPolicy"}
    assert policy["AccessScope"] == {"Type": "cluster"}
    assert limited["PolicyArn"] == {"Fn::Sub": f"{prefix}AmazonEKSEditPolicy"}
    assert limited["AccessScope"] == {"Type": "namespace", "Namespaces": ["web"]}


def test_connections_are_made_with_the_security_group_that_every_pod_wears(stack_of, network):
    made = cluster(network)
    database, balancer = Peer("Orders", Ref("DatabaseGroup"), 5432), Peer("Public", Ref("BalancerGroup"))
    connections = (connect(made, database), connect(balancer, made.listening(8000)))
    resources = to_dict(stack_of(made, connections))["Resources"]
    group = {"Fn::GetAtt": ["MainCluster", "ClusterSecurityGroupId"]}
    assert resources["MainToOrdersIngress"]["Properties"]["SourceSecurityGroupId"] == group
    ingress = resources["PublicToMainIngress"]["Properties"]
    assert (ingress["GroupId"], ingress["FromPort"], ingress["ToPort"]) == (group, 8000, 8000)


def test_other_stacks_and_kubectl_find_it_in_outputs(stack_of, network):
    made = cluster(network)
    stack = stack_of(made)
    made.publish(stack)
    assert {name: output["Value"] for name, output in to_dict(stack)["Outputs"].items()} == {
        "MainClusterName": {"Ref": "MainCluster"},
        "MainClusterArn": {"Fn::GetAtt": ["MainCluster", "Arn"]},
        "MainClusterSecurityGroupId": {"Fn::GetAtt": ["MainCluster", "ClusterSecurityGroupId"]},
    }
