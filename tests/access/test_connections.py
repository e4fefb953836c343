from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from troposphere import Ref

from blueprints.access.connections import (
    NOWHERE,
    Peer,
    admit,
    closed_security_group,
    connect,
    reach_everything,
    reach_https,
)
from blueprints.model.context import KEY

pytestmark = [pytest.mark.row("CA-09"), pytest.mark.row("FR-11")]


@dataclass(frozen=True)
class Party:
    name: str
    port: int = 5432

    @property
    def security_group_id(self) -> Any:
        return Ref(f"{self.name}Group")


API, DATABASE = Party("Api", 8000), Party("Orders")


def properties(resource):
    return resource.to_dict()["Properties"]


def test_a_new_security_group_lets_nothing_in_and_nothing_out():
    made = properties(closed_security_group("Api", Ref("VpcId"), "Tasks of Api"))
    assert "SecurityGroupIngress" not in made
    assert [(rule["CidrIp"], rule["IpProtocol"]) for rule in made["SecurityGroupEgress"]] == [(NOWHERE, "-1")]
    assert NOWHERE == "127.0.0.1/32"


def test_a_security_group_has_a_name_of_its_own_only_where_it_is_given_one():
    assert "GroupName" not in properties(closed_security_group("Api", Ref("VpcId"), "Tasks"))
    named = properties(closed_security_group("Api", Ref("VpcId"), "Tasks", group_name="facerec-api-ecs-sg"))
    assert named["GroupName"] == "facerec-api-ecs-sg"
    assert named["Tags"] == [{"Key": "Name", "Value": "facerec-api-ecs-sg"}]


def test_a_connection_is_one_rule_out_and_one_rule_in_on_the_listeners_port():
    rules = connect(API, DATABASE)
    egress, ingress = (properties(rule) for rule in rules)
    assert [rule.title for rule in rules] == ["ApiToOrdersEgress", "ApiToOrdersIngress"]
    assert [rule.resource_type for rule in rules] == ["AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"]
    assert (egress["GroupId"], egress["DestinationSecurityGroupId"]) == ({"Ref": "ApiGroup"}, {"Ref": "OrdersGroup"})
    assert (ingress["GroupId"], ingress["SourceSecurityGroupId"]) == ({"Ref": "OrdersGroup"}, {"Ref": "ApiGroup"})
    for rule in (egress, ingress):
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 5432, 5432)
        assert rule["Description"] == "Api to Orders on port 5432"
        assert "CidrIp" not in rule


def test_two_that_talk_to_each_other_make_four_rules():
    rules = [*connect(API, DATABASE), *connect(DATABASE, API)]
    assert len({rule.title for rule in rules}) == 4


def test_an_address_range_is_admitted_on_one_port():
    rule = properties(admit("203.0.113.0/24", API, port=443, title="ClientsIngress", source="clients"))
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("203.0.113.0/24", 443, 443)
    assert rule["Description"] == "clients to Api on port 443"


def test_a_range_of_ipv6_is_admitted_as_one():
    rule = properties(admit("::/0", API, port=443, title="ClientsIpv6Ingress", source="clients", ipv6=True))
    assert (rule["CidrIpv6"], rule["FromPort"], rule["ToPort"]) == ("::/0", 443, 443)
    assert "CidrIp" not in rule


@pytest.mark.row("MP-09")
def test_a_prefix_list_is_admitted_instead_of_a_range():
    rule = properties(admit("pl-82a045eb", API, port=443, title="X", source="CloudFront", prefix_list=True))
    assert (rule["SourcePrefixListId"], rule["FromPort"], rule["ToPort"]) == ("pl-82a045eb", 443, 443)
    assert not {"CidrIp", "CidrIpv6"} & rule.keys()


@pytest.mark.row("RC-05")
def test_what_another_stack_made_is_connected_like_what_this_one_makes():
    balancer = Peer("Public", Ref("BalancerGroupOfAnotherStack"))
    frontend = Peer("Frontend", Ref("FrontendGroupOfAnotherStack"), port=3000)
    inward, outward = connect(balancer, API), connect(API, frontend)
    assert [rule.title for rule in (*inward, *outward)] == [
        "PublicToApiEgress",
        "PublicToApiIngress",
        "ApiToFrontendEgress",
        "ApiToFrontendIngress",
    ]
    egress, ingress = properties(inward[0]), properties(inward[1])
    assert egress["GroupId"] == ingress["SourceSecurityGroupId"] == {"Ref": "BalancerGroupOfAnotherStack"}
    assert properties(outward[1])["GroupId"] == {"Ref": "FrontendGroupOfAnotherStack"}
    assert {properties(rule)["ToPort"] for rule in inward} == {8000}
    assert {properties(rule)["ToPort"] for rule in outward} == {3000}


def test_calling_services_takes_https_and_nothing_else():
    rule = properties(reach_https(API))
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)


def test_a_way_to_everything_is_a_rule_that_says_so():
    rule = properties(reach_everything(API))
    assert (rule["CidrIp"], rule["IpProtocol"], rule["Description"]) == ("0.0.0.0/0", "-1", "Api to anywhere")
    assert "FromPort" not in rule


# EC2 takes these characters in a rule's description, and 255 of them at most.
ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789. _-:/()#,@[]+=&;{}!$*")


@pytest.mark.parametrize(
    "rule",
    [
        *connect(API, DATABASE),
        admit("10.0.0.0/8", API, port=80, title="X", source="the VPC"),
        admit("::/0", API, port=80, title="Y", source="clients", ipv6=True),
        admit("pl-82a045eb", API, port=80, title="Z", source="CloudFront", prefix_list=True),
        reach_https(API),
        reach_everything(API),
    ],
    ids=lambda rule: rule.title,
)
def test_every_rule_has_a_description_that_ec2_takes_and_a_reason(rule):
    description = properties(rule)["Description"]
    assert 0 < len(description) <= 255
    assert set(description) <= ALLOWED
    assert rule.resource["Metadata"][KEY]["why"].endswith(".")
