"""IPv6 networks, and network ACLs with their ports, as EC2 shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.emulator_fixtures import LocalAccount

DUAL_STACK = """
Parameters: {Last: {Type: Number, Default: 443}}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Six: {Type: AWS::EC2::VPCCidrBlock, Properties: {VpcId: !Ref Vpc, AmazonProvidedIpv6CidrBlock: true}}
  Out: {Type: AWS::EC2::EgressOnlyInternetGateway, Properties: {VpcId: !Ref Vpc}}
  A:
    Type: AWS::EC2::Subnet
    DependsOn: Six
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: 10.0.0.0/24
      Ipv6CidrBlock: !Select [0, !Cidr [!Select [0, !GetAtt Vpc.Ipv6CidrBlocks], 256, 64]]
      AssignIpv6AddressOnCreation: true
  B:
    Type: AWS::EC2::Subnet
    DependsOn: Six
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: 10.0.1.0/24
      Ipv6CidrBlock: !Select [1, !Cidr [!Select [0, !GetAtt Vpc.Ipv6CidrBlocks], 256, 64]]
  Old: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.2.0/24}}
  Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  Way:
    Type: AWS::EC2::Route
    Properties: {RouteTableId: !Ref Routes, DestinationIpv6CidrBlock: "::/0", EgressOnlyInternetGatewayId: !Ref Out}
  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}
  Reply:
    Type: AWS::EC2::NetworkAclEntry
    Properties:
      NetworkAclId: !Ref Acl
      RuleNumber: 110
      Protocol: 6
      RuleAction: allow
      Egress: true
      Ipv6CidrBlock: ::/0
      PortRange: {From: 1024, To: 65535}
  Ask:
    Type: AWS::EC2::NetworkAclEntry
    Properties:
      NetworkAclId: !Ref Acl
      RuleNumber: 100
      Protocol: 6
      RuleAction: allow
      CidrBlock: 0.0.0.0/0
      PortRange: {From: 443, To: !Ref Last}
  Place: {Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: {NetworkAclId: !Ref Acl, SubnetId: !Ref A}}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: web, VpcId: !Ref Vpc}}
  In:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Group.GroupId, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIpv6: "::/0"}
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Subnets: [!Ref A, !Ref B], IpAddressType: dualstack}
Outputs: {Six: {Value: !Select [0, !GetAtt Vpc.Ipv6CidrBlocks]}}
"""
TWIN = """
  Twin:
    Type: AWS::EC2::NetworkAclEntry
    DependsOn: Ask
    Properties: {NetworkAclId: !Ref Acl, RuleNumber: 100, Protocol: -1, RuleAction: deny, CidrBlock: 10.0.0.0/8}
Outputs:"""


@pytest.fixture
def ids(local: LocalAccount) -> dict[str, str]:
    assert local.create("net", DUAL_STACK) == "CREATE_COMPLETE", local.failures("net")
    return local.physical_ids("net")


def _entries(local: LocalAccount, acl: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = local.aws("ec2", "describe-network-acls", "--network-acl-ids", acl)["NetworkAcls"]
    entries: list[dict[str, Any]] = found[0]["Entries"]
    return entries


def test_a_vpc_shows_its_ipv6_block_and_hands_it_on(local: LocalAccount, ids: dict[str, str]) -> None:
    [vpc] = local.aws("ec2", "describe-vpcs", "--vpc-ids", ids["Vpc"])["Vpcs"]
    [association] = vpc["Ipv6CidrBlockAssociationSet"]
    assert association["AssociationId"] == ids["Six"]
    assert association["Ipv6CidrBlock"] == local.outputs("net")["Six"]
    assert association["Ipv6CidrBlock"].endswith("::/56")


def test_subnets_have_their_own_part_of_the_block(local: LocalAccount, ids: dict[str, str]) -> None:
    asked = ("describe-subnets", "--subnet-ids", ids["A"], ids["B"], ids["Old"])
    subnets = {each["SubnetId"]: each for each in local.aws("ec2", *asked)["Subnets"]}
    first, second = (subnets[ids[name]]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] for name in "AB")
    stem = local.outputs("net")["Six"].removesuffix("00::/56")
    assert (first, second) == (f"{stem}00::/64", f"{stem}01::/64")
    assert [subnets[ids[name]]["AssignIpv6AddressOnCreation"] for name in ("A", "B", "Old")] == [True, False, False]
    assert subnets[ids["Old"]]["Ipv6CidrBlockAssociationSet"] == []


def test_a_route_of_ipv6_goes_through_the_egress_only_gateway(local: LocalAccount, ids: dict[str, str]) -> None:
    [table] = local.aws("ec2", "describe-route-tables", "--route-table-ids", ids["Routes"])["RouteTables"]
    ways = {each.get("DestinationIpv6CidrBlock"): each.get("EgressOnlyInternetGatewayId") for each in table["Routes"]}
    [gateway] = local.aws("ec2", "describe-egress-only-internet-gateways")["EgressOnlyInternetGateways"]
    assert ways["::/0"] == gateway["EgressOnlyInternetGatewayId"] == ids["Out"]


def test_a_security_group_admits_ipv6(local: LocalAccount, ids: dict[str, str]) -> None:
    [group] = local.aws("ec2", "describe-security-groups", "--group-ids", ids["Group"])["SecurityGroups"]
    assert group["IpPermissions"][0]["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]


def test_entries_have_their_ports_in_the_order_of_their_test(local: LocalAccount, ids: dict[str, str]) -> None:
    reply, ask = _entries(local, ids["Acl"])
    assert (reply["Egress"], reply["Ipv6CidrBlock"], reply["PortRange"]) == (True, "::/0", {"From": 1024, "To": 65535})
    assert (ask["Egress"], ask["CidrBlock"], ask["PortRange"]) == (False, "0.0.0.0/0", {"From": 443, "To": 443})


def test_an_entry_is_changed_in_place(local: LocalAccount, ids: dict[str, str]) -> None:
    assert local.update("net", DUAL_STACK, Last="444") == "UPDATE_COMPLETE"
    assert [each["PortRange"]["To"] for each in _entries(local, ids["Acl"])] == [65535, 444]


def test_two_entries_of_one_number_are_refused(local: LocalAccount) -> None:
    assert local.create("net", DUAL_STACK.replace("\nOutputs:", TWIN)) == "ROLLBACK_COMPLETE"
    assert "identified by 100 already exists" in local.failures("net")["Twin"]


def test_a_dual_stack_balancer_keeps_its_type(local: LocalAccount, ids: dict[str, str]) -> None:
    asked = ("describe-load-balancers", "--load-balancer-arns", ids["Balancer"])
    [balancer] = local.aws("elbv2", *asked)["LoadBalancers"]
    assert balancer["IpAddressType"] == "dualstack"


def test_a_dual_stack_balancer_is_refused_where_subnets_have_no_ipv6(local: LocalAccount) -> None:
    local.create("net", DUAL_STACK.replace("[!Ref A, !Ref B]", "[!Ref A, !Ref Old]"))
    assert "subnets with an associated IPv6 CIDR block" in local.failures("net")["Balancer"]


def test_a_subnet_outside_the_block_of_its_vpc_is_refused(local: LocalAccount) -> None:
    first = "!Select [0, !Cidr [!Select [0, !GetAtt Vpc.Ipv6CidrBlocks], 256, 64]]"
    local.create("net", DUAL_STACK.replace(first, "2001:db8::/64"))
    assert local.failures("net")["A"] == "The CIDR '2001:db8::/64' is invalid."


def test_everything_of_the_network_goes_with_its_stack(local: LocalAccount, ids: dict[str, str]) -> None:
    local.delete("net")
    acls = local.aws("ec2", "describe-network-acls")["NetworkAcls"]
    assert ids["Acl"] not in [each["NetworkAclId"] for each in acls]
    assert local.aws("ec2", "describe-egress-only-internet-gateways")["EgressOnlyInternetGateways"] == []
