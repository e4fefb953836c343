from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

STRATEGIES = ("BLUE_GREEN", "LINEAR", "CANARY")
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"


class BlueGreenIsComplete(CloudFormationLintRule):
    id = "E9016"
    shortdesc = "A blue/green service has a rule, and two target groups with a load balancer"
    description = (
        "ECS moves traffic between two target groups by rewriting a listener rule. Of an Application Load Balancer it "
        "takes the rule and not the listener, and it refuses a target group that no load balancer forwards to."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AdvancedConfiguration.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        if cfn.graph is None:
            return []
        graph = cfn.graph.graph
        found: list[RuleMatch] = []
        for name, resource in cfn.get_resources(["AWS::ECS::Service"]).items():
            deployment = _part(_part(resource, "Properties"), "DeploymentConfiguration")
            if deployment.get("Strategy") in STRATEGIES:
                found += _listeners(cfn.get_resources(), graph, name)
                found += _unserved(graph, name)
        return found


def _listeners(resources: dict[str, Any], graph: Any, service: str) -> Iterator[RuleMatch]:
    for target, path in _referred(graph, service):
        properties = _part(resources.get(target), "Properties")
        # A Network Load Balancer has no rules, and there the listener is right.
        is_web = properties.get("Protocol") in ("HTTP", "HTTPS")
        if path[-1].endswith("ListenerRule") and _kind(graph, target) == LISTENER and is_web:
            yield RuleMatch(
                ["Resources", service, *path],
                f"{target} is a listener, and ECS takes a rule here: make an AWS::ElasticLoadBalancingV2::ListenerRule "
                f"that forwards to both target groups, and name that",
            )


def _unserved(graph: Any, service: str) -> Iterator[RuleMatch]:
    """Target groups of this template that nothing forwards to, when the rule is in this template too."""
    referred = list(_referred(graph, service))
    if not any(path[-1] == "ProductionListenerRule" and _kind(graph, target) == RULE for target, path in referred):
        return
    for target, path in referred:
        is_group = path[-1] in ("TargetGroupArn", "AlternateTargetGroupArn") and _kind(graph, target) == TARGET_GROUP
        if is_group and not any(_kind(graph, node) in (LISTENER, RULE) for node in graph.predecessors(target)):
            yield RuleMatch(
                ["Resources", service, *path],
                f"No listener and no rule forwards to {target}, and ECS refuses it: let the production rule's "
                f"ForwardConfig name both target groups, this one with Weight: 0",
            )


def _referred(graph: Any, service: str) -> Iterator[tuple[str, list[Any]]]:
    for _, target, edge in graph.out_edges(service, data=True):
        path = list(edge["source_paths"])
        if path[:2] == ["Properties", "LoadBalancers"] and "Fn::If" not in path and isinstance(path[-1], str):
            yield target, path


def _kind(graph: Any, node: str) -> str | None:
    kind: str | None = graph.nodes[node].get("resource_type")
    return kind


def _part(parent: Any, key: str) -> dict[str, Any]:
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}
