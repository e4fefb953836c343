"""A PostgreSQL database of a size: Aurora on instances in zones of their own, or Serverless v2 that can pause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from troposphere import GetAZs, Select, Sub, logs, rds

from blueprints.access.connections import closed_security_group
from blueprints.components.aurora_parameters import DATABASE_PARAMETERS, DatabaseParameter
from blueprints.components.aurora_secret import ConnectionSecrets, generated_master_secret, password_in
from blueprints.components.aurora_server import AuroraServer
from blueprints.components.network import Network
from blueprints.components.postgres import (
    ENGINE,
    MASTER_USER,
    PORT,
    Database,
    check_backup_days,
    check_capacity,
    check_readers,
    database_name,
    database_subnet_group,
)
from blueprints.components.secret import SecretValue
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack

MAJOR_VERSION = "15"
# Minor versions that a cluster can be made with (DescribeDBEngineVersions, as cfn-lint carries it). All of them pause
# at 0 capacity units, which takes 15.7 or later.
MINOR_VERSIONS = ("15.10", "15.12", "15.13", "15.14", "15.15", "15.17", "15.18", "15.19")

# 1 to 16 letters and digits (CreateDBCluster); lower case needs no quotes in SQL.
USER_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
RESERVED_USERS = frozenset({"admin", "rdsadmin"})
# CreateDBCluster; RDS stores it in lower case, and the log group's name has to be the same.
IDENTIFIER = re.compile(r"(?=.{1,63}$)[a-z](-?[a-z0-9])*")

# Performance Insights keeps seven days without charge; the standard mode of Database Insights shows them.
INSIGHTS_DAYS = 7
SHORTEST_PAUSE, LONGEST_PAUSE = 300, 86400  # seconds (ServerlessV2ScalingConfiguration)

MasterSecret = Literal["generated", "managed"]


@dataclass(frozen=True)
class ServerlessCapacity:
    """The range of Serverless v2 in units of about 2 GiB; with a *minimum* of 0, instances pause when nobody connects.

    A paused database takes about 15 seconds to answer the first connection, longer after a day. An open connection,
    of a pool too, keeps it awake, and so does a reader that is awake.
    """

    minimum: float = 0.5
    maximum: float = 4
    seconds_until_pause: int = SHORTEST_PAUSE


@dataclass(frozen=True)
class Backups:
    """Days to keep backups, and when they and maintenance happen: UTC, half an hour at least, not at the same time."""

    days: int = 7
    window: str = "03:00-04:00"
    maintenance_window: str = "sun:04:00-sun:05:00"


class Aurora(Component):
    """An Aurora PostgreSQL 15 cluster: encrypted, TLS only, no way in until connections say so.

    Args:
        name: first part of the logical ids.
        network: the instances stand in its data subnets, or in the private ones where it has none.
        keep: refuse to be deleted, by anyone.
        database: name of the database that is made with the cluster; *name* in lower case when not given.
        user: the master user.
        master_secret: ``generated``: a secret of ours, which can have a documented name and has a connection string
            for .NET beside it; ``managed``: RDS makes one, names it and changes its password every seven days.
        secret_name: physical name of a generated secret.
        pool_size: connections of one task's pool, written into the connection string. Npgsql's default is 100: three
            tasks could ask for more than max_connections.
        instance_class: of the writer and of each reader, because whoever takes over has to carry the same load.
        serverless: the range of Serverless v2, in place of an instance class.
        readers: further instances, which take over when the writer fails.
        zones: how many zones a Vpc of ours has, two at least with a reader. Instances are put into them in turn. When
            None, as in a network that was there before, Aurora chooses, and promises no other zone for the reader.
        backups: how long they are kept, and when they and maintenance happen.
        parameters: what the cluster is told to do differently.
        identifier: a name of its own, where a document names it; CloudFormation cannot replace such a cluster. Only
            with it has PostgreSQL's log a retention: the log group's name holds it and has to be there before RDS
            makes one that never expires.
        log_retention_days: days to keep the log.

    Raises:
        SettingsError: Aurora does not take one of these.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        keep: bool,
        database: str | None = None,
        user: str = MASTER_USER,
        master_secret: MasterSecret = "generated",  # noqa: S107 - who makes it, not what it is
        secret_name: str | None = None,
        pool_size: int | None = None,
        instance_class: str = "db.t4g.medium",
        serverless: ServerlessCapacity | None = None,
        readers: int = 0,
        zones: int | None = None,
        backups: Backups = Backups(),
        parameters: Sequence[DatabaseParameter] = DATABASE_PARAMETERS,
        identifier: str | None = None,
        log_retention_days: int = 30,
    ) -> None:
        _check(name, user, identifier, serverless)
        _check_secret(name, master_secret, secret_name, pool_size)
        _check_readers(name, readers, zones)
        check_backup_days(name, backups.days)
        self.name, self.port, self._database = name, PORT, database_name(name, database)
        self.engine_version = _engine_version(name)
        self.security_group = closed_security_group(name, network.vpc_id, f"PostgreSQL of {name}")
        self.subnet_group = database_subnet_group(name, network)
        self.parameter_group = _parameter_group(name, parameters)
        self.log_group = None if identifier is None else _log_group(name, identifier, log_retention_days)
        generated = master_secret == "generated"
        self.secret = generated_master_secret(name, user=user, physical_name=secret_name) if generated else None
        self.cluster = self._cluster(user, identifier, backups, keep=keep)
        if serverless is not None:
            self.cluster.ServerlessV2ScalingConfiguration = _scaling(serverless)
        self.connection = self._connection(user, pool_size)
        self.instances = _instances(
            self.cluster,
            name,
            instance_class="db.serverless" if serverless is not None else instance_class,
            count=1 + readers,
            zones=zones,
            window=backups.maintenance_window,
        )

    @property
    def security_group_id(self) -> Any:
        """The id of the security group that connections are made to."""
        return self.security_group.get_att("GroupId")

    @property
    def server(self) -> AuroraServer:
        """What a client connects to."""
        connection = self.connection
        managed = self.cluster.get_att("MasterUserSecret.SecretArn")
        writer = Database(
            name=self.name,
            security_group_id=self.security_group_id,
            host=self.cluster.get_att("Endpoint.Address"),
            database=self._database,
            secret_arn=connection.arn if connection is not None else managed,
            username_source=self._source("username"),
            password_source=self._source("password"),
        )
        return AuroraServer(
            writer=writer,
            reader_host=self.cluster.get_att("ReadEndpoint.Address"),
            cluster_identifier=self.cluster.ref(),
            cluster_arn=self.cluster.get_att("DBClusterArn"),
            connection_string=SecretValue(connection.connection_string.ref()) if connection is not None else None,
        )

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``AuroraServer.from_stack`` reads; a source cannot be composed in another stack."""
        server, writer = self.server, self.server.writer
        for suffix, value, description in (
            ("SecurityGroupId", writer.security_group_id, f"Security group of {self.name}"),
            ("Host", writer.host, f"Host name of {self.name}'s writer, PostgreSQL with TLS"),
            ("ReaderHost", server.reader_host, f"Host name of {self.name}'s readers; the writer's without any"),
            ("Port", self.cluster.get_att("Endpoint.Port"), f"Port of {self.name}"),
            ("Name", writer.database, f"Name of the database in {self.name}"),
            ("SecretArn", writer.secret_arn, f"Secret with user name and password of {self.name}"),
            ("UsernameSource", writer.username_source, "The user name, as an ECS secret takes it"),
            ("PasswordSource", writer.password_source, "The password, as an ECS secret takes it"),
            ("ClusterIdentifier", server.cluster_identifier, f"What metrics and commands call {self.name}"),
            ("ClusterArn", server.cluster_arn, f"The cluster of {self.name}, for backups"),
        ):
            stack.output(f"{self.name}{suffix}", value, description)
        if server.connection_string is not None:
            string = server.connection_string.source
            stack.output(f"{self.name}ConnectionStringArn", string, f"Connection string of {self.name} for .NET")

    def _source(self, key: str) -> Sub:
        if self.connection is not None:
            return self.connection.value_of(key)
        return Sub(f"${{{self.cluster.title}.MasterUserSecret.SecretArn}}:{key}::")

    def _connection(self, user: str, pool_size: int | None) -> ConnectionSecrets | None:
        if self.secret is None:
            return None
        return ConnectionSecrets(
            self.name,
            secret=self.secret,
            cluster=self.cluster,
            database=self._database,
            user=user,
            pool_size=pool_size,
        )

    def _cluster(self, user: str, identifier: str | None, backups: Backups, *, keep: bool) -> rds.DBCluster:
        cluster = rds.DBCluster(
            f"{self.name}Cluster",
            Engine=ENGINE,
            EngineVersion=self.engine_version.ref(),
            # After its standard support a forgotten version is upgraded, not charged for by vCPU and hour.
            EngineLifecycleSupport="open-source-rds-extended-support-disabled",
            DatabaseName=self._database,
            MasterUsername=user,
            EnableIAMDatabaseAuthentication=True,
            DBSubnetGroupName=self.subnet_group.ref(),
            DBClusterParameterGroupName=self.parameter_group.ref(),
            VpcSecurityGroupIds=[self.security_group_id],
            Port=PORT,
            **_protected(backups, keep=keep),
            **_watched(),
        )
        if self.secret is not None:
            cluster.MasterUserPassword = Sub(password_in(str(self.secret.secret.title)))
        else:
            cluster.ManageMasterUserPassword = True
        if identifier is not None and self.log_group is not None:
            cluster.DBClusterIdentifier = identifier
            cluster.DependsOn = [self.log_group.title]  # RDS makes a log group where there is none
        return because(
            "Keeps relational data in three zones, whatever the number of instances.",
            cluster,
            must=["Engine, database name, user and encryption stay as they are: a change makes a new, empty cluster"],
            mutable="change-with-constraints",
        )


def _protected(backups: Backups, *, keep: bool) -> dict[str, Any]:
    return {
        "StorageEncrypted": True,
        "BackupRetentionPeriod": backups.days,
        "PreferredBackupWindow": backups.window,
        "PreferredMaintenanceWindow": backups.maintenance_window,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": keep,
    }


def _watched() -> dict[str, Any]:
    """What holds for each of the cluster's instances: its log leaves them, and their load is recorded."""
    return {
        "EnableCloudwatchLogsExports": ["postgresql"],
        "DatabaseInsightsMode": "standard",
        "PerformanceInsightsEnabled": True,
        "PerformanceInsightsRetentionPeriod": INSIGHTS_DAYS,
    }


def _instances(  # noqa: PLR0913 - each is a property of theirs
    cluster: rds.DBCluster, name: str, *, instance_class: str, count: int, zones: int | None, window: str
) -> list[rds.DBInstance]:
    """The writer and its readers, one after the other: the first instance of a cluster becomes its writer."""
    instances: list[rds.DBInstance] = []
    for number in range(count):
        instance = rds.DBInstance(
            f"{name}Reader{number}" if number else f"{name}Writer",
            DBClusterIdentifier=cluster.ref(),
            Engine=ENGINE,
            DBInstanceClass=instance_class,
            # The lowest tier takes over first; serverless readers of tier 0 and 1 are always as large as the writer.
            PromotionTier=number,
            PubliclyAccessible=False,
            PreferredMaintenanceWindow=window,
            # After an upgrade of Aurora's own the template's version is the lower one, and RDS does not go back: every
            # later update of the stack would fail.
            AutoMinorVersionUpgrade=False,
            # The cluster holds the data; RDS takes no snapshot of one of its instances.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
        if zones is not None:
            # The zones that Vpc puts its subnets into, in the same order.
            instance.AvailabilityZone = Select(number % zones, GetAZs(""))
        if instances:
            instance.DependsOn = [instances[0].title]
        why = "Takes over when the writer fails, and reads until then." if number else "Takes writes, and reads."
        instances.append(because(why, instance, mutable="review-required"))
    return instances


def _engine_version(name: str) -> StackParameter:
    return StackParameter(
        f"{name}EngineVersion",
        group="Database",
        label="Aurora PostgreSQL version",
        description="Version of Aurora PostgreSQL; a cluster can go up, and never down",
        default=MINOR_VERSIONS[-1],
        allowed=MINOR_VERSIONS,
        constraint="A version that Aurora makes clusters with",
    )


def _parameter_group(name: str, parameters: Sequence[DatabaseParameter]) -> rds.DBClusterParameterGroup:
    return because(
        "Asks for TLS, logs slow and changing statements, and bounds memory and connections.",
        rds.DBClusterParameterGroup(
            f"{name}ParameterGroup",
            Description=f"Settings of {name}",
            Family=f"{ENGINE}{MAJOR_VERSION}",  # cannot change: a new major version takes a new group
            Parameters={parameter.name: parameter.value for parameter in parameters},
        ),
        must=["rds.force_ssl stays 1"],
    )


def _log_group(name: str, identifier: str, retention_days: int) -> logs.LogGroup:
    return because(
        "Slow and changing statements, kept for as long as somebody may ask.",
        logs.LogGroup(
            f"{name}LogGroup",
            LogGroupName=f"/aws/rds/cluster/{identifier}/postgresql",  # RDS knows no other name
            RetentionInDays=retention_days,
        ),
    )


def _scaling(capacity: ServerlessCapacity) -> rds.ServerlessV2ScalingConfiguration:
    scaling = rds.ServerlessV2ScalingConfiguration(MaxCapacity=capacity.maximum)
    # troposphere refuses less than 0.5, and Aurora takes 0 since November 2024.
    scaling.properties["MinCapacity"] = capacity.minimum
    if capacity.minimum == 0:
        scaling.SecondsUntilAutoPause = capacity.seconds_until_pause  # nothing pauses with another minimum
    return scaling


def _check(name: str, user: str, identifier: str | None, serverless: ServerlessCapacity | None) -> None:
    if not USER_NAME.fullmatch(user) or user in RESERVED_USERS:
        raise SettingsError(
            f"{name}: user is {user!r}; it takes a letter, then up to 15 letters and digits, in lower case; "
            f"{' and '.join(sorted(RESERVED_USERS))} are reserved"
        )
    if identifier is not None and not IDENTIFIER.fullmatch(identifier):
        raise SettingsError(
            f"{name}: identifier is {identifier!r}; it takes a letter, then lower case letters, digits and single "
            "dashes, 63 at most, none at the end"
        )
    if serverless is None:
        return
    check_capacity(name, serverless.minimum, serverless.maximum, least=0)
    if not SHORTEST_PAUSE <= serverless.seconds_until_pause <= LONGEST_PAUSE:
        raise SettingsError(
            f"{name}: seconds_until_pause is {serverless.seconds_until_pause}; Aurora takes {SHORTEST_PAUSE} to "
            f"{LONGEST_PAUSE}"
        )


def _check_secret(name: str, secret: MasterSecret, secret_name: str | None, pool_size: int | None) -> None:
    if secret == "managed" and not (secret_name is None and pool_size is None):
        raise SettingsError(
            f"{name}: RDS names the secret that it manages, and there is no connection string; "
            "leave secret_name and pool_size out or let the secret be generated"
        )


def _check_readers(name: str, readers: int, zones: int | None) -> None:
    check_readers(name, readers)
    if readers and zones == 1:
        raise SettingsError(f"{name}: a reader in the writer's zone fails with it; give the network a second zone")
