from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}


class ScaledServiceWithoutCount(CloudFormationLintRule):
    id = "E9003"
    shortdesc = "An ECS service that is scaled automatically does not set DesiredCount"
    description = (
        "Every update of a service that sets DesiredCount puts the number of tasks back to it, whatever load the "
        "scaling has answered. Without it a new service starts with one task and an update leaves the number alone."
    )
    source_url = "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/187"

    def match(self, cfn: Template) -> list[RuleMatch]:
        if cfn.graph is None:
            return []
        graph = cfn.graph.graph
        services = cfn.get_resources(["AWS::ECS::Service"])
        return [
            RuleMatch(
                ["Resources", service, "Properties", "DesiredCount"],
                f"{service} is scaled by {target}, and each deployment would put its tasks back to DesiredCount: "
                f"leave it out, and let MinCapacity say how many there are at least",
            )
            for target in cfn.get_resources(["AWS::ApplicationAutoScaling::ScalableTarget"])
            for service in sorted(set(graph.successors(target)) & set(services))
            if _sets_count(services[service].get("Properties"))
        ]


def _sets_count(properties: object) -> bool:
    count = properties.get("DesiredCount", NO_VALUE) if isinstance(properties, dict) else NO_VALUE
    return count != NO_VALUE and not (isinstance(count, dict) and "Fn::If" in count)
