from __future__ import annotations

import botocore.session
import pytest
from troposphere import logs

from blueprints.components.log_metrics import UNITS, LogMetric, LogMetrics
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

pytestmark = pytest.mark.row("RC-11")

CALLS = LogMetric("tool_calls", '{ ($.event = "tool_call") && ($.tool = "*") }', "1", "Count", {"Tool": "$.tool"})
TOKENS = LogMetric("TokenUsage", "{ $.tokens >= 0 }", "$.tokens", "Count", default=0)


@pytest.fixture
def log_group():
    return because("What the application says.", logs.LogGroup("BackendLogGroup", RetentionInDays=30))


@pytest.fixture
def made(log_group):
    return LogMetrics("Backend", log_group=log_group, namespace="RecipeChatbot/LLM", metrics=[CALLS, TOKENS])


def test_logical_ids_are_a_promise(made):
    assert [one.title for one in made.resources()] == ["BackendToolCallsFilter", "BackendTokenUsageFilter"]


def test_no_linter_finds_anything(log_group, made, stack_of, findings):
    assert findings(stack_of(log_group, made)) == []


def test_a_filter_reads_one_log_group_and_writes_one_metric(log_group, made, stack_of, properties_of):
    assert properties_of(stack_of(log_group, made), "BackendToolCallsFilter") == {
        "LogGroupName": {"Ref": "BackendLogGroup"},
        "FilterPattern": '{ ($.event = "tool_call") && ($.tool = "*") }',
        "MetricTransformations": [
            {
                "MetricNamespace": "RecipeChatbot/LLM",
                "MetricName": "tool_calls",
                "MetricValue": "1",
                "Unit": "Count",
                "Dimensions": [{"Key": "Tool", "Value": "$.tool"}],
            }
        ],
    }


def test_a_quiet_minute_counts_as_the_default(log_group, made, stack_of, properties_of):
    (written,) = properties_of(stack_of(log_group, made), "BackendTokenUsageFilter")["MetricTransformations"]
    assert (written["MetricValue"], written["DefaultValue"]) == ("$.tokens", 0)
    assert "Dimensions" not in written


def test_two_filters_of_one_metric_are_told_apart(log_group):
    share = [
        LogMetric("failures", "{ $.failed IS TRUE }", "100", "Percent", case="Yes"),
        LogMetric("failures", "{ $.failed IS FALSE }", "0", "Percent", case="No"),
    ]
    made = LogMetrics("Backend", log_group=log_group, namespace="N", metrics=share)
    assert list(made.filters) == ["BackendFailuresYesFilter", "BackendFailuresNoFilter"]


def test_two_filters_with_one_logical_id_are_refused(log_group):
    with pytest.raises(SettingsError, match=r"two filters are called BackendTokenUsageFilter.* case="):
        LogMetrics("Backend", log_group=log_group, namespace="N", metrics=[TOKENS, TOKENS])


def test_units_are_cloudwatchs():
    service = botocore.session.get_session().get_service_model("logs")
    assert set(service.shape_for("StandardUnit").enum) == UNITS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a:b"}, "none of : * $"),
        ({"name": ""}, "1 to 255 characters"),
        ({"pattern": "ERROR"}, "write the pattern in its JSON form"),
        ({"pattern": "[ip, user, status = 5*]"}, "write the pattern in its JSON form"),
        ({"unit": "Tokens"}, "'Tokens' is no unit of CloudWatch; there are Bits"),
        ({"value": "tokens"}, "a value is a number or a field such as $.tokens, got tokens"),
        ({"value": "$.cost"}, "the pattern has to ask for $.cost too"),
        ({"dimensions": {"Tool": "$.tool"}}, "the pattern has to ask for $.tool too"),
        (
            {"pattern": "{ $.a = 1 && $.b = 1 && $.c = 1 && $.d = 1 }", "dimensions": dict.fromkeys("ABCD", "$.a")},
            "a filter has at most 3 dimensions",
        ),
        (
            {"pattern": '{ $.tool = "*" }', "dimensions": {"Tool": "$.tool"}, "default": 0},
            "a default has no dimensions to go to",
        ),
    ],
)
def test_what_cloudwatch_would_refuse_is_refused_at_once(changes, message):
    right = {"name": "tokens", "pattern": "{ $.tokens >= 0 }", "value": "1", "unit": "Count"}
    with pytest.raises(SettingsError) as error:
        LogMetric(**(right | changes))
    assert message in str(error.value)
    assert str(error.value).startswith(f"log metric {(right | changes)['name']!r}: ")
