from __future__ import annotations

import json

import pytest
from troposphere import Parameter, Ref, eks

from blueprints.access import kubernetes_policies
from blueprints.components.eks_identity import AddOnRole, OidcProvider, PodIdentity, ServiceAccountRole
from blueprints.model.context import because
from blueprints.model.errors import SettingsError, TooBroadError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-02")

PARAMETERS = [
    Parameter(name, Type="String", Description=name)
    for name in ("ClusterName", "ClusterArn", "IssuerUrl", "TargetGroupArn")
]
MAY = kubernetes_policies.bind_targets([Ref("TargetGroupArn")])


def controller(may=MAY):
    return PodIdentity(
        "Controller",
        cluster_name=Ref("ClusterName"),
        cluster_arn=Ref("ClusterArn"),
        namespace="kube-system",
        service_account="aws-load-balancer-controller",
        may=may,
    )


def network_plugin(**rights):
    return AddOnRole(
        "NetworkPlugin", cluster_arn=Ref("ClusterArn"), namespace="kube-system", service_account="aws-node", **rights
    )


def by_token(may=MAY):
    provider = OidcProvider("Cluster", issuer_url=Ref("IssuerUrl"))
    role = ServiceAccountRole("Application", provider=provider, namespace="web", service_account="application", may=may)
    return provider, role


@pytest.fixture
def stack(stack_of):
    plugin = network_plugin(managed=["AmazonEKS_CNI_Policy"])
    add_on = eks.Addon(
        "AddOn", AddonName="vpc-cni", ClusterName=Ref("ClusterName"), PodIdentityAssociations=[plugin.association]
    )
    return stack_of(PARAMETERS, controller(), plugin, because("Gives pods addresses.", add_on), by_token())


def test_logical_ids_are_a_promise(stack):
    assert list(to_dict(stack)["Resources"]) == [
        "ControllerRole",
        "ControllerPodIdentity",
        "NetworkPluginRole",
        "AddOn",
        "ClusterOidcProvider",
        "ApplicationRole",
    ]


def test_no_linter_finds_anything(stack, findings):
    assert findings(stack) == []


def test_an_association_gives_the_role_to_the_service_account_that_the_role_trusts(stack, properties_of):
    association = properties_of(stack, "ControllerPodIdentity")
    (trust,) = properties_of(stack, "ControllerRole")["AssumeRolePolicyDocument"]["Statement"]
    tags = trust["Condition"]["StringEquals"]
    assert association["RoleArn"] == {"Fn::GetAtt": ["ControllerRole", "Arn"]}
    assert association["ClusterName"] == {"Ref": "ClusterName"}
    assert association["Namespace"] == tags["aws:RequestTag/kubernetes-namespace"] == "kube-system"
    assert association["ServiceAccount"] == tags["aws:RequestTag/kubernetes-service-account"]
    assert "DisableSessionTags" not in association


def test_an_add_on_names_role_and_service_account_itself(stack, properties_of):
    assert properties_of(stack, "AddOn")["PodIdentityAssociations"] == [
        {"ServiceAccount": "aws-node", "RoleArn": {"Fn::GetAtt": ["NetworkPluginRole", "Arn"]}}
    ]
    assert properties_of(stack, "NetworkPluginRole")["ManagedPolicyArns"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonEKS_CNI_Policy"}
    ]


def test_the_issuer_is_known_to_iam_for_tokens_meant_for_sts(stack, properties_of):
    provider = properties_of(stack, "ClusterOidcProvider")
    assert (provider["Url"], provider["ClientIdList"]) == ({"Ref": "IssuerUrl"}, ["sts.amazonaws.com"])
    assert "ThumbprintList" not in provider


def test_on_fargate_a_role_trusts_the_token_of_one_service_account(stack, properties_of):
    text, values = properties_of(stack, "ApplicationRole")["AssumeRolePolicyDocument"]["Fn::Sub"]
    (trust,) = json.loads(text)["Statement"]
    assert trust["Condition"]["StringEquals"]["${Issuer}:sub"] == "system:serviceaccount:web:application"
    assert values["Provider"] == {"Ref": "ClusterOidcProvider"}


@pytest.mark.parametrize(
    "make", [lambda: controller(may=[]), network_plugin, lambda: by_token(may=[])], ids=["pods", "add-on", "token"]
)
def test_a_role_that_allows_nothing_is_refused(make):
    with pytest.raises(SettingsError, match="a role that allows nothing"):
        make()


def test_a_managed_policy_without_a_reason_is_refused():
    with pytest.raises(TooBroadError, match="AdministratorAccess"):
        network_plugin(managed=["AdministratorAccess"])
