"""A daily backup in a vault of its own, for a bucket or a database cluster."""

from __future__ import annotations

from typing import Any, Literal

from troposphere import Select, Split, StackId, Sub, backup, iam

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

Kind = Literal["s3", "rds"]

# AWS Backup reaches into the services that it saves, and AWS changes how. A list of ours that misses an action is
# noticed when a backup is needed, so AWS keeps the list; the plan's selection is what narrows it to one resource.
POLICIES: dict[Kind, tuple[str, str]] = {
    "s3": ("AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore"),
    "rds": ("service-role/AWSBackupServiceRolePolicyForBackup", "service-role/AWSBackupServiceRolePolicyForRestores"),
}

# A vault's name has 50 characters at most, of which a stack's own id and a dash take 37.
LONGEST_NAME = 50 - 37


class Backup(Component):
    """A vault, and a plan that fills it from one resource.

    A vault that holds recovery points cannot be deleted: before its stack goes, they have to.

    Args:
        name: first part of the logical ids and of the vault's name.
        resource: ARN of a bucket, which has to keep versions, or of an Aurora cluster.
        kind: what the resource is.
        days: days that a recovery point is kept.
        schedule: when a backup starts, in UTC.
        keep: lock the vault, so that nobody deletes a recovery point before its time without lifting the lock first.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of whoever answers for the data
        self,
        name: str,
        *,
        resource: Any,
        kind: Kind,
        keep: bool,
        days: int = 35,
        schedule: str = "cron(0 3 * * ? *)",
    ) -> None:
        _check(name, days)
        self.vault = because(
            "Keeps recovery points apart from what they were taken of.",
            backup.BackupVault(
                f"{name}BackupVault",
                # A vault needs a name, unique in the account and the Region; the stack's own id makes it so, even
                # beside a vault that an earlier stack of the same name left behind.
                BackupVaultName=Sub(f"{name.lower()}-${{Id}}", Id=Select(2, Split("/", StackId))),
            ),
            mutable="must-never-change",
        )
        if keep:
            self.vault.LockConfiguration = backup.LockConfigurationType(MinRetentionDays=days)
        self.plan = because(
            f"Takes a backup a day and keeps it for {days} days.",
            backup.BackupPlan(
                f"{name}BackupPlan",
                BackupPlan=backup.BackupPlanResourceType(
                    BackupPlanName=name,
                    BackupPlanRule=[
                        backup.BackupRuleResourceType(
                            RuleName="Daily",
                            TargetBackupVault=self.vault.ref(),
                            ScheduleExpression=schedule,
                            Lifecycle=backup.LifecycleResourceType(DeleteAfterDays=days),
                        )
                    ],
                ),
            ),
            mutable="free-to-tune",
        )
        to_save, to_restore = POLICIES[kind]
        self.role = _role(f"{name}BackupRole", to_save, "Reads what is to be saved; it cannot write it.")
        self.restore_role = _role(f"{name}RestoreRole", to_restore, "Writes a backup back; whoever restores names it.")
        self.selection = because(
            "Saves this one resource.",
            backup.BackupSelection(
                f"{name}BackupSelection",
                BackupPlanId=self.plan.ref(),
                BackupSelection=backup.BackupSelectionResourceType(
                    SelectionName=name, IamRoleArn=self.role.get_att("Arn"), Resources=[resource]
                ),
            ),
        )


def _role(title: str, managed_policy: str, why: str) -> iam.Role:
    return because(
        why,
        iam.Role(
            title,
            AssumeRolePolicyDocument=grants.trust("backup"),
            ManagedPolicyArns=[Sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{managed_policy}")],
        ),
    )


def _check(name: str, days: int) -> None:
    if len(name) > LONGEST_NAME:
        raise SettingsError(
            f"{name}: the vault's name starts with it and takes {LONGEST_NAME} characters of it at most"
        )
    if days < 1:
        raise SettingsError(f"{name}: days is {days}; a recovery point is kept for a day at least")
