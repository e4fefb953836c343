"""Log group policies: which services may write to a log group, and for whom."""

from __future__ import annotations

from typing import Any

from awacs import logs as logs_actions
from awacs.aws import Allow, ArnLike, Condition, Principal, Statement, StringEquals
from troposphere import AccountId, Sub, encode_to_dict

from blueprints.access.grants import document


def deliveries_write(log_group: str) -> dict[str, Any]:
    """Let CloudWatch Logs deliver logs of this account's resources to one log group.

    The statement that AWS documents, and would otherwise write itself in the name of whoever creates the delivery
    ("Logs sent to CloudWatch Logs", logging that requires additional permissions [V2]). It belongs to the log group:
    policies of the account are limited to ten in a Region, and one of a log group counts apart (PutResourcePolicy).

    Args:
        log_group: the name of the log group, as it stands inside Fn::Sub.

    """
    log_arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:"
    write = Statement(
        Sid="DeliveriesWrite",
        Effect=Allow,
        Principal=Principal("Service", ["delivery.logs.amazonaws.com"]),
        Action=[logs_actions.CreateLogStream, logs_actions.PutLogEvents],
        Resource=[Sub(f"{log_arn}log-group:{log_group}:log-stream:*")],
        Condition=Condition(
            [StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", Sub(f"{log_arn}*"))]
        ),
    )
    # troposphere takes a plain mapping as a log group's ResourcePolicyDocument.
    policy: dict[str, Any] = encode_to_dict(document(write))
    return policy
