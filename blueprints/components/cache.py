"""A cache in private subnets that speaks TLS and asks for a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, Sub, elasticache, secretsmanager

from blueprints.access.connections import closed_security_group
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack

PORT = 6379
ENGINE_VERSION = "8.2"

# ElastiCache takes one primary and up to five replicas a shard.
MOST_REPLICAS = 5

# ElastiCache keeps automatic snapshots for 0 to 35 days; with 0 it takes none.
MOST_SNAPSHOT_DAYS = 35
KEPT_SNAPSHOT_DAYS = 7

# ElastiCache takes 16 to 128 printable characters and refuses some punctuation; letters and digits need no quoting.
TOKEN_LENGTH = 64


@dataclass(frozen=True)
class CacheServer:
    """A cache to connect to: one of this stack or one of another."""

    name: str
    security_group_id: Any
    address: Any
    auth_token_arn: Any
    port: int = PORT

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str) -> CacheServer:
        """The cache called *name* that another stack made, read from its outputs."""
        return cls(
            name=name,
            security_group_id=stack.from_stack(producer, f"{name}SecurityGroupId"),
            address=stack.from_stack(producer, f"{name}Address"),
            auth_token_arn=stack.from_stack(producer, f"{name}AuthTokenArn"),
        )


@dataclass(frozen=True)
class CacheNodes:
    """What metrics in AWS/ElastiCache call a cache.

    Evictions, DatabaseMemoryUsagePercentage and the others are published for each node, by CacheClusterId: an alarm is
    one for each of ``node_ids``. The primary's role moves between them at a failover; the ids stay.
    """

    replication_group_id: Any
    node_ids: tuple[Any, ...]

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str, *, replicas: int) -> CacheNodes:
        """The nodes of the cache called *name* that another stack made, read from what ``publish_nodes`` wrote."""
        return cls(
            stack.from_stack(producer, f"{name}ReplicationGroupId"),
            tuple(stack.from_stack(producer, f"{name}Node{number}Id") for number in range(1, replicas + 2)),
        )


class Cache(Component):
    """Valkey on ElastiCache: TLS only, encrypted at rest, a generated token, no way in until connections say so.

    Args:
        name: first part of the logical ids.
        network: the cache stands in its private subnets.
        node_type: size of each node, or the Ref of a parameter that holds it.
        replicas: copies in other zones; with one or more, ElastiCache fails over by itself.
        keep: take a snapshot a day, so that a lost cache starts warm.
        snapshot_days: days to keep a daily snapshot, 0 to take none; 7 where *keep* is set when None.

    Raises:
        SettingsError: ElastiCache does not take so many replicas or days.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        keep: bool,
        node_type: str | Ref = "cache.t4g.micro",
        replicas: int = 0,
        snapshot_days: int | None = None,
    ) -> None:
        days = (KEPT_SNAPSHOT_DAYS if keep else 0) if snapshot_days is None else snapshot_days
        _check(name, replicas, days)
        self.name, self.port, self._replicas = name, PORT, replicas
        self.security_group = closed_security_group(name, network.vpc_id, f"Cache {name}")
        self.subnet_group = because(
            "Keeps the cache in the private subnets.",
            elasticache.SubnetGroup(
                f"{name}SubnetGroup", Description=f"Private subnets of {name}", SubnetIds=network.private_subnets
            ),
        )
        self.auth_token = because(
            "Being in the network is not enough to read the cache: a client also shows this token.",
            secretsmanager.Secret(
                f"{name}AuthToken",
                Description=f"Token of the cache {name}",
                GenerateSecretString=secretsmanager.GenerateSecretString(
                    PasswordLength=TOKEN_LENGTH, ExcludePunctuation=True
                ),
            ),
            must=["A new value reaches the cache only with an update of the stack"],
        )
        self.replication_group = self._replication_group(node_type, replicas, snapshot_days=days)

    @property
    def security_group_id(self) -> Any:
        """The id of the security group that connections are made to."""
        return self.security_group.get_att("GroupId")

    @property
    def address(self) -> Any:
        """The host name that always leads to the node that takes writes."""
        return self.replication_group.get_att("PrimaryEndPoint.Address")

    @property
    def auth_token_arn(self) -> Any:
        """The secret whose whole value is the token."""
        return self.auth_token.ref()

    @property
    def server(self) -> CacheServer:
        """What a client connects to."""
        return CacheServer(self.name, self.security_group_id, self.address, self.auth_token_arn)

    @property
    def nodes(self) -> CacheNodes:
        """What metrics call it; ElastiCache numbers the nodes of a replication group with one shard from 001."""
        group = self.replication_group.title
        ids = (Sub(f"${{{group}}}-{number:03}") for number in range(1, self._replicas + 2))
        return CacheNodes(self.replication_group.ref(), tuple(ids))

    def publish_nodes(self, stack: Stack) -> None:
        """Write the outputs that ``CacheNodes.from_stack`` reads, for alarms."""
        nodes = self.nodes
        stack.output(f"{self.name}ReplicationGroupId", nodes.replication_group_id, f"Replication group of {self.name}")
        for number, node in enumerate(nodes.node_ids, start=1):
            stack.output(f"{self.name}Node{number}Id", node, f"What metrics call node {number} of {self.name}")

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``CacheServer.from_stack`` reads."""
        stack.output(f"{self.name}SecurityGroupId", self.security_group_id, f"Security group of the cache {self.name}")
        stack.output(f"{self.name}Address", self.address, f"Host name of the cache {self.name}; TLS on port {PORT}")
        stack.output(f"{self.name}AuthTokenArn", self.auth_token_arn, f"Secret with the token of the cache {self.name}")

    def _replication_group(
        self, node_type: str | Ref, replicas: int, *, snapshot_days: int
    ) -> elasticache.ReplicationGroup:
        # CloudFormation reads the token when it makes the cache, so no template and no event shows it.
        token = Sub(f"{{{{resolve:secretsmanager:${{{self.auth_token.title}}}:SecretString}}}}")
        return because(
            "Answers what was asked before, so that the slow and charged calls behind it are made once.",
            elasticache.ReplicationGroup(
                f"{self.name}ReplicationGroup",
                ReplicationGroupDescription=f"Cache {self.name}",
                Engine="valkey",
                EngineVersion=ENGINE_VERSION,
                CacheNodeType=node_type,
                CacheParameterGroupName="default.valkey8",
                CacheSubnetGroupName=self.subnet_group.ref(),
                SecurityGroupIds=[self.security_group_id],
                Port=PORT,
                NumCacheClusters=1 + replicas,
                AutomaticFailoverEnabled=replicas > 0,
                MultiAZEnabled=replicas > 0,
                TransitEncryptionEnabled=True,
                TransitEncryptionMode="required",
                AtRestEncryptionEnabled=True,
                AuthToken=token,
                SnapshotRetentionLimit=snapshot_days,
            ),
            must=["TLS stays required: the token would cross the network in clear text"],
            mutable="change-with-constraints",
        )


def _check(name: str, replicas: int, snapshot_days: int) -> None:
    if not 0 <= replicas <= MOST_REPLICAS:
        raise SettingsError(f"{name}: replicas is {replicas}; ElastiCache takes 0 to {MOST_REPLICAS}")
    if not 0 <= snapshot_days <= MOST_SNAPSHOT_DAYS:
        raise SettingsError(f"{name}: snapshot_days is {snapshot_days}; ElastiCache takes 0 to {MOST_SNAPSHOT_DAYS}")
