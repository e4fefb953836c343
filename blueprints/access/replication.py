"""What S3 may do when it replicates objects of one bucket to another, in a role's name."""

from __future__ import annotations

from typing import Any

from awacs import s3 as s3_actions
from awacs.aws import PolicyDocument
from troposphere import Sub, s3

from blueprints.access.grants import allow, document


def replicate(source: s3.Bucket, *, prefix: str, replicas: Any, deletes: bool = False) -> PolicyDocument:
    """Read objects below a prefix of one bucket and write their replicas, both of this account.

    The actions are those that S3 documents for buckets of one owner ("Setting up permissions for live replication");
    s3:ReplicateDelete is needed for delete markers only.

    Args:
        source: the bucket that is replicated.
        prefix: what the keys of replicated objects begin with.
        replicas: ARN of all objects of the other bucket, which ends in ``/*``; put together where the bucket is,
            because a value of another stack may not stand inside Fn::Sub.
        deletes: delete markers are replicated as well.

    """
    marks = [s3_actions.ReplicateDelete] if deletes else []
    return document(
        allow(
            "AskWhatToReplicate",
            s3_actions.GetReplicationConfiguration,
            s3_actions.ListBucket,
            on=[source.get_att("Arn")],
        ),
        allow(
            "ReadObjects",
            s3_actions.GetObjectVersionAcl,
            s3_actions.GetObjectVersionForReplication,
            s3_actions.GetObjectVersionTagging,
            on=[Sub(f"${{{source.title}.Arn}}/{prefix}*")],
        ),
        allow("WriteReplicas", s3_actions.ReplicateObject, s3_actions.ReplicateTags, *marks, on=[replicas]),
    )
