"""Where alarms are heard: a topic that CloudWatch can publish to, encrypted with a key that it may use."""

from __future__ import annotations

from typing import Any

from troposphere import kms, sns

from blueprints.access import keys, topic_policies
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# KMS waits 7 to 30 days before it deletes a key; what this one encrypts is delivered within minutes.
DAYS_BEFORE_DELETION = 7


class AlertTopic(Component):
    """A topic for alarms.

    Args:
        name: first part of the logical ids.
        email: an address to send alarms to, or None; SNS sends nothing before its owner confirms the subscription.
        key: the key of another topic of this stack, to share it; a key of its own when not given.
        physical_name: a name of its own, where a document names it.
        events: roles of this account publish as well, as a Reminder's does; a shared key has to be made for it.
        budgets: budgets of this account publish as well; a shared key has to be made for it.
        display_name: the sender that mails show, 100 characters at most (SNS, SetTopicAttributes).

    Raises:
        SettingsError: the shared key takes messages of alarms only.

    """

    def __init__(  # noqa: PLR0913 - who publishes, who is told, and under which names
        self,
        name: str,
        *,
        email: Any | None = None,
        key: kms.Key | None = None,
        physical_name: str | None = None,
        events: bool = False,
        budgets: bool = False,
        display_name: str | None = None,
    ) -> None:
        _check(name, key, events=events, budgets=budgets)
        self.events, self.budgets = events, budgets
        self._key = key or _own_key(name, events=events, budgets=budgets)
        self.key = self._key if key is None else None
        self.topic = because(
            "Tells people that an alarm went off or is over.",
            sns.Topic(f"{name}Topic", KmsMasterKeyId=self._key.ref()),
        )
        if physical_name is not None:
            self.topic.TopicName = physical_name
        if display_name is not None:
            self.topic.DisplayName = display_name
        self.policy = because(
            f"Lets this account's alarms{' and budgets' if budgets else ''} publish, over TLS only.",
            sns.TopicPolicy(
                f"{name}TopicPolicy",
                Topics=[self.topic.ref()],
                PolicyDocument=topic_policies.alarms_publish(self.topic, budgets=budgets),
            ),
        )
        self.subscription = None if email is None else self._subscription(name, email)

    @property
    def arn(self) -> Any:
        """The ARN that an alarm names as its action."""
        return self.topic.ref()

    @property
    def key_arn(self) -> Any:
        """The ARN of the key that messages are encrypted with."""
        return self._key.get_att("Arn")

    def _subscription(self, name: str, email: Any) -> sns.SubscriptionResource:
        return because(
            "Sends each message to one address; it stays silent until the link in SNS's mail is followed.",
            sns.SubscriptionResource(
                f"{name}Subscription", TopicArn=self.topic.ref(), Protocol="email", Endpoint=email
            ),
        )


def _check(name: str, key: kms.Key | None, *, events: bool, budgets: bool) -> None:
    if key is None:
        return
    for asked, taken, argument in (
        (events, keys.takes_events(key), "events"),
        (budgets, keys.takes_budgets(key), "budgets"),
    ):
        if asked and not taken:
            raise SettingsError(
                f"{name}: {key.title} takes messages of alarms only; make the topic that owns it with {argument}=True "
                "too"
            )


def _own_key(name: str, *, events: bool, budgets: bool) -> kms.Key:
    key = because(
        "Encrypts the topic; CloudWatch cannot publish through the key that AWS manages for SNS.",
        kms.Key(
            f"{name}Key",
            Description=f"Encrypts the messages of {name}",
            EnableKeyRotation=True,
            KeyPolicy=keys.for_alarm_messages(events=events, budgets=budgets),
            PendingWindowInDays=DAYS_BEFORE_DELETION,
        ),
        must=["cloudwatch.amazonaws.com may use the key, or alarms go off unheard"],
        mutable="review-required",
    )
    # Only messages on their way are encrypted with the key: there is nothing to keep it for.
    key.DeletionPolicy = key.UpdateReplacePolicy = "Delete"
    return key
