"""Security-group rules that are resources of their own, over MiniStack's EC2."""

from collections.abc import Mapping
from typing import Any, Literal

from blueprints.deploy.emulator.api import call
from blueprints.deploy.emulator.resources import Made, Properties, Wanted

_RANGES: Mapping[str, tuple[str, str]] = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


class SecurityGroupRule:
    def __init__(self, direction: Literal["Ingress", "Egress"]) -> None:
        self._direction = direction

    def create(self, wanted: Wanted) -> Made:
        asked = {"GroupId": wanted["GroupId"], "IpPermissions": [_permission(wanted.properties)]}
        made = call("ec2", f"AuthorizeSecurityGroup{self._direction}", asked)
        rule = str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])
        return Made(rule, {"Id": rule})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        """Only the description can change in place, and a rule is found again without it."""
        self.delete(physical_id, before)
        return self.create(wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        asked = {"GroupId": properties["GroupId"], "SecurityGroupRuleIds": [physical_id]}
        call("ec2", f"RevokeSecurityGroup{self._direction}", asked)


def _permission(properties: Properties) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    permission |= {name: properties[name] for name in ("FromPort", "ToPort") if name in properties}
    described = {"Description": properties["Description"]} if "Description" in properties else {}
    for name, (ranges, key) in _RANGES.items():
        if name in properties:
            permission[ranges] = [{key: properties[name], **described}]
    return permission
