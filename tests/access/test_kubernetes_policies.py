from __future__ import annotations

import functools
import json
from pathlib import Path

import cfnlint
import pytest
from troposphere import GetAtt, Ref

from blueprints.access import kubernetes_policies as policies
from blueprints.access.grants import UNSCOPED, document
from blueprints.model.errors import SettingsError, TooBroadError

pytestmark = pytest.mark.row("WB-02")

CLUSTER = Ref("Cluster")
THIS_CLUSTER = {"Ref": "Cluster"}
ARN = GetAtt("Thing", "Arn")
BINDING = policies.bind_targets([ARN])
PLAIN = policies.manage_load_balancers(CLUSTER)
FULL = policies.manage_load_balancers(CLUSTER, web_acl=ARN, find_certificates=True)
STATEMENTS = (
    *BINDING,
    *FULL,
    policies.describe_nodes(),
    policies.read_own_secrets([ARN]),
    policies.write_container_logs([ARN]),
)
EACH = pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.Sid)

# IAM User Guide, "IAM and AWS STS quotas": all inline policies of a role together, without white space.
MOST_CHARACTERS_OF_A_ROLE = 10_240


def data(policy_part):
    def plain(part):
        return part.JSONrepr() if hasattr(part, "JSONrepr") else part.to_dict()

    return json.loads(json.dumps(policy_part.JSONrepr(), default=plain))


def actions(statements) -> set[str]:
    return {action for statement in statements for action in data(statement)["Action"]}


@functools.cache
def known_actions(service: str) -> dict[str, dict]:
    """The actions of a service, in lower case, with the resources that each takes, as cfn-lint knows them."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text(encoding="utf-8"))[service]["Actions"]


def resources_of(action: str) -> list[str]:
    service, name = action.split(":")
    return known_actions(service)[name.lower()].get("Resources", [])


@pytest.mark.row("XX-03")
@EACH
def test_a_statement_is_for_every_resource_only_where_aws_scopes_its_actions_to_none(statement):
    made = data(statement)
    assert made["Effect"] == "Allow"
    if made["Resource"] == ["*"]:
        assert set(made["Action"]) <= UNSCOPED
        assert not any(resources_of(action) for action in made["Action"])
    else:
        assert "*" not in made["Resource"]
        assert all(resources_of(action) for action in made["Action"])


@pytest.mark.row("XX-03")
@pytest.mark.parametrize("statement", FULL, ids=lambda statement: statement.Sid)
def test_actions_and_resources_of_a_statement_fit_each_other(statement):
    made = data(statement)
    kinds = [part["Fn::Sub"].split("${AWS::AccountId}:")[1] for part in made["Resource"] if "Fn::Sub" in part]
    handed_in = ["webacl"] if {"Fn::GetAtt": ["Thing", "Arn"]} in made["Resource"] else []
    taken = [resources_of(action) for action in made["Action"] if resources_of(action)]
    for resources in taken:
        assert any(kind.startswith(resource) for kind in [*kinds, *handed_in] for resource in resources)
    for kind in kinds:
        assert any(kind.startswith(resource) for resources in taken for resource in resources)


@pytest.mark.row("XX-13")
@EACH
def test_no_statement_names_a_partition(statement):
    assert "arn:aws" not in json.dumps(data(statement))


def test_ids_of_statements_are_told_apart_and_fit_into_one_role():
    made = data(document(*FULL))
    ids = [statement["Sid"] for statement in made["Statement"]]
    assert len(set(ids)) == len(ids)
    assert len(json.dumps(made, separators=(",", ":"))) < MOST_CHARACTERS_OF_A_ROLE


def test_a_controller_that_binds_targets_changes_one_target_group_and_nothing_else():
    find, register = (data(statement) for statement in BINDING)
    assert all(action.split(":")[1].startswith("Describe") for action in find["Action"])
    assert register["Action"] == ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
    assert register["Resource"] == [{"Fn::GetAtt": ["Thing", "Arn"]}]


def test_a_controller_that_makes_load_balancers_changes_those_of_its_cluster_only():
    unconditional = []
    for statement in map(data, FULL):
        equal = statement.get("Condition", {}).get("StringEquals", {})
        if THIS_CLUSTER not in equal.values():
            unconditional.append(statement["Sid"])
    assert unconditional == [
        "LookAround",
        "MakeServiceLinkedRole",
        "UseVpcs",
        "ListCertificates",
        "LookAtCertificates",
        "AssociateWebAcl",
        "SetWebAcl",
    ]


def test_what_the_controller_makes_bears_the_clusters_tag_from_the_first_moment():
    (tag,) = [data(statement) for statement in FULL if statement.Sid == "TagLoadBalancersAtFirst"]
    assert tag["Condition"]["StringEquals"]["aws:RequestTag/elbv2.k8s.aws/cluster"] == THIS_CLUSTER
    made = set(tag["Condition"]["StringEquals"]["elasticloadbalancing:CreateAction"])
    creating = {action.split(":")[1] for action in actions(FULL) if action.startswith("elasticloadbalancing:Create")}
    assert made == creating


def test_later_the_clusters_tag_is_not_given_to_another_cluster():
    for statement in map(data, FULL):
        if statement["Sid"].endswith("Later"):
            assert statement["Condition"]["Null"] == {"aws:RequestTag/elbv2.k8s.aws/cluster": "true"}


def test_web_acls_and_certificates_are_touched_only_where_that_is_asked_for():
    assert {action.split(":")[0] for action in actions(PLAIN)} == {"ec2", "elasticloadbalancing", "iam"}
    assert {action.split(":")[0] for action in actions(FULL) - actions(PLAIN)} == {
        "acm",
        "elasticloadbalancing",
        "wafv2",
    }


def test_the_controller_opens_the_security_group_that_eks_made_for_this_cluster():
    (rules,) = [data(statement) for statement in FULL if statement.Sid == "OpenClusterSecurityGroup"]
    assert rules["Condition"] == {"StringEquals": {"aws:ResourceTag/aws:eks:cluster-name": THIS_CLUSTER}}
    assert "ec2:DeleteSecurityGroup" not in rules["Action"]


@pytest.mark.row("WB-08")
def test_whoever_writes_logs_makes_no_log_group():
    assert actions([policies.write_container_logs([ARN])]) == {
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    }


def test_secrets_are_read_by_their_names_and_never_listed():
    statement = data(policies.read_own_secrets([ARN]))
    assert statement["Resource"] == [{"Fn::GetAtt": ["Thing", "Arn"]}]
    assert statement["Action"] == ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    with pytest.raises(TooBroadError, match="ReadOwnSecrets"):
        policies.read_own_secrets([])


def test_by_pod_identity_one_service_account_of_one_cluster_takes_a_role_on():
    (trust,) = data(policies.trust_pods(ARN, namespace="web", service_account="application"))["Statement"]
    assert trust["Principal"] == {"Service": ["pods.eks.amazonaws.com"]}
    assert trust["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert trust["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:RequestTag/eks-cluster-arn": {"Fn::GetAtt": ["Thing", "Arn"]},
            "aws:RequestTag/kubernetes-namespace": "web",
            "aws:RequestTag/kubernetes-service-account": "application",
        }
    }


def test_by_irsa_one_service_account_of_one_issuer_takes_a_role_on():
    text, values = policies.trust_service_account(
        Ref("Provider"), namespace="web", service_account="application"
    ).to_dict()["Fn::Sub"]
    (trust,) = json.loads(text)["Statement"]
    assert trust["Principal"] == {"Federated": "${Provider}"}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "${Issuer}:aud": "sts.amazonaws.com",
            "${Issuer}:sub": "system:serviceaccount:web:application",
        }
    }
    issuer = {"Fn::Select": [1, {"Fn::Split": ["oidc-provider/", {"Ref": "Provider"}]}]}
    assert json.loads(json.dumps(values, default=lambda part: part.to_dict())) == {
        "Provider": {"Ref": "Provider"},
        "Issuer": issuer,
    }


@pytest.mark.parametrize("namespace", ["", "*", "we?", "Web", "-web", "a.b", "${Cluster}", "a" * 64])
def test_a_namespace_that_kubernetes_does_not_take_is_refused(namespace):
    with pytest.raises(SettingsError, match=r"namespace: .*use up to 63"):
        policies.trust_pods(ARN, namespace=namespace, service_account="application")


@pytest.mark.parametrize("service_account", ["", "*", "app*", "App", "app-", "a..b", "${Cluster}", "a" * 254])
def test_a_service_account_that_kubernetes_does_not_take_is_refused(service_account):
    with pytest.raises(SettingsError, match=r"service_account: .*use up to 253"):
        policies.trust_service_account(Ref("Provider"), namespace="web", service_account=service_account)
