"""CloudTrail: who did what in an account, in files that nobody can change unnoticed or delete."""

from __future__ import annotations

from typing import Any

from troposphere import StackName, Sub, cloudtrail, iam, logs, s3

from blueprints.access import grants, log_bucket_policies
from blueprints.components.bucket import private_bucket
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# The trail bears its stack's name. The bucket's policy names it before it is made, and CloudTrail asks for the policy.
TRAIL_ARN = Sub("arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/${AWS::StackName}")


class Trail(Component):
    """Management events of an account in all Regions, in a bucket of its own.

    One copy of management events is free in each Region; a second trail that sees them is charged by the event (AWS
    CloudTrail pricing). Data events, reads and writes of objects for instance, are charged and left out.

    Args:
        name: first part of the logical ids.
        days: days after which log files expire.
        lock: also keep versions from being deleted for *days*, with S3 Object Lock in governance mode: whoever may
            use s3:BypassGovernanceRetention can still do it. It cannot be taken from a bucket again.
        log_days: days that a copy in CloudWatch Logs is kept (charged by volume), or None for no copy.

    Raises:
        SettingsError: days below one.

    """

    def __init__(self, name: str, *, days: int, lock: bool = False, log_days: int | None = None) -> None:
        if days < 1:
            raise SettingsError(f"{name}: days is {days}; log files are kept for a day at least")
        self.bucket = _bucket(name, days, lock=lock)
        self.policy = because(
            "Lets the trail write, nobody delete, and nobody come without TLS.",
            s3.BucketPolicy(
                f"{name}BucketPolicy",
                Bucket=self.bucket.ref(),
                PolicyDocument=log_bucket_policies.trail_delivers(self.bucket, TRAIL_ARN),
            ),
            must=["It names the trail as its stack is called"],
        )
        self.log_group = None if log_days is None else _log_group(name, log_days)
        self.role = None if self.log_group is None else _role(name, self.log_group)
        self.trail = self._trail(name)

    @property
    def arn(self) -> Any:
        """The trail's ARN."""
        return self.trail.get_att("Arn")

    def _trail(self, name: str) -> cloudtrail.Trail:
        trail = because(
            "Records who changes what, in every Region; a digest an hour shows which file was changed or is missing.",
            cloudtrail.Trail(
                f"{name}Trail",
                TrailName=StackName,
                S3BucketName=self.bucket.ref(),
                IsLogging=True,
                IsMultiRegionTrail=True,
                IncludeGlobalServiceEvents=True,  # events of IAM and others without a Region
                EnableLogFileValidation=True,
                EventSelectors=[cloudtrail.EventSelector(ReadWriteType="All", IncludeManagementEvents=True)],
                DependsOn=self.policy.title,  # CloudTrail tries the bucket when it makes the trail
            ),
            must=["Log file validation stays on: without digests a changed file is not noticed"],
            mutable="review-required",
        )
        if self.log_group is not None and self.role is not None:
            trail.CloudWatchLogsLogGroupArn = self.log_group.get_att("Arn")
            trail.CloudWatchLogsRoleArn = self.role.get_att("Arn")
        return trail


def _bucket(name: str, days: int, *, lock: bool) -> s3.Bucket:
    bucket = because(
        "Log files of CloudTrail, and the digests that prove them.",
        private_bucket(name, days),
        must=["Nothing else is kept here, so that nobody else has to be let in"],
        mutable="must-never-change",
    )
    if lock:
        bucket.ObjectLockEnabled = True
        bucket.ObjectLockConfiguration = s3.ObjectLockConfiguration(
            ObjectLockEnabled="Enabled",
            Rule=s3.ObjectLockRule(DefaultRetention=s3.DefaultRetention(Mode="GOVERNANCE", Days=days)),
        )
    return bucket


def _log_group(name: str, days: int) -> logs.LogGroup:
    return because(
        "The same events to search in, minutes after they happened.",
        logs.LogGroup(f"{name}LogGroup", RetentionInDays=days),
    )


def _role(name: str, log_group: logs.LogGroup) -> iam.Role:
    # "The role policy doesn't support the use of aws:SourceArn and aws:SourceAccount" (AWS CloudTrail User Guide, "Role
    # policy document for CloudTrail to use CloudWatch Logs for monitoring").
    return because(
        "CloudTrail writes to the log group as this role.",
        iam.Role(
            f"{name}LogRole",
            AssumeRolePolicyDocument=grants.trust("cloudtrail"),
            Policies=[grants.policy("WriteLogs", grants.write_logs(log_group))],
        ),
    )
