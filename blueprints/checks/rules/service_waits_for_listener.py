from collections.abc import Iterator
from typing import Any

import networkx as nx
from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

LISTENERS = ("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule")


class ServiceWaitsForListener(CloudFormationLintRule):
    id = "E9001"
    shortdesc = "An ECS service waits for the listener that forwards to its target group"
    description = (
        "ECS refuses to create a service whose target group has no load balancer yet. A target group gets its load "
        "balancer from a listener or a listener rule, and nothing in the service refers to that one."
    )
    source_url = "https://github.com/aws/aws-cdk/issues/1160"

    def match(self, cfn: Template) -> list[RuleMatch]:
        return [] if cfn.graph is None else list(_unordered(cfn.graph.graph))


def _unordered(graph: Any) -> Iterator[RuleMatch]:
    for service, kind in graph.nodes(data="resource_type"):
        if kind != "AWS::ECS::Service":
            continue
        created_before = nx.descendants(graph, service)
        for path, target_group in _target_groups(graph, service):
            listeners = {node for node in graph.predecessors(target_group) if _kind(graph, node) in LISTENERS}
            if listeners and not listeners & created_before:
                yield RuleMatch(
                    path,
                    f"{service} can be created before {target_group!r} has a load balancer, and ECS then refuses it: "
                    f"add DependsOn: {min(listeners)}",
                )


def _target_groups(graph: Any, service: str) -> Iterator[tuple[list[str | int], str]]:
    for _, target, edge in graph.out_edges(service, data=True):
        path = list(edge["source_paths"])
        is_fixed = path[:2] == ["Properties", "LoadBalancers"] and "Fn::If" not in path
        if is_fixed and _kind(graph, target) == "AWS::ElasticLoadBalancingV2::TargetGroup":
            yield ["Resources", service, *path], target


def _kind(graph: Any, node: str) -> str | None:
    kind: str | None = graph.nodes[node].get("resource_type")
    return kind
