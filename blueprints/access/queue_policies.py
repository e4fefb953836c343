"""Queue policies: who may send to a queue, and on what terms."""

from __future__ import annotations

from awacs import sqs as sqs_actions
from awacs.aws import Allow, ArnEquals, Bool, Condition, Deny, PolicyDocument, Principal, Statement
from troposphere import events, sqs

from blueprints.access.grants import document


def rule_sends(queue: sqs.Queue, rule: events.Rule) -> PolicyDocument:
    """Let one rule leave what it could not deliver, and refuse every message that does not come over TLS.

    The statement that EventBridge documents for a target's dead-letter queue ("Using dead-letter queues to process
    undelivered events"); a rule has no role for it.
    """
    send = Statement(
        Sid="RuleSends",
        Effect=Allow,
        Principal=Principal("Service", ["events.amazonaws.com"]),
        Action=[sqs_actions.SendMessage],
        Resource=[queue.get_att("Arn")],
        Condition=Condition([ArnEquals("aws:SourceArn", rule.get_att("Arn"))]),
    )
    refuse = Statement(
        Sid="RefusePlainHttp",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[sqs_actions.SendMessage, sqs_actions.ReceiveMessage],
        Resource=[queue.get_att("Arn")],
        Condition=Condition([Bool("aws:SecureTransport", "false")]),
    )
    return document(send, refuse)
