"""Key policies: who administers a KMS key and who uses it.

In a key policy the resource ``*`` means the key that carries the policy, and nothing else can be named: the key has
no ARN before it exists (AWS KMS Developer Guide, "Key policies", element Resource).
"""

from __future__ import annotations

from typing import Any

from awacs import kms
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    AWSPrincipal,
    Bool,
    Condition,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from troposphere import AccountId, Sub
from troposphere import kms as kms_resources

from blueprints.access.grants import allow, document
from blueprints.model.errors import TooBroadError

# What IAM policies of the account may allow its administrators, and CloudFormation in their name: everything about the
# key but using it. KMS refuses a policy under which its author could not change it again, so PutKeyPolicy is part.
ADMINISTRATION = (
    kms.CancelKeyDeletion,
    kms.CreateAlias,
    kms.DeleteAlias,
    kms.DescribeKey,
    kms.DisableKey,
    kms.DisableKeyRotation,
    kms.EnableKey,
    kms.EnableKeyRotation,
    kms.GetKeyPolicy,
    kms.GetKeyRotationStatus,
    kms.ListGrants,
    kms.ListKeyPolicies,
    kms.ListResourceTags,
    kms.PutKeyPolicy,
    kms.RevokeGrant,
    kms.ScheduleKeyDeletion,
    kms.TagResource,
    kms.UntagResource,
    kms.UpdateAlias,
    kms.UpdateKeyDescription,
)


# What reading and writing encrypted data takes; a copy is encrypted again on its way to another key.
USE = (
    kms.Decrypt,
    kms.DescribeKey,
    kms.Encrypt,
    kms.GenerateDataKey,
    kms.GenerateDataKeyWithoutPlaintext,
    kms.ReEncryptFrom,
    kms.ReEncryptTo,
    kms.RetireGrant,
)

FOR_AWS_RESOURCES = Bool("kms:GrantIsForAWSResource", "true")

EVENTS_PUBLISH = "AccountPublishes"
BUDGETS_PUBLISH = "BudgetsEncrypt"


def on_this_key(sid: str, *actions: Action, by: Principal, when: Condition | None = None) -> Statement:
    """Allow *actions* on the key that carries the policy, which is what ``*`` means in a key policy.

    Raises:
        TooBroadError: an action has a wildcard.

    """
    names = [str(action.JSONrepr()) for action in actions]
    if not names or any(wildcard in name for name in names for wildcard in "*?"):
        raise TooBroadError(f"{sid}: name the actions, got {names}")
    condition = {} if when is None else {"Condition": when}
    return Statement(Sid=sid, Effect=Allow, Principal=by, Action=list(actions), Resource=["*"], **condition)


def administered_by_account() -> Statement:
    """Let the account's own IAM policies say who administers the key."""
    root = AWSPrincipal(Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    return on_this_key("AccountAdministers", *ADMINISTRATION, by=root)


def used_by_alarms() -> Statement:
    """Let CloudWatch encrypt what this account's alarms publish.

    The key that AWS manages for SNS has a policy that leaves CloudWatch out, and nobody can change it: with that key
    an alarm goes off and no message arrives.
    """
    alarms = Sub("arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*")
    return on_this_key(
        "AlarmsEncrypt",
        kms.Decrypt,
        kms.GenerateDataKey,
        by=Principal("Service", ["cloudwatch.amazonaws.com"]),
        when=Condition([StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", alarms)]),
    )


def used_to_publish() -> Statement:
    """Let IAM policies of the account say who encrypts messages with the key, and only through SNS.

    This is the condition of the key that AWS manages for SNS. A publisher needs both actions (Amazon SNS Developer
    Guide, "Encryption key management"). Rules of EventBridge without a role are not let in: the guide has it that
    aws:SourceAccount and aws:SourceArn are not supported in a key policy for "EventBridge-to-encrypted topics", so
    they could only be let in from every account. Schedules, and rules whose target names a role, publish as one of
    the account's roles.
    """
    root = AWSPrincipal(Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    through_sns = StringEquals("kms:ViaService", Sub("sns.${AWS::Region}.${AWS::URLSuffix}"))
    return on_this_key(EVENTS_PUBLISH, kms.Decrypt, kms.GenerateDataKey, by=root, when=Condition([through_sns]))


def used_by_budgets() -> Statement:
    """Let AWS Budgets encrypt what this account's budgets publish.

    A budget has no Region in its ARN (AWS Cost Management User Guide, "Creating an Amazon SNS topic for budget
    notifications").
    """
    budgets = Sub("arn:${AWS::Partition}:budgets::${AWS::AccountId}:*")
    return on_this_key(
        BUDGETS_PUBLISH,
        kms.Decrypt,
        kms.GenerateDataKey,
        by=Principal("Service", ["budgets.amazonaws.com"]),
        when=Condition([StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", budgets)]),
    )


def for_alarm_messages(*, events: bool = False, budgets: bool = False) -> PolicyDocument:
    """The policy of a key that encrypts a topic of alarms.

    Args:
        events: roles of the account may publish as well.
        budgets: budgets of the account may publish as well.

    """
    others = [*([used_to_publish()] if events else []), *([used_by_budgets()] if budgets else [])]
    return document(administered_by_account(), used_by_alarms(), *others)


def takes_events(key: kms_resources.Key) -> bool:
    """Whether roles of the account may encrypt messages with a key, as far as the key's own policy says."""
    return any(statement.Sid == EVENTS_PUBLISH for statement in key.KeyPolicy.Statement)


def takes_budgets(key: kms_resources.Key) -> bool:
    """Whether budgets of the account may encrypt messages with a key, as far as the key's own policy says."""
    return any(statement.Sid == BUDGETS_PUBLISH for statement in key.KeyPolicy.Statement)


def for_backups() -> PolicyDocument:
    """The policy of a key that encrypts a vault of backups: the account's own IAM policies say who uses it.

    AWS Backup copies and restores as a role of the account, and RDS in that role's name. Who makes the vault needs the
    key too: CreateBackupVault makes a grant. A grant can only be made for a service, which is the condition that the
    console writes into a key policy (AWS KMS Developer Guide, "Allows key users to use a KMS key with AWS services").
    """
    root = AWSPrincipal(Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    use = on_this_key("AccountUses", *USE, by=root)
    grant = on_this_key("ServicesGetGrants", kms.CreateGrant, by=root, when=Condition([FOR_AWS_RESOURCES]))
    return document(administered_by_account(), use, grant)


def encrypt_messages(key_arn: Any) -> Statement:
    """What a role needs of a key to publish to a topic that is encrypted with it."""
    return allow("EncryptMessages", kms.Decrypt, kms.GenerateDataKey, on=[key_arn])
