from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}


class SecretsNeedExecutionRole(CloudFormationLintRule):
    id = "E9007"
    shortdesc = "A task definition with secrets has an execution role"
    description = (
        "ECS reads the secrets of a container before it starts, with the execution role. The task role, which the "
        "container itself uses, does not count."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::ECS::TaskDefinition"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        if properties.get("ExecutionRoleArn", NO_VALUE) != NO_VALUE:
            return []
        containers = properties.get("ContainerDefinitions")
        return [
            RuleMatch(
                [*path, "ContainerDefinitions", index, "Secrets"],
                f"{path[1]} has secrets and no ExecutionRoleArn, so its tasks cannot start: add a role that may read "
                f"them",
            )
            for index, container in enumerate(containers if isinstance(containers, list) else [])
            if isinstance(container, dict) and isinstance(secrets := container.get("Secrets"), list) and secrets
        ]
