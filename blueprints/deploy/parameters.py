"""Parameter values against the manifest: known, given and allowed, before anything is changed."""

from __future__ import annotations

import difflib
import itertools
import re
from typing import TYPE_CHECKING

from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from blueprints.deploy.stacks import StackState
    from blueprints.render.manifest import Manifest, ParameterEntry, StackEntry


def check_names(manifest: Manifest, given: Iterable[str]) -> None:
    """Refuse names that no stack of the manifest has; one of a stack that is not deployed now is fine."""
    known = sorted({parameter.name for entry in manifest.stacks for parameter in entry.parameters})
    unknown = [name for name in given if name not in known]
    if not unknown:
        return
    lines = []
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=3)
        lines.append(f"  {name}" + (f" (did you mean {' or '.join(close)}?)" if close else ""))
    raise DeployError(
        "\n".join(
            [
                f"{manifest.architecture}/{manifest.environment} has no such parameter:",
                *lines,
                f"Known are: {', '.join(known) or 'none, its stacks take no parameters'}",
            ]
        )
    )


def check_given(
    entries: Sequence[StackEntry], given: Mapping[str, str], states: Mapping[str, StackState | None]
) -> None:
    """Refuse to start while a required parameter of any selected stack is missing, all of them in one message."""
    missing = [
        (entry, parameter)
        for entry in entries
        for parameter in entry.parameters
        if parameter.required and parameter.name not in given and not _has_previous(states[entry.name], parameter.name)
    ]
    if not missing:
        return
    lines = [
        f"  --parameter {parameter.name}={_example(parameter)}   (stack {entry.name}: "
        f"{parameter.description or parameter.type})"
        for entry, parameter in missing
    ]
    hint = what_comes_before(entries, {entry.name for entry, _ in missing})
    raise DeployError("\n".join(["These parameters have no default and no value yet:", *lines, *hint]))


def what_comes_before(entries: Sequence[StackEntry], short: Collection[str]) -> list[str]:
    """Return the command for the stacks before the first that lacks something, as a line; no line when it is first."""
    ready = [entry.name for entry in itertools.takewhile(lambda entry: entry.name not in short, entries)]
    options = " ".join(f"--only {name}" for name in ready)
    return [f"Without them, {options} deploys what comes before"] if ready else []


def _has_previous(state: StackState | None, name: str) -> bool:
    return state is not None and state.exists and name in state.parameters


def _example(parameter: ParameterEntry) -> str:
    if parameter.allowed_values:
        return parameter.allowed_values[0]
    return "1" if parameter.type == "Number" else "VALUE"


def check_values(entries: Iterable[StackEntry], given: Mapping[str, str]) -> None:
    """Refuse values that CloudFormation would refuse later, all of them in one message."""
    lines = [
        f"  {parameter.name}={_shown(parameter, given[parameter.name])}: {problem}"
        + (f" ({parameter.constraint_description})" if parameter.constraint_description else "")
        for parameter in _distinct(entries)
        if parameter.name in given
        for problem in _problems(parameter, given[parameter.name])
    ]
    if lines:
        raise DeployError("\n".join(["These parameter values are not allowed:", *lines]))


def _distinct(entries: Iterable[StackEntry]) -> list[ParameterEntry]:
    return list({parameter.name: parameter for entry in entries for parameter in entry.parameters}.values())


def _shown(parameter: ParameterEntry, value: str) -> str:
    return "****" if parameter.no_echo else repr(value)


def _problems(parameter: ParameterEntry, value: str) -> list[str]:
    checks: tuple[Callable[[ParameterEntry, str], str | None], ...] = (_allowed, _pattern, _length, _number, _form)
    return [problem for check in checks if (problem := check(parameter, value))]


def _allowed(parameter: ParameterEntry, value: str) -> str | None:
    values = value.split(",") if _is_list(parameter) else [value]
    allowed = parameter.allowed_values
    if not allowed or all(item.strip() in allowed for item in values):
        return None
    return f"allowed are {', '.join(allowed)}"


def _pattern(parameter: ParameterEntry, value: str) -> str | None:
    if parameter.pattern is None or parameter.type != "String":
        return None
    try:
        matches = re.fullmatch(parameter.pattern, value)
    except re.error:
        # AllowedPattern is a Java regular expression: what Python cannot read is left to CloudFormation.
        return None
    return None if matches else f"must match {parameter.pattern}"


def _length(parameter: ParameterEntry, value: str) -> str | None:
    low, high = parameter.min_length, parameter.max_length
    if low is not None and len(value) < low:
        return f"has {len(value)} characters, at least {low} are needed"
    if high is not None and len(value) > high:
        return f"has {len(value)} characters, at most {high} are allowed"
    return None


def _number(parameter: ParameterEntry, value: str) -> str | None:
    if parameter.type != "Number":
        return None
    try:
        number = float(value)
    except ValueError:
        return "must be a number"
    if parameter.min_value is not None and number < parameter.min_value:
        return f"must be at least {parameter.min_value}"
    if parameter.max_value is not None and number > parameter.max_value:
        return f"must be at most {parameter.max_value}"
    return None


def _form(parameter: ParameterEntry, value: str) -> str | None:
    """An AWS-specific type has a form; whether the thing exists only AWS knows."""
    prefix = _PREFIXES.get(parameter.type.removeprefix("List<").removesuffix(">"))
    if prefix is None:
        return None
    values = value.split(",") if _is_list(parameter) else [value]
    return None if all(item.strip().startswith(prefix) for item in values) else f"must begin with {prefix}"


def _is_list(parameter: ParameterEntry) -> bool:
    return parameter.type == "CommaDelimitedList" or parameter.type.startswith("List<")


_PREFIXES = {
    "AWS::EC2::VPC::Id": "vpc-",
    "AWS::EC2::Subnet::Id": "subnet-",
    "AWS::EC2::SecurityGroup::Id": "sg-",
    "AWS::EC2::Image::Id": "ami-",
    "AWS::EC2::Instance::Id": "i-",
    "AWS::EC2::Volume::Id": "vol-",
}
