"""Write plain data as the YAML that people write CloudFormation in: block style, short intrinsic forms.

Only what a template consists of is known here: mappings with string keys, lists, strings, numbers and booleans. No
wrapping, no anchors, no comments, so that equal data always gives equal bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

# CloudFormation reads YAML 1.1, where these plain words and shapes are not strings.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "~", "="})
_PLAIN = re.compile(r"[A-Za-z/_$.](?:[\w ./+=@$%^()<>;~*?&!|{}'\"-]|:(?=[^\s])|,)*", re.ASCII)
_NUMBER_OR_DATE = re.compile(r"[-+.]?[\d_.][\d_.:eE+xXoO-]*|[-+]?\.(?:inf|nan)", re.IGNORECASE)

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}

# A tag belongs to one node, so a short form cannot hold another short form as its only argument. AWS asks for the full
# name of Fn::GetStackOutput wherever an argument is a short form, and ours always name a parameter; its documentation
# knows no short form of macros, loops and the functions that only rules have.
_FULL_NAME = (
    "Fn::Contains",
    "Fn::EachMember",
    "Fn::ForEach",
    "Fn::GetStackOutput",
    "Fn::RefAll",
    "Fn::Transform",
    "Fn::ValueOf",
)


def dump(data: Mapping[str, Any]) -> str:
    """*data* as a YAML document."""
    return "\n".join(_mapping(data, 0)) + "\n"


def _mapping(data: Mapping[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, value in data.items():
        yield from _entry(f"{pad}{_scalar(key)}:", value, depth + 1)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    """A line that starts with *head* and goes on with *value*, on the same line or in a block below it."""
    tag, content = _short_form(value)
    if tag:
        head = f"{head} {tag}"
    if isinstance(content, Mapping) and content:
        yield head
        yield from _mapping(content, depth)
    elif isinstance(content, list) and content:
        yield head
        for item in content:
            yield from _item(item, depth)
    elif isinstance(content, str) and "\n" in content and _fits_literal_block(content):
        yield from _literal_block(head, content, depth)
    else:
        yield f"{head} {_scalar(content)}"


def _item(value: Any, depth: int) -> Iterator[str]:
    """A list item; a mapping or a list in it starts on the line of its dash."""
    pad = "  " * depth
    tag, content = _short_form(value)
    if tag is None and isinstance(content, Mapping) and content:
        first, *rest = _mapping(content, depth + 1)
        yield f"{pad}- {first.lstrip()}"
        yield from rest
    elif tag is None and isinstance(content, list) and content:
        first, *rest = (line for item in content for line in _item(item, depth + 1))
        yield f"{pad}- {first.lstrip()}"
        yield from rest
    else:
        yield from _entry(f"{pad}-", value, depth + 1)


def _short_form(value: Any) -> tuple[str | None, Any]:
    """The tag and the argument of an intrinsic function, or no tag and the value itself."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None, value
    ((name, argument),) = value.items()
    if name == "Ref":
        return "!Ref", argument
    if not name.startswith("Fn::") or name.startswith(_FULL_NAME):
        return None, value
    if name == "Fn::GetAtt" and isinstance(argument, list) and all(isinstance(part, str) for part in argument):
        return "!GetAtt", ".".join(argument)
    if not isinstance(argument, str | list) and not (isinstance(argument, Mapping) and len(argument) > 1):
        return None, value
    return f"!{name.removeprefix('Fn::')}", argument


def _fits_literal_block(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    return (
        lines[0][:1] not in {"", " "}
        and lines[-1] != ""
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _literal_block(head: str, text: str, depth: int) -> Iterator[str]:
    pad = "  " * depth
    body = text.removesuffix("\n")
    yield f"{head} |{'-' if body == text else ''}"
    for line in body.split("\n"):
        yield f"{pad}{line}" if line else ""


def _scalar(value: Any) -> str:
    if value is True or value is False or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        return _string(value)
    if value in ({}, []):
        return "{}" if value == {} else "[]"
    raise TypeError(f"{value!r} has no place in a template")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise TypeError(f"{value!r} has no place in a template")
    # YAML 1.1 takes 1e+22 for a string: its numbers have a point before the exponent.
    return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))


def _string(text: str) -> str:
    if (
        _PLAIN.fullmatch(text)
        and text.lower() not in _WORDS
        and not _NUMBER_OR_DATE.fullmatch(text)
        and text[-1] != " "
    ):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    """One character in double quotes: by its number, where nobody would see it."""
    return _ESCAPES.get(character) or (character if character.isprintable() else f"\\U{ord(character):08x}")
