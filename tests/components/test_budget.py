from __future__ import annotations

import pytest

from blueprints.components.alert_topic import AlertTopic
from blueprints.components.budget import Budget
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-23")


@pytest.fixture
def topic():
    return AlertTopic("Alerts", email="team@example.com", budgets=True)


def budget(topic, **given):
    return Budget("Monthly", **{"amount": 1000, "environment": "prod", "topic": topic, **given})


def test_logical_ids_are_a_promise(topic):
    assert [part.title for part in budget(topic).resources()] == ["MonthlyBudget"]


def test_no_linter_finds_anything(stack_of, findings, topic):
    assert findings(stack_of(topic, budget(topic))) == []


@pytest.mark.parametrize(("environment", "amount"), [("prod", 1000), ("dev", 200)])
def test_a_month_s_costs_of_an_environment_are_counted_by_its_tag(stack_of, properties_of, topic, environment, amount):
    made = properties_of(stack_of(topic, budget(topic, environment=environment, amount=amount)), "MonthlyBudget")
    assert made["Budget"] == {
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": amount, "Unit": "USD"},
        "CostFilters": {"TagKeyValue": [f"user:Environment${environment}"]},
    }


def test_people_are_told_through_the_topic_when_80_percent_are_spent(stack_of, properties_of, topic):
    (told,) = properties_of(stack_of(topic, budget(topic)), "MonthlyBudget")["NotificationsWithSubscribers"]
    assert told["Notification"] == {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": 80,
        "ThresholdType": "PERCENTAGE",
    }
    assert told["Subscribers"] == [{"SubscriptionType": "SNS", "Address": {"Ref": "AlertsTopic"}}]


def test_the_topic_lets_budgets_publish_before_there_is_one(stack_of, topic):
    assert to_dict(stack_of(topic, budget(topic)))["Resources"]["MonthlyBudget"]["DependsOn"] == "AlertsTopicPolicy"


def test_a_budget_has_no_name_that_its_replacement_would_have_too(stack_of, properties_of, topic):
    assert "BudgetName" not in properties_of(stack_of(topic, budget(topic)), "MonthlyBudget")["Budget"]


def test_a_topic_that_refuses_budgets_is_refused():
    with pytest.raises(SettingsError, match="AlertsTopic takes no messages of budgets; make it with budgets=True"):
        budget(AlertTopic("Alerts"))


@pytest.mark.parametrize("given", [{"amount": 0}, {"percent": 0}])
def test_a_budget_of_nothing_is_refused(topic, given):
    with pytest.raises(SettingsError, match="Monthly: "):
        budget(topic, **given)
