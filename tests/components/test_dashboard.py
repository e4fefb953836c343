from __future__ import annotations

import json

import pytest
from troposphere import Parameter, Ref

from blueprints.components import dashboard
from blueprints.components.dashboard import Dashboard
from blueprints.components.metrics import ServiceMetrics

pytestmark = pytest.mark.row("FR-13")


@pytest.fixture
def parameters():
    names = ("LoadBalancerName", "TargetGroupName", "ClusterName", "ServiceName")
    return [Parameter(name, Type="String", Description=name) for name in names]


@pytest.fixture
def metrics():
    return ServiceMetrics(Ref("LoadBalancerName"), [Ref("TargetGroupName")], Ref("ClusterName"), Ref("ServiceName"))


@pytest.fixture
def body_of(stack_of, properties_of):
    """The text of a dashboard, and what fills its gaps."""
    return lambda made: properties_of(stack_of(made), "ServiceDashboard")["DashboardBody"]["Fn::Sub"]


def test_logical_ids_are_a_promise(metrics):
    assert [resource.title for resource in Dashboard("Service", metrics=metrics).resources()] == ["ServiceDashboard"]


def test_no_linter_finds_anything(stack_of, findings, parameters, metrics):
    assert findings(stack_of(parameters, Dashboard("Service", metrics=metrics))) == []


def test_it_shows_load_requests_times_and_errors(body_of, metrics):
    text, _ = body_of(Dashboard("Service", metrics=metrics))
    shown = {
        metric[1]
        for widget in json.loads(text)["widgets"]
        for metric in widget["properties"]["metrics"]
        if len(metric) > 1
    }
    assert shown == {
        "CPUUtilization",
        "MemoryUtilization",
        "RequestCount",
        "TargetResponseTime",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_4XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "HealthyHostCount",
        "UnHealthyHostCount",
        "RunningTaskCount",
        "DesiredTaskCount",
    }


def test_no_name_of_a_resource_is_written_out(body_of, metrics):
    text, values = body_of(Dashboard("Service", metrics=metrics))
    assert values == {
        "LoadBalancer": {"Ref": "LoadBalancerName"},
        "TargetGroup1": {"Ref": "TargetGroupName"},
        "Cluster": {"Ref": "ClusterName"},
        "Service": {"Ref": "ServiceName"},
    }
    regions = {widget["properties"]["region"] for widget in json.loads(text)["widgets"]}
    assert regions == {"${AWS::Region}"}


def test_widgets_fill_rows_of_three(body_of, metrics):
    text, _ = body_of(Dashboard("Service", metrics=metrics))
    places = [(widget["x"], widget["y"]) for widget in json.loads(text)["widgets"]]
    assert places == [(0, 0), (8, 0), (16, 0), (0, 6), (8, 6), (16, 6), (0, 12)]


def test_a_person_can_read_it(body_of, metrics):
    text, _ = body_of(Dashboard("Service", metrics=metrics))
    assert max(len(line) for line in text.splitlines()) <= 200
    assert '["AWS/ApplicationELB", "RequestCount", "LoadBalancer", "${LoadBalancer}", {"stat": "Sum"}]' in text


def test_only_what_is_shown_is_named(body_of, metrics):
    _, values = body_of(Dashboard("Service", metrics=metrics, widgets=[dashboard.request_count()]))
    assert list(values) == ["LoadBalancer"]


def test_hosts_of_both_colours_are_shown(body_of):
    colours = ServiceMetrics(Ref("LoadBalancer"), [Ref("Blue"), Ref("Green")], Ref("Cluster"), Ref("Service"))
    text, values = body_of(Dashboard("Service", metrics=colours))
    assert (values["TargetGroup1"], values["TargetGroup2"]) == ({"Ref": "Blue"}, {"Ref": "Green"})
    assert text.count("${TargetGroup2}") == 2
