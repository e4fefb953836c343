"""Where MiniStack's CloudFormation differs from AWS's in a way that would let a wrong deploy pass."""

import asyncio
import functools
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import yaml

from blueprints.deploy.emulator import internals, stack_policy
from blueprints.deploy.emulator.resources import RefusedError

_Answer = tuple[int, dict[str, str], bytes]
_Action = Callable[[dict[str, Any]], _Answer]
_PSEUDO = re.compile(r"^AWS::(AccountId|NoValue|NotificationARNs|Partition|Region|StackId|StackName|URLSuffix)$")
# A custom resource or a wait condition may wait for another call, so the answer is not held for ever.
_LONGEST_WAIT = 20.0
_CHANGING = {"CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet", "RollbackStack", "ContinueUpdateRollback"}
_STACK_OUTPUT = "Fn::GetStackOutput"


def install() -> None:
    # MiniStack asks for capabilities only together with its IAM checks, which a local deploy does not want.
    internals.replace_action_setting("_capabilities_enforced", lambda: True)
    internals.replace_everywhere("_resolve_refs", _resolving(internals.stacks._resolve_refs))
    _read_with_libyaml()
    _understand_tags()
    for name in ("CreateStack", "UpdateStack", "CreateChangeSet"):
        internals.ACTIONS[name] = _checked(name, internals.ACTIONS[name])
    internals.ACTIONS["ExecuteChangeSet"] = _policed(internals.ACTIONS["ExecuteChangeSet"])
    handlers = internals.app.SERVICE_HANDLERS
    handlers["cloudformation"] = _settled(handlers["cloudformation"])


def _read_with_libyaml() -> None:
    """MiniStack's tags on PyYAML's parser in C: reading templates took three quarters of the emulator's time."""
    known = internals.engine.CfnLoader
    if yaml.__with_libyaml__:
        names = ("yaml_constructors", "yaml_multi_constructors", "yaml_implicit_resolvers")
        tables = {name: dict(getattr(known, name)) for name in names}
        internals.engine.CfnLoader = type("CfnLoader", (yaml.CSafeLoader,), tables)


def _understand_tags() -> None:
    for name in ("GetStackOutput", "ToJsonString", "Length", "Transform", "ForEach"):
        constructor = internals.engine._construct_cfn_tag(name if name == "Transform" else f"Fn::{name}")
        internals.engine.CfnLoader.add_constructor(f"!{name}", constructor)


def _settled(original: Callable[..., Awaitable[_Answer]]) -> Callable[..., Awaitable[_Answer]]:
    """Answer a change only once it is over: the CLI's waiter looks at once and then only every 30 seconds."""

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> _Answer:
        answer = await original(method, path, headers, body, query)
        asked = parse_qs(body.decode("utf-8", "replace")) if body else query
        if asked.get("Action", [""])[0] in _CHANGING:
            loop = asyncio.get_running_loop()
            end = loop.time() + _LONGEST_WAIT
            await asyncio.sleep(0)
            while _in_progress() and loop.time() < end:  # noqa: ASYNC110 - MiniStack sets states and no events
                await asyncio.sleep(0.005)
        return answer

    return handle


def _in_progress() -> bool:
    states = [str(stack.get("StackStatus")) for stack in internals.STACKS.values()]
    return any(state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS" for state in states)


def _checked(name: str, original: _Action) -> _Action:
    """What AWS refuses before it makes a stack or a change set."""

    @functools.wraps(original)
    def action(params: dict[str, Any]) -> _Answer:
        stack = internals.actions._resolve_stack(internals.helpers._p(params, "StackName"))
        kind = internals.helpers._p(params, "ChangeSetType", "UPDATE") if name == "CreateChangeSet" else name
        if stack and stack.get("StackStatus") == "ROLLBACK_COMPLETE":
            if kind in ("CREATE", "CreateStack"):
                return internals.error("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
            reason = f"Stack:{stack['StackId']} is in ROLLBACK_COMPLETE state and can not be updated."
            return internals.error("ValidationError", reason)
        problem = next(_template_problems(_template(params)), None)
        return internals.error("ValidationError", problem) if problem else original(params)

    return action


def _template(params: dict[str, Any]) -> Mapping[str, Any]:
    body, failed = internals.actions._resolve_template(params)
    try:
        template: Mapping[str, Any] = internals.engine._parse_template(body) if body and not failed else {}
    except Exception:  # noqa: BLE001 - an unreadable template is refused by the operation itself, in its own words
        return {}
    return template


def _template_problems(template: Mapping[str, Any]) -> Iterator[str]:
    resources = template.get("Resources") or {}
    names = {*resources, *(template.get("Parameters") or {})}
    if "Transform" not in template:
        references = {
            name
            for resource in resources.values()
            for name, _ in internals.engine._intrinsic_references(resource.get("Properties") or {})
        }
        unknown = sorted(name for name in references if name not in names and not _PSEUDO.match(name))
        if unknown:
            found = f"Unresolved resource dependencies [{', '.join(unknown)}]"
            yield f"Template format error: {found} in the Resources block of the template"
    if any(_STACK_OUTPUT in json.dumps(each) for each in _values_of("Fn::Sub", template)):
        yield f"Template error: {_STACK_OUTPUT} cannot be used inside Fn::Sub; use Fn::Join"
    for name, output in (template.get("Outputs") or {}).items():
        if isinstance(output, dict) and _STACK_OUTPUT in (output.get("Value") or ()):
            yield f"Template error: {_STACK_OUTPUT} cannot be the value of the output {name}"


def _values_of(function: str, node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == function:
                yield value
            yield from _values_of(function, value)
    elif isinstance(node, list):
        for value in node:
            yield from _values_of(function, value)


def _policed(original: _Action) -> _Action:
    """A stack policy also protects a resource from being taken out of the template."""

    @functools.wraps(original)
    def action(params: dict[str, Any]) -> _Answer:
        asked = (internals.helpers._p(params, name) for name in ("ChangeSetName", "StackName"))
        _, change_set = internals.changesets._find_change_set(*asked)
        changes = [each["ResourceChange"] for each in (change_set or {}).get("Changes", [])]
        stack = internals.STACKS.get((change_set or {}).get("StackName", "")) or {}
        try:
            for change in changes:
                if change["Action"] == "Remove":
                    stack_policy.refuse(stack, change["LogicalResourceId"], change["ResourceType"], "Update:Delete")
        except RefusedError as refused:
            return internals.error("ValidationError", str(refused))
        return original(params)

    return action


def _resolving(original: Callable[..., Any]) -> Callable[..., Any]:
    """`Fn::GetStackOutput` from other regions too; MiniStack knows it for stacks of the same region."""

    @functools.wraps(original)
    def resolve(value: Any, *context: Any) -> Any:
        if isinstance(value, dict) and set(value) == {_STACK_OUTPUT}:
            wanted = {key: resolve(item, *context) for key, item in value[_STACK_OUTPUT].items()}
            return _stack_output(wanted)
        return original(value, *context)

    return resolve


def _stack_output(wanted: Mapping[str, Any]) -> str:
    stack_name, output = str(wanted.get("StackName", "")), str(wanted.get("OutputName", ""))
    region = str(wanted.get("Region") or internals.region())
    with internals.in_region(region):
        stack = internals.STACKS.get(stack_name)
    if stack is None or stack.get("StackStatus") in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
        raise RefusedError(f"{_STACK_OUTPUT}: stack '{stack_name}' does not exist in {region}")
    values = {each["OutputKey"]: str(each["OutputValue"]) for each in stack.get("Outputs", [])}
    if output not in values:
        known = ", ".join(sorted(values)) or "none"
        reason = f"stack '{stack_name}' in {region} has no output '{output}' (it has: {known})"
        raise RefusedError(f"{_STACK_OUTPUT}: {reason}")
    return values[output]
