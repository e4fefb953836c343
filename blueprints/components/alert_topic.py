"""Where alarms are heard: a topic that CloudWatch can publish to, encrypted with a key that it may use."""

from __future__ import annotations

from typing import Any

from troposphere import kms, sns

from blueprints.access import keys, topic_policies
from blueprints.model.component import Component
from blueprints.model.context import because

# KMS waits 7 to 30 days before it deletes a key; what this one encrypts is delivered within minutes.
DAYS_BEFORE_DELETION = 7


class AlertTopic(Component):
    """A topic for alarms.

    Args:
        name: first part of the logical ids.
        email: an address to send alarms to, or None; SNS sends nothing before its owner confirms the subscription.

    """

    def __init__(self, name: str, *, email: Any | None = None) -> None:
        self.key = because(
            "Encrypts the topic; CloudWatch cannot publish through the key that AWS manages for SNS.",
            kms.Key(
                f"{name}Key",
                Description=f"Encrypts the messages of {name}",
                EnableKeyRotation=True,
                KeyPolicy=keys.for_alarm_messages(),
                PendingWindowInDays=DAYS_BEFORE_DELETION,
            ),
            must=["cloudwatch.amazonaws.com may use the key, or alarms go off unheard"],
            mutable="review-required",
        )
        # Only messages on their way are encrypted with the key: there is nothing to keep it for.
        self.key.DeletionPolicy = self.key.UpdateReplacePolicy = "Delete"
        self.topic = because(
            "Tells people that an alarm went off or is over.",
            sns.Topic(f"{name}Topic", KmsMasterKeyId=self.key.ref()),
        )
        self.policy = because(
            "Lets this account's alarms publish, over TLS only.",
            sns.TopicPolicy(
                f"{name}TopicPolicy",
                Topics=[self.topic.ref()],
                PolicyDocument=topic_policies.alarms_publish(self.topic),
            ),
        )
        self.subscription = None if email is None else self._subscription(name, email)

    @property
    def arn(self) -> Any:
        """The ARN that an alarm names as its action."""
        return self.topic.ref()

    def _subscription(self, name: str, email: Any) -> sns.SubscriptionResource:
        return because(
            "Sends each message to one address; it stays silent until the link in SNS's mail is followed.",
            sns.SubscriptionResource(
                f"{name}Subscription", TopicArn=self.topic.ref(), Protocol="email", Endpoint=email
            ),
        )
