"""All of an action of a load balancer: MiniStack keeps one group of a weighted forward, and no sign-in by Cognito."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import RefusedError

_KEPT = ("ForwardConfig", "AuthenticateCognitoConfig", "AuthenticateOidcConfig")
_MEMBER = re.compile(r"\.member\.(\d+)")


def install() -> None:
    provisioners, alb = internals.provisioners, internals.alb
    provisioners._elbv2_listener_actions = _of_templates(provisioners._elbv2_listener_actions)
    alb._parse_actions = _of_requests(alb._parse_actions)
    alb._action_xml = lambda action: f"<member>{_xml(_shown(action))}</member>"
    internals.ALB_ACTIONS["DescribeTargetGroups"] = _with_balancers(internals.ALB_ACTIONS["DescribeTargetGroups"])


def _of_templates(original: Any) -> Any:
    @functools.wraps(original)
    def actions(props: dict[str, Any], lb_arn: str | None, prop: str = "DefaultActions") -> list[dict[str, Any]]:
        return _completed(original(props, lb_arn, prop), props.get(prop) or [])

    return actions


def _of_requests(original: Any) -> Any:
    @functools.wraps(original)
    def actions(params: Mapping[str, Any], prefix: str = "DefaultActions") -> list[dict[str, Any]]:
        return _completed(original(params, prefix), _structured(params, prefix))

    return actions


def _structured(params: Mapping[str, Any], prefix: str) -> Sequence[dict[str, Any]]:
    """A list of the query protocol: `Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight=10`."""
    tree: dict[str, Any] = {}
    for name, value in params.items():
        if name.startswith(f"{prefix}.member."):
            *path, last = _MEMBER.sub(r".\1", name.removeprefix(prefix)).strip(".").split(".")
            node = tree
            for part in path:
                node = node.setdefault(part, {})
            node[last] = value[0] if isinstance(value, list) else value
    listed: Sequence[dict[str, Any]] = _listed(tree) if tree else []
    return listed


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if all(name.isdigit() for name in node):
        return [_listed(node[name]) for name in sorted(node, key=int)]
    return {name: _listed(item) for name, item in node.items()}


def _completed(actions: list[dict[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    for action, asked in zip(actions, wanted, strict=True):
        action |= {name: asked[name] for name in _KEPT if name in asked}
        if action["Type"] == "forward":
            groups = [{"Weight": 1, **each} for each in action.get("ForwardConfig", {}).get("TargetGroups", [])]
            if not groups and "TargetGroupArn" not in action:
                raise RefusedError("A forward action needs a target group")
            groups = groups or [{"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}]
            action["ForwardConfig"] = {**action.get("ForwardConfig", {}), "TargetGroups": groups}
            # A request that MiniStack itself answers goes to one group: the one that gets most.
            action["TargetGroupArn"] = max(groups, key=lambda each: int(each["Weight"]))["TargetGroupArn"]
    return actions


def _shown(action: Mapping[str, Any]) -> Mapping[str, Any]:
    """With several target groups, an action's own `TargetGroupArn` is not answered."""
    if len(action.get("ForwardConfig", {}).get("TargetGroups", [])) < 2:  # noqa: PLR2004 - several
        return action
    return {name: value for name, value in action.items() if name != "TargetGroupArn"}


def _with_balancers(original: Any) -> Any:
    @functools.wraps(original)
    def describe(params: Mapping[str, Any]) -> Any:
        for arn, group in internals.TARGET_GROUPS.items():
            group["LoadBalancerArns"] = balancers(arn)
        return original(params)

    return describe


def balancers(group: str) -> list[str]:
    """Whose listeners or rules forward to the target group, with whatever weight."""
    of_listener = {arn: listener["LoadBalancerArn"] for arn, listener in internals.LISTENERS.items()}
    forwarding = {arn for arn, listener in internals.LISTENERS.items() if group in _groups(listener["DefaultActions"])}
    forwarding |= {rule["ListenerArn"] for rule in internals.RULES.values() if group in _groups(rule["Actions"])}
    return sorted({of_listener[arn] for arn in forwarding if arn in of_listener})


def _groups(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        yield from (each["TargetGroupArn"] for each in action.get("ForwardConfig", {}).get("TargetGroups", []))


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        # The secret of an OIDC client is never shown.
        return "".join(f"<{name}>{_xml(item)}</{name}>" for name, item in value.items() if name != "ClientSecret")
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
