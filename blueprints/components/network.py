"""The network: a VPC over two or three Availability Zones, and the ways out of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from troposphere import Cidr, GetAtt, GetAZs, Select, Sub, Tags, ec2

from blueprints.access.connections import ANYWHERE, ANYWHERE_IPV6, HTTPS, admit, closed_security_group
from blueprints.components.flow_logs import FlowLogs
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.settings import Egress
from blueprints.model.stack import Stack

# Interface endpoints that a Fargate task needs when it has no route to the internet (Amazon ECS Developer Guide,
# "Interface VPC endpoints"): registry, logs, both kinds of secrets, and the channels of ECS Exec.
ENDPOINT_SERVICES = {
    "EcrApi": "ecr.api",
    "EcrDkr": "ecr.dkr",
    "Logs": "logs",
    "SecretsManager": "secretsmanager",
    "Ssm": "ssm",
    "SsmMessages": "ssmmessages",
}

# A subnet's IPv6 block is a /64 of the VPC's /56 (Amazon VPC User Guide, "VPC CIDR blocks"); Fn::Cidr asks for the
# bits that are left for hosts.
IPV6_HOST_BITS = 64

# Amazon VPC User Guide, "Subnet CIDR blocks": the smallest subnet there is; AWS keeps five of its 16 addresses.
DATA_PREFIX = 28

Tenant = Literal["balancer", "tasks", "data", "database"]


@dataclass(frozen=True)
class Network:
    """A network to place things in: one of ours, one of another stack or one that was there before."""

    vpc_id: Any
    public_subnets: Any
    private_subnets: Any
    tasks_are_public: bool = False
    data_subnets: Any = None

    @property
    def task_subnets(self) -> Any:
        """Where tasks run: private subnets, unless their only way out is an address of their own."""
        return self.public_subnets if self.tasks_are_public else self.private_subnets

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, *, zones: int, egress: Egress) -> Network:
        """The network that another stack made, read from its outputs; data subnets where that stack has them."""
        data = [f"DataSubnet{zone}" for zone in range(1, zones + 1) if f"DataSubnet{zone}" in producer.outputs]
        return cls(
            vpc_id=stack.from_stack(producer, "VpcId"),
            public_subnets=[stack.from_stack(producer, f"PublicSubnet{zone}") for zone in range(1, zones + 1)],
            private_subnets=[stack.from_stack(producer, f"PrivateSubnet{zone}") for zone in range(1, zones + 1)],
            tasks_are_public=egress == "public",
            data_subnets=[stack.from_stack(producer, output) for output in data] or None,
        )

    @classmethod
    def existing(cls, stack: Stack, *, egress: Egress, holds: Collection[Tenant] = ("balancer", "tasks")) -> Network:
        """A VPC that exists: its id and the subnets of what *stack* holds are parameters of it.

        A load balancer faces the internet, data stays private, and tasks are where their way out leads from. A
        database is placed in data subnets, which have no way out at all.
        """
        tasks_are_public = egress == "public"
        tasks = "Public" if tasks_are_public else "Private"
        homes = {"balancer": "Public", "tasks": tasks, "data": "Private", "database": "Data"}
        kinds = sorted({homes[tenant] for tenant in holds}, reverse=True)
        vpc = stack.add(_vpc_parameter())
        subnets = {kind: stack.add(_subnets_parameter(kind)).ref() for kind in kinds}
        return cls(
            vpc.ref(),
            subnets.get("Public"),
            subnets.get("Private"),
            tasks_are_public=tasks_are_public,
            data_subnets=subnets.get("Data"),
        )


class Vpc(Component):
    """A VPC with a public and a private subnet in each zone.

    Args:
        name: first part of the logical ids.
        zones: number of Availability Zones, 2 or 3.
        egress: the private subnets' way out; ``public`` and ``endpoints`` leave them without a route to the internet.
        cidr: the VPC's range; its second /24 and those after it become the subnets.
        flow_logs: days to keep a record of rejected traffic, or None for no record.
        dual_stack: public subnets have an IPv6 block and a route for it; private subnets stay IPv4.
        data_subnets: a /28 for databases in each zone as well, cut from the last /24 of the range and without a way
            out. Network ACLs of ours do not guard them; security groups say who reaches what is in them.
        zone_ids: which zones, by ids that mean the same in every account (``use1-az1``); the Region's first ones, as
            the account names them, when not given.

    Raises:
        SettingsError: another number of ids than of zones, or one twice.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        zones: int,
        egress: Egress,
        cidr: str = "10.0.0.0/16",
        flow_logs: int | None = None,
        dual_stack: bool = False,
        data_subnets: bool = False,
        zone_ids: Sequence[str] = (),
    ) -> None:
        self._name, self._zones, self._egress = name, zones, egress
        self._places = _places(name, zones, zone_ids)
        self._blocks = [str(block) for block in ipaddress.IPv4Network(cidr).subnets(new_prefix=24)][1:]
        self.vpc = because(
            "One private address range for everything in this environment.",
            ec2.VPC(
                f"{name}Vpc",
                CidrBlock=cidr,
                EnableDnsHostnames=True,
                EnableDnsSupport=True,
                Tags=Tags(Name=_named(name)),
            ),
            must=["DNS support and host names stay on: endpoints and service discovery need them"],
            mutable="must-never-change",
        )
        self.ipv6_block = self._ipv6_block() if dual_stack else None
        self.internet_gateway = because(
            "The VPC's only door to the internet.",
            ec2.InternetGateway(f"{name}InternetGateway", Tags=Tags(Name=_named(name))),
        )
        self.attachment = because(
            "Hangs the door into the VPC; whatever needs the internet waits for it.",
            ec2.VPCGatewayAttachment(
                f"{name}InternetGatewayAttachment", VpcId=self.vpc.ref(), InternetGatewayId=self.internet_gateway.ref()
            ),
        )
        self.public = [self._subnet("Public", zone) for zone in range(1, zones + 1)]
        self.public_routes = self._public_routes()
        self.private = [self._subnet("Private", zone) for zone in range(1, zones + 1)]
        self.private_route_tables = [_route_table(name, "Private", zone, self.vpc) for zone in range(1, zones + 1)]
        self.private_associations = [
            _associate("Private", subnet, table)
            for subnet, table in zip(self.private, self.private_route_tables, strict=True)
        ]
        self.data = DataSubnets(name, self.vpc, self.data_cidrs, self._places) if data_subnets else None
        self.nat = self._nat_gateways()
        self.private_routes = self._private_routes()
        self.gateway_endpoints = [self._gateway_endpoint("S3", "s3"), self._gateway_endpoint("DynamoDb", "dynamodb")]
        self.endpoints = Endpoints(name, self.network, cidr) if egress == "endpoints" else None
        self.flow_logs = FlowLogs(name, self.vpc.ref(), retention_days=flow_logs) if flow_logs is not None else None

    @property
    def network(self) -> Network:
        """This VPC as the place to put things in."""
        return Network(
            vpc_id=self.vpc.ref(),
            public_subnets=[subnet.ref() for subnet in self.public],
            private_subnets=[subnet.ref() for subnet in self.private],
            tasks_are_public=self._egress == "public",
            data_subnets=[subnet.ref() for subnet in self.data.subnets] if self.data else None,
        )

    @property
    def cidr(self) -> str:
        """The VPC's IPv4 range."""
        return str(self.vpc.CidrBlock)

    @property
    def public_cidrs(self) -> list[str]:
        """The IPv4 blocks of the public subnets, by zone."""
        return self._blocks[: self._zones]

    @property
    def private_cidrs(self) -> list[str]:
        """The IPv4 blocks of the private subnets, by zone."""
        return self._blocks[self._zones : 2 * self._zones]

    @property
    def data_cidrs(self) -> list[str]:
        """The IPv4 blocks for data subnets, by zone; the same whatever the number of zones, as a database stays."""
        last = ipaddress.IPv4Network(self._blocks[-1])
        return [str(block) for block in last.subnets(new_prefix=DATA_PREFIX)][: self._zones]

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``Network.from_stack`` reads."""
        stack.output("VpcId", self.vpc.ref(), "The VPC")
        data = self.data.subnets if self.data else []
        for kind, subnets in (("Public", self.public), ("Private", self.private), ("Data", data)):
            for zone, subnet in enumerate(subnets, start=1):
                stack.output(f"{kind}Subnet{zone}", subnet.ref(), f"The {kind.lower()} subnet of zone {zone}")

    def _ipv6_block(self) -> ec2.VPCCidrBlock:
        return because(
            "IPv6 addresses of Amazon's for what faces the internet.",
            ec2.VPCCidrBlock(f"{self._name}Ipv6Block", VpcId=self.vpc.ref(), AmazonProvidedIpv6CidrBlock=True),
        )

    def _subnet(self, kind: str, zone: int) -> ec2.Subnet:
        blocks = self.public_cidrs if kind == "Public" else self.private_cidrs
        why = {
            "Public": "Holds what faces the internet: the load balancer and NAT gateways.",
            "Private": "Holds what must not be reachable from the internet.",
        }[kind]
        subnet = _subnet(self._name, kind, zone, self.vpc, blocks[zone - 1], self._places)
        if kind == "Public" and self.ipv6_block is not None:
            block = Select(0, self.vpc.get_att("Ipv6CidrBlocks"))
            subnet.Ipv6CidrBlock = Select(zone - 1, Cidr(block, self._zones, IPV6_HOST_BITS))
            # The VPC has no IPv6 block to cut from before it is associated, and cannot lose it while a subnet uses it.
            subnet.DependsOn = [self.ipv6_block.title]
        return because(why, subnet, mutable="must-never-change")

    def _public_routes(self) -> list[Any]:
        table = _route_table(self._name, "Public", "", self.vpc)
        routes = [self._internet_route("", table, {"DestinationCidrBlock": ANYWHERE})]
        if self.ipv6_block is not None:
            # Its destination is of a family that the VPC has no addresses of before the block is associated.
            routes.append(self._internet_route("Ipv6", table, {"DestinationIpv6CidrBlock": ANYWHERE_IPV6}))
            routes[-1].DependsOn.append(self.ipv6_block.title)
        return [table, *routes, *(_associate("Public", subnet, table) for subnet in self.public)]

    def _internet_route(self, kind: str, table: ec2.RouteTable, destination: dict[str, Any]) -> ec2.Route:
        return because(
            "Makes the public subnets public.",
            ec2.Route(
                f"{self._name}PublicInternetRoute{kind}",
                RouteTableId=table.ref(),
                **destination,
                GatewayId=self.internet_gateway.ref(),
                DependsOn=[self.attachment.title],  # a route needs its gateway attached
            ),
        )

    def _nat_gateways(self) -> list[Any]:
        count = {"nat": 1, "nat-per-zone": self._zones}.get(self._egress, 0)
        parts: list[Any] = []
        for zone in range(1, count + 1):
            address = ec2.EIP(
                f"{self._name}NatAddress{zone}",
                Domain="vpc",
                DependsOn=[self.attachment.title],  # an address in a VPC needs the internet gateway attached
                Tags=Tags(Name=_named(f"nat-{zone}")),
            )
            gateway = ec2.NatGateway(
                f"{self._name}NatGateway{zone}",
                AllocationId=address.get_att("AllocationId"),
                SubnetId=self.public[zone - 1].ref(),
                DependsOn=[self.attachment.title],
                Tags=Tags(Name=_named(f"nat-{zone}")),
            )
            parts += [
                because("The address that the outside sees; it stays the same, so others can allow it.", address),
                because("Lets private subnets open connections to the internet, and nobody in.", gateway),
            ]
        return parts

    def _private_routes(self) -> list[ec2.Route]:
        gateways = [part for part in self.nat if isinstance(part, ec2.NatGateway)]
        return [
            because(
                "Private subnets leave through a NAT gateway" + (" of their own zone." if len(gateways) > 1 else "."),
                ec2.Route(
                    f"{self._name}PrivateInternetRoute{zone}",
                    RouteTableId=table.ref(),
                    DestinationCidrBlock="0.0.0.0/0",
                    NatGatewayId=gateways[min(zone, len(gateways)) - 1].ref(),
                ),
            )
            for zone, table in enumerate(self.private_route_tables, start=1)
            if gateways
        ]

    def _gateway_endpoint(self, title: str, service: str) -> ec2.VPCEndpoint:
        return because(
            f"Traffic to {service} stays inside AWS, costs nothing and does not pass the NAT gateway.",
            ec2.VPCEndpoint(
                f"{self._name}{title}Endpoint",
                VpcId=self.vpc.ref(),
                VpcEndpointType="Gateway",
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                RouteTableIds=[table.ref() for table in [self.public_routes[0], *self.private_route_tables]],
            ),
        )


class DataSubnets(Component):
    """Subnets for databases: their one route table has no route but the VPC's own, so nothing leads in or out of it."""

    def __init__(self, name: str, vpc: ec2.VPC, cidrs: list[str], places: Sequence[Mapping[str, Any]]) -> None:
        self.subnets = [
            because(
                "Holds databases; nothing in it reaches the internet.",
                _subnet(name, "Data", zone, vpc, cidr, places),
                mutable="must-never-change",
            )
            for zone, cidr in enumerate(cidrs, start=1)
        ]
        self.route_table = _route_table(name, "Data", "", vpc)
        self.associations = [_associate("Data", subnet, self.route_table) for subnet in self.subnets]


class Endpoints(Component):
    """Interface endpoints, so that tasks reach AWS without any route to the internet."""

    def __init__(self, name: str, network: Network, cidr: str) -> None:
        self.name = f"{name}Endpoints"
        self.security_group = closed_security_group(self.name, network.vpc_id, "Interface endpoints of the VPC")
        self.security_group_id = GetAtt(self.security_group.title, "GroupId")
        self.ingress = admit(cidr, self, port=HTTPS, title=f"{self.name}FromVpcIngress", source="the VPC")
        self.endpoints = [
            because(
                f"Tasks reach {service} without the internet.",
                ec2.VPCEndpoint(
                    f"{name}{title}Endpoint",
                    VpcId=network.vpc_id,
                    VpcEndpointType="Interface",
                    ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                    SubnetIds=network.private_subnets,
                    SecurityGroupIds=[self.security_group_id],
                    PrivateDnsEnabled=True,
                ),
            )
            for title, service in ENDPOINT_SERVICES.items()
        ]


def _places(name: str, zones: int, zone_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Where the subnets of each zone stand, as a subnet's property says it."""
    if not zone_ids:
        return [{"AvailabilityZone": Select(number, GetAZs(""))} for number in range(zones)]
    if len(set(zone_ids)) != zones or len(zone_ids) != zones:
        raise SettingsError(
            f"{name}: zone_ids are {', '.join(zone_ids)}; give {zones} different ones, one for each zone"
        )
    return [{"AvailabilityZoneId": zone_id} for zone_id in zone_ids]


def _subnet(  # noqa: PLR0913, PLR0917 - what a subnet is
    name: str, kind: str, zone: int, vpc: ec2.VPC, cidr: str, places: Sequence[Mapping[str, Any]]
) -> ec2.Subnet:
    return ec2.Subnet(
        f"{name}{kind}Subnet{zone}",
        VpcId=vpc.ref(),
        CidrBlock=cidr,
        **places[zone - 1],
        MapPublicIpOnLaunch=False,
        Tags=Tags(Name=_named(f"{kind.lower()}-{zone}")),
    )


def _route_table(name: str, kind: str, zone: int | str, vpc: ec2.VPC) -> ec2.RouteTable:
    return because(
        f"Decides where traffic of the {kind.lower()} subnets goes.",
        ec2.RouteTable(
            f"{name}{kind}RouteTable{zone}",
            VpcId=vpc.ref(),
            Tags=Tags(Name=_named(f"{kind.lower()}-{zone}".rstrip("-"))),
        ),
    )


def _associate(kind: str, subnet: ec2.Subnet, table: ec2.RouteTable) -> ec2.SubnetRouteTableAssociation:
    return because(
        f"Without it the {kind.lower()} subnet would follow the VPC's main route table.",
        ec2.SubnetRouteTableAssociation(f"{subnet.title}Routes", SubnetId=subnet.ref(), RouteTableId=table.ref()),
    )


def _named(name: str) -> Sub:
    return Sub(f"${{AWS::StackName}}-{name.lower()}")


def _vpc_parameter() -> StackParameter:
    return StackParameter(
        "VpcId",
        group="Network",
        label="VPC",
        description="The VPC that everything is placed in",
        type="AWS::EC2::VPC::Id",
    )


def _subnets_parameter(kind: str) -> StackParameter:
    purpose = {
        "Public": "Subnets with a route to an internet gateway, in two zones at least",
        "Private": "Subnets with a route to a NAT gateway, in two zones at least",
        "Data": "Subnets for databases, without a route to the internet, in two zones at least",
    }
    return StackParameter(
        f"{kind}SubnetIds",
        group="Network",
        label=f"{kind} subnets",
        description=purpose[kind],
        type="List<AWS::EC2::Subnet::Id>",
    )
