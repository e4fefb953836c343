from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}
TIMED = ("http", "http2", "grpc")
FALSE = (False, "false", "False")


class ServiceConnectSaysItsTimeout(CloudFormationLintRule):
    id = "W9020"
    shortdesc = "Service Connect for HTTP says how long a request may take"
    description = (
        "The proxy of Service Connect ends an HTTP, HTTP/2 or gRPC request that has no complete answer after 15 "
        "seconds, unless PerRequestTimeoutSeconds says otherwise (0 for no limit). A port without a protocol is TCP "
        "and has no such limit."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TimeoutConfiguration.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        if cfn.graph is None:
            return []
        resources = cfn.get_resources()
        return [
            RuleMatch(
                ["Resources", name, "Properties", "ServiceConnectConfiguration", "Services", index],
                f"{name} ends every request on {connected['PortName']} after 15 seconds: add Timeout: "
                f"{{PerRequestTimeoutSeconds: ...}}, longer than the slowest answer",
            )
            for name, service in cfn.get_resources(["AWS::ECS::Service"]).items()
            for index, connected in _untimed(_part(_part(service, "Properties"), "ServiceConnectConfiguration"))
            if connected["PortName"] in set(_timed_ports(resources, cfn.graph.graph, name))
        ]


def _untimed(connect: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    services = connect.get("Services")
    if connect.get("Enabled") in FALSE or not isinstance(services, list):
        return
    for index, each in enumerate(services):
        if not isinstance(each, dict) or not isinstance(each.get("PortName"), str):
            continue
        timeout = each.get("Timeout", NO_VALUE)
        is_known = timeout == NO_VALUE or (isinstance(timeout, dict) and not any("Fn::" in str(key) for key in timeout))
        if is_known and timeout.get("PerRequestTimeoutSeconds", NO_VALUE) == NO_VALUE:
            yield index, each


def _timed_ports(resources: dict[str, Any], graph: Any, service: str) -> Iterator[str]:
    """Names of the ports that have an HTTP protocol, in the task definition of this template."""
    for _, target, edge in graph.out_edges(service, data=True):
        if list(edge["source_paths"])[:2] != ["Properties", "TaskDefinition"] or "Fn::If" in edge["source_paths"]:
            continue
        containers = _part(resources.get(target), "Properties").get("ContainerDefinitions")
        for container in containers if isinstance(containers, list) else []:
            ports = container.get("PortMappings") if isinstance(container, dict) else None
            for port in ports if isinstance(ports, list) else []:
                if isinstance(port, dict) and port.get("AppProtocol") in TIMED and isinstance(port.get("Name"), str):
                    yield port["Name"]


def _part(parent: Any, key: str) -> dict[str, Any]:
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}
