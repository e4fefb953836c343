from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}
GROUPS = {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"}


class WebAclRuleHasItsAction(CloudFormationLintRule):
    id = "E9017"
    shortdesc = "A rule group in a web ACL has OverrideAction, every other rule has Action"
    description = (
        "The rules of a rule group bring their own actions, so a rule that refers to a group can only override them. A "
        "rule with a statement of its own needs an Action. AWS WAF refuses a rule with neither, with both or with the "
        "wrong one."
    )
    source_url = "https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::WAFv2::WebACL"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        rules = properties.get("Rules")
        return [
            found
            for index, rule in enumerate(rules if isinstance(rules, list) else [])
            for found in _wrong(rule, [*path, "Rules", index])
        ]


def _wrong(rule: Any, path: list[str | int]) -> Iterator[RuleMatch]:
    statement = rule.get("Statement") if isinstance(rule, dict) else None
    if not isinstance(statement, dict) or not statement or any(not str(key).endswith("Statement") for key in statement):
        return
    refers = bool(GROUPS & statement.keys())
    right, wrong = ("OverrideAction", "Action") if refers else ("Action", "OverrideAction")
    what = "refers to a rule group" if refers else "has a statement of its own"
    example = "OverrideAction: {None: {}}" if refers else "Action: {Block: {}}"
    if isinstance(given := rule.get(wrong), dict) and not _is_function(given):
        yield RuleMatch([*path, wrong], f"A rule that {what} has no {wrong}: write {example}")
    elif rule.get(right, NO_VALUE) == NO_VALUE and rule.get(wrong, NO_VALUE) == NO_VALUE:
        yield RuleMatch(path, f"A rule that {what} needs {right}: add {example}")


def _is_function(value: dict[str, Any]) -> bool:
    return len(value) == 1 and str(next(iter(value))).startswith(("Fn::", "Ref"))
