"""A bucket whose objects are copied to a bucket in another Region as soon as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Sub, iam, s3

from blueprints.access import grants
from blueprints.access.replication import replicate
from blueprints.components.bucket import Bucket
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack


@dataclass(frozen=True)
class Replicas:
    """The bucket that replicas go to: its ARN, and the ARN of all objects in it."""

    bucket_arn: Any
    objects_arn: Any

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str) -> Replicas:
        """The secondary bucket called *name* that another stack made, read from its outputs."""
        return cls(
            bucket_arn=stack.from_stack(producer, f"{name}BucketArn"),
            objects_arn=stack.from_stack(producer, f"{name}ObjectsArn"),
        )


class SecondaryBucket(Component):
    """The bucket in the other Region: versioned, which replication asks for, and otherwise as private as the first.

    Its stack is deployed before the one that replicates to it, and deleted after it: S3 refuses a replication
    configuration whose destination does not exist or does not keep versions (PutBucketReplication).

    Args:
        name: first part of the logical ids and outputs.
        why: what it holds and for whom.
        expire_after_days: days after which replicas expire, or None to keep them; expiry is not replicated.
        physical_name: a name of its own, where a document names it.

    """

    def __init__(
        self, name: str, *, why: str, expire_after_days: int | None = None, physical_name: Any | None = None
    ) -> None:
        self.name = name
        self.store = Bucket(name, why=why, expire_after_days=expire_after_days, physical_name=physical_name)

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``Replicas.from_stack`` reads."""
        bucket = self.store.bucket
        objects = Sub(f"${{{bucket.title}.Arn}}/*")
        stack.output(f"{self.name}BucketArn", bucket.get_att("Arn"), f"Bucket that replicas of {self.name} go to")
        stack.output(f"{self.name}ObjectsArn", objects, f"All objects of the bucket of {self.name}, for policies")


class ReplicatedBucket(Component):
    """A bucket of which everything below a prefix is copied to another Region, and what S3 needs for it.

    Objects that were there before the rule are not copied; S3 Batch Replication does that once. Deleting a version is
    never replicated (Amazon S3 User Guide, "What does Amazon S3 replicate?").

    Args:
        name: first part of the logical ids.
        why: what it holds and for whom.
        replicas: where the copies go; a bucket of the same account that keeps versions.
        prefix: what the keys of copied objects begin with; ends in a slash.
        storage_class: of the copies.
        replicate_deletes: an object deleted here disappears there as well, and stays there as an old version only.
        expire_after_days: days after which objects expire, or None to keep them.
        physical_name: a name of its own, where a document names it.

    Raises:
        SettingsError: a prefix that is no folder.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of whoever answers for the data
        self,
        name: str,
        *,
        why: str,
        replicas: Replicas,
        prefix: str = "backups/",
        storage_class: str = "STANDARD_IA",
        replicate_deletes: bool = False,
        expire_after_days: int | None = None,
        physical_name: Any | None = None,
    ) -> None:
        if not prefix.endswith("/") or prefix.startswith("/") or "*" in prefix:
            raise SettingsError(f"{name}: prefix is {prefix!r}; give a folder that ends in a slash, such as backups/")
        self._replicas = replicas
        self.role = because(
            "S3 copies objects as this role.",
            iam.Role(f"{name}ReplicationRole", AssumeRolePolicyDocument=grants.trust("s3")),
        )
        self.store = Bucket(name, why=why, expire_after_days=expire_after_days, physical_name=physical_name)
        self.bucket.ReplicationConfiguration = s3.ReplicationConfiguration(
            Role=self.role.get_att("Arn"), Rules=[self._rule(prefix, storage_class, deletes=replicate_deletes)]
        )
        # The bucket names the role and these rights name the bucket: inside the role each would wait for the other.
        self.policy = because(
            "Reads here and writes there, and nothing else.",
            iam.PolicyType(
                f"{name}ReplicationPolicy",
                PolicyName="Replicate",
                Roles=[self.role.ref()],
                PolicyDocument=replicate(
                    self.bucket, prefix=prefix, replicas=replicas.objects_arn, deletes=replicate_deletes
                ),
            ),
        )

    @property
    def bucket(self) -> s3.Bucket:
        """The bucket itself."""
        return self.store.bucket

    def _rule(self, prefix: str, storage_class: str, *, deletes: bool) -> s3.ReplicationConfigurationRules:
        # With a Filter the rule is of the second version, which needs a Priority and says what becomes of deletes.
        return s3.ReplicationConfigurationRules(
            Id="ReplicateToSecondaryRegion",
            Status="Enabled",
            Priority=1,
            Filter=s3.ReplicationRuleFilter(Prefix=prefix),
            DeleteMarkerReplication=s3.DeleteMarkerReplication(Status="Enabled" if deletes else "Disabled"),
            Destination=s3.ReplicationConfigurationRulesDestination(
                Bucket=self._replicas.bucket_arn, StorageClass=storage_class
            ),
        )
