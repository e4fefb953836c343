"""What MiniStack keeps but does not show: the address of a NAT gateway."""

import re

from blueprints.deploy.emulator import internals

_GATEWAY = re.compile(rb"(<natGatewayId>(nat-\w+)</natGatewayId>.*?)<natGatewayAddressSet/>", re.DOTALL)


def install() -> None:
    describe = internals.EC2_ACTIONS["DescribeNatGateways"]
    internals.EC2_ACTIONS["DescribeNatGateways"] = lambda params: _with_addresses(describe(params))


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
