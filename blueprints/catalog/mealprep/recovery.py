"""What is there when a Region is not: copies of the database, and of what is put under backups/."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, cloudwatch

from blueprints.catalog.mealprep.data import DATABASE
from blueprints.catalog.mealprep.settings import Settings
from blueprints.components.alarms import metric_alarm
from blueprints.components.backup import Backup, Vault
from blueprints.components.replication import Replicas, ReplicatedBucket, SecondaryBucket
from blueprints.model.stack import Stack

BUCKET = "Backup"


def replica_stack(settings: Settings) -> Stack:
    """The second Region: a vault for copies of the database, and a bucket for replicas of backups."""
    stack = Stack(
        "replica",
        settings,
        region=settings.secondary_region,
        description=f"Copies of {settings.project} {settings.environment} in a second Region",
        arch="Vault for copies of the database; bucket that the backup bucket is replicated to",
    )
    vault = stack.add(Vault(DATABASE, keep=settings.keep_data, days=settings.backup_days))
    stack.output("VaultArn", vault.arn, "Where copies of the database go")
    secondary = SecondaryBucket(
        BUCKET, why="Holds replicas of what is put under backups/.", physical_name=_bucket_name(settings, "-secondary")
    )
    stack.add(secondary).publish(stack)
    return stack


def backup_stack(settings: Settings, data: Stack, replica: Stack, monitoring: Stack) -> Stack:
    """A daily backup of the database with a copy in the second Region, and the bucket that is replicated there."""
    stack = Stack(
        "backup",
        settings,
        description=f"Backups of {settings.project} {settings.environment}",
        arch="AWS Backup: daily, kept here and copied to the second Region; backups/ of a bucket replicated there",
    )
    backup = stack.add(
        Backup(
            DATABASE,
            resource=stack.from_stack(data, f"{DATABASE}ClusterArn"),
            kind="rds",
            keep=settings.keep_data,
            days=settings.backup_days,
            copy_to=stack.from_stack(replica, "VaultArn"),
        )
    )
    topic = stack.from_stack(monitoring, "AlertTopicArn")
    stack.add([_failed(kind, backup, topic) for kind in ("Backup", "Copy")])
    bucket = ReplicatedBucket(
        BUCKET,
        why="Holds what people and programs put aside; backups/ is copied to the second Region.",
        replicas=Replicas.from_stack(stack, replica, BUCKET),
        physical_name=_bucket_name(settings),
    )
    stack.add(bucket)
    stack.output("BackupBucketName", bucket.store.bucket.ref(), "The bucket whose backups/ is replicated")
    return stack


def _failed(kind: str, backup: Backup, topic: Any) -> cloudwatch.Alarm:
    """A job that fails is heard of; one that never starts, because Aurora is not opted in, is not."""
    return metric_alarm(
        f"{DATABASE}{kind}JobsAlarm",
        description=f"A {kind.lower()} job of the database failed. AWS Backup's jobs say why; mend it and start one",
        namespace="AWS/Backup",
        metric=f"NumberOf{kind}JobsFailed",
        over=[{"BackupVaultName": backup.vault.ref()}],
        topic=topic,
        threshold=0,
        statistic="Sum",
        minutes=60,
        missing="notBreaching",
    )


def _bucket_name(settings: Settings, suffix: str = "") -> Any | None:
    name = f"{settings.project}-{settings.environment}-backup-${{AWS::AccountId}}{suffix}"
    return Sub(name) if settings.documented_names else None
