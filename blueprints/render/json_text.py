"""JSON for people: what fits on a line stands on one."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 120
INDENT = 2


def to_text(value: Any) -> str:
    """*value* as JSON, with an object or array on one line where it fits, and a member a line where it does not."""
    return _text(value, 0, 0) + "\n"


def _text(value: Any, depth: int, before: int) -> str:
    """The text of *value* at this depth, with *before* characters already on its line."""
    flat = _flat(value, WIDTH - depth * INDENT - before)
    if flat is not None:
        return flat
    inner, outer = " " * INDENT * (depth + 1), " " * INDENT * depth
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"{inner}{_text(item, depth + 1, 0)}" for item in value) + f"\n{outer}]"
    members = []
    for name, item in value.items():
        key = f"{json.dumps(name)}: "
        members.append(f"{inner}{key}{_text(item, depth + 1, len(key))}")
    return "{\n" + ",\n".join(members) + f"\n{outer}}}"


def _flat(value: Any, room: int) -> str | None:
    """The text of *value* on one line, or None where it is longer than the room for it and can be broken."""
    if not (value and isinstance(value, dict | list)):
        return json.dumps(value)
    keys = [f"{json.dumps(name)}: " for name in value] if isinstance(value, dict) else [""] * len(value)
    parts: list[str] = []
    left = room - 2
    for key, item in zip(keys, value.values() if isinstance(value, dict) else value, strict=True):
        left -= len(key) + (2 if parts else 0)
        flat = _flat(item, left)
        if flat is None or len(flat) > left:
            return None
        left -= len(flat)
        parts.append(key + flat)
    text = ", ".join(parts)
    return f"{{{text}}}" if isinstance(value, dict) else f"[{text}]"
