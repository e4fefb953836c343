from collections.abc import Iterator
from typing import Any

import networkx as nx
from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template


class InternetWaitsForAttachment(CloudFormationLintRule):
    id = "E9002"
    shortdesc = "A NAT gateway, an elastic IP and a route to the internet wait for the gateway's attachment"
    description = (
        "An internet gateway serves a VPC only once it is attached, and what needs it does not refer to the "
        "attachment. Without DependsOn the order is left to chance, when creating and when deleting."
    )
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html#gatewayattachment"
    )

    def match(self, cfn: Template) -> list[RuleMatch]:
        attachments = {
            name
            for name, resource in cfn.get_resources(["AWS::EC2::VPCGatewayAttachment"]).items()
            if isinstance(resource.get("Properties"), dict) and "InternetGatewayId" in resource["Properties"]
        }
        if cfn.graph is None or not attachments:
            return []
        graph = cfn.graph.graph
        return [
            RuleMatch(
                ["Resources", name],
                f"{name} needs the internet gateway to be attached first: add DependsOn: {min(attachments)}",
            )
            for name in _needing(cfn, graph)
            if not attachments & nx.descendants(graph, name)
        ]


def _needing(cfn: Template, graph: Any) -> Iterator[str]:
    yield from cfn.get_resources(["AWS::EC2::EIP"])
    for name, resource in cfn.get_resources(["AWS::EC2::NatGateway"]).items():
        properties = resource.get("Properties")
        # A private NAT gateway has no address and does not use the internet gateway.
        if isinstance(properties, dict) and properties.get("ConnectivityType", "public") == "public":
            yield name
    for name in cfn.get_resources(["AWS::EC2::Route"]):
        targets = [graph.nodes[target].get("resource_type") for target in graph.successors(name)]
        if "AWS::EC2::InternetGateway" in targets:
            yield name
