"""What an architecture renders, asked in CloudFormation's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from blueprints import catalog
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict


@dataclass(frozen=True)
class Rendered:
    """All stacks of an architecture in an environment, taken together."""

    stacks: tuple[Stack, ...]
    templates: Mapping[str, dict[str, Any]]

    def resources(self, type_: str) -> dict[str, dict[str, Any]]:
        """Logical ids and whole resources of a type, over all stacks."""
        return {
            logical_id: resource
            for template in self.templates.values()
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == type_
        }

    def all(self, type_: str) -> list[dict[str, Any]]:
        """The properties of every resource of a type."""
        return [resource.get("Properties", {}) for resource in self.resources(type_).values()]

    def one(self, type_: str) -> dict[str, Any]:
        """The properties of the only resource of a type."""
        (properties,) = self.all(type_)
        return properties

    def container(self) -> dict[str, Any]:
        """The only container of the only task."""
        (container,) = self.one("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
        return container

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role, with the role's logical id."""
        for logical_id, role in self.resources("AWS::IAM::Role").items():
            for policy in role["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield logical_id, statement

    def statement(self, sid: str) -> dict[str, Any]:
        """The only statement with this Sid."""
        (statement,) = [one for _, one in self.statements() if one["Sid"] == sid]
        return statement


@cache
def _render(architecture: str, given: tuple[tuple[str, Any], ...]) -> Rendered:
    blueprint = catalog.load(architecture)
    stacks = tuple(blueprint.build(blueprint.Settings(**dict(given))))
    return Rendered(stacks, {stack.name: to_dict(stack) for stack in stacks})


def render(architecture: str, environment: str, **settings: Any) -> Rendered:
    """Render an architecture; the same question is answered once."""
    return _render(architecture, tuple({"environment": environment, **settings}.items()))


def text(value: Any) -> str:
    """A value with its intrinsic functions as one string, to look for names in."""
    if isinstance(value, dict):
        return " ".join(f"{key} {text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(text(item) for item in value)
    return str(value)


def values(pairs: list[dict[str, Any]], key: str = "Name", value: str = "Value") -> dict[str, Any]:
    """CloudFormation's lists of names and values as a mapping."""
    return {pair[key]: pair[value] for pair in pairs}
