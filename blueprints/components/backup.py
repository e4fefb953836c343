"""A daily backup in a vault of its own, for a bucket or a database cluster, and its copy in another Region."""

from __future__ import annotations

from typing import Any, Literal

from troposphere import Select, Split, StackId, Sub, backup, iam, kms

from blueprints.access import grants, keys
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

# The longest that KMS waits before it deletes a key, in which a mistake can be taken back.
DAYS_BEFORE_DELETION = 30


class Backup(Component):
    """A vault, and a plan that fills it from one resource.

    A vault that holds recovery points cannot be deleted: before its stack goes, they have to.

    AWS Backup saves an Aurora cluster only where the account has opted in to Aurora, in each Region that a backup is
    taken or kept in; naming the cluster's ARN, which is enough for other types, is not (AWS Backup Developer Guide,
    "Assign resources to a backup plan"). CloudFormation has no resource for it; this does it::

        aws backup update-region-settings --resource-type-opt-in-preference Aurora=true

    A copy needs the vault's ARN and no policy, as long as both are in one account. A cluster that is encrypted with
    the key that AWS manages for RDS can be copied to another Region, but never to another account (AWS Storage Blog,
    "Protecting encrypted Amazon RDS instances with cross-account and cross-Region backups").

    Args:
        name: first part of the logical ids and of the vault's name.
        resource: ARN of a bucket, which has to keep versions, or of an Aurora cluster.
        kind: what the resource is.
        days: days that a recovery point is kept.
        schedule: when a backup starts, in UTC.
        keep: lock the vault, so that nobody deletes a recovery point before its time without lifting the lock first.
        copy_to: ARN of a vault in another Region that each recovery point is copied to.
        copy_days: days that a copy is kept, *days* when not given; a locked vault takes none for less than its days.

    Raises:
        SettingsError: a name that is too long, days below one, or days of a copy that is not made.

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
        copy_to: Any | None = None,
        copy_days: int | None = None,
    ) -> None:
        _check(name, days)
        _check_copy(name, copy_to, copy_days)
        self.vault = _vault(name, "Keeps recovery points apart from what they were taken of.", keep=keep, days=days)
        daily = backup.BackupRuleResourceType(
            RuleName="Daily",
            TargetBackupVault=self.vault.ref(),
            ScheduleExpression=schedule,
            Lifecycle=backup.LifecycleResourceType(DeleteAfterDays=days),
        )
        why = f"Takes a backup a day and keeps it for {days} days."
        if copy_to is not None:
            kept = copy_days or days
            daily.CopyActions = [
                backup.CopyActionResourceType(
                    DestinationBackupVaultArn=copy_to, Lifecycle=backup.LifecycleResourceType(DeleteAfterDays=kept)
                )
            ]
            why = f"{why[:-1]}, and a copy in another Region for {kept} days."
        self.plan = because(
            why,
            backup.BackupPlan(
                f"{name}BackupPlan",
                BackupPlan=backup.BackupPlanResourceType(BackupPlanName=name, BackupPlanRule=[daily]),
            ),
            mutable="free-to-tune",
        )
        to_save, to_restore = POLICIES[kind]
        self.role = _role(f"{name}BackupRole", to_save, "Reads what is to be saved; it cannot write it.")
        self.restore_role = _role(f"{name}RestoreRole", to_restore, "Writes a backup back; whoever restores names it.")
        opted = {"rds": ["The Region is opted in to Aurora: aws backup update-region-settings; an ARN is not enough"]}
        self.selection = because(
            "Saves this one resource.",
            backup.BackupSelection(
                f"{name}BackupSelection",
                BackupPlanId=self.plan.ref(),
                BackupSelection=backup.BackupSelectionResourceType(
                    SelectionName=name, IamRoleArn=self.role.get_att("Arn"), Resources=[resource]
                ),
            ),
            must=opted.get(kind, []),
        )


class Vault(Component):
    """A vault for copies from another Region, with a key of its own.

    The copy of a cluster's snapshot is encrypted with the vault's key where the account manages it, and otherwise with
    one that AWS manages and that nobody else may ever be given (AWS Backup Developer Guide, "Creating backup copies
    across AWS Regions"; AWS re:Post, "How are my backups and copies encrypted in AWS Backup?"). A copy without its key
    is lost, so the key is kept with the vault. The Region has to be opted in to Aurora as well (see ``Backup``).

    Args:
        name: first part of the logical ids and of the vault's name.
        keep: lock the vault, so that nobody deletes a recovery point before its time without lifting the lock first.
        days: the shortest time that a locked vault keeps a recovery point for.

    Raises:
        SettingsError: a name that is too long, or days below one.

    """

    def __init__(self, name: str, *, keep: bool, days: int = 35) -> None:
        _check(name, days)
        self.key = because(
            "Encrypts the copies, which nobody can read without it.",
            kms.Key(
                f"{name}BackupKey",
                Description=f"Encrypts the backups of {name}",
                EnableKeyRotation=True,
                KeyPolicy=keys.for_backups(),
                PendingWindowInDays=DAYS_BEFORE_DELETION,
            ),
            must=["It stays for as long as the last copy"],
            mutable="must-never-change",
        )
        self.vault = _vault(name, "Keeps copies of recovery points of another Region.", keep=keep, days=days)
        self.vault.EncryptionKeyArn = self.key.get_att("Arn")

    @property
    def arn(self) -> Any:
        """What the other Region's backup names as its ``copy_to``."""
        return self.vault.get_att("BackupVaultArn")


def _vault(name: str, why: str, *, keep: bool, days: int) -> backup.BackupVault:
    vault = because(
        why,
        backup.BackupVault(
            f"{name}BackupVault",
            # A vault needs a name, unique in the account and the Region; the stack's own id makes it so, even beside a
            # vault that an earlier stack of the same name left behind.
            BackupVaultName=Sub(f"{name.lower()}-${{Id}}", Id=Select(2, Split("/", StackId))),
        ),
        mutable="must-never-change",
    )
    if keep:
        vault.LockConfiguration = backup.LockConfigurationType(MinRetentionDays=days)
    return vault


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


def _check_copy(name: str, copy_to: Any | None, copy_days: int | None) -> None:
    if copy_to is None and copy_days is not None:
        raise SettingsError(f"{name}: copy_days is {copy_days} and there is no copy; give copy_to as well")
    if copy_days is not None and copy_days < 1:
        raise SettingsError(f"{name}: copy_days is {copy_days}; a copy is kept for a day at least")
