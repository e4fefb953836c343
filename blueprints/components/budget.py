"""A monthly budget of an environment, which tells people before the money is gone."""

from __future__ import annotations

from troposphere import budgets

from blueprints.components.alert_topic import AlertTopic
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# What makes a resource belong to an environment; every stack tags what it makes.
TAG = "Environment"


class Budget(Component):
    """A budget for what carries an environment's tag, with a message when a share of it is spent.

    The tag counts from the day on which it is activated as a cost allocation tag, by hand and once for all
    accounts that share a bill; until then the budget sees no cost at all (AWS Billing User Guide, "Activating
    user-defined cost allocation tags")::

        aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey=Environment,Status=Active

    What cannot be tagged, and what environments share, is not in it. AWS updates costs up to three times a day. Not
    every Region's CloudFormation knows the type (eu-north-1 and eu-central-2 do not), though a budget has no Region.

    It has no name of its own: changing who is told replaces a budget, and the new one would bear the name of the old
    ("DuplicateRecordException"). Who is told changes at the topic.

    Args:
        name: first part of the logical id.
        amount: US dollars a month.
        environment: value of the tag Environment.
        topic: a topic of the same stack that takes messages of budgets.
        percent: share of the amount that has to be spent, not forecast.

    Raises:
        SettingsError: the topic takes no messages of budgets, or an amount or a share that is none.

    """

    def __init__(self, name: str, *, amount: float, environment: str, topic: AlertTopic, percent: float = 80) -> None:
        _check(name, amount, percent, topic)
        self.budget = because(
            f"Tells people when {percent:g} percent of a month's {amount:g} USD are spent.",
            budgets.Budget(
                f"{name}Budget",
                Budget=budgets.BudgetData(
                    BudgetType="COST",
                    TimeUnit="MONTHLY",
                    BudgetLimit=budgets.Spend(Amount=amount, Unit="USD"),
                    # The form of the API for tags that users set (AWS Budgets, Budget, CostFilters).
                    CostFilters={"TagKeyValue": [f"user:{TAG}${environment}"]},
                ),
                NotificationsWithSubscribers=[
                    budgets.NotificationWithSubscribers(
                        Notification=budgets.Notification(
                            NotificationType="ACTUAL",
                            ComparisonOperator="GREATER_THAN",
                            Threshold=percent,
                            ThresholdType="PERCENTAGE",
                        ),
                        Subscribers=[budgets.Subscriber(SubscriptionType="SNS", Address=topic.arn)],
                    )
                ],
                # A budget that may not publish yet is told nothing: the policy has to be there first.
                DependsOn=topic.policy.title,
            ),
            must=[f"The tag {TAG} is activated as a cost allocation tag"],
            mutable="free-to-tune",
        )


def _check(name: str, amount: float, percent: float, topic: AlertTopic) -> None:
    if amount <= 0:
        raise SettingsError(f"{name}: amount is {amount:g}; a budget has more than 0 US dollars a month")
    if percent <= 0:
        raise SettingsError(f"{name}: percent is {percent:g}; give a share above 0, such as 80")
    if not topic.budgets:
        raise SettingsError(
            f"{name}: the topic {topic.topic.title} takes no messages of budgets; make it with budgets=True"
        )
