"""Topic policies: who may publish to a topic, and on what terms."""

from __future__ import annotations

from typing import Any

from awacs import sns as sns_actions
from awacs.aws import Allow, ArnLike, Bool, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals
from troposphere import AccountId, Sub, sns

from blueprints.access.grants import allow, document


def alarms_publish(topic: sns.Topic, *, budgets: bool = False) -> PolicyDocument:
    """Let this account's alarms publish, and refuse every message that does not come over TLS.

    With *budgets*, budgets of the account publish as well; their ARN has no Region (AWS Cost Management User Guide,
    "Creating an Amazon SNS topic for budget notifications").
    """
    alarms = Sub("arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*")
    allowed = [_publish("AlarmsPublish", topic, "cloudwatch.amazonaws.com", alarms)]
    if budgets:
        of_account = Sub("arn:${AWS::Partition}:budgets::${AWS::AccountId}:*")
        allowed.append(_publish("BudgetsPublish", topic, "budgets.amazonaws.com", of_account))
    refuse = Statement(
        Sid="RefusePlainHttp",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[sns_actions.Publish],
        Resource=[topic.ref()],
        Condition=Condition([Bool("aws:SecureTransport", "false")]),
    )
    return document(*allowed, refuse)


def _publish(sid: str, topic: sns.Topic, service: str, source: Sub) -> Statement:
    return Statement(
        Sid=sid,
        Effect=Allow,
        Principal=Principal("Service", [service]),
        Action=[sns_actions.Publish],
        Resource=[topic.ref()],
        Condition=Condition([StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", source)]),
    )


def publish(topic_arn: Any) -> Statement:
    """Publish to one topic: for a role of the topic's own account, which its policy need not name."""
    return allow("Publish", sns_actions.Publish, on=[topic_arn])
