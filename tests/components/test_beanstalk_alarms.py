from __future__ import annotations

import json

import pytest
from troposphere import Parameter, Ref

from blueprints.components.beanstalk_alarms import BeanstalkAlarms
from blueprints.components.beanstalk_options import health_document
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-08")


@pytest.fixture
def stack(stack_of):
    names = {"EnvironmentName": "The environment", "TopicArn": "The topic"}
    given = [Parameter(name, Type="String", Description=about) for name, about in names.items()]
    alarms = BeanstalkAlarms("Api", environment=Ref("EnvironmentName"), topic=Ref("TopicArn"), error_percent=3)
    return stack_of(*given, alarms)


def test_no_linter_finds_anything(stack, findings):
    assert findings(stack) == []


def test_health_degraded_or_silent_goes_off(stack, properties_of):
    alarm = properties_of(stack, "ApiHealthAlarm")
    assert (alarm["MetricName"], alarm["Threshold"], alarm["TreatMissingData"]) == (
        "EnvironmentHealth",
        20,
        "breaching",
    )
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_errors_are_a_share_of_requests(stack, properties_of):
    alarm = properties_of(stack, "ApiErrorRateAlarm")
    assert (alarm["Threshold"], alarm["Metrics"][0]["Expression"]) == (3, "100 * FILL(errors, 0) / requests")
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "TopicArn"}]


def test_what_is_watched_is_published_for_this_environment(stack):
    alarms = [each["Properties"] for each in to_dict(stack)["Resources"].values()]
    parts = [
        part["MetricStat"]["Metric"] for alarm in alarms for part in alarm.get("Metrics", []) if "MetricStat" in part
    ]
    watched = [*parts, *(alarm for alarm in alarms if "MetricName" in alarm)]
    published = json.loads(health_document())["CloudWatchMetrics"]["Environment"]
    assert {each["MetricName"] for each in watched} <= {*published, "EnvironmentHealth"}
    assert all(each["Namespace"] == "AWS/ElasticBeanstalk" for each in watched)
    dimensions = [{"Name": "EnvironmentName", "Value": {"Ref": "EnvironmentName"}}]
    assert all(each["Dimensions"] == dimensions for each in watched)
