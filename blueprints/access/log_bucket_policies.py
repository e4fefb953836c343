"""Policies of buckets that AWS services write logs to, beside load balancers."""

from __future__ import annotations

from awacs import s3 as s3_actions
from awacs.aws import Allow, Bool, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals
from troposphere import Sub, s3

from blueprints.access.bucket_policies import EVERYTHING_IN_S3
from blueprints.access.grants import document


def trail_delivers(bucket: s3.Bucket, trail_arn: Sub) -> PolicyDocument:
    """Let one trail of CloudTrail write log files of this account, and nobody delete one or come without TLS.

    The statements that CloudTrail documents ("Amazon S3 bucket policy for CloudTrail"). A refusal does not keep S3's
    own lifecycle rules from expiring what is old enough (Amazon S3 User Guide, "Managing the lifecycle of objects").

    Args:
        bucket: where the files go.
        trail_arn: the trail, whose name is known before it exists: it can only be made when this policy is there.

    """
    cloudtrail = Principal("Service", ["cloudtrail.amazonaws.com"])
    everyone = Principal("*")
    arn, objects = bucket.get_att("Arn"), Sub(f"${{{bucket.title}.Arn}}/*")
    for_trail = {"aws:SourceArn": trail_arn}
    return document(
        Statement(
            Sid="TrailLooks",
            Effect=Allow,
            Principal=cloudtrail,
            Action=[s3_actions.GetBucketAcl],
            Resource=[arn],
            Condition=Condition([StringEquals(for_trail)]),
        ),
        Statement(
            Sid="TrailWrites",
            Effect=Allow,
            Principal=cloudtrail,
            Action=[s3_actions.PutObject],
            Resource=[Sub(f"${{{bucket.title}.Arn}}/AWSLogs/${{AWS::AccountId}}/*")],
            Condition=Condition([StringEquals({**for_trail, "s3:x-amz-acl": "bucket-owner-full-control"})]),
        ),
        Statement(
            Sid="NobodyDeletes",
            Effect=Deny,
            Principal=everyone,
            Action=[s3_actions.DeleteObject, s3_actions.DeleteObjectVersion],
            Resource=[objects],
        ),
        Statement(
            Sid="RefusePlainHttp",
            Effect=Deny,
            Principal=everyone,
            Action=[EVERYTHING_IN_S3],
            Resource=[arn, objects],
            Condition=Condition([Bool("aws:SecureTransport", "false")]),
        ),
    )
