"""A stack as text: JSON and YAML with the same data, in an order of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blueprints.model.errors import TemplateError
from blueprints.model.stack import Stack
from blueprints.render import yaml
from blueprints.render.json_text import to_text

SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
)

# What a resource is comes first, why it is there second, how it is set up last.
ATTRIBUTES = (
    "Type",
    "Metadata",
    "Condition",
    "DependsOn",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Properties",
)

PARAMETER = (
    "Type",
    "Description",
    "Default",
    "AllowedValues",
    "AllowedPattern",
    "MinValue",
    "MaxValue",
    "ConstraintDescription",
)


def to_json(stack: Stack) -> str:
    """The template as JSON, indented by two; what fits on a line stands on one."""
    return to_text(to_dict(stack))


def to_yaml(stack: Stack) -> str:
    """The template as YAML with short intrinsic forms."""
    return yaml.dump(to_dict(stack))


def to_dict(stack: Stack) -> dict[str, Any]:
    """The template as plain data in the order that it is written.

    Raises:
        TemplateError: a resource lacks a required property or a property has a value that troposphere refuses.

    """
    try:
        template = stack.to_dict()
    except (TypeError, ValueError) as error:
        raise TemplateError(f"{stack.name}: {error}") from error
    if stack.parameters:
        template.setdefault("Metadata", {})["AWS::CloudFormation::Interface"] = _console_form(stack)
    template["Resources"] = {key: _resource(value) for key, value in template["Resources"].items()}
    if "Parameters" in template:
        template["Parameters"] = {key: _ordered(value, PARAMETER) for key, value in template["Parameters"].items()}
    return _ordered(template, SECTIONS)


def _resource(resource: dict[str, Any]) -> dict[str, Any]:
    """What the resource is and why, then its properties; tags, which say nothing about it, last."""
    properties = resource.get("Properties", {})
    if "Tags" in properties:
        properties["Tags"] = properties.pop("Tags")
    return _ordered(resource, ATTRIBUTES)


def _ordered(data: Mapping[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    known = {name: data[name] for name in first if name in data}
    return known | {name: value for name, value in data.items() if name not in known}


def _console_form(stack: Stack) -> dict[str, Any]:
    """Parameters by group and label, as the CloudFormation console asks for them."""
    groups: dict[str, list[str]] = {}
    labels: dict[str, Any] = {}
    for title, parameter in stack.parameters.items():
        groups.setdefault(getattr(parameter, "group", "Further parameters"), []).append(title)
        labels[title] = {"default": getattr(parameter, "label", title)}
    return {
        "ParameterGroups": [{"Label": {"default": name}, "Parameters": titles} for name, titles in groups.items()],
        "ParameterLabels": labels,
    }
