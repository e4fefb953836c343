"""Listener rules that ECS rewrites: where their requests go now, and where an update would send them.

A blue/green deployment of ECS sets the weights of a rule's target groups. An update that touches the rule sends the
template's actions again, and with them its weights (github.com/aws/aws-cdk issue 36649); that it does so for every
property of the rule is not documented, and taken for granted here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import yaml

from blueprints.deploy.errors import NotFoundError
from blueprints.deploy.stacks import resources
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.plan import Action, Change, StackPlan

_WORDS: Mapping[Action, str] = {
    "modify": "would be changed",
    "replace": "would be replaced",
    "conditional-replace": "might be replaced",
    "remove": "would be deleted",
}
_MAKES_ANEW = frozenset({"add", "replace", "conditional-replace"})


@dataclass(frozen=True)
class RuleTraffic:
    """Weights (0 to 999) by target group: its logical id, or its ARN where another stack has it."""

    change: Change
    live: Mapping[str, int]
    planned: Mapping[str, int]  # what the update would make of them; empty when the rule would be gone

    @property
    def moves(self) -> bool:
        """Return whether a target group would get another share of the requests."""
        return _shares(self.live) != _shares(self.planned)

    @property
    def is_shifting(self) -> bool:
        """Return whether several groups get requests, as in the middle of a deployment."""
        return len(_shares(self.live)) > 1

    @property
    def can_come_back(self) -> bool:
        """Return whether deployments, which swap the groups that a rule has, can lead to the planned weights."""
        return bool(self.planned) and _shares(self.planned).keys() <= self.live.keys()


def _shares(weights: Mapping[str, int]) -> dict[str, Fraction]:
    total = sum(weights.values())
    return {name: Fraction(weight, total) for name, weight in weights.items() if weight}


def read(cli: AwsCli, plan: StackPlan, folder: Path) -> tuple[RuleTraffic, ...]:
    """Look where the requests of each rule go that the plan touches and ECS rewrites; nothing is asked without one.

    ``folder`` is where the manifest stands, with the template beside it.
    """
    if not plan.rules_of_ecs:
        return ()
    names = _Names.of(cli, plan)
    template = _template(plan.entry.template_path(folder))
    found = []
    for change in plan.rules_of_ecs:
        live = _weights(_live_actions(cli, change), names)
        planned = live if change.action == "remove" and change.policy == "Retain" else _planned(template, change, names)
        found.append(RuleTraffic(change, live, planned))
    return tuple(found)


def refuse_shift(plan: StackPlan, traffic: Iterable[RuleTraffic], allow: Collection[str]) -> None:
    """Raise when live traffic would move that nobody has allowed to move, by the logical id of the rule."""
    refused = [rule for rule in traffic if rule.moves and rule.change.logical_id not in allow]
    if not refused:
        return
    again = "deploy the service once more, so that the live target group is the template's again, and then this; or "
    ways = again if all(rule.can_come_back for rule in refused) else ""
    options = " ".join(f"--allow-traffic-shift {rule.change.logical_id}" for rule in refused)
    raise DeployError(
        "\n".join(
            [
                f"Stack {plan.entry.stack_name} would move live traffic away from where ECS has sent it:",
                *(line for rule in refused for line in _lines(rule)),
                f"Nothing was changed. Take back what touches the rule; or {ways}let the traffic move: {options}",
            ]
        )
    )


def _lines(rule: RuleTraffic) -> list[str]:
    change = rule.change
    because = f", because of {', '.join(change.properties)}" if change.properties else ""
    shifting = " (a deployment seems to be under way: wait for its end)" if rule.is_shifting else ""
    return [
        f"  {change.logical_id} ({change.physical_id}) {_WORDS[change.action]}{because}",
        f"    live weights: {shown(rule.live)}{shifting}",
        f"    after the update: {shown(rule.planned)}",
    ]


def shown(weights: Mapping[str, int]) -> str:
    """Return the weights for a person."""
    return ", ".join(f"{name} {weight}" for name, weight in sorted(weights.items())) or "no target group"


@dataclass(frozen=True)
class _Names:
    """How target groups are called: by logical id where the stack has them already."""

    logical_ids: Mapping[str, str]  # by physical id
    anew: frozenset[str]  # logical ids of what the update makes, or makes anew
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, cli: AwsCli, plan: StackPlan) -> _Names:
        held = resources(cli, plan.stack_id)
        return cls(
            {item.physical_id: item.logical_id for item in held if item.physical_id},
            frozenset(change.logical_id for change in plan.changes if change.action in _MAKES_ANEW),
            plan.parameters,
        )

    def weighted(self, group: Mapping[str, Any]) -> tuple[str, int]:
        """Return the name and the weight of a target group as the API or a template writes it."""
        weight = str(self._given(group.get("Weight", 1)))
        return (self._name(group.get("TargetGroupArn")), int(weight)) if weight.isdigit() else (_unknown(group), 1)

    def _name(self, arn: Any) -> str:
        match self._given(arn):
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
                return f"a new {name}" if name in self.anew else name
            case str(given):
                return self.logical_ids.get(given, given)
            case other:
                return _unknown(other)

    def _given(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return self.parameters.get(name, value)
            case _:
                return value


def _unknown(value: Any) -> str:
    """Return what stands for a group that only the update itself will tell: none that is live is called so."""
    return json.dumps(value, default=str)


def _live_actions(cli: AwsCli, change: Change) -> list[dict[str, Any]]:
    try:
        rules = cli.run("elbv2", "describe-rules", "--rule-arns", change.physical_id).get("Rules", ())
    except NotFoundError:  # somebody deleted it
        return []
    return [action for rule in rules for action in rule.get("Actions", ())]


def _planned(template: Mapping[str, Any], change: Change, names: _Names) -> dict[str, int]:
    resource = template.get("Resources", {}).get(change.logical_id, {})
    return _weights(resource.get("Properties", {}).get("Actions", []), names)


def _weights(actions: Any, names: _Names) -> dict[str, int]:
    """Return the weights of what the actions forward to, as the API and templates alike write it.

    A group without a weight has 1. `TargetGroupArn` stands alone, or repeats the only group of `ForwardConfig`.
    """
    for action in actions if isinstance(actions, list) else [actions]:
        match action:
            case {"ForwardConfig": {"TargetGroups": [_, *_] as groups}}:
                return dict(names.weighted(group) for group in groups)
            case {"TargetGroupArn": _}:
                return dict([names.weighted({"TargetGroupArn": action["TargetGroupArn"]})])
            case {"Type": "forward"} | {"Fn::If": _}:
                return {_unknown(action): 1}
    return {}


def _template(path: Path) -> dict[str, Any]:
    """Return the template with the full names of functions (`Ref`, `Fn::GetAtt`) in place of short forms."""
    return dict(yaml.load(path.read_bytes(), Loader=_LongForms))  # noqa: S506 - a SafeLoader


class _LongForms(yaml.SafeLoader):
    pass


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_LongForms.add_multi_constructor("!", _long_form)
