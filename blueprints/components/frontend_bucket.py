"""The bucket that a browser application's files lie in, for CloudFront alone to read."""

from __future__ import annotations

from typing import Any

from troposphere import cloudfront, s3

from blueprints.access import bucket_policies
from blueprints.components.bucket import private_bucket
from blueprints.model.component import Component
from blueprints.model.context import because

# Where the files lie in the bucket: CloudFront's origin path, and all that it may read.
FRONTEND_PATH = "/frontend"


class FrontendBucket(Component):
    """A private bucket for the files of a browser application.

    Live files never expire; uploads of people belong into a bucket of their own, which CloudFront cannot read. The
    bucket's policy is made by the distribution that may read it, because a bucket has one policy only.

    Args:
        name: first part of the logical ids.
        versioned: keep what a release replaces for 30 days, so that it can be undone.
    """

    def __init__(self, name: str, *, versioned: bool) -> None:
        self.bucket = because(
            "Holds the application's files; only the distribution reads them.",
            private_bucket(name, versioned=versioned),
            must=["Stays private: CloudFront signs its requests", "No rule expires live files"],
        )

    @property
    def name(self) -> Any:
        """The bucket's name, where a release is copied to."""
        return self.bucket.ref()

    def readable_by(self, distribution: cloudfront.Distribution) -> s3.BucketPolicy:
        """The bucket's one policy: *distribution* reads the files, and nobody comes without TLS."""
        return because(
            "Lets this one distribution read the application's files, and nobody come without TLS.",
            s3.BucketPolicy(
                f"{self.bucket.title}Policy",
                Bucket=self.bucket.ref(),
                PolicyDocument=bucket_policies.cloudfront_reads(self.bucket, distribution, path=FRONTEND_PATH),
            ),
            must=["aws:SourceArn stays: without it every distribution of every account could read"],
        )
