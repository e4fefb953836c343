from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

Path = list[str | int]


class SuppressionHasReason(CloudFormationLintRule):
    id = "E9014"
    shortdesc = "A suppression has a reason"
    description = (
        "Metadata of the template or of a resource names each rule that is not to be reported, with the reason: "
        "'Suppressions: [{rule: I3011, reason: holds a cache only}]'. cfn-lint's own ignore_checks has no place for a "
        "reason, so it needs an entry there too."
    )
    source_url = "https://github.com/aws-cloudformation/cfn-lint#metadata"

    def match(self, cfn: Template) -> list[RuleMatch]:
        places: list[tuple[Path, Any]] = [([], cfn.template)]
        places += [(["Resources", name], resource) for name, resource in cfn.get_resources().items()]
        return [
            found
            for path, place in places
            if isinstance(metadata := place.get("Metadata"), dict)
            for found in _unreasoned(metadata, [*path, "Metadata"])
        ]


def _unreasoned(metadata: dict[str, Any], path: Path) -> Iterator[RuleMatch]:
    entries = metadata.get("Suppressions", [])
    reasoned = set()
    for index, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        if isinstance(entry, dict) and _is_text(entry.get("rule")) and _is_text(entry.get("reason")):
            reasoned.add(entry["rule"])
        else:
            yield RuleMatch(
                [*path, "Suppressions", index],
                "a suppression is {rule: E1234, reason: why it does not hold here}, both as text",
            )
    for index, rule in enumerate(_ignored(metadata)):
        if rule not in reasoned:
            yield RuleMatch(
                [*path, "cfn-lint", "config", "ignore_checks", index],
                f"{rule} is suppressed without a reason: add {{rule: {rule}, reason: ...}} to Metadata: Suppressions",
            )


def _ignored(metadata: dict[str, Any]) -> list[Any]:
    settings: Any = metadata
    for key in ("cfn-lint", "config", "ignore_checks"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    return settings if isinstance(settings, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
