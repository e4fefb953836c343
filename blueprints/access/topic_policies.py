"""Topic policies: who may publish to a topic, and on what terms."""

from __future__ import annotations

from typing import Any

from awacs import sns as sns_actions
from awacs.aws import Allow, ArnLike, Bool, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals
from troposphere import AccountId, Sub, sns

from blueprints.access.grants import allow, document


def alarms_publish(topic: sns.Topic) -> PolicyDocument:
    """Let this account's alarms publish, and refuse every message that does not come over TLS."""
    alarms = Sub("arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*")
    publish = Statement(
        Sid="AlarmsPublish",
        Effect=Allow,
        Principal=Principal("Service", ["cloudwatch.amazonaws.com"]),
        Action=[sns_actions.Publish],
        Resource=[topic.ref()],
        Condition=Condition([StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", alarms)]),
    )
    refuse = Statement(
        Sid="RefusePlainHttp",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[sns_actions.Publish],
        Resource=[topic.ref()],
        Condition=Condition([Bool("aws:SecureTransport", "false")]),
    )
    return document(publish, refuse)


def publish(topic_arn: Any) -> Statement:
    """Publish to one topic: for a role of the topic's own account, which its policy need not name."""
    return allow("Publish", sns_actions.Publish, on=[topic_arn])
