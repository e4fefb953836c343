from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}


class OneWayToLaunch(CloudFormationLintRule):
    id = "E9012"
    shortdesc = "A service has a launch type or a capacity provider strategy"
    description = (
        "ECS refuses a service that names a launch type and a capacity provider strategy: it takes one of them."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::ECS::Service"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        launch_type = properties.get("LaunchType", NO_VALUE)
        strategy = properties.get("CapacityProviderStrategy")
        if launch_type == NO_VALUE or (isinstance(launch_type, dict) and "Fn::If" in launch_type):
            return []
        if not isinstance(strategy, list) or all(isinstance(item, dict) and "Fn::If" in item for item in strategy):
            return []
        return [
            RuleMatch(
                [*path, "LaunchType"],
                f"{path[1]} names a launch type beside its capacity providers, and ECS takes only one: leave out "
                f"LaunchType",
            )
        ]
