"""A private bucket, and the bucket that a load balancer writes its access logs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import s3

from blueprints.access import bucket_policies
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# Old versions are what an accidental delete or overwrite is undone from; a month covers a monthly look.
KEEP_OLD_VERSIONS_DAYS = 30
# Parts of uploads that nobody finished are paid for and invisible; S3's own recommendation is a week.
ABANDON_UPLOADS_DAYS = 7
# How long a browser remembers what it may send; browsers cap it at two hours (Chromium) or a day (Firefox).
REMEMBER_CORS_SECONDS = 3600


class Bucket(Component):
    """A private bucket: encrypted, versioned, no public access, TLS only.

    Args:
        name: first part of the logical ids.
        why: what it holds and for whom.
        expire_after_days: days after which objects expire, or None to keep them.
        expire_below: only objects whose key starts with this expire (``scratch/``).
        physical_name: a name of its own, where a document names it; one that ends in the account's id is free.
        versioned: keep what is overwritten or deleted for 30 days.
        intelligent_tiering: store objects in S3 Intelligent-Tiering, which moves what nobody reads to cheaper storage
            and charges nothing for reading it, for a monthly fee per object.
        upload_origins: origins (``https://app.example.com``) whose pages may upload with presigned URLs.

    Raises:
        SettingsError: expire_below without expire_after_days.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        why: str,
        expire_after_days: int | None = None,
        expire_below: str | None = None,
        physical_name: Any | None = None,
        versioned: bool = True,
        intelligent_tiering: bool = False,
        upload_origins: Sequence[Any] = (),
    ) -> None:
        bucket = private_bucket(name, expire_after_days, expire_below, versioned=versioned)
        self.bucket = because(why, bucket, mutable="must-never-change")
        # Free, and a rule on EventBridge can then hear of objects without a change of the bucket.
        self.bucket.NotificationConfiguration = s3.NotificationConfiguration(
            EventBridgeConfiguration=s3.EventBridgeConfiguration(EventBridgeEnabled=True)
        )
        if physical_name is not None:
            self.bucket.BucketName = physical_name
        if intelligent_tiering:
            self.bucket.LifecycleConfiguration.Rules.append(_tier())
        if upload_origins:
            self.bucket.CorsConfiguration = _uploads_from(upload_origins)
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
            private_bucket(name, expire_after_days),
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


def private_bucket(
    name: str, expire_after_days: int | None = None, expire_below: str | None = None, *, versioned: bool = True
) -> s3.Bucket:
    """What every bucket here has in common; its policy is left to whoever knows who may come."""
    versioning: dict[str, Any] = (
        {"VersioningConfiguration": s3.VersioningConfiguration(Status="Enabled")} if versioned else {}
    )
    return s3.Bucket(
        f"{name}Bucket",
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(
                    ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                )
            ]
        ),
        **versioning,
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=_rules(name, expire_after_days, expire_below)),
    )


def _rules(name: str, expire_after_days: int | None, expire_below: str | None) -> list[s3.LifecycleRule]:
    """Old versions and unfinished uploads always go; live objects only where somebody asked for it."""
    rules = [
        s3.LifecycleRule(
            Id="ForgetOldVersions",
            Status="Enabled",
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=KEEP_OLD_VERSIONS_DAYS),
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=ABANDON_UPLOADS_DAYS),
        )
    ]
    if expire_after_days is not None:
        expire = s3.LifecycleRule(Id="Expire", Status="Enabled", ExpirationInDays=expire_after_days)
        if expire_below is not None:
            expire.Prefix = expire_below
        rules.append(expire)
    elif expire_below is not None:
        raise SettingsError(f"{name}: expire_below is {expire_below!r}, but no expire_after_days says when; set both")
    return rules


def _tier() -> s3.LifecycleRule:
    """Objects change to Intelligent-Tiering within a day of their upload; S3 leaves those below 128 KB where they are.

    An IntelligentTieringConfiguration is something else: it moves objects of that class on to archive tiers, from where
    they have to be restored for hours before anybody can read them.
    """
    return s3.LifecycleRule(
        Id="Tier",
        Status="Enabled",
        Transitions=[s3.LifecycleRuleTransition(StorageClass="INTELLIGENT_TIERING", TransitionInDays=0)],
    )


def _uploads_from(origins: Sequence[Any]) -> s3.CorsConfiguration:
    """What a page sends with a presigned PUT or POST; a multipart upload is completed with the parts' ETags."""
    return s3.CorsConfiguration(
        CorsRules=[
            s3.CorsRules(
                Id="Uploads",
                AllowedOrigins=list(origins),
                AllowedMethods=["PUT", "POST"],
                AllowedHeaders=["content-type", "content-md5", "x-amz-*"],
                ExposedHeaders=["ETag"],
                MaxAge=REMEMBER_CORS_SECONDS,
            )
        ]
    )
