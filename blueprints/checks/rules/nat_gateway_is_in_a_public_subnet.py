from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

# What leads on to the internet: the gateway itself, or a firewall, a proxy or another network before it.
WAYS = {
    "CarrierGatewayId",
    "CoreNetworkArn",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
}


class NatGatewayIsInAPublicSubnet(CloudFormationLintRule):
    id = "E9019"
    shortdesc = "A public NAT gateway is in a subnet with a route to the internet"
    description = (
        "A NAT gateway sends packets on by the route table of its own subnet. In a private subnet that route leads "
        "back to a NAT gateway or nowhere, and nothing behind it reaches the internet although every resource is fine."
    )
    source_url = "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        if cfn.graph is None:
            return []
        graph = cfn.graph.graph
        return [
            RuleMatch(
                ["Resources", name, "Properties", "SubnetId"],
                f"{subnet} has the route table {table}, which has no route to an internet gateway: put {name} into a "
                f"public subnet",
            )
            for name, gateway in cfn.get_resources(["AWS::EC2::NatGateway"]).items()
            if _is_public(gateway)
            for subnet in _targets(graph, name, "SubnetId", "AWS::EC2::Subnet")
            for table in _tables(cfn, graph, subnet)
            if _leads_nowhere(cfn, graph, table)
        ]


def _is_public(resource: dict[str, Any]) -> bool:
    properties = resource.get("Properties")
    return isinstance(properties, dict) and properties.get("ConnectivityType", "public") == "public"


def _tables(cfn: Template, graph: Any, subnet: str) -> list[str]:
    """The one route table of a subnet, where this template says which it is."""
    associations = [
        name
        for name in cfn.get_resources(["AWS::EC2::SubnetRouteTableAssociation"])
        if subnet in _targets(graph, name, "SubnetId", "AWS::EC2::Subnet")
    ]
    tables = [_targets(graph, name, "RouteTableId", "AWS::EC2::RouteTable") for name in associations]
    return tables[0] if len(tables) == 1 else []


def _leads_nowhere(cfn: Template, graph: Any, table: str) -> bool:
    routes = cfn.get_resources(["AWS::EC2::Route"])
    for name, route in routes.items():
        properties = route.get("Properties")
        of = _targets(graph, name, "RouteTableId", "AWS::EC2::RouteTable")
        # Of a route whose table or target is not known here, nothing can be said.
        if not isinstance(properties, dict) or not of or (table in of and not _is_known_detour(properties)):
            return False
    # Another template may add routes to a table that this one hands on.
    return table not in str(cfn.template.get("Outputs"))


def _is_known_detour(properties: dict[str, Any]) -> bool:
    return not WAYS & properties.keys() and not any(str(key).startswith("Fn::") for key in properties)


def _targets(graph: Any, name: str, key: str, kind: str) -> list[str]:
    return [
        target
        for _, target, edge in graph.out_edges(name, data=True)
        if list(edge["source_paths"])[:2] == ["Properties", key]
        and "Fn::If" not in edge["source_paths"]
        and graph.nodes[target].get("resource_type") == kind
    ]
