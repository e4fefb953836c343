"""Network ACLs: what may cross the edge of a subnet, whatever security groups say.

A network ACL keeps no state, so every flow needs an entry for the request and one for the answer, which goes to the
port that the caller chose. Which range that is depends on who calls (Amazon VPC User Guide, "Ephemeral ports").
What stays within a subnet passes no ACL. Nor do VPC DNS, DHCP, a task's metadata and credentials, and the time
service (Amazon VPC User Guide, "Network ACL basics"), so they have no entries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Sub, Tags, ec2

from blueprints.access.connections import ANYWHERE, ANYWHERE_IPV6, HTTPS
from blueprints.components.load_balancer import HTTP
from blueprints.components.network import Vpc
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

TCP = 6  # its number at IANA, which is how an entry names a protocol

# Ports that callers choose: a load balancer, a NAT gateway and clients on the internet take these,
ANY_CALLER = (1024, 65535)
# and Linux, which tasks run on, these ("32768-61000"; the guide's own example opens them to the end).
LINUX_CALLER = (32768, 65535)

# Amazon VPC User Guide, "Amazon VPC quotas": rules of an ACL, each direction for itself.
MOST_RULES = 20


@dataclass(frozen=True)
class Flow:
    """Packets that an ACL lets through in one direction.

    Args:
        number: its place among the rules; part of the entry's logical id.
        words: what the packets are for.
        peer: where packets come from, or where they go: a range of IPv4, or of IPv6 where *ipv6* says so.
        ports: first and last port that they are sent to.
        ipv6: whether *peer* is a range of IPv6.
    """

    number: int
    words: str
    peer: Any
    ports: tuple[int, int]
    ipv6: bool = False


class SubnetAcl(Component):
    """One network ACL, and the subnets that it guards.

    Args:
        name: first part of the logical ids.
        vpc_id: the VPC of the subnets.
        kind: what the subnets are, ``public`` or ``private``.
        subnets: the subnets.
        ingress: what may enter; everything else is dropped, without a rule that says so.
        egress: what may leave; likewise.
    """

    def __init__(  # noqa: PLR0913 - an ACL has these parts
        self,
        name: str,
        *,
        vpc_id: Any,
        kind: str,
        subnets: Sequence[ec2.Subnet],
        ingress: Sequence[Flow],
        egress: Sequence[Flow],
    ) -> None:
        self.acl = because(
            f"Lets the documented flows in and out of the {kind} subnets and drops the rest.",
            ec2.NetworkAcl(f"{name}NetworkAcl", VpcId=vpc_id, Tags=Tags(Name=Sub(f"${{AWS::StackName}}-{kind}"))),
            must=["Answers have entries too"],
            mutable="review-required",
        )
        self.entries = [
            *(self._entry(f"{name}Ingress{flow.number}", flow, egress=False) for flow in ingress),
            *(self._entry(f"{name}Egress{flow.number}", flow, egress=True) for flow in egress),
        ]
        self.associations: list[ec2.SubnetNetworkAclAssociation] = []
        for subnet in subnets:
            self.associations.append(self._associate(subnet))

    def _entry(self, title: str, flow: Flow, *, egress: bool) -> ec2.NetworkAclEntry:
        first, last = flow.ports
        differing = {"Ipv6CidrBlock" if flow.ipv6 else "CidrBlock": flow.peer} | ({"Egress": True} if egress else {})
        return because(
            f"{flow.words}.",
            ec2.NetworkAclEntry(
                title,
                NetworkAclId=self.acl.ref(),
                RuleNumber=flow.number,
                RuleAction="allow",
                Protocol=TCP,
                **differing,
                PortRange=ec2.PortRange(From=first, To=last),
            ),
        )

    def _associate(self, subnet: ec2.Subnet) -> ec2.SubnetNetworkAclAssociation:
        # An ACL without entries drops everything, so the first subnet waits for them all, and the others for it.
        before = self.associations[:1] or self.entries
        return because(
            "The default ACL would let everything through.",
            ec2.SubnetNetworkAclAssociation(
                f"{subnet.title}NetworkAcl",
                SubnetId=subnet.ref(),
                NetworkAclId=self.acl.ref(),
                DependsOn=[part.title for part in before],
            ),
        )


class NetworkAcls(Component):
    """Network ACLs for tasks in private subnets behind a load balancer, with a NAT gateway as the way out.

    The flows: clients to the load balancer on 80 and 443; the load balancer to tasks; tasks to each other; tasks to
    the internet, S3 and DynamoDB on 443. S3 and DynamoDB are reached through gateway endpoints, but at their public
    addresses, so they need no entries of their own. A NAT gateway takes answers on any port from 1024, so the public
    subnets are open there; the private ones only from 32768, which is why tasks may not listen above. What leaves a
    subnet for the VPC is held to ports only; the rules of the subnet that it enters name who may come, and on what.

    Args:
        name: first part of the logical ids.
        vpc: the network, with a NAT gateway.
        ports: TCP ports on which the load balancer reaches tasks, health checks included; add new ones at the end.
        between: TCP ports on which tasks reach each other.
        clients: the IPv4 range that may connect to the load balancer.
        dual_stack: clients come over IPv6 too, if they may come from anywhere, as with the load balancer itself.

    Raises:
        SettingsError: the network has no NAT gateway, a port is not allowed, or there would be more than 20 rules.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        vpc: Vpc,
        ports: Sequence[int],
        between: Sequence[int] = (),
        clients: Any = ANYWHERE,
        dual_stack: bool = False,
    ) -> None:
        _check(name, vpc, ports, between)
        self._vpc, self._ports, self._between, self._clients = vpc, ports, between, clients
        self._ipv6 = dual_stack and clients == ANYWHERE
        self.public = self._acl(f"{name}Public", vpc.public, self._public_ingress(), self._public_egress())
        self.private = self._acl(f"{name}Private", vpc.private, self._private_ingress(), self._private_egress())

    def _acl(
        self, name: str, subnets: Sequence[ec2.Subnet], ingress: Iterator[Flow], egress: Iterator[Flow]
    ) -> SubnetAcl:
        flows = {"ingress": list(ingress), "egress": list(egress)}
        for direction, listed in flows.items():
            if len(listed) > MOST_RULES:
                raise SettingsError(
                    f"{name}: {len(listed)} {direction} rules are needed and a network ACL takes {MOST_RULES}; "
                    "let tasks listen on fewer ports, or leave network ACLs out"
                )
        kind = "public" if subnets is self._vpc.public else "private"
        return SubnetAcl(name, vpc_id=self._vpc.vpc.ref(), kind=kind, subnets=subnets, **flows)

    def _public_ingress(self) -> Iterator[Flow]:
        for number, port in ((100, HTTP), (110, HTTPS)):
            yield from self._with_clients(number, "Clients to the load balancer", (port, port))
        yield Flow(200, "Tasks to the NAT gateway", self._vpc.cidr, (HTTPS, HTTPS))
        yield Flow(300, "Answers to the NAT gateway and the load balancer", ANYWHERE, ANY_CALLER)

    def _public_egress(self) -> Iterator[Flow]:
        yield from self._with_clients(100, "Answers to clients", ANY_CALLER)
        for index, port in enumerate(self._ports):
            yield Flow(200 + 10 * index, "Load balancer to tasks", self._vpc.cidr, (port, port))
        yield Flow(300, "NAT gateway to the internet", ANYWHERE, (HTTPS, HTTPS))
        yield Flow(400, "NAT gateway's answers to tasks", self._vpc.cidr, LINUX_CALLER)

    def _private_ingress(self) -> Iterator[Flow]:
        for index, port in enumerate(self._ports):
            yield from _each(200 + 10 * index, "Load balancer to tasks", self._vpc.public_cidrs, port)
        # The NAT gateway hands answers on under the address of who answers.
        yield Flow(300, "Answers to tasks", ANYWHERE, LINUX_CALLER)
        for index, port in enumerate(self._between):
            yield from _each(400 + 10 * index, "Tasks to each other", self._vpc.private_cidrs, port)

    def _private_egress(self) -> Iterator[Flow]:
        yield Flow(200, "To other tasks, and answers to the load balancer", self._vpc.cidr, ANY_CALLER)
        yield Flow(300, "Tasks to the internet, S3 and DynamoDB", ANYWHERE, (HTTPS, HTTPS))
        for index, port in enumerate(self._between):
            if port < ANY_CALLER[0]:  # the first rule has the others
                yield Flow(400 + 10 * index, "Tasks to each other", self._vpc.cidr, (port, port))

    def _with_clients(self, number: int, words: str, ports: tuple[int, int]) -> Iterator[Flow]:
        yield Flow(number, words, self._clients, ports)
        if self._ipv6:
            yield Flow(number + 5, f"{words}, over IPv6", ANYWHERE_IPV6, ports, ipv6=True)


def _each(number: int, words: str, cidrs: Sequence[str], port: int) -> Iterator[Flow]:
    """The same flow from the subnets of all zones, in as few ranges as name them exactly, each with its number."""
    blocks = ipaddress.collapse_addresses(map(ipaddress.IPv4Network, cidrs))
    for offset, block in enumerate(blocks):
        yield Flow(number + offset, words, str(block), (port, port))


def _check(name: str, vpc: Vpc, ports: Sequence[int], between: Sequence[int]) -> None:
    if not vpc.nat:
        raise SettingsError(
            f"{name}: network ACLs let tasks out through a NAT gateway, and the network has none; "
            "set egress to nat or nat-per-zone, or leave network ACLs out"
        )
    for what, listed in (("ports", ports), ("between", between)):
        for port in listed:
            if not 1 <= port < LINUX_CALLER[0]:
                raise SettingsError(
                    f"{name}: {what} has {port}; give 1 to {LINUX_CALLER[0] - 1}: above, answers come in from anywhere"
                )
        if len(set(listed)) < len(listed):
            raise SettingsError(f"{name}: {what} names a port twice: {', '.join(map(str, listed))}; name it once")
