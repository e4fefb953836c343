"""Who may talk to whom: security groups that start closed, and one rule a direction for each connection.

CloudFormation gives a security group without egress rules one that allows everything, and a separate egress rule
adds to it. A group made here starts with a placeholder that leads nowhere, which takes that default away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from troposphere import Tags, ec2

from blueprints.model.context import because

NOWHERE = "127.0.0.1/32"
ANYWHERE = "0.0.0.0/0"
ANYWHERE_IPV6 = "::/0"
HTTPS = 443


class Connectable(Protocol):
    """Something that wears a security group."""

    @property
    def name(self) -> str:
        """Its name, the first part of its logical ids."""

    @property
    def security_group_id(self) -> Any:
        """The id of the security group that it wears."""


class Listening(Connectable, Protocol):
    """Something that others connect to; it knows its port."""

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""


@dataclass(frozen=True)
class Peer:
    """Something of another stack that wears a security group, for connections that this stack owns.

    Args:
        name: the first part of its logical ids where it was made.
        security_group_id: the id of its security group, read from the other stack.
        port: the TCP port that it listens on; 0 if it only opens connections.
    """

    name: str
    security_group_id: Any
    port: int = 0


def closed_security_group(
    name: str, vpc_id: Any, description: str, *, group_name: str | None = None
) -> ec2.SecurityGroup:
    """A security group that lets nothing in or out until connections say so.

    The description cannot change without replacing the group, so it says what the group is for and nothing else.
    """
    group = ec2.SecurityGroup(
        f"{name}SecurityGroup",
        GroupDescription=description,
        VpcId=vpc_id,
        SecurityGroupEgress=[
            ec2.SecurityGroupRule(IpProtocol="-1", CidrIp=NOWHERE, Description="Placeholder that leads nowhere")
        ],
        Tags=Tags(Name=group_name or name),
    )
    if group_name is not None:
        group.GroupName = group_name
    return because(
        f"{description}. Starts closed; each connection adds a rule of its own.",
        group,
        must=["Every rule is a resource of its own"],
        mutable="review-required",
    )


def connect(source: Connectable, target: Listening) -> tuple[ec2.SecurityGroupEgress, ec2.SecurityGroupIngress]:
    """Let *source* open TCP connections to *target* on the port that it listens on, and nothing else."""
    title = f"{source.name}To{target.name}"
    words = f"{source.name} to {target.name} on port {target.port}"
    egress = ec2.SecurityGroupEgress(
        f"{title}Egress",
        GroupId=source.security_group_id,
        DestinationSecurityGroupId=target.security_group_id,
        IpProtocol="tcp",
        FromPort=target.port,
        ToPort=target.port,
        Description=words,
    )
    ingress = ec2.SecurityGroupIngress(
        f"{title}Ingress",
        GroupId=target.security_group_id,
        SourceSecurityGroupId=source.security_group_id,
        IpProtocol="tcp",
        FromPort=target.port,
        ToPort=target.port,
        Description=words,
    )
    return (
        because(f"{source.name} opens connections to {target.name} and, for all this rule says, nowhere else.", egress),
        because(f"{target.name} takes connections of {source.name} on its port.", ingress),
    )


def admit(  # noqa: PLR0913 - a rule has these parts
    cidr: Any,
    target: Connectable,
    *,
    port: int,
    title: str,
    source: str,
    ipv6: bool = False,
    prefix_list: bool = False,
) -> ec2.SecurityGroupIngress:
    """Let an address range in on one port: a range of IPv4, or of IPv6 where *ipv6* says so.

    With *prefix_list* it is the id of a managed prefix list instead, which brings the family of its own addresses.
    """
    words = f"{source} to {target.name} on port {port}"
    addresses = {"SourcePrefixListId" if prefix_list else "CidrIpv6" if ipv6 else "CidrIp": cidr}
    return because(
        f"Lets {source} reach {target.name} on port {port}.",
        ec2.SecurityGroupIngress(
            title,
            GroupId=target.security_group_id,
            **addresses,
            IpProtocol="tcp",
            FromPort=port,
            ToPort=port,
            Description=words,
        ),
        mutable="review-required",
    )


def reach_https(source: Connectable) -> ec2.SecurityGroupEgress:
    """Let *source* call services over HTTPS wherever the network has a route: AWS, and others over the internet."""
    return because(
        "Registry, logs, secrets and the application's own calls go over HTTPS, to addresses that change.",
        ec2.SecurityGroupEgress(
            f"{source.name}ToHttpsEgress",
            GroupId=source.security_group_id,
            CidrIp=ANYWHERE,
            IpProtocol="tcp",
            FromPort=HTTPS,
            ToPort=HTTPS,
            Description=f"{source.name} to HTTPS anywhere",
        ),
        mutable="review-required",
    )


def reach_everything(source: Connectable) -> ec2.SecurityGroupEgress:
    """Let *source* open any connection to anywhere, stated as a rule instead of left to a default."""
    return because(
        "The document lets the tasks out to everything; the setting task_egress narrows it to HTTPS.",
        ec2.SecurityGroupEgress(
            f"{source.name}ToEverythingEgress",
            GroupId=source.security_group_id,
            CidrIp=ANYWHERE,
            IpProtocol="-1",
            Description=f"{source.name} to anywhere",
        ),
        mutable="review-required",
    )
