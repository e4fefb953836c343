from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}
TRUE = (True, "true", "True")


class RollingServiceRollsBack(CloudFormationLintRule):
    id = "E9005"
    shortdesc = "A rolling ECS service has a circuit breaker with rollback"
    description = (
        "Without a circuit breaker ECS starts a broken task again and again, and the stack waits for hours before it "
        "fails. With one, and with rollback, the old version comes back after a few failed tasks."
    )
    source_url = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::ECS::Service"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        deployment = _value(properties, "DeploymentConfiguration")
        if not _is_rolling(_value(properties, "DeploymentController"), deployment):
            return []
        breaker = _value(deployment, "DeploymentCircuitBreaker")
        if all(_may_be_true(_value(breaker, key)) for key in ("Enable", "Rollback")):
            return []
        return [
            RuleMatch(
                path,
                f"{path[1]} would start a broken version for hours: add DeploymentConfiguration: "
                f"{{DeploymentCircuitBreaker: {{Enable: true, Rollback: true}}}}",
            )
        ]


def _value(parent: Any, key: str) -> Any:
    """None where it is not set, and the function itself where a function decides."""
    if not isinstance(parent, dict) or _is_function(parent):
        return parent
    value = parent.get(key)
    return None if value == NO_VALUE else value


def _is_rolling(controller: Any, deployment: Any) -> bool:
    strategy = _value(deployment, "Strategy")
    return _value(controller, "Type") in (None, "ECS") and (strategy in (None, "ROLLING") or _is_function(strategy))


def _may_be_true(value: Any) -> bool:
    return value in TRUE or _is_function(value)


def _is_function(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith(("Fn::", "Ref"))
