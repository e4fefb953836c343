"""Prefix lists in rules of security groups, which MiniStack shows but does not read from a request."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from blueprints.deploy.emulator import internals

_Parse = Callable[[Mapping[str, Any], str], list[dict[str, Any]]]


def install() -> None:
    internals.ec2._parse_ip_permissions = _whole(internals.ec2._parse_ip_permissions)


def _whole(original: _Parse) -> _Parse:
    @functools.wraps(original)
    def parse(params: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
        rules = original(params, prefix)
        for position, rule in enumerate(rules, start=1):
            rule["PrefixListIds"] += _lists(params, f"{prefix}.{position}.PrefixListIds")
        return rules

    return parse


def _lists(params: Mapping[str, Any], prefix: str) -> Iterator[dict[str, str]]:
    number = 1
    while name := _one(params, f"{prefix}.{number}.PrefixListId"):
        description = _one(params, f"{prefix}.{number}.Description")
        yield {"PrefixListId": name} | ({"Description": description} if description else {})
        number += 1


def _one(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)
