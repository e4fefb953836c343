"""Checks a resource's properties against its registry schema, and gives them the types that the schema asks for.

CloudFormation hands a `Number` parameter to a resource as a string and turns it into a number where the schema wants
one, so a check alone would refuse what AWS takes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blueprints.deploy.emulator.schemas import ResourceSchema

_FOUND = {dict: "JSONObject", list: "JSONArray", str: "String", bool: "Boolean", int: "Integer", float: "Number"}
_EXPECTED = {"object": "JSONObject", "array": "JSONArray"}


@dataclass(frozen=True)
class Checked:
    value: Any
    problems: tuple[str, ...] = ()


def check(schema: ResourceSchema, properties: Mapping[str, Any]) -> Checked:
    """The properties with the schema's types, and what AWS would refuse about them."""
    return _visit(schema, {**schema.document, "type": "object"}, dict(properties), "#")


def _visit(schema: ResourceSchema, node: Mapping[str, Any], value: Any, path: str) -> Checked:
    node = schema.resolve(node)
    checked = _typed(schema, node, value, path)
    problems = list(checked.problems)
    for part in node.get("allOf", ()):
        checked = _visit(schema, part, checked.value, path)
        problems += checked.problems
    for keyword in ("anyOf", "oneOf"):
        if keyword in node:
            checked = _best(schema, node[keyword], checked.value, path)
            problems += checked.problems
    return Checked(checked.value, tuple(problems))


def _best(schema: ResourceSchema, branches: Sequence[Mapping[str, Any]], value: Any, path: str) -> Checked:
    """The branch that fits, or the one that fits best."""
    return min((_visit(schema, branch, value, path) for branch in branches), key=lambda each: len(each.problems))


def _typed(schema: ResourceSchema, node: Mapping[str, Any], value: Any, path: str) -> Checked:
    expected = _types(node)
    if isinstance(value, str) and expected == {"object"}:
        value = _parsed(value)
    if isinstance(value, dict | list) or (expected and expected <= {"object", "array"}):
        kind = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "scalar"
        if expected and kind not in expected:
            wanted = " or ".join(_EXPECTED.get(each, each.title()) for each in sorted(expected))
            return Checked(value, (f"{path}: expected type: {wanted}, found: {_FOUND.get(type(value), 'Null')}",))
        return _object(schema, node, value, path) if kind == "object" else _array(schema, node, value, path)
    return _scalar(node, expected, value, path)


def _types(node: Mapping[str, Any]) -> set[str]:
    declared = node.get("type", ())
    return {declared} if isinstance(declared, str) else set(declared)


def _parsed(text: str) -> Any:
    """A policy document may be written as JSON text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _object(schema: ResourceSchema, node: Mapping[str, Any], value: dict[str, Any], path: str) -> Checked:
    known = node.get("properties", {})
    closed = node.get("additionalProperties") is False and "patternProperties" not in node
    problems = [f"{path}: required key [{name}] not found" for name in node.get("required", ()) if name not in value]
    if closed and known:
        problems += [f"{path}: extraneous key [{name}] is not permitted" for name in value if name not in known]
    result = {}
    for name, item in value.items():
        checked = _visit(schema, known.get(name, {}), item, f"{path}/{name}")
        result[name] = checked.value
        problems += checked.problems
    return Checked(result, tuple(problems))


def _array(schema: ResourceSchema, node: Mapping[str, Any], value: list[Any], path: str) -> Checked:
    items = [_visit(schema, node.get("items", {}), item, f"{path}/{index}") for index, item in enumerate(value)]
    problems = tuple(problem for item in items for problem in item.problems)
    return Checked([item.value for item in items], problems)


def _scalar(node: Mapping[str, Any], expected: set[str], value: Any, path: str) -> Checked:
    converted = _converted(expected, value)
    if expected and converted is None:
        wanted = " or ".join(sorted(each.title() for each in expected))
        return Checked(value, (f"{path}: expected type: {wanted}, found: {_FOUND.get(type(value), 'Null')}",))
    value = value if converted is None else converted
    allowed = [str(each) for each in node.get("enum", ())]
    folded = [str(each).lower() for each in node.get("enumCaseInsensitive", ())]
    if (allowed and str(value) not in allowed) or (folded and str(value).lower() not in folded):
        return Checked(value, (f"{path}: {value} is not a valid enum value, allowed: {', '.join(allowed or folded)}",))
    return Checked(value)


def _boolean(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower())


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _integer(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _string(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else str(value)


_CONVERSIONS: Mapping[str, tuple[type | tuple[type, ...], Callable[[Any], Any]]] = {
    "boolean": (bool, _boolean),
    "integer": (int, _integer),
    "number": ((int, float), _number),
    "string": (str, _string),
}


def _converted(expected: set[str], value: Any) -> Any:
    """The value as it is when its type is allowed, else converted to the first type that takes it."""
    conversions = [(name, *_CONVERSIONS[name]) for name in _CONVERSIONS if name in expected]
    for name, python, _ in conversions:
        if isinstance(value, python) and (name == "boolean" or not isinstance(value, bool)):
            return value
    return next((found for _, _, convert in conversions if (found := convert(value)) is not None), None)
