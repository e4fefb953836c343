"""Route 53 health checks: MiniStack reads no region and no child of a check, and writes `True` where XML has `true`."""

from collections.abc import Callable, Mapping
from typing import Any

from blueprints.deploy.emulator import internals

_LISTS = {"Regions": "Region", "ChildHealthChecks": "ChildHealthCheck"}


def install() -> None:
    route53 = internals.route53
    route53._parse_health_check_config = _whole(route53._parse_health_check_config)
    write = route53._build_health_check_el
    route53._build_health_check_el = lambda parent, check: write(parent, {**check, "config": _xml(check["config"])})


def _whole(original: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    def parse(element: Any) -> dict[str, Any]:
        listed = {name: internals.route53._find(element, name) for name in _LISTS}
        texts = {
            name: [each.text or "" for each in internals.route53._findall(found, _LISTS[name])]
            for name, found in listed.items()
            if found is not None
        }
        return {**original(element), **texts}

    return parse


def _xml(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in config.items()}
