import re
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

EXACT = re.compile(r"^(?:For(?:Any|All)Values?:)?String(?:Not)?Equals(?:IgnoreCase)?(?:IfExists)?$")
# A policy variable, and "${*}" and "${?}" for the characters themselves.
VARIABLE = re.compile(r"\$\{[^}]*\}")

Path = list[str | int]


class ExactValuesHaveNoWildcard(CloudFormationLintRule):
    id = "E9015"
    shortdesc = "A condition that compares exactly has no wildcard in its value"
    description = (
        "StringEquals and its kin compare character by character: a * or a ? in the value stands for itself, so the "
        "condition never holds, and the statement allows or denies nothing. Only StringLike and the operators for ARNs "
        "know wildcards."
    )
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        return [
            RuleMatch(
                path,
                f"{operator} takes {value!r} literally, wildcard and all: write the exact "
                f"value, or {operator.replace('EqualsIgnoreCase', 'Equals').replace('Equals', 'Like')}",
            )
            for condition, place in _conditions(cfn.template.get("Resources"), ["Resources"])
            for operator, path, value in _compared(condition, place)
            if any(character in VARIABLE.sub("", value) for character in "*?")
        ]


def _conditions(value: Any, path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    if isinstance(value, dict):
        if value.get("Effect") in ("Allow", "Deny") and isinstance(value.get("Condition"), dict):
            yield value["Condition"], [*path, "Condition"]
        for key, child in value.items():
            yield from _conditions(child, [*path, key])
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _conditions(child, [*path, index])


def _compared(condition: dict[Any, Any], path: Path) -> Iterator[tuple[str, Path, str]]:
    for operator, tests in condition.items():
        if isinstance(operator, str) and EXACT.match(operator) and isinstance(tests, dict):
            for key, value in tests.items():
                for place, text in _texts(value, [*path, operator, key]):
                    yield operator, place, text


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts that a value is, or is put together from."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, [*path, index])
    elif isinstance(value, dict) and len(value) == 1:
        [(function, given)] = value.items()
        if function == "Fn::Sub":
            yield from _texts(given[0] if isinstance(given, list) and given else given, [*path, function])
        elif function in ("Fn::Join", "Fn::If") and isinstance(given, list):
            # Before the parts stands the separator, or the name of the condition.
            for index, item in enumerate(given[1:], 1):
                yield from _texts(item, [*path, function, index])
