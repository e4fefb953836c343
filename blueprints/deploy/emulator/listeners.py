"""Listener actions as the load balancer's API shows them: weighted forwards and sign-in are lost in MiniStack's handler."""

import functools
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from blueprints.deploy.emulator import internals

_KEPT = ("ForwardConfig", "AuthenticateCognitoConfig", "AuthenticateOidcConfig")


def install() -> None:
    provisioners = internals.provisioners
    internals.provisioners._elbv2_listener_actions = _complete(provisioners._elbv2_listener_actions)
    internals.alb._action_xml = lambda action: f"<member>{_xml(action)}</member>"


def _complete(original: Any) -> Any:
    @functools.wraps(original)
    def actions(props: dict[str, Any], lb_arn: str | None, prop: str = "DefaultActions") -> list[dict[str, Any]]:
        kept = original(props, lb_arn, prop)
        for action, wanted in zip(kept, props.get(prop) or [], strict=True):
            action |= {name: wanted[name] for name in _KEPT if name in wanted}
        return list(kept)

    return actions


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        # The secret of an OIDC client is never shown.
        return "".join(f"<{name}>{_xml(item)}</{name}>" for name, item in value.items() if name != "ClientSecret")
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
