"""An Aurora cluster as others see it: what a client connects to and what an alarm watches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from blueprints.components.postgres import Database
from blueprints.components.secret import SecretValue
from blueprints.model.stack import Stack

Role = Literal["WRITER", "READER"]


@dataclass(frozen=True)
class AuroraServer:
    """An Aurora cluster to connect to and to watch: one of this stack or one of another.

    ``writer`` is what a client connects to; its host follows a failover. ``connection_string`` is there when the master
    secret is generated; it is a secret of its own, which a task has to be allowed to read.
    """

    writer: Database
    reader_host: Any
    cluster_identifier: Any
    cluster_arn: Any
    connection_string: SecretValue | None = None

    @property
    def username(self) -> SecretValue:
        """The master user, for a container."""
        return SecretValue(self.writer.username_source, arn=self.writer.secret_arn)

    @property
    def password(self) -> SecretValue:
        """The master user's password, for a container."""
        return SecretValue(self.writer.password_source, arn=self.writer.secret_arn)

    def dimensions(self, role: Role) -> dict[str, Any]:
        """What metrics in AWS/RDS carry for the instance that has this role now.

        CPUUtilization, DatabaseConnections and FreeableMemory are published by role. An alarm on one instance would
        watch a reader after a failover (Amazon Aurora User Guide, "Creating CloudWatch alarms").
        """
        return {"DBClusterIdentifier": self.cluster_identifier, "Role": role}

    @classmethod
    def from_stack(
        cls, stack: Stack, producer: Stack, name: str, *, database: str | None = None, generated: bool = True
    ) -> AuroraServer:
        """The cluster called *name* that another stack made, read from its outputs."""
        string = SecretValue(stack.from_stack(producer, f"{name}ConnectionStringArn")) if generated else None
        return cls(
            writer=Database.from_stack(stack, producer, name, database=database),
            reader_host=stack.from_stack(producer, f"{name}ReaderHost"),
            cluster_identifier=stack.from_stack(producer, f"{name}ClusterIdentifier"),
            cluster_arn=stack.from_stack(producer, f"{name}ClusterArn"),
            connection_string=string,
        )
