"""A PostgreSQL database that grows and shrinks with its load: Aurora Serverless v2 in private subnets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from troposphere import Sub, rds

from blueprints.access.connections import closed_security_group
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack

PORT = 5432
ENGINE = "aurora-postgresql"
ENGINE_VERSION = "16.15"

# Aurora Serverless v2 counts capacity in halves of a unit of about 2 GiB (Amazon Aurora User Guide).
LEAST_ACU = 0.5
MOST_ACU = 256
MOST_BACKUP_DAYS = 35
MOST_READERS = 15

MASTER_USER = "postgres"  # RDS reserves admin and rdsadmin

# A letter first, no dashes, 63 characters at most; what PostgreSQL takes without quotes.
DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Database:
    """A database to connect to: one of this stack or one of another.

    ``username_source`` and ``password_source`` are what an ECS secret takes as its ValueFrom; whoever starts the task
    has to be allowed to read ``secret_arn``. RDS changes the password every seven days: a task that runs for longer
    has to read the secret again, or start again.
    """

    name: str
    security_group_id: Any
    host: Any
    database: str
    secret_arn: Any
    username_source: Any
    password_source: Any
    port: int = PORT

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str, *, database: str | None = None) -> Database:
        """The database server called *name* that another stack made, read from its outputs."""
        return cls(
            name=name,
            security_group_id=stack.from_stack(producer, f"{name}SecurityGroupId"),
            host=stack.from_stack(producer, f"{name}Host"),
            database=database or name.lower(),
            secret_arn=stack.from_stack(producer, f"{name}SecretArn"),
            username_source=stack.from_stack(producer, f"{name}UsernameSource"),
            password_source=stack.from_stack(producer, f"{name}PasswordSource"),
        )


class Postgres(Component):
    """An Aurora PostgreSQL cluster: encrypted, TLS only, its password made and changed by RDS, no way in at first.

    Args:
        name: first part of the logical ids.
        network: the instances stand in its private subnets.
        database: name of the database that is made with the cluster; *name* in lower case when not given.
        keep: refuse to be deleted, by anyone.
        minimum_acu: capacity that is always there and paid for.
        maximum_acu: the most capacity an instance grows to.
        backup_days: how far back the cluster can be restored, 1 to 35 days.
        readers: further instances in other zones, which take over when the writer fails.
        engine_version: an Aurora PostgreSQL version with its minor number; a new major version also needs
            AllowMajorVersionUpgrade.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        keep: bool,
        database: str | None = None,
        minimum_acu: float = 0.5,
        maximum_acu: float = 2,
        backup_days: int = 7,
        readers: int = 0,
        engine_version: str = ENGINE_VERSION,
    ) -> None:
        check_capacity(name, minimum_acu, maximum_acu)
        check_backup_days(name, backup_days)
        check_readers(name, readers)
        self.name, self.port, self._database = name, PORT, database_name(name, database)
        self._engine_version = engine_version
        self.security_group = closed_security_group(name, network.vpc_id, f"Database {name}")
        self.subnet_group = because(
            "Keeps the database in the private subnets, in at least two zones.",
            rds.DBSubnetGroup(
                f"{name}SubnetGroup",
                DBSubnetGroupDescription=f"Private subnets of {name}",
                SubnetIds=network.private_subnets,
            ),
        )
        self.parameter_group = because(
            "Refuses connections without TLS.",
            rds.DBClusterParameterGroup(
                f"{name}ParameterGroup",
                Description=f"Settings of {name}",
                # The family cannot change: a new major version takes a new group.
                Family=f"{ENGINE}{engine_version.partition('.')[0]}",
                Parameters={"rds.force_ssl": "1"},
            ),
            must=["rds.force_ssl stays 1"],
        )
        self.cluster = self._cluster(minimum_acu, maximum_acu, backup_days, keep=keep)
        self.writer = self._instance("Writer", "Takes writes, and reads while there is no reader.")
        self.readers = [
            self._instance(f"Reader{number}", "Takes over when the writer fails, and reads until then.")
            for number in range(1, readers + 1)
        ]

    @property
    def security_group_id(self) -> Any:
        """The id of the security group that connections are made to."""
        return self.security_group.get_att("GroupId")

    @property
    def secret_arn(self) -> Any:
        """The secret that RDS made; it holds username and password, and no host."""
        return self.cluster.get_att("MasterUserSecret.SecretArn")

    @property
    def arn(self) -> Any:
        """The cluster's ARN, for backups."""
        return self.cluster.get_att("DBClusterArn")

    @property
    def server(self) -> Database:
        """What a client connects to."""
        return Database(
            name=self.name,
            security_group_id=self.security_group_id,
            host=self.cluster.get_att("Endpoint.Address"),
            database=self._database,
            secret_arn=self.secret_arn,
            username_source=self._source("username"),
            password_source=self._source("password"),
        )

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``Database.from_stack`` reads; a source cannot be put together in another stack."""
        server = self.server
        stack.output(f"{self.name}SecurityGroupId", server.security_group_id, f"Security group of {self.name}")
        stack.output(f"{self.name}Host", server.host, f"Host name of {self.name}, PostgreSQL with TLS on port {PORT}")
        stack.output(f"{self.name}SecretArn", server.secret_arn, f"Secret with user name and password of {self.name}")
        stack.output(f"{self.name}UsernameSource", server.username_source, "The user name, as an ECS secret takes it")
        stack.output(f"{self.name}PasswordSource", server.password_source, "The password, as an ECS secret takes it")

    def _source(self, key: str) -> Sub:
        return Sub(f"${{{self.cluster.title}.MasterUserSecret.SecretArn}}:{key}::")

    def _cluster(self, minimum: float, maximum: float, backup_days: int, *, keep: bool) -> rds.DBCluster:
        return because(
            "Keeps relational data in three zones, whatever the number of instances.",
            rds.DBCluster(
                f"{self.name}Cluster",
                Engine=ENGINE,
                EngineVersion=self._engine_version,
                EngineLifecycleSupport="open-source-rds-extended-support-disabled",
                DatabaseName=self._database,
                MasterUsername=MASTER_USER,
                ManageMasterUserPassword=True,
                EnableIAMDatabaseAuthentication=True,
                StorageEncrypted=True,
                DBSubnetGroupName=self.subnet_group.ref(),
                DBClusterParameterGroupName=self.parameter_group.ref(),
                VpcSecurityGroupIds=[self.security_group_id],
                Port=PORT,
                ServerlessV2ScalingConfiguration=rds.ServerlessV2ScalingConfiguration(
                    MinCapacity=minimum, MaxCapacity=maximum
                ),
                BackupRetentionPeriod=backup_days,
                CopyTagsToSnapshot=True,
                EnableCloudwatchLogsExports=["postgresql"],  # RDS makes the log group, and it never expires
                DeletionProtection=keep,
            ),
            must=[
                "Engine, database name, user and encryption stay as they are: a change makes a new, empty cluster",
                "rds.force_ssl stays on",
            ],
            mutable="change-with-constraints",
        )

    def _instance(self, kind: str, why: str) -> rds.DBInstance:
        instance = rds.DBInstance(
            f"{self.name}{kind}",
            DBClusterIdentifier=self.cluster.ref(),
            Engine=ENGINE,
            DBInstanceClass="db.serverless",
            PubliclyAccessible=False,
            # An upgrade behind the template's back would leave it with a version lower than the cluster's.
            AutoMinorVersionUpgrade=False,
            # The cluster holds the data; RDS takes no snapshot of one of its instances.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
        return because(why, instance, mutable="review-required")


def database_subnet_group(name: str, network: Network) -> rds.DBSubnetGroup:
    """Where a database stands: in data subnets, or in the private ones of a network that has none."""
    own = network.data_subnets is not None
    return because(
        "Keeps the database in subnets without a way to the internet." if own else "Keeps the database private.",
        rds.DBSubnetGroup(
            f"{name}SubnetGroup",
            DBSubnetGroupDescription=f"Subnets of {name}",
            SubnetIds=network.data_subnets if own else network.private_subnets,
        ),
    )


def check_capacity(name: str, minimum: float, maximum: float, *, least: float = LEAST_ACU) -> None:
    """Raise SettingsError unless Aurora takes *minimum* to *maximum* capacity units."""
    if not (least <= minimum <= maximum and 1 <= maximum <= MOST_ACU and minimum % 0.5 == maximum % 0.5 == 0):
        raise SettingsError(
            f"{name}: capacity is {minimum} to {maximum}; Aurora takes {least} to {MOST_ACU}, in halves"
        )


def check_backup_days(name: str, days: int) -> None:
    """Raise SettingsError unless Aurora keeps backups for so many days."""
    if not 1 <= days <= MOST_BACKUP_DAYS:
        raise SettingsError(f"{name}: backup_days is {days}; Aurora keeps 1 to {MOST_BACKUP_DAYS} days")


def check_readers(name: str, readers: int) -> None:
    """Raise SettingsError unless a cluster takes so many readers."""
    if not 0 <= readers <= MOST_READERS:
        raise SettingsError(f"{name}: readers is {readers}; Aurora takes 0 to {MOST_READERS}")


def database_name(name: str, given: str | None) -> str:
    """The name of the database: the given one, or *name* in lower case.

    Raises:
        SettingsError: PostgreSQL would ask for quotes around it.

    """
    database = given or name.lower()
    if not DATABASE_NAME.fullmatch(database):
        raise SettingsError(
            f"{name}: database is {database!r}; it takes a letter first, then letters, digits and _, all lower case"
        )
    return database
