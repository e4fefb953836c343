from __future__ import annotations

import json

import pytest
from troposphere import Parameter, Ref

from blueprints.components import dashboard
from blueprints.components.dashboard import Dashboard, Group, GroupedDashboard
from blueprints.components.metrics import ServiceMetrics
from blueprints.model.errors import SettingsError

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


# Groups


def requests(count):
    return [dashboard.request_count()] * count


def grouped(*groups, **options):
    return GroupedDashboard("Main", names={"LoadBalancer": Ref("LoadBalancerName")}, groups=groups, **options)


@pytest.fixture
def places_of(stack_of, properties_of):
    """Where each widget of a grouped dashboard stands: its column, row, width and height."""

    def read(made):
        text, _ = properties_of(stack_of(made), "MainDashboard")["DashboardBody"]["Fn::Sub"]
        return [tuple(one[key] for key in ("x", "y", "width", "height")) for one in json.loads(text)["widgets"]]

    return read


@pytest.mark.row("RC-13")
def test_no_linter_finds_anything_in_groups(stack_of, findings, parameters):
    made = grouped(Group("Load", 60, requests(2)), Group("Health", 300, requests(1)))
    assert [resource.title for resource in made.resources()] == ["MainDashboard"]
    assert findings(stack_of(parameters[0], made)) == []


@pytest.mark.row("RC-13")
def test_each_group_stands_under_its_heading_and_has_its_period(stack_of, properties_of):
    made = grouped(Group("Load", 60, requests(1)), Group("Health", 300, requests(1)))
    text, values = properties_of(stack_of(made), "MainDashboard")["DashboardBody"]["Fn::Sub"]
    shown = [(one["type"], one["properties"]) for one in json.loads(text)["widgets"]]
    assert [one.get("markdown", one.get("period")) for _, one in shown] == ["## Load", 60, "## Health", 300]
    assert [kind for kind, _ in shown] == ["text", "metric", "text", "metric"]
    assert values == {"LoadBalancer": {"Ref": "LoadBalancerName"}}


@pytest.mark.row("RC-13")
def test_widgets_of_a_group_share_the_width(places_of):
    assert places_of(grouped(Group("Three", 60, requests(3)), Group("Four", 60, requests(4)))) == [
        (0, 0, 24, 1),
        (0, 1, 8, 6),
        (8, 1, 8, 6),
        (16, 1, 8, 6),
        (0, 7, 24, 1),
        (0, 8, 6, 6),
        (6, 8, 6, 6),
        (12, 8, 6, 6),
        (18, 8, 6, 6),
    ]


@pytest.mark.row("RC-13")
def test_a_long_group_goes_on_in_another_row_and_an_empty_one_is_a_heading(places_of):
    made = grouped(Group("Five", 60, requests(5)), Group("None", 60, []), Group("One", 60, requests(1)))
    assert places_of(made)[5:] == [(0, 7, 6, 6), (0, 13, 24, 1), (0, 14, 24, 1), (0, 15, 24, 6)]


@pytest.mark.row("RC-13")
def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(SettingsError, match="dashboard: give LoadBalancer in names; there are Cluster"):
        GroupedDashboard("Main", names={"Cluster": Ref("Cluster")}, groups=[Group("Load", 60, requests(1))])


@pytest.mark.row("RC-13")
def test_a_dashboard_has_a_name_only_when_one_is_asked_for(stack_of, properties_of):
    named = grouped(Group("Load", 60, requests(1)), physical_name="recipe-chatbot-dev")
    assert properties_of(stack_of(named), "MainDashboard")["DashboardName"] == "recipe-chatbot-dev"
    assert "DashboardName" not in properties_of(stack_of(grouped(Group("Load", 60, requests(1)))), "MainDashboard")
