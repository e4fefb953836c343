import json
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template


class SecretInEcsForm(CloudFormationLintRule):
    id = "E9013"
    shortdesc = "A container's secret is written in the form of ECS"
    description = (
        "ECS takes the ARN of a secret with ':json-key:version-stage:version-id' behind it. CloudFormation's dynamic "
        "references look alike ('{{resolve:secretsmanager:id:SecretString:json-key}}') and mean nothing to ECS; where "
        "CloudFormation resolves one, the secret itself ends up in the task definition as the name of a secret."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::ECS::TaskDefinition"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        containers = properties.get("ContainerDefinitions")
        return [
            RuleMatch(
                [*path, "ContainerDefinitions", number, "Secrets", index, "ValueFrom"],
                "this is the form of a dynamic reference, which ECS does not know: write "
                "'<secret ARN>:<json key>::' instead",
            )
            for number, container in enumerate(containers if isinstance(containers, list) else [])
            for index, secret in enumerate(_secrets(container))
            if isinstance(secret, dict) and _is_dynamic(secret.get("ValueFrom"))
        ]


def _secrets(container: Any) -> list[Any]:
    secrets = container.get("Secrets") if isinstance(container, dict) else None
    return secrets if isinstance(secrets, list) else []


def _is_dynamic(value: Any) -> bool:
    # The words are looked for in the whole value, so that Fn::Sub and Fn::Join are seen through.
    text = json.dumps(value, default=str)
    return ":SecretString" in text or "{{resolve:" in text
