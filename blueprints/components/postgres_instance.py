"""A PostgreSQL database on one instance of RDS, with storage that grows and a password of ours."""

from __future__ import annotations

from typing import Any, Literal

from troposphere import Sub, rds, secretsmanager

from blueprints.access.connections import closed_security_group
from blueprints.components.generated_password import GeneratedPassword, generation_suffix, replaceable
from blueprints.components.network import Network
from blueprints.components.postgres import MOST_BACKUP_DAYS, PORT, database_subnet_group
from blueprints.components.postgres_names import checked_database, checked_user
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack

ENGINE = "postgres"
MAJOR_VERSION = "17"
# Minor versions that an instance can be made with, each on all classes below (DescribeDBEngineVersions and
# DescribeOrderableDBInstanceOptions, as cfn-lint carries them).
MINOR_VERSIONS = ("17.5", "17.6", "17.7", "17.8", "17.9", "17.10", "17.11")

DatabaseClass = Literal["db.t3.micro", "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.m7g.large"]
# GiB (Amazon RDS User Guide, "Hardware specifications for DB instance classes").
INSTANCE_MEMORY: dict[DatabaseClass, int] = {
    "db.t3.micro": 1,
    "db.t4g.micro": 1,
    "db.t4g.small": 2,
    "db.t4g.medium": 4,
    "db.m7g.large": 8,
}

MIB = 1024**2
# What RDS's default of max_connections counts for a connection, and where it ends: LEAST({DBInstanceClassMemory/
# 9531392}, 5000) (Amazon RDS User Guide, "Quotas and constraints", maximum number of database connections).
BYTES_PER_CONNECTION = 9531392
MOST_CONNECTIONS = 5000
# DBInstanceClassMemory is the class's memory less what the operating system and RDS's own processes take, and AWS does
# not publish it. People read max_connections as 181 on db.t4g.small, 198 and 413 on 2 and 4 GiB of T2, 856 on db.m4.
# large; with this much less, no result is above what they read.
RESERVED_MIB = 350
RESERVED_SHARE = 1 / 32

# GiB of gp3 (CreateDBInstance, AllocatedStorage).
LEAST_STORAGE, MOST_STORAGE = 20, 65536
# "At least 10% more than the current allocated storage" (Amazon RDS User Guide, storage autoscaling).
LEAST_GROWTH = 1.1

# UTC, half an hour at least, not at the same time (CreateDBInstance).
BACKUP_WINDOW = "03:00-04:00"
MAINTENANCE_WINDOW = "sun:04:00-sun:05:00"
# Performance Insights keeps seven days without charge; the standard mode of Database Insights shows them.
INSIGHTS_DAYS = 7
# Valid until 2061, and RDS renews the server's certificate below it by itself (Amazon RDS User Guide, "Using SSL/TLS").
CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1"
# Where the application's image has https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem.
CERTIFICATE_BUNDLE = "/etc/ssl/certs/rds-global-bundle.pem"
SSL_MODE = "verify-full"

PARAMETERS = {
    "rds.force_ssl": "1",  # RDS's default since 15, said because nobody may turn it off
    "log_min_duration_statement": "1000",  # ms; nothing is logged by default
    "log_lock_waits": "1",  # who waits longer than deadlock_timeout, a second: what a migration does to others
    "log_parameter_max_length": "0",  # bytes; values bound to a logged statement are people's data
}


def max_connections(instance_class: DatabaseClass) -> int:
    """How many connections an instance of this class takes at least, where its max_connections is RDS's default.

    A careful estimate, because no attribute tells the number; ``SHOW max_connections`` does. PostgreSQL keeps three
    of them for superusers (superuser_reserved_connections), and RDS itself connects too.
    """
    mib = INSTANCE_MEMORY[instance_class] * 1024
    left = (mib * (1 - RESERVED_SHARE) - RESERVED_MIB) * MIB
    return min(int(left / BYTES_PER_CONNECTION), MOST_CONNECTIONS)


def is_burstable(instance_class: DatabaseClass) -> bool:
    """Whether the class earns and spends CPU credits; in RDS, T3 and T4g go on without, for a charge."""
    return instance_class.startswith("db.t")


class PostgresInstance(Component):
    """RDS for PostgreSQL 17 on one instance: encrypted, private, TLS only, no way in until connections say so.

    A new password (*password_generation*) is set at once. From then on the old one opens no new connections, so who
    uses it is deployed right after. PostgreSQL's log goes to a log group that RDS makes and names after the instance;
    it never expires until somebody gives it a retention.

    Args:
        name: first part of the logical ids.
        network: the instance stands in its data subnets, or in the private ones where it has none.
        keep: refuse to be deleted, by anyone, and leave a snapshot and the automatic backups behind.
        database: name of the database that is made with the instance.
        user: the master user.
        instance_class: the size.
        storage_gib: gp3 storage at first, 20 GiB at least. It comes with 3,000 IOPS and 125 MiB/s.
        maximum_storage_gib: how far RDS may enlarge it when a tenth is left; *storage_gib* again for not at all. It
            never shrinks.
        multi_az: a standby in a second zone, which takes over and takes no connections before; doubles the price.
        backup_days: how far back the instance can be restored, 1 to 35 days.
        password_generation: which password it has, from 1 up.
        as_url: also keep a connection URL as a secret, for applications that read DATABASE_URL.

    Raises:
        SettingsError: RDS does not take one of these.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        keep: bool,
        database: str,
        user: str = "app",
        instance_class: DatabaseClass = "db.t3.micro",
        storage_gib: int = 20,
        maximum_storage_gib: int = 100,
        multi_az: bool = False,
        backup_days: int = 7,
        password_generation: int = 1,
        as_url: bool = False,
    ) -> None:
        _check(name, instance_class, storage_gib, maximum_storage_gib, backup_days)
        self.name, self.port = name, PORT
        self._database, self._user = checked_database(name, database), checked_user(name, user)
        self.engine_version = _engine_version(name)
        self.security_group = closed_security_group(name, network.vpc_id, f"PostgreSQL of {name}")
        self.subnet_group = database_subnet_group(name, network)
        self.parameter_group = _parameter_group(name)
        self._generation = generation_suffix(name, password_generation)
        self.password = GeneratedPassword(name, description=f"Master user of {name}", generation=password_generation)
        self.instance = self._instance(instance_class, multi_az=multi_az, backup_days=backup_days, keep=keep)
        self.instance.AllocatedStorage = str(storage_gib)
        if maximum_storage_gib > storage_gib:
            self.instance.MaxAllocatedStorage = maximum_storage_gib
        self.url = self._url(password_generation) if as_url else None

    @property
    def security_group_id(self) -> Any:
        """The id of the security group that connections are made to."""
        return self.security_group.get_att("GroupId")

    @property
    def arn(self) -> Any:
        """The instance's ARN, for backups."""
        return self.instance.get_att("DBInstanceArn")

    @property
    def identifier(self) -> Any:
        """What metrics and commands call the instance."""
        return self.instance.ref()

    def publish(self, stack: Stack) -> None:
        """Write the outputs that other stacks read.

        Those of the secrets are named by their generation: a stack whose template stays the same hears of no new value.
        """
        name, generation, host = self.name, self._generation, self.instance.get_att("Endpoint.Address")
        stack.output(f"{name}SecurityGroupId", self.security_group_id, f"Security group of {name}")
        stack.output(f"{name}Host", host, f"Host name of {name}, PostgreSQL with TLS on port {PORT}")
        stack.output(f"{name}Identifier", self.identifier, f"What metrics and commands call {name}")
        whole = "the whole value of the secret"
        stack.output(f"{name}Password{generation}Arn", self.password.arn, f"Password of {name}; {whole}")
        if self.url is not None:
            stack.output(f"{name}Url{generation}Arn", self.url.ref(), f"Connection URL of {name}; {whole}")

    def _instance(self, instance_class: str, *, multi_az: bool, backup_days: int, keep: bool) -> rds.DBInstance:
        return because(
            "Keeps relational data, in two zones with MultiAZ.",
            rds.DBInstance(
                f"{self.name}Instance",
                Engine=ENGINE,
                EngineVersion=self.engine_version.ref(),
                # After its standard support a forgotten version is upgraded, not charged for by vCPU and hour.
                EngineLifecycleSupport="open-source-rds-extended-support-disabled",
                # After an upgrade of RDS's own the template's version is the lower one, and RDS does not go back: every
                # later update of the stack would fail.
                AutoMinorVersionUpgrade=False,
                DBInstanceClass=instance_class,
                DBName=self._database,
                MasterUsername=self._user,
                MasterUserPassword=Sub(self.password.reference),
                EnableIAMDatabaseAuthentication=True,
                CACertificateIdentifier=CERTIFICATE_AUTHORITY,
                DBSubnetGroupName=self.subnet_group.ref(),
                DBParameterGroupName=self.parameter_group.ref(),
                VPCSecurityGroups=[self.security_group_id],
                Port=str(PORT),
                PubliclyAccessible=False,
                MultiAZ=multi_az,
                StorageType="gp3",  # below 400 GiB RDS refuses IOPS and throughput
                StorageEncrypted=True,
                **_protected(backup_days, keep=keep),
                **_watched(),
            ),
            must=[
                "Engine, database name, user, encryption and subnet group stay: a change makes a new, empty database"
            ],
            mutable="change-with-constraints",
        )

    def _url(self, generation: int) -> secretsmanager.Secret:
        address = f"${{{self.instance.title}.Endpoint.Address}}:{PORT}/{self._database}"
        query = f"sslmode={SSL_MODE}&sslrootcert={CERTIFICATE_BUNDLE}"
        return because(
            "Host and password in one variable. CloudFormation puts the password in when it makes the secret.",
            secretsmanager.Secret(
                f"{self.name}Url{generation_suffix(self.name, generation)}",
                Description=f"Connection URL of {self.name}",
                SecretString=Sub(f"postgresql://{self._user}:{self.password.reference}@{address}?{query}"),
                **replaceable(),
            ),
            must=["A new password comes with a new generation: another logical id, which whoever reads it notices"],
        )


def _protected(backup_days: int, *, keep: bool) -> dict[str, Any]:
    return {
        "BackupRetentionPeriod": backup_days,
        "PreferredBackupWindow": BACKUP_WINDOW,
        "PreferredMaintenanceWindow": MAINTENANCE_WINDOW,
        "CopyTagsToSnapshot": True,
        "DeleteAutomatedBackups": not keep,
        "DeletionProtection": keep,
    }


def _watched() -> dict[str, Any]:
    return {
        "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
        "DatabaseInsightsMode": "standard",
        "EnablePerformanceInsights": True,
        "PerformanceInsightsRetentionPeriod": INSIGHTS_DAYS,
    }


def _engine_version(name: str) -> StackParameter:
    return StackParameter(
        f"{name}EngineVersion",
        group="Database",
        label="PostgreSQL version",
        description="Version of PostgreSQL; an instance can go up, and never down",
        default=MINOR_VERSIONS[-1],
        allowed=MINOR_VERSIONS,
        constraint="A version that RDS makes instances with",
    )


def _parameter_group(name: str) -> rds.DBParameterGroup:
    return because(
        "Asks for TLS, and logs slow statements and long waits for locks.",
        rds.DBParameterGroup(
            f"{name}ParameterGroup",
            Description=f"Settings of {name}",
            Family=f"{ENGINE}{MAJOR_VERSION}",  # cannot change: a new major version takes a new group
            Parameters=dict(PARAMETERS),
        ),
        must=["rds.force_ssl stays 1"],
    )


def _check(name: str, instance_class: str, storage: int, maximum: int, backup_days: int) -> None:
    if instance_class not in INSTANCE_MEMORY:
        raise SettingsError(f"{name}: instance_class is {instance_class!r}; choose one of {', '.join(INSTANCE_MEMORY)}")
    if not LEAST_STORAGE <= storage <= MOST_STORAGE:
        raise SettingsError(f"{name}: storage_gib is {storage}; gp3 takes {LEAST_STORAGE} to {MOST_STORAGE} GiB")
    if maximum != storage and not storage * LEAST_GROWTH <= maximum <= MOST_STORAGE:
        raise SettingsError(
            f"{name}: maximum_storage_gib is {maximum}; it takes a tenth more than storage_gib, {storage}, up to "
            f"{MOST_STORAGE}, or {storage} for storage that stays as it is"
        )
    if not 1 <= backup_days <= MOST_BACKUP_DAYS:
        raise SettingsError(f"{name}: backup_days is {backup_days}; RDS keeps 1 to {MOST_BACKUP_DAYS} days")
