"""What is kept in MiniStack's records but not shown: a NAT gateway's address, IPv6 blocks, a function's retries."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from blueprints.deploy.emulator import internals

_Show = Callable[..., str]
_GATEWAY = re.compile(rb"(<natGatewayId>(nat-\w+)</natGatewayId>.*?)<natGatewayAddressSet/>", re.DOTALL)


def install() -> None:
    describe = internals.EC2_ACTIONS["DescribeNatGateways"]
    internals.EC2_ACTIONS["DescribeNatGateways"] = lambda params: _with_addresses(describe(params))
    ec2 = internals.ec2
    ec2._vpc_fields_xml = _with_blocks(ec2._vpc_fields_xml)
    ec2._subnet_fields_xml = _with_block(ec2._subnet_fields_xml)
    functions = internals.functions
    functions._event_invoke_config = _of_latest(functions._event_invoke_config)


def _of_latest(original: Callable[..., Any]) -> Callable[..., Any]:
    """Without a qualifier, Lambda answers for $LATEST, which is what a template has to name."""

    def find(function: Any, qualifier: str | None) -> Any:
        return original(function, qualifier) or (None if qualifier else original(function, "$LATEST"))

    return find


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


def _with_blocks(original: _Show) -> _Show:
    def show(vpc: Mapping[str, Any], tag: str = "item") -> str:
        blocks = [_association(each) for each in vpc.get("Ipv6CidrBlockAssociationSet", [])]
        return _ended(original(vpc, tag=tag), tag, blocks)

    return show


def _with_block(original: _Show) -> _Show:
    def show(subnet: Mapping[str, Any], tag: str = "item") -> str:
        block = subnet.get("Ipv6CidrBlock")
        name = f"subnet-cidr-assoc-{subnet['SubnetId'].removeprefix('subnet-')}"
        blocks = [_association({"AssociationId": name, "Ipv6CidrBlock": block})] if block else []
        shown = _ended(original(subnet, tag=tag), tag, blocks)
        if not subnet.get("AssignIpv6AddressOnCreation"):
            return shown
        return shown.replace("<assignIpv6AddressOnCreation>false", "<assignIpv6AddressOnCreation>true")

    return show


def _association(kept: Mapping[str, Any]) -> str:
    return (
        f"<item><ipv6CidrBlock>{kept['Ipv6CidrBlock']}</ipv6CidrBlock>"
        f"<associationId>{kept['AssociationId']}</associationId>"
        "<ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item>"
    )


def _ended(shown: str, tag: str, blocks: list[str]) -> str:
    content = f"<ipv6CidrBlockAssociationSet>{''.join(blocks)}</ipv6CidrBlockAssociationSet>"
    return f"{shown.removesuffix(f'</{tag}>')}{content}</{tag}>"
