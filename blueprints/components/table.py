"""A table of items that costs by the request and can be set back to any second of the last weeks."""

from __future__ import annotations

from typing import Any

from troposphere import dynamodb

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# DynamoDB keeps continuous backups for 1 to 35 days (API reference, PointInTimeRecoverySpecification).
LONGEST_RECOVERY_DAYS = 35


class Table(Component):
    """A DynamoDB table on demand, with one partition key, one sort key and items that can expire.

    Args:
        name: first part of the logical ids.
        keep: refuse to be deleted, by anyone.
        recovery_days: how far back the table can be restored, 1 to 35 days.
        key_arn: a KMS key of the account's own; without it, a key that AWS owns encrypts the table.

    """

    def __init__(
        self, name: str, *, keep: bool, recovery_days: int = LONGEST_RECOVERY_DAYS, key_arn: Any | None = None
    ) -> None:
        if not 1 <= recovery_days <= LONGEST_RECOVERY_DAYS:
            raise SettingsError(
                f"{name}: recovery_days is {recovery_days}; DynamoDB keeps 1 to {LONGEST_RECOVERY_DAYS} days"
            )
        self.table = because(
            "Keeps items under a partition and a sort key, paid by the request: an idle table costs its storage.",
            dynamodb.Table(
                f"{name}Table",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    dynamodb.AttributeDefinition(AttributeName="pk", AttributeType="S"),
                    dynamodb.AttributeDefinition(AttributeName="sk", AttributeType="S"),
                ],
                KeySchema=[
                    dynamodb.KeySchema(AttributeName="pk", KeyType="HASH"),
                    dynamodb.KeySchema(AttributeName="sk", KeyType="RANGE"),
                ],
                TimeToLiveSpecification=dynamodb.TimeToLiveSpecification(AttributeName="expires_at", Enabled=True),
                PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(
                    PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=recovery_days
                ),
                DeletionProtectionEnabled=keep,
            ),
            must=["The key schema stays as it is: another one is another, empty table"],
            mutable="change-with-constraints",
        )
        if key_arn is not None:
            self.table.SSESpecification = dynamodb.SSESpecification(
                SSEEnabled=True, SSEType="KMS", KMSMasterKeyId=key_arn
            )

    @property
    def table_name(self) -> Any:
        """The name that the application asks for."""
        return self.table.ref()

    @property
    def arn(self) -> Any:
        """The ARN that a grant names."""
        return self.table.get_att("Arn")
