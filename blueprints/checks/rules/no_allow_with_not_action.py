from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template


class NoAllowWithNotAction(CloudFormationLintRule):
    id = "E9008"
    shortdesc = "No policy allows everything except a few actions"
    description = (
        "Allow with NotAction grants every action of every service that is not listed, those included that AWS adds "
        "next year. NotAction is meant for Deny."
    )
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        return [
            RuleMatch(
                [*path, "NotAction"],
                "Allow with NotAction grants every other action there is and will be: list the actions under Action",
            )
            for path in _allowed_by_exception(cfn.template.get("Resources"), ["Resources"])
        ]


def _allowed_by_exception(value: Any, path: list[str | int]) -> Iterator[list[str | int]]:
    if isinstance(value, dict):
        if value.get("Effect") == "Allow" and "NotAction" in value:
            yield path
        for key, child in value.items():
            yield from _allowed_by_exception(child, [*path, key])
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _allowed_by_exception(child, [*path, index])
