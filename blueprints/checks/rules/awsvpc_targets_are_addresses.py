from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template


class AwsvpcTargetsAreAddresses(CloudFormationLintRule):
    id = "E9011"
    shortdesc = "The target group of an awsvpc service has the target type ip"
    description = (
        "A task in awsvpc mode, and so every Fargate task, has a network interface of its own and is registered by "
        "its address. The default target type of a target group is instance, and ECS refuses the two together."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        if cfn.graph is None:
            return []
        resources = cfn.get_resources()
        graph = cfn.graph.graph
        return [
            RuleMatch(
                ["Resources", name, "Properties"],
                f"{name} registers {found!r}, but {service} runs in awsvpc mode: set TargetType: ip",
            )
            for service in cfn.get_resources(["AWS::ECS::Service"])
            if _is_awsvpc(resources, graph, service)
            for name in sorted(set(_referred(graph, service, "LoadBalancers")))
            if (found := _wrong_type(resources.get(name, {}))) is not None
        ]


def _is_awsvpc(resources: dict[str, Any], graph: Any, service: str) -> bool:
    properties = _properties(resources[service])
    network = properties.get("NetworkConfiguration")
    if properties.get("LaunchType") == "FARGATE" or (isinstance(network, dict) and "AwsvpcConfiguration" in network):
        return True
    tasks = [_properties(resources.get(name, {})) for name in _referred(graph, service, "TaskDefinition")]
    return any(
        task.get("NetworkMode") == "awsvpc" or task.get("RequiresCompatibilities") == ["FARGATE"] for task in tasks
    )


def _referred(graph: Any, service: str, key: str) -> Iterator[str]:
    for _, target, edge in graph.out_edges(service, data=True):
        if list(edge["source_paths"])[:2] == ["Properties", key] and "Fn::If" not in edge["source_paths"]:
            yield target


def _wrong_type(resource: dict[str, Any]) -> str | None:
    if resource.get("Type") != "AWS::ElasticLoadBalancingV2::TargetGroup":
        return None
    kind = _properties(resource).get("TargetType", "instance")
    return kind if isinstance(kind, str) and kind != "ip" else None


def _properties(resource: dict[str, Any]) -> dict[str, Any]:
    properties = resource.get("Properties")
    return properties if isinstance(properties, dict) else {}
