"""What MiniStack keeps but does not show: the address of a NAT gateway, and all of a listener's action."""

import functools
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from blueprints.deploy.emulator import internals

_KEPT = ("ForwardConfig", "AuthenticateCognitoConfig", "AuthenticateOidcConfig")
_GATEWAY = re.compile(rb"(<natGatewayId>(nat-\w+)</natGatewayId>.*?)<natGatewayAddressSet/>", re.DOTALL)


def install() -> None:
    provisioners = internals.provisioners
    provisioners._elbv2_listener_actions = _whole(provisioners._elbv2_listener_actions)
    internals.alb._action_xml = lambda action: f"<member>{_xml(action)}</member>"
    describe = internals.EC2_ACTIONS["DescribeNatGateways"]
    internals.EC2_ACTIONS["DescribeNatGateways"] = lambda params: _with_addresses(describe(params))


def _whole(original: Any) -> Any:
    """Weighted forwards and sign-in belong to an action as well."""

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


def _with_addresses(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    status, headers, body = answer
    return status, headers, _GATEWAY.sub(_address, body)


def _address(found: re.Match[bytes]) -> bytes:
    allocation = internals.NAT_GATEWAYS[found[2].decode()].get("AllocationId")
    address = internals.ADDRESSES.get(allocation or "")
    if address is None:
        return found[0]
    shown = f"<item><allocationId>{allocation}</allocationId><publicIp>{address['PublicIp']}</publicIp></item>"
    return found[1] + f"<natGatewayAddressSet>{shown}</natGatewayAddressSet>".encode()
