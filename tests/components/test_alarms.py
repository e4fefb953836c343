from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.alarms import (
    ServiceAlarms,
    dead_letter_alarm,
    deployment_alarm,
    error_count_alarm,
    error_rate_alarm,
    function_errors_alarm,
    healthy_hosts_alarm,
    latency_alarm,
    metric_alarm,
)
from blueprints.components.metrics import ServiceMetrics
from blueprints.model.errors import SettingsError
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
    assert result["Expression"] == "SUM([group_1, group_2])"
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


BALANCER = Ref("LoadBalancerName")
BOTH = [Ref("BlueName"), Ref("GreenName")]


@pytest.fixture
def documented():
    """The three alarms of the Recipe Chatbot's document, for dev."""
    return [
        error_rate_alarm(
            "HighErrorRate", load_balancer=BALANCER, topic=TOPIC, percent=5, physical_name="recipe-chatbot-errors-dev"
        ),
        latency_alarm(
            "HighResponseTime", load_balancer=BALANCER, topic=TOPIC, seconds=5, physical_name="recipe-chatbot-time-dev"
        ),
        healthy_hosts_alarm(
            "LowHealthyHosts",
            load_balancer=BALANCER,
            target_groups=BOTH,
            topic=TOPIC,
            service="the backend",
            physical_name="recipe-chatbot-hosts-dev",
        ),
    ]


@pytest.mark.row("RC-14")
def test_the_documented_limits_and_periods_are_kept(stack_of, documented):
    made = alarms(stack_of(documented))
    errors, slow, hosts = made["HighErrorRate"], made["HighResponseTime"], made["LowHealthyHosts"]
    assert (errors["Threshold"], errors["EvaluationPeriods"]) == (5, 1)
    assert {part["MetricStat"]["Period"] for part in errors["Metrics"][1:]} == {300}
    assert (slow["ExtendedStatistic"], slow["Threshold"]) == ("p95", 5)
    assert (slow["Period"], slow["EvaluationPeriods"], slow["DatapointsToAlarm"]) == (300, 1, 1)
    assert (hosts["ComparisonOperator"], hosts["Threshold"]) == ("LessThanThreshold", 1)
    assert {part["MetricStat"]["Period"] for part in hosts["Metrics"][1:]} == {60}
    assert (hosts["EvaluationPeriods"], hosts["DatapointsToAlarm"]) == (1, 1)
    assert hosts["AlarmDescription"].startswith("No task answers: the backend is down. Look at the backend's events")


@pytest.mark.row("RC-14")
def test_documented_names_are_kept_and_every_alarm_is_heard(stack_of, documented):
    made = alarms(stack_of(documented)).values()
    assert [alarm["AlarmName"] for alarm in made] == [
        "recipe-chatbot-errors-dev",
        "recipe-chatbot-time-dev",
        "recipe-chatbot-hosts-dev",
    ]
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "TopicArn"}] for alarm in made)


def test_no_linter_finds_anything_in_single_alarms(stack_of, findings, parameters, documented):
    asleep = healthy_hosts_alarm("Asleep", load_balancer=BALANCER, target_groups=BOTH, topic=TOPIC, silent_is_bad=False)
    rollback = deployment_alarm("Rollback", load_balancer=BALANCER, target_groups=BOTH)
    used = [parameter for parameter in parameters if parameter.title not in {"ClusterName", "ServiceName"}]
    assert findings(stack_of(used, documented, asleep, rollback)) == []


@pytest.mark.row("RC-16")
@pytest.mark.parametrize("groups", [BOTH[:1], BOTH])
def test_a_service_that_sleeps_wakes_nobody(stack_of, groups):
    asleep = healthy_hosts_alarm(
        "Asleep", load_balancer=BALANCER, target_groups=groups, topic=TOPIC, silent_is_bad=False
    )
    alarm = alarms(stack_of(asleep))["Asleep"]
    assert alarm["TreatMissingData"] == "notBreaching"
    assert not any("FILL" in part.get("Expression", "") for part in alarm["Metrics"])
    assert [part["ReturnData"] for part in alarm["Metrics"]].count(True) == 1


@pytest.mark.row("RC-18")
@pytest.mark.parametrize("groups", [BOTH[:1], BOTH])
def test_ecs_watches_the_errors_of_a_deployment_and_nobody_is_told(stack_of, groups):
    rollback = deployment_alarm("Rollback", load_balancer=BALANCER, target_groups=groups, count=10, minutes=2)
    alarm = alarms(stack_of(rollback))["Rollback"]
    parts = [part["MetricStat"] for part in alarm["Metrics"] if "MetricStat" in part]
    assert not {"AlarmActions", "OKActions"} & alarm.keys()
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (10, 4, "notBreaching")
    assert {(part["Metric"]["MetricName"], part["Period"], part["Stat"]) for part in parts} == {
        ("HTTPCode_Target_5XX_Count", 60, "Sum")
    }
    assert [part["Metric"]["Dimensions"][1]["Value"]["Ref"] for part in parts] == [
        group.data["Ref"] for group in groups
    ]


@pytest.mark.parametrize("minutes", [0, 24 * 60 + 1])
def test_a_time_that_cloudwatch_does_not_look_back_is_refused(minutes):
    with pytest.raises(SettingsError, match="CloudWatch takes 1 to 1440"):
        error_rate_alarm("HighErrorRate", load_balancer=BALANCER, topic=TOPIC, percent=5, minutes=minutes)


@pytest.fixture
def counted():
    """What the document of MealPrep counts, and what waits after it failed."""
    return [
        error_count_alarm("HighErrorCount", load_balancer=BALANCER, topic=TOPIC),
        dead_letter_alarm("Failed", queue=Ref("ClusterName"), topic=TOPIC, work="An upload"),
        function_errors_alarm("Processing", function=Ref("ServiceName"), topic=TOPIC),
    ]


@pytest.mark.row("MP-17")
def test_no_linter_finds_anything_about_counts(stack_of, findings, parameters, counted):
    used = [parameter for parameter in parameters if parameter.title not in ("BlueName", "GreenName")]
    assert findings(stack_of(used, counted)) == []


@pytest.mark.row("MP-17")
def test_ten_errors_in_two_periods_of_five_minutes_are_told_as_the_document_has_it(stack_of, counted):
    alarm = alarms(stack_of(counted))["HighErrorCount"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count")
    assert alarm["Dimensions"] == [{"Name": "LoadBalancer", "Value": {"Ref": "LoadBalancerName"}}]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Sum", 300, 2)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 10)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "TopicArn"}]


@pytest.mark.row("MP-17")
def test_one_message_that_failed_and_one_failed_call_are_told(stack_of, counted):
    made = alarms(stack_of(counted))
    failed, processing = made["Failed"], made["Processing"]
    assert (failed["ComparisonOperator"], failed["Threshold"], failed["Statistic"]) == (
        "GreaterThanThreshold",
        0,
        "Maximum",
    )
    assert failed["Dimensions"] == [{"Name": "QueueName", "Value": {"Ref": "ClusterName"}}]
    assert (processing["ComparisonOperator"], processing["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert processing["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "ServiceName"}}]
    assert failed["TreatMissingData"] == processing["TreatMissingData"] == "notBreaching"


@pytest.mark.row("MP-17")
def test_a_metric_of_nothing_is_refused():
    with pytest.raises(SettingsError, match="Empty: nothing is watched"):
        metric_alarm("Empty", description="", namespace="AWS/RDS", metric="X", over=[], topic=TOPIC, threshold=1)
