"""Ports of a network ACL's entries, which MiniStack drops, in the order in which EC2 tests them."""

from collections.abc import Callable, Mapping
from typing import Any

from blueprints.deploy.emulator import internals

_Answer = tuple[int, dict[str, str], bytes]
_Action = Callable[[Mapping[str, Any]], _Answer]
_OK = 200
# The parameters of a request, and what the answer calls them.
_PARTS = {"PortRange": {"From": "from", "To": "to"}, "Icmp": {"Code": "code", "Type": "type"}}
_SHOWN = {"PortRange": "portRange", "Icmp": "icmpTypeCode"}


def install() -> None:
    actions = internals.EC2_ACTIONS
    actions["CreateNetworkAclEntry"] = _unique(_kept(actions["CreateNetworkAclEntry"]))
    actions["ReplaceNetworkAclEntry"] = _kept(actions["ReplaceNetworkAclEntry"])
    internals.ec2._network_acl_entry_xml = _whole(internals.ec2._network_acl_entry_xml)


def _unique(original: _Action) -> _Action:
    def create(params: Mapping[str, Any]) -> _Answer:
        acl = internals.NETWORK_ACLS.get(_one(params, "NetworkAclId"), {"Entries": []})
        number, egress = _one(params, "RuleNumber"), _one(params, "Egress") == "true"
        if any((str(each["RuleNumber"]), each["Egress"]) == (number, egress) for each in acl["Entries"]):
            message = f"The network acl entry identified by {number} already exists."
            return internals.ec2_error("NetworkAclEntryAlreadyExists", message)
        return original(params)

    return create


def _kept(original: _Action) -> _Action:
    def write(params: Mapping[str, Any]) -> _Answer:
        answer = original(params)
        if answer[0] == _OK:
            entries = internals.NETWORK_ACLS[_one(params, "NetworkAclId")]["Entries"]
            # MiniStack puts what it writes last.
            for part, names in _PARTS.items():
                given = {name: _one(params, f"{part}.{name}") for name in names}
                entries[-1] |= {part: given} if any(given.values()) else {}
            entries.sort(key=lambda each: (not each["Egress"], each["RuleNumber"]))
        return answer

    return write


def _whole(original: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    def show(entry: Mapping[str, Any]) -> str:
        parts = "".join(_part(part, entry[part]) for part in _PARTS if part in entry)
        return f"{original(entry).removesuffix('</item>')}{parts}</item>"

    return show


def _part(part: str, values: Mapping[str, str]) -> str:
    inner = "".join(f"<{name}>{values[given]}</{name}>" for given, name in _PARTS[part].items() if values[given])
    return f"<{_SHOWN[part]}>{inner}</{_SHOWN[part]}>"


def _one(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)
