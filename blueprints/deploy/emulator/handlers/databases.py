"""Databases and caches, where MiniStack's own handlers lose what we render or take what AWS refuses."""

import json
import re

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted

# Printable, without /, @, " and spaces (CreateDBCluster, MasterUserPassword).
_PASSWORD = re.compile(r"[!#-.0-?A-~]{8,}")
# "The only permitted printable special characters are !, &, #, $, ^, <, >, and -" (CreateReplicationGroup).
_TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")


class Database:
    """RDS keeps a managed password in a secret of its own, which MiniStack does not make."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        _check_password(wanted)
        return self._answer(self._native.create(wanted), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _check_password(wanted)
        return self._answer(self._native.update(physical_id, before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)
        internals.SECRETS.pop(_managed_secret(physical_id), None)

    def _answer(self, made: Made, wanted: Wanted) -> Made:
        self._complete(made, wanted)
        if not wanted.get("ManageMasterUserPassword"):
            return made
        name = _managed_secret(made.physical_id)
        if name not in internals.SECRETS:
            value = json.dumps({"username": wanted.get("MasterUsername"), "password": "local-password"})
            call("secretsmanager", "CreateSecret", {"Name": name, "SecretString": value})
        return Made(made.physical_id, {**made.attributes, "MasterUserSecret.SecretArn": internals.SECRETS[name]["ARN"]})

    def _complete(self, made: Made, wanted: Wanted) -> None:
        """Put into the record what MiniStack leaves out."""


class DatabaseCluster(Database):
    """A cluster: MiniStack drops its parameter group."""

    def _complete(self, made: Made, wanted: Wanted) -> None:
        group = wanted.get("DBClusterParameterGroupName") or f"default.{wanted.get('Engine')}"
        internals.DATABASE_CLUSTERS[made.physical_id]["DBClusterParameterGroup"] = group


class DatabaseInstance(Database):
    """An instance of a cluster has the cluster's network and encryption, and only the first one writes."""

    def _complete(self, made: Made, wanted: Wanted) -> None:
        cluster = internals.DATABASE_CLUSTERS.get(str(wanted.get("DBClusterIdentifier")))
        if cluster is None:
            return
        instance = internals.DATABASES[made.physical_id]
        instance |= {
            name: cluster[name] for name in ("StorageEncrypted", "KmsKeyId", "VpcSecurityGroups") if name in cluster
        }
        group = internals.DATABASE_SUBNET_GROUPS.get(cluster["DBSubnetGroup"])
        instance |= {"DBSubnetGroup": group} if group else {}
        for position, member in enumerate(cluster["DBClusterMembers"]):
            member["IsClusterWriter"] = position == 0


class ReplicationGroup:
    """A cache: MiniStack takes any token."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        _check_token(wanted)
        return self._native.create(wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _check_token(wanted)
        return self._native.update(physical_id, before, wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)


def _check_password(wanted: Wanted) -> None:
    password = wanted.get("MasterUserPassword")
    if password is not None and not _PASSWORD.fullmatch(str(password)):
        allowed = "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used."
        raise RefusedError(f"The parameter MasterUserPassword is not a valid password. {allowed}")


def _check_token(wanted: Wanted) -> None:
    token = wanted.get("AuthToken")
    if token is None:
        return
    if not _TOKEN.fullmatch(str(token)):
        raise RefusedError("Invalid AuthToken provided. Must be 16 to 128 characters, of letters, digits and !&#$^<>-")
    if not wanted.get("TransitEncryptionEnabled"):
        raise RefusedError("The AUTH token is only supported when encryption-in-transit is enabled")


def _managed_secret(database: str) -> str:
    return f"rds!{database}"
