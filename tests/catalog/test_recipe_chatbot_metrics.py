from __future__ import annotations

import json
import re

import pytest
from troposphere import Ref, logs

from blueprints.catalog.recipe_chatbot import metrics as chatbot
from blueprints.checks.lint import lint
from blueprints.components.collector import ENDPOINT
from blueprints.components.dashboard import GroupedDashboard
from blueprints.components.log_metrics import LogMetrics
from blueprints.components.metrics import ECS, ERROR_RATE, LOAD_BALANCER
from blueprints.model.context import because
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.files import environment
from blueprints.render.template import to_yaml

TARGET_GROUPS = ["Backend", "BackendGreen", "Frontend", "FrontendGreen"]

SEARCH = r"SEARCH\('\{\"(.+?)\",(.+?)\} MetricName=\"(.+?)\""

# What AWS publishes and under which dimensions (its guides to CloudWatch metrics of load balancers and of ECS).
OF_AWS = {
    (ECS, "CPUUtilization"): {"ClusterName", "ServiceName"},
    (ECS, "MemoryUtilization"): {"ClusterName", "ServiceName"},
    (LOAD_BALANCER, "ActiveConnectionCount"): {"LoadBalancer"},
    (LOAD_BALANCER, "HTTPCode_ELB_5XX_Count"): {"LoadBalancer"},
    (LOAD_BALANCER, "HTTPCode_Target_5XX_Count"): {"LoadBalancer"},
    (LOAD_BALANCER, "HealthyHostCount"): {"LoadBalancer", "TargetGroup"},
    (LOAD_BALANCER, "RequestCount"): {"LoadBalancer"},
    (LOAD_BALANCER, "TargetResponseTime"): {"LoadBalancer"},
}


@pytest.fixture
def dashboard():
    names = {name: Ref(name) for name in ("LoadBalancer", "Cluster", *TARGET_GROUPS)}
    return GroupedDashboard("Main", names=names, groups=chatbot.groups(chatbot.NAMESPACE, TARGET_GROUPS))


@pytest.fixture
def body(dashboard):
    """The dashboard's text and what fills its gaps."""
    return dashboard.dashboard.to_dict()["Properties"]["DashboardBody"]["Fn::Sub"]


@pytest.fixture
def widgets(body):
    return json.loads(body[0])["widgets"]


@pytest.fixture
def page():
    return environment().get_template("pages/recipe-chatbot.md.jinja").render(blueprint=chatbot)


def graphs(widgets):
    return {one["properties"]["title"]: one["properties"] for one in widgets if one["type"] == "metric"}


def metrics_on(widgets):
    """Every metric on the dashboard: namespace and name, with the names of its dimensions."""
    for properties in graphs(widgets).values():
        for line in properties["metrics"]:
            if not isinstance(line[0], dict):
                texts = [part for part in line if isinstance(part, str)]
                yield (texts[0], texts[1]), set(texts[2::2])
            elif line[0]["expression"].startswith("SEARCH"):
                namespace, dimensions, name = re.match(SEARCH, line[0]["expression"]).groups()
                yield (namespace, name), set(dimensions.split(","))


# The table


@pytest.mark.row("RC-11")
def test_every_custom_metric_of_the_document_is_in_the_table_once_under_its_own_name():
    named = [(one.document, one.name, one.namespace) for one in chatbot.METRICS if one.document]
    assert sorted(named) == [
        (name, name, "RecipeChatbot/LLM")
        for name in (
            "QueueDepth",
            "chat_requests_total",
            "cooking_queries_ratio",
            "error_rate",
            "llm_token_usage",
            "response_time_p95",
            "tool_usage_count",
        )
    ]


@pytest.mark.row("RC-11")
def test_the_queue_is_known_by_the_service_alone():
    (made,) = chatbot.QUEUE_DEPTH.filters
    assert made.dimensions == {"Service": "$.service"}
    assert chatbot.QUEUE_DEPTH.dimensions == {"Service": "Backend"}
    assert json.loads(chatbot.QUEUE_DEPTH.event.line)["service"] == "Backend"


@pytest.mark.parametrize("metric", chatbot.METRICS, ids=lambda one: f"{one.dashboard}-{one.name}")
def test_a_metric_is_either_written_by_aws_or_made_of_a_log_line(metric):
    own = metric.namespace == chatbot.NAMESPACE
    assert own == bool(metric.filters) == (metric.event is not None)
    assert own or OF_AWS[metric.namespace, metric.name] == metric.dimensions.keys()
    assert {one.name for one in metric.filters} <= {metric.name}
    assert all(one.dimensions.keys() == metric.dimensions.keys() for one in metric.filters)


# The filters


def matches(pattern, line):
    """Whether a line matches a filter pattern, of the forms that the table uses."""
    return all(holds(condition, line) for condition in re.split(r"\s*&&\s*", pattern.strip("{ }")))


def holds(condition, line):
    name, operator, wanted = re.fullmatch(r"\(?\$\.(\w+) (=|>=|<|IS) (.+?)\)?", condition).groups()
    if name not in line:
        return False
    value = line[name]
    if operator == "IS":
        return value is (wanted == "TRUE")
    if operator == "=":
        return isinstance(value, str) and wanted in ('"*"', f'"{value}"')
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (value >= float(wanted) if operator == ">=" else value < float(wanted))


def written(line):
    """What the filters make of a line: metric, value and dimensions."""
    return {
        (
            one.name,
            float(line[one.value[2:]] if one.value.startswith("$") else one.value),
            *(f"{key}={line[field[2:]]}" for key, field in one.dimensions.items()),
        )
        for one in chatbot.log_metrics()
        if matches(one.pattern, line)
    }


@pytest.mark.row("RC-11")
@pytest.mark.parametrize(
    ("event", "changes", "expected"),
    [
        (
            chatbot.CHAT_REQUEST,
            {},
            {
                ("chat_requests_total", 1),
                ("cooking_queries_ratio", 100),
                ("response_time_p95", 812),
                ("error_rate", 0, "Endpoint=/api/chat"),
            },
        ),
        (
            chatbot.CHAT_REQUEST,
            {"cooking": False, "status": 502},
            {
                ("chat_requests_total", 1),
                ("cooking_queries_ratio", 0),
                ("response_time_p95", 812),
                ("error_rate", 100, "Endpoint=/api/chat"),
            },
        ),
        (chatbot.CHAT_REQUEST, {"event": "request"}, {("error_rate", 0, "Endpoint=/api/chat")}),
        (chatbot.LLM_CALL, {}, {("llm_token_usage", 913), ("llm_failure_rate", 0)}),
        (chatbot.LLM_CALL, {"failed": True, "tokens": None}, {("llm_failure_rate", 100)}),
        (chatbot.TOOL_CALL, {}, {("tool_usage_count", 1, "Tool=web_search")}),
        (
            chatbot.TOOL_CALL,
            {"timed_out": True},
            {("tool_usage_count", 1, "Tool=web_search"), ("tool_timeouts", 1)},
        ),
        (chatbot.QUEUE, {}, {("QueueDepth", 3, "Service=Backend")}),
        (chatbot.QUEUE, {"event": "started"}, set()),
    ],
)
def test_a_log_line_makes_the_metrics_that_the_table_says(event, changes, expected):
    assert written(json.loads(event.line) | changes) == expected


@pytest.mark.row("RC-11")
def test_a_share_is_a_hundred_or_nothing_and_has_no_default():
    shares = {}
    for one in chatbot.log_metrics():
        if one.unit == "Percent":
            shares.setdefault(one.name, []).append((one.value, one.default))
    assert shares == {
        name: [("100", None), ("0", None)] for name in ("cooking_queries_ratio", "error_rate", "llm_failure_rate")
    }
    assert {one.statistic for one in chatbot.METRICS if one.name in shares} == {"Average"}


@pytest.mark.row("RC-11")
def test_a_metric_that_is_read_as_a_percentile_has_no_default_among_its_values():
    (metric,) = [one for one in chatbot.METRICS if one.filters and one.statistic.startswith("p")]
    assert [one.default for one in metric.filters] == [None]


@pytest.mark.row("RC-11")
def test_the_filters_fit_on_the_backends_log_group_and_no_linter_finds_anything(tmp_path):
    stack = Stack("backend", Settings(project="recipe-chatbot"), description="Filters", arch="Filters on a log group")
    log_group = because("What the backend says.", logs.LogGroup("BackendLogGroup", RetentionInDays=30))
    made = LogMetrics("Backend", log_group=log_group, namespace=chatbot.NAMESPACE, metrics=chatbot.log_metrics())
    assert [one.title for one in made.resources()] == [
        "BackendChatRequestsTotalFilter",
        "BackendCookingQueriesRatioYesFilter",
        "BackendCookingQueriesRatioNoFilter",
        "BackendToolUsageCountFilter",
        "BackendErrorRateYesFilter",
        "BackendErrorRateNoFilter",
        "BackendLlmFailureRateYesFilter",
        "BackendLlmFailureRateNoFilter",
        "BackendToolTimeoutsFilter",
        "BackendResponseTimeP95Filter",
        "BackendLlmTokenUsageFilter",
        "BackendQueueDepthFilter",
    ]
    stack.add([log_group, *made.resources()])
    path = tmp_path / "backend.yaml"
    path.write_text(to_yaml(stack), encoding="utf-8")
    assert lint([path], regions=("us-east-1",)) == []


# The dashboard


@pytest.mark.row("RC-13")
def test_the_dashboard_has_the_documents_four_groups_with_their_periods(widgets):
    found = {}
    for one in widgets:
        if one["type"] == "text":
            heading = one["properties"]["markdown"]
        else:
            found.setdefault(heading, []).append((one["properties"]["title"], one["properties"]["period"]))
    assert found == {
        "## Service health": [("CPUUtilization", 300), ("MemoryUtilization", 300), ("HealthyHostCount", 300)],
        "## Business metrics": [
            ("ChatRequestsPerMinute", 60),
            ("CookingQueryRatio", 60),
            ("ToolUsageDistribution", 60),
        ],
        "## Error tracking": [("HTTPErrorRate", 60), ("LLMFailureRate", 60), ("ToolTimeouts", 60)],
        "## Performance": [
            ("ResponseTimeP95", 300),
            ("TokensPerSecond", 300),
            ("ConcurrentConnections", 300),
            ("QueueDepth", 300),
        ],
    }


@pytest.mark.row("RC-13")
def test_each_metric_on_the_dashboard_is_written_by_aws_or_by_a_filter_with_the_same_dimensions(widgets):
    of_filters = {(chatbot.NAMESPACE, one.name): set(one.dimensions) for one in chatbot.log_metrics()}
    found = list(metrics_on(widgets))
    assert [(metric, dimensions) for metric, dimensions in found if (OF_AWS | of_filters)[metric] != dimensions] == []
    assert {metric for metric, _ in found} == OF_AWS.keys() | of_filters.keys()


@pytest.mark.row("RC-13")
def test_services_are_found_by_their_cluster_since_they_come_after_the_dashboard(body, widgets):
    ((line,),) = graphs(widgets)["CPUUtilization"]["metrics"]
    query = '{"AWS/ECS",ClusterName,ServiceName} MetricName="CPUUtilization" ClusterName="${Cluster}"'
    assert line["expression"] == f"SEARCH('{query}', 'Average')"
    assert body[1]["Cluster"] == {"Ref": "Cluster"}


@pytest.mark.row("RC-13")
def test_hosts_of_every_target_group_are_shown(body, widgets):
    lines = graphs(widgets)["HealthyHostCount"]["metrics"]
    assert [line[5] for line in lines] == [f"${{{name}}}" for name in TARGET_GROUPS]
    assert {name: body[1][name] for name in TARGET_GROUPS} == {name: {"Ref": name} for name in TARGET_GROUPS}


@pytest.mark.row("RC-13")
def test_ids_in_metric_math_are_told_apart_and_defined(widgets):
    for properties in graphs(widgets).values():
        options = [line[-1] for line in properties["metrics"] if isinstance(line[-1], dict)]
        ids = [one["id"] for one in options if "id" in one]
        assert len(ids) == len(set(ids))
        for one in options:
            if "expression" in one and not one["expression"].startswith("SEARCH"):
                assert set(re.findall(r"\b[a-z]\w*", one["expression"])) <= set(ids)


@pytest.mark.row("RC-13")
def test_both_response_times_are_in_milliseconds(widgets):
    lines = graphs(widgets)["ResponseTimeP95"]["metrics"]
    assert lines[1][0]["expression"] == "1000 * seconds"
    assert [line[-1]["stat"] for line in lines if "stat" in line[-1]] == ["p95", "p95"]


@pytest.mark.row("RC-13")
def test_the_body_is_compact_even_with_four_target_groups(body):
    assert len(body[0].encode()) < 6_000


@pytest.mark.row("RC-13")
def test_each_environment_has_a_namespace_of_its_own():
    elsewhere = json.dumps([one.widgets for one in chatbot.groups("RecipeChatbot/LLM-dev", ["Backend"])])
    assert "RecipeChatbot/LLM-dev" in elsewhere
    assert '"RecipeChatbot/LLM"' not in elsewhere.replace("\\", "")


# The page


@pytest.mark.row("RC-11")
def test_the_page_lists_every_metric_under_both_names(page):
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == len(chatbot.METRICS) + 1
    assert {len(row) for row in rows} == {7}
    for metric in chatbot.METRICS:
        assert any(metric.dashboard in row[1] and f"`{metric.name}`" in row[2] for row in rows)


@pytest.mark.row("RC-11")
def test_the_page_shows_each_log_line_once(page):
    for event in (chatbot.CHAT_REQUEST, chatbot.LLM_CALL, chatbot.TOOL_CALL, chatbot.QUEUE):
        assert page.count(f"```json\n{event.line}\n```") == 1


@pytest.mark.row("RC-12")
def test_the_page_says_where_traces_go_instead(page):
    assert f"`{ENDPOINT}`" in page
    assert "jaeger:14250" in page
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in page


@pytest.mark.row("RC-14")
def test_the_page_says_how_a_percentage_is_made(page):
    assert f"```\n{ERROR_RATE}\n```" in page


def test_the_page_goes_into_another():
    text = (
        environment().from_string('# Title\n[% include "pages/recipe-chatbot.md.jinja" %]\n').render(blueprint=chatbot)
    )
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Title",
        "## How it is deployed",
        "## What is particular",
        "## What is measured",
        "### Log lines",
        "### Traces",
        "### Percentages",
    ]
