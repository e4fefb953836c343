"""A private bucket, and the bucket that a load balancer writes its access logs to."""

from __future__ import annotations

from troposphere import s3

from blueprints.access import bucket_policies
from blueprints.model.component import Component
from blueprints.model.context import because

# Old versions are what an accidental delete or overwrite is undone from; a month covers a monthly look.
KEEP_OLD_VERSIONS_DAYS = 30
# Parts of uploads that nobody finished are paid for and invisible; S3's own recommendation is a week.
ABANDON_UPLOADS_DAYS = 7


class Bucket(Component):
    """A private bucket: encrypted, versioned, no public access, TLS only.

    Args:
        name: first part of the logical ids.
        why: what it holds and for whom.
        expire_after_days: days after which objects expire, or None to keep them.
    """

    def __init__(self, name: str, *, why: str, expire_after_days: int | None = None) -> None:
        self.bucket = because(why, _private_bucket(name, expire_after_days), mutable="must-never-change")
        # Free, and a rule on EventBridge can then hear of objects without a change of the bucket.
        self.bucket.NotificationConfiguration = s3.NotificationConfiguration(
            EventBridgeConfiguration=s3.EventBridgeConfiguration(EventBridgeEnabled=True)
        )
        self.policy = because(
            "Refuses whoever comes without TLS.",
            s3.BucketPolicy(
                f"{name}BucketPolicy",
                Bucket=self.bucket.ref(),
                PolicyDocument=bucket_policies.tls_only(self.bucket),
            ),
        )


class AccessLogBucket(Component):
    """Where a load balancer leaves its access logs; S3-managed encryption is the only kind that it can write to."""

    def __init__(self, name: str, *, expire_after_days: int) -> None:
        self.bucket = because(
            "Who asked for what, when, and how the service answered.",
            _private_bucket(name, expire_after_days),
            must=["Encryption stays SSE-S3: load balancers cannot write to a bucket encrypted with KMS"],
        )
        self.policy = because(
            "Lets Elastic Load Balancing write for this account's load balancers, and nobody come without TLS.",
            s3.BucketPolicy(
                f"{name}BucketPolicy",
                Bucket=self.bucket.ref(),
                PolicyDocument=bucket_policies.access_logs(self.bucket),
            ),
        )


def _private_bucket(name: str, expire_after_days: int | None) -> s3.Bucket:
    rules = [
        s3.LifecycleRule(
            Id="ForgetOldVersions",
            Status="Enabled",
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=KEEP_OLD_VERSIONS_DAYS),
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=ABANDON_UPLOADS_DAYS),
        )
    ]
    if expire_after_days is not None:
        rules.append(s3.LifecycleRule(Id="Expire", Status="Enabled", ExpirationInDays=expire_after_days))
    return s3.Bucket(
        f"{name}Bucket",
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(
                    ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                )
            ]
        ),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=rules),
    )
