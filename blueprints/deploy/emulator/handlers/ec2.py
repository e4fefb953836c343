"""Elastic addresses, NAT gateways, flow logs and network ACLs over MiniStack's EC2."""

# ruff: noqa: ARG002 - a handler takes what the protocol hands it

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError, Wanted


class Address:
    def create(self, wanted: Wanted) -> Made:
        made = call(
            "ec2", "AllocateAddress", parameters("ec2", "AllocateAddress", {"Domain": wanted.get("Domain", "vpc")})
        )
        internals.tag_ec2(made["AllocationId"], wanted.properties)
        attributes = {"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]}
        return Made(made["PublicIp"], attributes)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        allocation = _allocation(physical_id)
        internals.tag_ec2(allocation, wanted.properties, before)
        return Made(physical_id, {"AllocationId": allocation, "PublicIp": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ec2", "ReleaseAddress", {"AllocationId": _allocation(physical_id)})


def _allocation(public_ip: str) -> str:
    found = [each for each in call("ec2", "DescribeAddresses", {})["Addresses"] if each["PublicIp"] == public_ip]
    if not found:
        raise RefusedError(f"The address {public_ip} does not exist")
    return str(found[0]["AllocationId"])


class NatGateway:
    def create(self, wanted: Wanted) -> Made:
        subnet = wanted.get("SubnetId")
        if subnet not in internals.SUBNETS:
            raise RefusedError(f"The subnet ID '{subnet}' does not exist")
        if wanted.get("ConnectivityType", "public") == "public" and "AllocationId" not in wanted.properties:
            raise RefusedError("AllocationId is required for a NAT gateway with connectivity type public")
        made = call("ec2", "CreateNatGateway", parameters("ec2", "CreateNatGateway", _without_tags(wanted.properties)))
        gateway = str(made["NatGateway"]["NatGatewayId"])
        internals.tag_ec2(gateway, wanted.properties)
        return Made(gateway, {"NatGatewayId": gateway})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        internals.tag_ec2(physical_id, wanted.properties, before)
        return Made(physical_id, {"NatGatewayId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ec2", "DeleteNatGateway", {"NatGatewayId": physical_id})


class FlowLog:
    def create(self, wanted: Wanted) -> Made:
        asked = {**_without_tags(wanted.properties), "ResourceIds": [wanted["ResourceId"]]}
        made = call("ec2", "CreateFlowLogs", parameters("ec2", "CreateFlowLogs", asked))
        flow_log = str(made["FlowLogIds"][0])
        internals.tag_ec2(flow_log, wanted.properties)
        return Made(flow_log, {"Id": flow_log})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        internals.tag_ec2(physical_id, wanted.properties, before)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ec2", "DeleteFlowLogs", {"FlowLogIds": [physical_id]})


class NetworkAcl:
    def create(self, wanted: Wanted) -> Made:
        made = call("ec2", "CreateNetworkAcl", {"VpcId": wanted["VpcId"]})
        acl = str(made["NetworkAcl"]["NetworkAclId"])
        internals.tag_ec2(acl, wanted.properties)
        return Made(acl, {"Id": acl})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        internals.tag_ec2(physical_id, wanted.properties, before)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ec2", "DeleteNetworkAcl", {"NetworkAclId": physical_id})


class NetworkAclEntry:
    def create(self, wanted: Wanted) -> Made:
        call("ec2", "CreateNetworkAclEntry", _entry(wanted.properties))
        return Made(f"{wanted['NetworkAclId']}|{wanted['RuleNumber']}|{str(wanted.get('Egress', False)).lower()}")

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        call("ec2", "ReplaceNetworkAclEntry", _entry(wanted.properties))
        return Made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        key = {name: properties[name] for name in ("NetworkAclId", "RuleNumber")}
        call("ec2", "DeleteNetworkAclEntry", {**key, "Egress": properties.get("Egress", False)})


def _entry(properties: Properties) -> dict[str, object]:
    # The template says Icmp where the API says IcmpTypeCode, and gives the protocol as a number.
    renamed = {
        **properties,
        "Protocol": str(properties.get("Protocol", "-1")),
        "Egress": properties.get("Egress", False),
    }
    if "Icmp" in properties:
        renamed["IcmpTypeCode"] = properties["Icmp"]
    return parameters("ec2", "CreateNetworkAclEntry", renamed)


class SubnetNetworkAclAssociation:
    """A subnet is in exactly one ACL, so an association can only be moved.

    MiniStack's call for that loses the subnet, and its default ACL lists none; so the association is written directly.
    """

    def create(self, wanted: Wanted) -> Made:
        acl = internals.NETWORK_ACLS.get(wanted["NetworkAclId"])
        if acl is None:
            raise RefusedError(f"The network ACL '{wanted['NetworkAclId']}' does not exist")
        self._release(wanted["SubnetId"])
        name = internals.physical_name(wanted.stack_name, wanted.logical_id, lowercase=True)
        association = f"aclassoc-{name[-13:]}"
        acl["Associations"].append({"NetworkAclAssociationId": association, "SubnetId": wanted["SubnetId"]})
        return Made(association, {"AssociationId": association})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._release(properties["SubnetId"])

    def _release(self, subnet: str) -> None:
        for acl in internals.NETWORK_ACLS.values():
            acl["Associations"] = [each for each in acl["Associations"] if each["SubnetId"] != subnet]


def _without_tags(properties: Properties) -> dict[str, object]:
    return {name: value for name, value in properties.items() if name != "Tags"}
