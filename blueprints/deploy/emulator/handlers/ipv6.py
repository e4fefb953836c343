"""IPv6 networks, which MiniStack's EC2 does not model: blocks are kept in its records of a VPC and of a subnet."""

# ruff: noqa: ARG002 - a handler takes what the protocol hands it

import hashlib
import ipaddress
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted

_BLOCKS = "Ipv6CidrBlockAssociationSet"
# A subnet's block is a /44 to a /64, in steps of four; of IPv4 a /16 to a /28, and AWS keeps five of its addresses (EC2
# API reference, CreateSubnet).
_SUBNET_LENGTHS = range(44, 65, 4)
_IPV4_LENGTHS = range(16, 29)
_RESERVED = 5


class VpcCidrBlock:
    """A block of IPv6 addresses, Amazon's or given, or a further one of IPv4."""

    def create(self, wanted: Wanted) -> Made:
        vpc = internals.VPCS.get(wanted["VpcId"])
        if vpc is None:
            raise RefusedError(f"The vpc ID '{wanted['VpcId']}' does not exist")
        name = internals.physical_name(wanted.stack_name, wanted.logical_id)
        digest = hashlib.sha256(f"{vpc['VpcId']}/{name}".encode()).hexdigest()
        association = f"vpc-cidr-assoc-{digest[:17]}"
        if "CidrBlock" in wanted.properties:
            return Made(association, {"Id": association})
        # Amazon gives a /56 out of its own addresses.
        block = wanted.get("Ipv6CidrBlock") or f"2600:1f18:{digest[:4]}:{digest[4:6]}00::/56"
        kept = {"AssociationId": association, "Ipv6CidrBlock": str(ipaddress.IPv6Network(block))}
        vpc.setdefault(_BLOCKS, []).append(kept)
        _tell_stacks(vpc)
        return Made(association, {"Id": association})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        vpc = internals.VPCS.get(properties["VpcId"])
        if vpc is not None:
            vpc[_BLOCKS] = [each for each in vpc.get(_BLOCKS, []) if each["AssociationId"] != physical_id]
            _tell_stacks(vpc)


def _tell_stacks(vpc: dict[str, Any]) -> None:
    """`Fn::GetAtt Vpc.Ipv6CidrBlocks` answers the blocks of the moment, not those of the VPC's creation."""
    blocks = [each["Ipv6CidrBlock"] for each in vpc.get(_BLOCKS, [])]
    for stack in internals.STACKS.values():
        for resource in stack.get("_resources", {}).values():
            if resource.get("PhysicalResourceId") == vpc["VpcId"]:
                resource["Attributes"]["Ipv6CidrBlocks"] = blocks


class Subnet:
    """MiniStack's handler drops a subnet's IPv6 block, and takes any IPv4 block for one of 256 addresses."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        self._check(wanted)
        _check_ipv4(wanted)
        made = self._native.create(wanted)
        if "CidrBlock" in wanted.properties:
            addresses = ipaddress.IPv4Network(wanted["CidrBlock"]).num_addresses - _RESERVED
            internals.SUBNETS[made.physical_id]["AvailableIpAddressCount"] = addresses
        return self._shown(made, wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        self._check(wanted)
        return self._shown(self._native.update(physical_id, before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _check(self, wanted: Wanted) -> None:
        if "Ipv6CidrBlock" not in wanted.properties:
            return
        block = ipaddress.IPv6Network(wanted["Ipv6CidrBlock"])
        vpc = internals.VPCS.get(wanted["VpcId"], {})
        networks = [ipaddress.IPv6Network(each["Ipv6CidrBlock"]) for each in vpc.get(_BLOCKS, [])]
        if block.prefixlen not in _SUBNET_LENGTHS or not any(block.subnet_of(network) for network in networks):
            raise RefusedError(f"The CIDR '{block}' is invalid.")

    def _shown(self, made: Made, wanted: Wanted) -> Made:
        subnet = internals.SUBNETS[made.physical_id]
        subnet["Ipv6CidrBlock"] = wanted.get("Ipv6CidrBlock", "")
        subnet["AssignIpv6AddressOnCreation"] = wanted.get("AssignIpv6AddressOnCreation", False)
        blocks = [subnet["Ipv6CidrBlock"]] if subnet["Ipv6CidrBlock"] else []
        return Made(made.physical_id, {**made.attributes, "Ipv6CidrBlocks": blocks})


def _check_ipv4(wanted: Wanted) -> None:
    """A block of /16 to /28 that no other subnet of the VPC has a part of."""
    if "CidrBlock" not in wanted.properties:
        return
    block = ipaddress.IPv4Network(wanted["CidrBlock"], strict=False)
    if str(block) != wanted["CidrBlock"] or block.prefixlen not in _IPV4_LENGTHS:
        raise RefusedError(f"The CIDR '{wanted['CidrBlock']}' is invalid.")
    for subnet in internals.SUBNETS.values():
        if subnet["VpcId"] == wanted["VpcId"] and block.overlaps(ipaddress.IPv4Network(subnet["CidrBlock"])):
            raise RefusedError(f"The CIDR '{block}' conflicts with another subnet ({subnet['SubnetId']})")


class EgressOnlyGateway:
    def create(self, wanted: Wanted) -> Made:
        made = call("ec2", "CreateEgressOnlyInternetGateway", {"VpcId": wanted["VpcId"]})
        gateway = str(made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"])
        internals.tag_ec2(gateway, wanted.properties)
        return Made(gateway, {"Id": gateway})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        internals.tag_ec2(physical_id, wanted.properties, before)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ec2", "DeleteEgressOnlyInternetGateway", {"EgressOnlyInternetGatewayId": physical_id})
