"""Enforces a stack policy while a stack is updated; MiniStack only keeps the document."""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import RefusedError, Wanted


def enforce(wanted: Wanted, action: str) -> None:
    """Refuse the action on the resource as AWS does; a rollback is never refused."""
    stack = internals.STACKS.get(wanted.stack_name) or {}
    if stack.get("StackStatus") == "UPDATE_IN_PROGRESS":
        refuse(stack, wanted.logical_id, wanted.type, action)


def refuse(stack: Mapping[str, Any], logical_id: str, resource_type: str, action: str) -> None:
    document = stack.get("_stack_policy")
    if not document:
        return
    statements = _listed(json.loads(document).get("Statement", []))
    matching = [each for each in enumerate(statements, 1) if _matches(each[1], logical_id, resource_type, action)]
    denials = [number for number, each in matching if each.get("Effect") == "Deny"]
    denied = f"does not allow [{action}] for resource [LogicalResourceId/{logical_id}]"
    if denials:
        raise RefusedError(f"Action denied by stack policy: Statement [#{denials[0]}] {denied}")
    # With a policy in place everything is protected that no statement allows.
    if not matching:
        raise RefusedError(f"Action denied by stack policy: no statement allows [{action}] for [{logical_id}]")


def _matches(statement: Mapping[str, Any], logical_id: str, resource_type: str, action: str) -> bool:
    resource = f"LogicalResourceId/{logical_id}"
    return (
        _named(statement, "Action", action)
        and _named(statement, "Resource", resource)
        and _meets(statement.get("Condition", {}), resource_type)
    )


def _named(statement: Mapping[str, Any], key: str, value: str) -> bool:
    if f"Not{key}" in statement:
        return not _any(statement[f"Not{key}"], value)
    return _any(statement.get(key, "*"), value)


def _meets(condition: Mapping[str, Mapping[str, Any]], resource_type: str) -> bool:
    wanted = [types for test in condition.values() for name, types in test.items() if name == "ResourceType"]
    return all(_any(types, resource_type) for types in wanted)


def _any(patterns: Any, value: str) -> bool:
    return any(fnmatchcase(value, str(pattern)) for pattern in _listed(patterns))


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
