from __future__ import annotations

import re

import pytest
import yaml
from troposphere import Parameter, Sub, ecs, iam

from blueprints.access import grants
from blueprints.components.collector import Collector, configuration
from blueprints.model.context import because
from blueprints.model.errors import RenderError
from blueprints.model.packaged import text_of
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("RC-12")

KINDS = ("receivers", "processors", "exporters")


@pytest.fixture
def collector():
    return Collector("Backend", namespace="RecipeChatbot/LLM", log_retention_days=30)


@pytest.fixture
def config():
    return yaml.safe_load(configuration())


@pytest.fixture
def task(collector):
    """A task definition with the collector, and the role that its task takes on."""
    role = iam.Role(
        "TaskRole",
        AssumeRolePolicyDocument=grants.trust(
            "ecs-tasks", source_arn=Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")
        ),
        Policies=[grants.policy("Application", *collector.permissions)],
    )
    application = ecs.ContainerDefinition(
        Name="app",
        Image="public.ecr.aws/docker/library/python:3.13-slim",
        Essential=True,
        Environment=[ecs.Environment(Name=key, Value=value) for key, value in collector.variables.items()],
    )
    definition = ecs.TaskDefinition(
        "TaskDefinition",
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        Cpu="512",
        Memory="1024",
        TaskRoleArn=role.get_att("Arn"),
        ContainerDefinitions=[application, collector.container],
    )
    return [because("What the task may do.", role), because("What the task is.", definition)]


@pytest.fixture
def container(collector, stack_of, task, properties_of):
    """The collector as it stands in the template."""
    return properties_of(stack_of(collector, task), "TaskDefinition")["ContainerDefinitions"][1]


# What the component gives


def test_logical_ids_are_a_promise(collector):
    assert [resource.title for resource in collector.resources()] == ["BackendMetricsLogGroup"]


def test_no_linter_finds_anything(collector, stack_of, findings, task):
    assert findings(stack_of(collector, task)) == []


def test_the_application_sends_over_grpc_to_its_own_task(collector):
    assert collector.variables == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }


def test_the_application_goes_on_without_it_and_it_is_started_again(container):
    assert container["Essential"] is False
    assert container["RestartPolicy"] == {"Enabled": True, "RestartAttemptPeriod": 60}


def test_it_asks_itself_how_it_is_with_what_the_image_has(container):
    assert container["HealthCheck"]["Command"] == ["CMD", "/healthcheck"]


@pytest.mark.row("RC-25")
def test_it_runs_without_rights_and_writes_nowhere(container):
    assert container["User"] == "4317:4317"
    assert container["ReadonlyRootFilesystem"] is True
    assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}


def test_it_can_be_reached_within_the_task_only(container):
    assert "PortMappings" not in container


def test_it_takes_a_quarter_of_the_memory_of_the_documented_backend_at_most(container):
    assert (container["MemoryReservation"], container["Memory"]) == (128, 256)


def test_its_image_is_pinned_and_can_be_another(container, collector):
    assert re.fullmatch(r"public\.ecr\.aws/aws-observability/aws-otel-collector:v\d+\.\d+\.\d+", container["Image"])
    mirrored = Collector("Backend", namespace="N", log_retention_days=1, image="mirror.example.com/collector:v0.50.0")
    assert mirrored.container.Image == "mirror.example.com/collector:v0.50.0"


def test_its_log_group_can_have_a_name(stack_of, properties_of):
    named = Collector("Backend", namespace="N", log_retention_days=7, log_group_name="/metrics/backend")
    made = properties_of(stack_of(named), "BackendMetricsLogGroup")
    assert (made["LogGroupName"], made["RetentionInDays"]) == ("/metrics/backend", 7)


def test_a_name_that_is_a_parameter_reaches_the_collector(stack_of, properties_of):
    name = Parameter("GroupName", Type="String")
    named = Collector("Backend", namespace="N", log_retention_days=7, log_group_name=name.ref())
    assert properties_of(stack_of(name, named), "BackendMetricsLogGroup")["LogGroupName"] == {"Ref": "GroupName"}


@pytest.mark.row("RC-19")
def test_the_task_role_may_send_traces_and_write_to_the_one_log_group(collector, stack_of, task):
    role = to_dict(stack_of(collector, task))["Resources"]["TaskRole"]["Properties"]
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert [(sorted(one["Action"]), one["Resource"]) for one in statements] == [
        (
            [
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            ["*"],
        ),
        (["logs:CreateLogStream", "logs:PutLogEvents"], [{"Fn::GetAtt": ["BackendMetricsLogGroup", "Arn"]}]),
    ]


# Its configuration


def test_every_value_that_the_configuration_asks_for_is_given(container):
    (variable,) = container["Environment"]
    text, values = variable["Value"]["Fn::Sub"]
    assert variable["Name"] == "AOT_CONFIG_CONTENT"
    assert (
        set(re.findall(r"\$\{(\w+)\}", text)) == values.keys() == set(re.findall(r"\$\{env:(\w+)\}", configuration()))
    )
    assert text.count("${") == configuration().count("${env:")
    assert values == {
        "AWS_REGION": {"Ref": "AWS::Region"},
        "METRICS_LOG_GROUP": {"Ref": "BackendMetricsLogGroup"},
        "METRICS_NAMESPACE": "RecipeChatbot/LLM",
    }


def test_the_configuration_in_the_template_is_the_file(container, config):
    text, _ = container["Environment"][0]["Value"]["Fn::Sub"]
    asked = re.sub(r"\$\{(\w+)\}", r"${env:\1}", text)
    assert yaml.safe_load(asked) == config


def test_comments_stay_in_the_file(config):
    assert "#" not in configuration()
    assert config == yaml.safe_load(text_of("collector.yaml"))
    assert len(configuration()) < 2_000


@pytest.mark.parametrize("kind", KINDS)
def test_pipelines_name_what_is_defined_and_all_of_it(config, kind):
    named = {name for pipeline in config["service"]["pipelines"].values() for name in pipeline[kind]}
    assert named == config[kind].keys()


def test_every_extension_that_is_defined_runs(config):
    assert set(config["service"]["extensions"]) == config["extensions"].keys()


def test_every_component_is_in_the_image(config):
    """Names that v0.50.0 registers (pkg/defaultcomponents, and the renames up to 0.158 of the components)."""
    used = {kind: {name.split("/")[0] for name in config[kind]} for kind in (*KINDS, "extensions")}
    assert used == {
        "receivers": {"otlp"},
        "processors": {"memory_limiter", "resource_detection", "batch"},
        "exporters": {"awsxray", "awsemf"},
        "extensions": {"health_check", "awsproxy"},
    }


def test_traces_go_to_x_ray_and_metrics_to_cloudwatch(config):
    pipelines = config["service"]["pipelines"]
    assert {name: (one["receivers"], one["exporters"]) for name, one in pipelines.items()} == {
        "traces": (["otlp"], ["awsxray"]),
        "metrics": (["otlp"], ["awsemf"]),
    }


def test_memory_is_limited_before_anything_is_kept(config):
    for pipeline in config["service"]["pipelines"].values():
        first, *_, last = pipeline["processors"]
        assert first == "memory_limiter"
        assert last.startswith("batch")


def test_nothing_listens_outside_the_task(config):
    protocols = config["receivers"]["otlp"]["protocols"]
    endpoints = [one["endpoint"] for one in (*protocols.values(), *config["extensions"].values())]
    assert endpoints == ["127.0.0.1:4317", "127.0.0.1:4318", "127.0.0.1:13133", "127.0.0.1:2000"]


def test_metrics_need_no_permission_but_to_write_and_have_few_dimensions(config):
    exporter = config["exporters"]["awsemf"]
    assert exporter["log_stream_name"] == "{TaskId}"
    assert "ecs" in config["processors"]["resource_detection"]["detectors"], "where the id of the task comes from"
    assert "log_retention" not in exporter
    assert exporter["dimension_rollup_option"] == "NoDimensionRollup"
    assert [one["dimensions"] for one in exporter["metric_declarations"]] == [
        [["service.name"], ["http.route", "service.name"]]
    ]


# An application without metrics, and one that still has an SDK of X-Ray


@pytest.fixture
def xray_only():
    return Collector("Api", namespace=None, xray_sdk=True)


@pytest.mark.row("MP-19")
def test_without_metrics_there_is_no_log_group_and_no_permission_for_one(xray_only):
    assert list(xray_only.resources()) == []
    assert [statement.Sid for statement in xray_only.permissions] == ["SendTraces"]
    assert xray_only.variables["OTEL_METRICS_EXPORTER"] == "none"


@pytest.mark.row("MP-19")
def test_without_metrics_traces_are_left():
    config = yaml.safe_load(configuration(metrics=False))
    whole = yaml.safe_load(configuration())
    assert config["service"]["pipelines"] == {"traces": whole["service"]["pipelines"]["traces"]}
    assert (config["exporters"].keys(), "batch/metrics" in config["processors"]) == ({"awsxray"}, False)
    assert config["receivers"] == whole["receivers"]


@pytest.mark.row("MP-19")
def test_segments_of_the_x_ray_sdk_are_taken_where_its_daemon_would_be():
    config = yaml.safe_load(configuration(xray_sdk=True))
    assert config["receivers"]["awsxray"] == {
        "endpoint": "127.0.0.1:2000",
        "transport": "udp",
        "proxy_server": {"endpoint": "127.0.0.1:2000", "region": "${env:AWS_REGION}"},
    }
    assert config["service"]["pipelines"]["traces"]["receivers"] == ["otlp", "awsxray"]
    assert config["service"]["pipelines"]["metrics"]["receivers"] == ["otlp"]


@pytest.mark.row("MP-19")
def test_one_listener_answers_for_sampling_rules():
    config = yaml.safe_load(configuration(xray_sdk=True))
    assert config["extensions"].keys() == set(config["service"]["extensions"]) == {"health_check"}


@pytest.mark.row("MP-19")
@pytest.mark.parametrize("metrics", [True, False])
@pytest.mark.parametrize("xray_sdk", [True, False])
def test_every_configuration_uses_what_it_defines_and_stays_small(metrics, xray_sdk):
    config = yaml.safe_load(configuration(metrics=metrics, xray_sdk=xray_sdk))
    for kind in KINDS:
        named = {name for pipeline in config["service"]["pipelines"].values() for name in pipeline[kind]}
        assert named == config[kind].keys()
    assert len(configuration(metrics=metrics, xray_sdk=xray_sdk)) < 2_000


@pytest.mark.row("MP-19")
def test_the_values_are_those_that_the_shorter_configuration_asks_for(xray_only):
    (variable,) = xray_only.container.Environment
    text, values = variable.Value.to_dict()["Fn::Sub"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == values.keys() == {"AWS_REGION"}


@pytest.mark.row("MP-19")
def test_no_linter_finds_anything_in_a_task_that_only_traces(xray_only, stack_of, findings):
    application = ecs.ContainerDefinition(Name="app", Image="nginx:1", Essential=True)
    definition = ecs.TaskDefinition(
        "TaskDefinition",
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        Cpu="512",
        Memory="1024",
        ContainerDefinitions=[application, xray_only.container],
    )
    assert findings(stack_of(because("What the task is.", definition))) == []


def test_a_file_that_is_missing_says_how_to_get_it():
    with pytest.raises(RenderError, match=r"no file nothing\.yaml in .*: install the package again"):
        text_of("nothing.yaml")
