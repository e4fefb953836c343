from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.instance_alarms import InstanceAlarms
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-08")


@pytest.fixture
def parameters():
    return [Parameter(name, Type="String", Description=name) for name in ("TopicArn", "Instance")]


def watched(**given):
    size = {"max_connections": 70, "memory_gib": 1, "storage_gib": 20}
    return InstanceAlarms("Database", instance=Ref("Instance"), topic=Ref("TopicArn"), **{**size, **given})


def alarms(stack):
    return {name: resource["Properties"] for name, resource in to_dict(stack)["Resources"].items()}


def test_logical_ids_are_a_promise():
    titles = [alarm.title for alarm in watched().resources()]
    assert titles == [
        "DatabaseCpuAlarm",
        "DatabaseConnectionsAlarm",
        "DatabaseMemoryAlarm",
        "DatabaseStorageAlarm",
        "DatabaseCreditsAlarm",
    ]
    assert [alarm.title for alarm in watched(burstable=False).resources()] == titles[:-1]


def test_no_linter_finds_anything(stack_of, findings, parameters):
    assert findings(stack_of(parameters, watched())) == []


def test_limits_are_shares_of_what_the_instance_has(stack_of):
    made = alarms(stack_of(watched()))
    limits = {
        name: (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) for name, alarm in made.items()
    }
    assert limits == {
        "DatabaseCpuAlarm": ("CPUUtilization", "GreaterThanThreshold", 90),
        "DatabaseConnectionsAlarm": ("DatabaseConnections", "GreaterThanThreshold", 56),
        "DatabaseMemoryAlarm": ("FreeableMemory", "LessThanThreshold", 107374182),
        "DatabaseStorageAlarm": ("FreeStorageSpace", "LessThanThreshold", 2 * 1024**3),
        "DatabaseCreditsAlarm": ("CPUSurplusCreditsCharged", "GreaterThanThreshold", 0),
    }


def test_storage_is_alarming_when_rds_had_the_time_to_enlarge_it(stack_of):
    storage = alarms(stack_of(watched()))["DatabaseStorageAlarm"]
    assert storage["Period"] * storage["EvaluationPeriods"] == 900


def test_every_alarm_watches_the_instance_says_what_to_do_and_is_heard(stack_of):
    for alarm in alarms(stack_of(watched())).values():
        assert alarm["Namespace"] == "AWS/RDS"
        assert alarm["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": {"Ref": "Instance"}}]
        assert len(alarm["AlarmDescription"].split(". ")) >= 2
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "TopicArn"}]


@pytest.mark.parametrize("given", [{"max_connections": 0}, {"memory_gib": 0}, {"storage_gib": 0}])
def test_an_instance_without_size_is_refused(given):
    with pytest.raises(SettingsError, match="give what the instance has"):
        watched(**given)
