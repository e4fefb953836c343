"""What holds data, and what CloudFormation is told to do with it when its stack or its definition goes."""

from __future__ import annotations

from troposphere import AWSObject

# Types that a final snapshot can bring back: CloudFormation takes it before it deletes (DeletionPolicy attribute).
SNAPSHOTS = frozenset({"AWS::ElastiCache::ReplicationGroup", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"})

RETAINS = frozenset(
    {
        "AWS::Backup::BackupVault",
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::Table",
        "AWS::ECR::Repository",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
    }
)

STATEFUL = SNAPSHOTS | RETAINS

# What guards a bucket has to stay with it: without its policy a bucket that was kept takes requests without TLS.
GUARDS = frozenset({"AWS::S3::BucketPolicy"})


def holds_data(resource: AWSObject) -> bool:
    """Whether losing *resource* loses data."""
    return resource.resource_type in STATEFUL


def stamp_retention(resource: AWSObject, *, keep: bool) -> None:
    """State the deletion policies of a stateful resource and of what guards it, unless it states its own.

    A resource that is kept under a name of ours blocks the next create with "already exists". RetainExceptOnCreate
    keeps it in every case but one: a first create that rolls back, when there is nothing in it yet.
    """
    if not holds_data(resource) and resource.resource_type not in GUARDS:
        return
    snapshot = resource.resource_type in SNAPSHOTS
    deletion = ("Snapshot" if snapshot else "RetainExceptOnCreate") if keep else "Delete"
    replacement = ("Snapshot" if snapshot else "Retain") if keep else "Delete"
    if "DeletionPolicy" not in resource.resource:
        resource.DeletionPolicy = deletion
    if "UpdateReplacePolicy" not in resource.resource:
        resource.UpdateReplacePolicy = replacement
