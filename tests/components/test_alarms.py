from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.alarms import ServiceAlarms
from blueprints.components.metrics import ServiceMetrics
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("FR-14")

TOPIC = Ref("TopicArn")


@pytest.fixture
def parameters():
    names = ("LoadBalancerName", "BlueName", "GreenName", "ClusterName", "ServiceName", "TopicArn")
    return [Parameter(name, Type="String", Description=name) for name in names]


@pytest.fixture
def metrics():
    return ServiceMetrics(Ref("LoadBalancerName"), [Ref("BlueName")], Ref("ClusterName"), Ref("ServiceName"))


@pytest.fixture
def both_colours():
    groups = [Ref("BlueName"), Ref("GreenName")]
    return ServiceMetrics(Ref("LoadBalancerName"), groups, Ref("ClusterName"), Ref("ServiceName"))


def alarms(stack):
    return {name: resource["Properties"] for name, resource in to_dict(stack)["Resources"].items()}


def test_logical_ids_are_a_promise(metrics):
    assert [alarm.title for alarm in ServiceAlarms("Api", metrics=metrics, topic=TOPIC).resources()] == [
        "ApiErrorRateAlarm",
        "ApiLatencyAlarm",
        "ApiUnhealthyHostsAlarm",
        "ApiHealthyHostsAlarm",
        "ApiCpuAlarm",
        "ApiMemoryAlarm",
    ]


def test_no_linter_finds_anything(stack_of, findings, parameters, both_colours):
    assert findings(stack_of(parameters, ServiceAlarms("Api", metrics=both_colours, topic=TOPIC))) == []


def test_every_alarm_says_what_to_do_and_is_heard(stack_of, metrics):
    for alarm in alarms(stack_of(ServiceAlarms("Api", metrics=metrics, topic=TOPIC))).values():
        assert len(alarm["AlarmDescription"].split(". ")) >= 2
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "TopicArn"}]
        assert "TreatMissingData" in alarm
        assert "AlarmName" not in alarm


def test_errors_are_a_share_of_the_requests_of_five_minutes(stack_of, metrics):
    alarm = alarms(stack_of(ServiceAlarms("Api", metrics=metrics, topic=TOPIC)))["ApiErrorRateAlarm"]
    result, *parts = alarm["Metrics"]
    assert alarm["Threshold"] == 5
    assert result["ReturnData"] is True
    assert {part["Id"]: part["MetricStat"]["Metric"]["MetricName"] for part in parts} == {
        "target_errors": "HTTPCode_Target_5XX_Count",
        "balancer_errors": "HTTPCode_ELB_5XX_Count",
        "requests": "RequestCount",
    }
    assert all(part["Id"] in result["Expression"] for part in parts)
    assert {part["MetricStat"]["Period"] for part in parts} == {300}
    assert not any(part["ReturnData"] for part in parts)


def test_the_service_is_down_when_nothing_reports(stack_of, metrics):
    made = alarms(stack_of(ServiceAlarms("Api", metrics=metrics, topic=TOPIC)))
    assert made["ApiHealthyHostsAlarm"]["TreatMissingData"] == "breaching"
    assert made["ApiUnhealthyHostsAlarm"]["TreatMissingData"] == "notBreaching"


def test_hosts_of_both_colours_count(stack_of, both_colours):
    made = alarms(stack_of(ServiceAlarms("Api", metrics=both_colours, topic=TOPIC)))["ApiHealthyHostsAlarm"]
    result, *parts = made["Metrics"]
    assert result["Expression"] == "FILL(group_1, 0) + FILL(group_2, 0)"
    assert [part["MetricStat"]["Metric"]["Dimensions"][1]["Value"] for part in parts] == [
        {"Ref": "BlueName"},
        {"Ref": "GreenName"},
    ]


def test_limits_are_settings(stack_of, metrics):
    chosen = ServiceAlarms(
        "Api", metrics=metrics, topic=TOPIC, error_percent=1, latency_seconds=0.5, cpu_percent=70, memory_percent=75
    )
    made = alarms(stack_of(chosen))
    assert [made[name]["Threshold"] for name in sorted(made)] == [70, 1, 1, 0.5, 75, 1]
