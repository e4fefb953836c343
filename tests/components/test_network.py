from __future__ import annotations

import ipaddress
from itertools import product

import pytest

from blueprints.components.network import ENDPOINT_SERVICES, Endpoints, Network, Vpc
from blueprints.model.component import Component
from blueprints.model.settings import NetworkSettings, Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("FR-12")

EGRESSES = ("public", "nat", "nat-per-zone", "endpoints")
SHAPES = list(product(EGRESSES, (2, 3)))
EACH_SHAPE = pytest.mark.parametrize(("egress", "zones"), SHAPES)


def resources(stack_of, *, egress="nat", zones=2, **options):
    return to_dict(stack_of(Vpc("Main", zones=zones, egress=egress, **options)))["Resources"]


def of_type(made, kind):
    return {
        title: resource["Properties"] for title, resource in made.items() if resource["Type"] == f"AWS::EC2::{kind}"
    }


def default_routes(made):
    """The table of each route to everywhere, with where it leads."""
    return {
        route["RouteTableId"]["Ref"]: (route.get("GatewayId") or route.get("NatGatewayId"))["Ref"]
        for route in of_type(made, "Route").values()
        if route["DestinationCidrBlock"] == "0.0.0.0/0"
    }


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in Vpc("Main", zones=2, egress="nat").resources()] == [
        "MainVpc",
        "MainInternetGateway",
        "MainInternetGatewayAttachment",
        "MainPublicSubnet1",
        "MainPublicSubnet2",
        "MainPublicRouteTable",
        "MainPublicInternetRoute",
        "MainPublicSubnet1Routes",
        "MainPublicSubnet2Routes",
        "MainPrivateSubnet1",
        "MainPrivateSubnet2",
        "MainPrivateRouteTable1",
        "MainPrivateRouteTable2",
        "MainPrivateSubnet1Routes",
        "MainPrivateSubnet2Routes",
        "MainNatAddress1",
        "MainNatGateway1",
        "MainPrivateInternetRoute1",
        "MainPrivateInternetRoute2",
        "MainS3Endpoint",
        "MainDynamoDbEndpoint",
    ]
    dual = [resource.title for resource in Vpc("Main", zones=2, egress="nat", dual_stack=True).resources()]
    plain = [resource.title for resource in Vpc("Main", zones=2, egress="nat").resources()]
    assert [title for title in dual if title not in plain] == ["MainIpv6Block", "MainPublicInternetRouteIpv6"]
    assert [title for title in dual if title in plain] == plain
    with_all = [resource.title for resource in Vpc("Main", zones=2, egress="endpoints", flow_logs=7).resources()]
    assert with_all[-11:] == [
        "MainEndpointsSecurityGroup",
        "MainEndpointsFromVpcIngress",
        *(f"Main{title}Endpoint" for title in ENDPOINT_SERVICES),
        "MainFlowLogGroup",
        "MainFlowLogRole",
        "MainFlowLog",
    ]


@EACH_SHAPE
@pytest.mark.parametrize("dual_stack", [False, True], ids=["ipv4", "dual-stack"])
def test_no_linter_finds_anything(stack_of, findings, egress, zones, dual_stack):
    vpc = Vpc("Main", zones=zones, egress=egress, flow_logs=30, dual_stack=dual_stack)
    stack = stack_of(vpc)
    vpc.publish(stack)
    assert findings(stack) == []


@EACH_SHAPE
def test_every_zone_has_a_public_and_a_private_subnet_that_do_not_overlap(stack_of, egress, zones):
    subnets = of_type(resources(stack_of, egress=egress, zones=zones), "Subnet")
    assert len(subnets) == 2 * zones
    for kind in ("Public", "Private"):
        chosen = [
            properties["AvailabilityZone"] for title, properties in subnets.items() if title.startswith(f"Main{kind}")
        ]
        assert chosen == [{"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in range(zones)]
    blocks = [ipaddress.IPv4Network(properties["CidrBlock"]) for properties in subnets.values()]
    assert not any(one.overlaps(other) for one in blocks for other in blocks if one is not other)


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.20.0.0/18", "192.168.16.0/20"])
def test_subnets_lie_inside_every_range_that_the_settings_take(stack_of, cidr):
    assert NetworkSettings(vpc_cidr=cidr).vpc_cidr == cidr
    made = resources(stack_of, zones=3, cidr=cidr)
    vpc = ipaddress.IPv4Network(of_type(made, "VPC")["MainVpc"]["CidrBlock"])
    assert all(ipaddress.IPv4Network(p["CidrBlock"]).subnet_of(vpc) for p in of_type(made, "Subnet").values())


@EACH_SHAPE
def test_no_subnet_hands_out_public_addresses_by_itself(stack_of, egress, zones):
    subnets = of_type(resources(stack_of, egress=egress, zones=zones), "Subnet")
    assert {properties["MapPublicIpOnLaunch"] for properties in subnets.values()} == {False}


@EACH_SHAPE
def test_every_subnet_follows_a_table_of_its_kind_and_none_the_main_table(stack_of, egress, zones):
    made = resources(stack_of, egress=egress, zones=zones)
    followed = {
        properties["SubnetId"]["Ref"]: properties["RouteTableId"]["Ref"]
        for properties in of_type(made, "SubnetRouteTableAssociation").values()
    }
    public = {f"MainPublicSubnet{zone}": "MainPublicRouteTable" for zone in range(1, zones + 1)}
    private = {f"MainPrivateSubnet{zone}": f"MainPrivateRouteTable{zone}" for zone in range(1, zones + 1)}
    assert followed == public | private


@pytest.mark.parametrize(
    ("egress", "zones", "gateways"),
    [
        ("public", 3, 0),
        ("endpoints", 3, 0),
        ("nat", 2, 1),
        ("nat", 3, 1),
        ("nat-per-zone", 2, 2),
        ("nat-per-zone", 3, 3),
    ],
)
def test_nat_gateways_are_as_many_as_asked_for_each_with_an_address(stack_of, egress, zones, gateways):
    made = resources(stack_of, egress=egress, zones=zones)
    nats = of_type(made, "NatGateway")
    assert len(nats) == len(of_type(made, "EIP")) == gateways
    assert [nat["SubnetId"]["Ref"] for nat in nats.values()] == [f"MainPublicSubnet{n}" for n in range(1, gateways + 1)]
    assert len({nat["AllocationId"]["Fn::GetAtt"][0] for nat in nats.values()}) == gateways


@pytest.mark.parametrize("zones", [2, 3])
def test_private_subnets_share_one_nat_gateway_or_have_one_each(stack_of, zones):
    tables = [f"MainPrivateRouteTable{zone}" for zone in range(1, zones + 1)]
    public = {"MainPublicRouteTable": "MainInternetGateway"}
    assert default_routes(resources(stack_of, egress="nat", zones=zones)) == public | dict.fromkeys(
        tables, "MainNatGateway1"
    )
    assert default_routes(resources(stack_of, egress="nat-per-zone", zones=zones)) == public | {
        table: f"MainNatGateway{zone}" for zone, table in enumerate(tables, start=1)
    }


@pytest.mark.parametrize("zones", [2, 3])
@pytest.mark.parametrize("egress", ["public", "endpoints"])
def test_private_subnets_without_nat_have_no_route_to_the_internet(stack_of, egress, zones):
    assert default_routes(resources(stack_of, egress=egress, zones=zones)) == {
        "MainPublicRouteTable": "MainInternetGateway"
    }


@EACH_SHAPE
def test_what_needs_the_internet_waits_for_the_gateway_to_be_attached(stack_of, egress, zones):
    made = resources(stack_of, egress=egress, zones=zones)
    waiting = {
        title for title, resource in made.items() if "MainInternetGatewayAttachment" in resource.get("DependsOn", [])
    }
    needing = {
        title for title, resource in made.items() if resource["Type"] in {"AWS::EC2::EIP", "AWS::EC2::NatGateway"}
    }
    assert waiting == needing | {"MainPublicInternetRoute"}


@EACH_SHAPE
def test_storage_is_reached_inside_aws_from_every_subnet(stack_of, egress, zones):
    endpoints = of_type(resources(stack_of, egress=egress, zones=zones), "VPCEndpoint")
    tables = [
        {"Ref": "MainPublicRouteTable"},
        *({"Ref": f"MainPrivateRouteTable{zone}"} for zone in range(1, zones + 1)),
    ]
    for title, service in (("MainS3Endpoint", "s3"), ("MainDynamoDbEndpoint", "dynamodb")):
        assert endpoints[title]["VpcEndpointType"] == "Gateway"
        assert endpoints[title]["ServiceName"] == {"Fn::Sub": f"com.amazonaws.${{AWS::Region}}.{service}"}
        assert endpoints[title]["RouteTableIds"] == tables


@pytest.mark.parametrize("zones", [2, 3])
def test_without_internet_tasks_reach_what_ecs_needs_through_endpoints(stack_of, zones):
    made = resources(stack_of, egress="endpoints", zones=zones)
    interfaces = [p for p in of_type(made, "VPCEndpoint").values() if p["VpcEndpointType"] == "Interface"]
    assert {p["ServiceName"]["Fn::Sub"].removeprefix("com.amazonaws.${AWS::Region}.") for p in interfaces} == {
        "ecr.api",
        "ecr.dkr",
        "logs",
        "secretsmanager",
        "ssm",
        "ssmmessages",
    }
    for properties in interfaces:
        assert properties["PrivateDnsEnabled"] is True
        assert properties["SubnetIds"] == [{"Ref": f"MainPrivateSubnet{zone}"} for zone in range(1, zones + 1)]
        assert properties["SecurityGroupIds"] == [{"Fn::GetAtt": ["MainEndpointsSecurityGroup", "GroupId"]}]


def test_endpoints_admit_https_from_the_vpc_and_nothing_else(stack_of):
    made = resources(stack_of, egress="endpoints", cidr="10.9.0.0/16")
    (rule,) = of_type(made, "SecurityGroupIngress").values()
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("10.9.0.0/16", 443, 443)


@pytest.mark.parametrize("egress", ["public", "nat", "nat-per-zone"])
def test_endpoints_that_cost_money_are_only_made_where_they_are_the_way_out(egress):
    parts = vars(Vpc("Main", zones=2, egress=egress)).values()
    assert not [part for part in parts if isinstance(part, Endpoints)]


# IPv6


@pytest.mark.row("RC-06")
@EACH_SHAPE
def test_with_dual_stack_public_subnets_have_ipv6_blocks_of_their_own_and_private_subnets_none(stack_of, egress, zones):
    made = resources(stack_of, egress=egress, zones=zones, dual_stack=True)
    (block,) = of_type(made, "VPCCidrBlock").values()
    assert block == {"VpcId": {"Ref": "MainVpc"}, "AmazonProvidedIpv6CidrBlock": True}
    whole = {"Fn::Select": [0, {"Fn::GetAtt": ["MainVpc", "Ipv6CidrBlocks"]}]}
    cut = {title: subnet.get("Ipv6CidrBlock") for title, subnet in of_type(made, "Subnet").items()}
    assert cut == {
        f"MainPublicSubnet{zone}": {"Fn::Select": [zone - 1, {"Fn::Cidr": [whole, zones, 64]}]}
        for zone in range(1, zones + 1)
    } | {f"MainPrivateSubnet{zone}": None for zone in range(1, zones + 1)}


@pytest.mark.row("RC-06")
@EACH_SHAPE
def test_with_dual_stack_only_public_subnets_have_a_route_for_ipv6(stack_of, egress, zones):
    made = resources(stack_of, egress=egress, zones=zones, dual_stack=True)
    routes = [route for route in of_type(made, "Route").values() if "DestinationIpv6CidrBlock" in route]
    assert routes == [
        {
            "RouteTableId": {"Ref": "MainPublicRouteTable"},
            "DestinationIpv6CidrBlock": "::/0",
            "GatewayId": {"Ref": "MainInternetGateway"},
        }
    ]


@EACH_SHAPE
def test_with_dual_stack_what_needs_the_ipv6_block_waits_for_it(stack_of, egress, zones):
    made = resources(stack_of, egress=egress, zones=zones, dual_stack=True)
    waiting = {title for title, resource in made.items() if "MainIpv6Block" in resource.get("DependsOn", [])}
    assert waiting == {"MainPublicInternetRouteIpv6", *(f"MainPublicSubnet{zone}" for zone in range(1, zones + 1))}
    assert "MainInternetGatewayAttachment" in made["MainPublicInternetRouteIpv6"]["DependsOn"]


@EACH_SHAPE
def test_without_dual_stack_there_is_no_ipv6(stack_of, egress, zones):
    made = resources(stack_of, egress=egress, zones=zones)
    assert not of_type(made, "VPCCidrBlock")
    assert not [p for p in of_type(made, "Subnet").values() if "Ipv6CidrBlock" in p]


@pytest.mark.row("RC-02")
@pytest.mark.parametrize("zones", [2, 3])
def test_the_blocks_of_its_subnets_can_be_asked_for(stack_of, zones):
    vpc = Vpc("Main", zones=zones, egress="nat")
    subnets = of_type(to_dict(stack_of(vpc))["Resources"], "Subnet")
    for kind, blocks in (("Public", vpc.public_cidrs), ("Private", vpc.private_cidrs)):
        assert blocks == [p["CidrBlock"] for title, p in subnets.items() if title.startswith(f"Main{kind}")]
    if zones == 2:
        assert vpc.public_cidrs == ["10.0.1.0/24", "10.0.2.0/24"]
        assert vpc.private_cidrs == ["10.0.3.0/24", "10.0.4.0/24"]


def test_dns_is_on(stack_of):
    vpc = of_type(resources(stack_of), "VPC")["MainVpc"]
    assert (vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]) == (True, True)


# Subnets for databases


def kept(stack_of, **options):
    return resources(stack_of, data_subnets=True, **options)


@pytest.mark.row("MP-01")
def test_logical_ids_of_data_subnets_are_a_promise():
    plain = [resource.title for resource in Vpc("Main", zones=3, egress="nat").resources()]
    with_data = [resource.title for resource in Vpc("Main", zones=3, egress="nat", data_subnets=True).resources()]
    assert [title for title in with_data if title in plain] == plain
    assert [title for title in with_data if title not in plain] == [
        "MainDataSubnet1",
        "MainDataSubnet2",
        "MainDataSubnet3",
        "MainDataRouteTable",
        "MainDataSubnet1Routes",
        "MainDataSubnet2Routes",
        "MainDataSubnet3Routes",
    ]


@pytest.mark.row("MP-01")
@EACH_SHAPE
def test_no_linter_finds_anything_in_data_subnets(stack_of, findings, egress, zones):
    vpc = Vpc("Main", zones=zones, egress=egress, data_subnets=True)
    stack = stack_of(vpc)
    vpc.publish(stack)
    assert findings(stack) == []


@pytest.mark.row("MP-01")
@pytest.mark.parametrize("zones", [2, 3])
@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.20.0.0/18", "192.168.16.0/20"])
def test_public_and_private_subnets_are_24s_and_data_subnets_28s_that_fit_beside_them(stack_of, cidr, zones):
    vpc = ipaddress.IPv4Network(cidr)
    subnets = of_type(kept(stack_of, zones=zones, cidr=cidr), "Subnet")
    blocks = {title: ipaddress.IPv4Network(properties["CidrBlock"]) for title, properties in subnets.items()}
    assert len(blocks) == 3 * zones
    assert {title: block.prefixlen for title, block in blocks.items()} == {
        f"Main{kind}Subnet{zone}": 28 if kind == "Data" else 24
        for kind in ("Public", "Private", "Data")
        for zone in range(1, zones + 1)
    }
    assert all(block.subnet_of(vpc) for block in blocks.values())
    assert not any(one.overlaps(other) for one in blocks.values() for other in blocks.values() if one is not other)


@pytest.mark.row("MP-01")
def test_every_zone_has_a_data_subnet_that_hands_out_no_public_addresses(stack_of):
    subnets = of_type(kept(stack_of, zones=3), "Subnet")
    data = [subnets[f"MainDataSubnet{zone}"] for zone in (1, 2, 3)]
    assert [each["AvailabilityZone"]["Fn::Select"][0] for each in data] == [0, 1, 2]
    assert {each["MapPublicIpOnLaunch"] for each in data} == {False}


@pytest.mark.row("MP-01")
@EACH_SHAPE
def test_no_route_leads_out_of_data_subnets_and_no_endpoint_is_in_their_table(stack_of, egress, zones):
    made = kept(stack_of, egress=egress, zones=zones, dual_stack=True)
    table = {"Ref": "MainDataRouteTable"}
    followed = {
        p["SubnetId"]["Ref"]
        for p in of_type(made, "SubnetRouteTableAssociation").values()
        if p["RouteTableId"] == table
    }
    assert followed == {f"MainDataSubnet{zone}" for zone in range(1, zones + 1)}
    assert not [route for route in of_type(made, "Route").values() if route["RouteTableId"] == table]
    assert not [p for p in of_type(made, "VPCEndpoint").values() if table in p.get("RouteTableIds", [])]
    assert not [title for title in followed if "Ipv6CidrBlock" in made[title]["Properties"]]


@pytest.mark.row("MP-01")
def test_a_data_subnet_stays_where_it_is_when_a_zone_comes_along():
    two, three = (Vpc("Main", zones=zones, egress="nat", data_subnets=True).data_cidrs for zones in (2, 3))
    assert two == ["10.0.255.0/28", "10.0.255.16/28"]
    assert three == [*two, "10.0.255.32/28"]


@pytest.mark.row("MP-01")
@pytest.mark.parametrize("data_subnets", [True, False])
def test_another_stack_reads_data_subnets_where_they_were_made(stack_of, data_subnets):
    vpc = Vpc("Main", zones=3, egress="nat", data_subnets=data_subnets)
    producer = stack_of(vpc)
    producer.name = "network"
    vpc.publish(producer)
    network = Network.from_stack(stack_of(), producer, zones=3, egress="nat")
    if data_subnets:
        read = [value.to_dict()["Fn::GetStackOutput"]["OutputName"] for value in network.data_subnets]
        assert read == ["DataSubnet1", "DataSubnet2", "DataSubnet3"]
        assert [subnet.to_dict()["Ref"] for subnet in vpc.network.data_subnets] == [f"Main{title}" for title in read]
    else:
        assert network.data_subnets is vpc.network.data_subnets is None


def test_a_database_in_a_vpc_that_exists_is_placed_in_its_data_subnets(stack_of):
    network = Network.existing(stack_of(), egress="nat", holds=["database"])
    assert network.data_subnets.to_dict() == {"Ref": "DataSubnetIds"}
    assert network.private_subnets is None


# Where tasks run


@pytest.mark.parametrize("egress", EGRESSES)
def test_tasks_are_public_only_where_an_address_of_their_own_is_the_way_out(egress):
    network = Vpc("Main", zones=2, egress=egress).network
    subnets = [subnet.to_dict()["Ref"] for subnet in network.task_subnets]
    assert network.tasks_are_public is (egress == "public")
    assert subnets == [f"Main{'Public' if egress == 'public' else 'Private'}Subnet{zone}" for zone in (1, 2)]


@EACH_SHAPE
def test_another_stack_reads_the_network_from_outputs_that_are_there(stack_of, egress, zones):
    vpc = Vpc("Main", zones=zones, egress=egress)
    producer = stack_of(vpc)
    producer.name = "network"
    vpc.publish(producer)
    consumer = Stack("service", Settings(project="sample"), description="Consumer", arch="Reads")
    network = Network.from_stack(consumer, producer, zones=zones, egress=egress)
    read = [value.to_dict()["Fn::GetStackOutput"]["OutputName"] for value in network.private_subnets]
    assert read == [f"PrivateSubnet{zone}" for zone in range(1, zones + 1)]
    assert len(network.public_subnets) == zones
    assert network.vpc_id.to_dict()["Fn::GetStackOutput"]["OutputName"] == "VpcId"
    assert network.tasks_are_public is vpc.network.tasks_are_public
    assert list(consumer.parameters) == ["NetworkStackName"]


@pytest.mark.parametrize("egress", EGRESSES)
def test_a_vpc_that_exists_is_a_network_like_any_other(stack_of, egress):
    stack = stack_of()
    network = Network.existing(stack, egress=egress)
    assert type(network) is type(Vpc("Main", zones=2, egress=egress).network)
    assert network.vpc_id.to_dict() == {"Ref": "VpcId"}
    assert network.public_subnets.to_dict() == {"Ref": "PublicSubnetIds"}
    assert network.task_subnets.to_dict() == {"Ref": "PublicSubnetIds" if egress == "public" else "PrivateSubnetIds"}
    assert {parameter.Type for title, parameter in stack.parameters.items() if title != "VpcId"} == {
        "List<AWS::EC2::Subnet::Id>"
    }
    assert not stack.resources


@pytest.mark.parametrize(
    ("egress", "holds", "asked"),
    [
        ("nat", ["balancer", "tasks"], ["VpcId", "PublicSubnetIds", "PrivateSubnetIds"]),
        ("public", ["balancer", "tasks"], ["VpcId", "PublicSubnetIds"]),
        ("nat", ["balancer"], ["VpcId", "PublicSubnetIds"]),
        ("nat", ["tasks"], ["VpcId", "PrivateSubnetIds"]),
        ("nat", ["data"], ["VpcId", "PrivateSubnetIds"]),
        ("public", ["data"], ["VpcId", "PrivateSubnetIds"]),
        ("nat", ["database"], ["VpcId", "DataSubnetIds"]),
        ("nat", ["data", "database"], ["VpcId", "PrivateSubnetIds", "DataSubnetIds"]),
    ],
)
def test_a_stack_asks_only_for_the_subnets_that_it_uses(stack_of, egress, holds, asked):
    stack = stack_of()
    Network.existing(stack, egress=egress, holds=holds)
    assert list(stack.parameters) == asked


def test_a_network_is_a_place_and_owns_nothing():
    assert not isinstance(Vpc("Main", zones=2, egress="nat").network, Component)
