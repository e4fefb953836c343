"""The Recipe Chatbot in the emulated account: prod and dev beside each other, as one team would have them.

Each stage is deployed once, and what the AWS CLI answers then is kept, so that the tests can run in any order. Stages
of prod: created, a new image, ECS's swap to green and one more, rules that would move traffic, an update that fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blueprints import render
from blueprints.catalog import recipe_chatbot
from blueprints.catalog.recipe_chatbot import METRICS
from blueprints.deploy.delete import DeleteResult
from blueprints.deploy.execute import DeployResult
from blueprints.deploy.local import Emulator
from blueprints.deploy.plan import StackPlan
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import (
    NOWHERE,
    Lived,
    RunningService,
    Target,
    broken_copy,
    default_routes,
    dependents,
    in_vpc,
    read_service,
    retention,
    security_group_rules,
)

pytestmark = pytest.mark.xdist_group("recipe-chatbot")

SERVICES = ("backend", "frontend")
REGISTRY = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
PATHS = ["/api/*", "/health", "/docs", "/openapi.json"]
BLUE = {"backend": {"BackendTargetGroup": 100, "BackendGreenTargetGroup": 0}}
BLUE |= {"frontend": {"FrontendTargetGroup": 100, "FrontendGreenTargetGroup": 0}}
GREEN = {part: {group: 100 - weight for group, weight in groups.items()} for part, groups in BLUE.items()}


def _domain(environment: str) -> str:
    """The domain's name: two environments cannot have the same one."""
    return f"{environment}.example.com"


@dataclass(frozen=True)
class ListenerRule:
    """What is asked of a request, and where it goes then, by the logical ids of target groups."""

    paths: list[str]
    header: tuple[str, list[str]] | None
    weights: dict[str, int]


@dataclass(frozen=True)
class Life(Lived):
    """An environment as it was once."""

    environment: str
    target: Target
    result: DeployResult
    services: dict[str, RunningService]
    rules: dict[str, ListenerRule]
    """Of the listener for HTTPS, by priority."""
    plans: dict[str, StackPlan] = field(default_factory=dict)


def _live(target: Target, result: DeployResult) -> Life:
    """Both services, and where the listener for HTTPS sends requests."""
    outputs = {stack.entry.name: stack.outputs for stack in result.stacks}
    services = {name: read_service(target, outputs[name]) for name in SERVICES}
    plans = dict(target.plans)
    return Life(target.manifest.environment, target, result, services, _rules(target), plans)


def _rules(target: Target) -> dict[str, ListenerRule]:
    held = target.resources("platform")
    names = {each["PhysicalResourceId"]: name for name, each in held.items()}
    listener = ("--listener-arn", held["PublicHttpsListener"]["PhysicalResourceId"])
    rules = target.aws("elbv2", "describe-rules", *listener)["Rules"]
    return {rule["Priority"]: _rule(rule, names) for rule in rules}


def _rule(rule: dict[str, Any], names: dict[str, str]) -> ListenerRule:
    asked = {each["Field"]: each for each in rule["Conditions"]}
    header = asked.get("http-header", {}).get("HttpHeaderConfig")
    (action,) = rule["Actions"]
    return ListenerRule(
        asked["path-pattern"]["PathPatternConfig"]["Values"] if asked else [],
        (header["HttpHeaderName"], header["Values"]) if header else None,
        {names[each["TargetGroupArn"]]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]},
    )


def _weights(rules: dict[str, ListenerRule]) -> dict[str, dict[str, int]]:
    return {priority: rule.weights for priority, rule in rules.items() if priority != "default"}


def _both(groups: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Weights by priority, production's and test traffic's alike."""
    return {"10": groups["backend"], "100": groups["backend"], "20": groups["frontend"], "50000": groups["frontend"]}


@pytest.fixture(scope="module")
def prod(emulator_server: Emulator, forked_cli: Path, output: Path) -> Life:
    """Prod, deployed into an empty account."""
    emulator_server.reset()
    target = Target(emulator_server, forked_cli, Manifest.load(output / "recipe-chatbot" / "prod" / "manifest.json"))
    return _live(target, target.deploy({**target.seed(), "DomainName": _domain("prod")}))


@pytest.fixture(scope="module")
def dev(prod: Life, output: Path) -> Life:
    """Dev, deployed beside prod."""
    manifest = Manifest.load(output / "recipe-chatbot" / "dev" / "manifest.json")
    target = Target(prod.target.emulator, prod.target.cli_folder, manifest)
    return _live(target, target.deploy({**target.seed(), "DomainName": _domain("dev")}))


@pytest.fixture(scope="module", params=["prod", "dev"])
def life(request: pytest.FixtureRequest, prod: Life, dev: Life) -> Life:
    return {"prod": prod, "dev": dev}[request.param]


@dataclass(frozen=True)
class Surroundings:
    """What is around the services of an environment, as the AWS CLI shows it right after the deploy."""

    resources: dict[str, dict[str, dict[str, str]]]
    security_groups: dict[str, list[Any]]
    acls: dict[str, dict[str, Any]]
    default_routes: dict[str, str]
    filters: list[dict[str, Any]]
    alarms: dict[str, dict[str, Any]]
    topics: dict[str, dict[str, str]]
    parameters: dict[str, str]
    retention: dict[str, int]
    scaling: dict[str, dict[str, Any]]
    listeners: dict[int, dict[str, Any]]
    edge: dict[str, Any]
    """What only prod has: the web ACL before the load balancer, its logging, the health check, the reminder."""

    def physical_id(self, stack: str, logical_id: str) -> str:
        return self.resources[stack][logical_id]["PhysicalResourceId"]


@pytest.fixture(scope="module")
def around_prod(prod: Life) -> Surroundings:
    return _look_around(prod)


@pytest.fixture(scope="module")
def around_dev(dev: Life) -> Surroundings:
    return _look_around(dev)


@pytest.fixture(scope="module")
def around(life: Life, around_prod: Surroundings, around_dev: Surroundings) -> Surroundings:
    return around_prod if life.is_prod else around_dev


def _look_around(life: Life) -> Surroundings:
    target, outputs = life.target, life.outputs
    resources = {entry.name: target.resources(entry.name) for entry in target.manifest.stacks}
    held = {name: each for stack in resources.values() for name, each in stack.items()}
    vpc = outputs["network"]["VpcId"]
    log = ("--log-group-name", outputs["backend"]["LogGroupName"])
    alarms = {each["AlarmName"]: each for each in target.aws("cloudwatch", "describe-alarms")["MetricAlarms"]}
    told = target.aws("ssm", "get-parameters-by-path", "--path", f"/recipe-chatbot/{life.environment}/")
    balancer = held["PublicLoadBalancer"]["PhysicalResourceId"]
    listeners = target.aws("elbv2", "describe-listeners", "--load-balancer-arn", balancer)["Listeners"]
    return Surroundings(
        resources=resources,
        security_groups=security_group_rules(target, vpc),
        acls=_acls(target, vpc),
        default_routes=default_routes(target, vpc),
        filters=target.aws("logs", "describe-metric-filters", *log)["metricFilters"],
        alarms={name: alarms[each["PhysicalResourceId"]] for name, each in held.items() if name.endswith("Alarm")},
        topics={name: _topic(target, outputs["monitoring"][name]) for name in ("CriticalTopicArn", "AlertTopicArn")},
        parameters={each["Name"]: each["Value"] for each in told["Parameters"]},
        retention=retention(target),
        scaling={name: _stand_in(target, each) for name, each in held.items() if "Scaling::" in each["ResourceType"]},
        listeners={each["Port"]: each for each in listeners},
        edge=_edge(target, balancer, outputs["monitoring"]) if life.is_prod else {},
    )


def _edge(target: Target, balancer: str, monitoring: Mapping[str, str]) -> dict[str, Any]:
    acl = target.aws("wafv2", "get-web-acl-for-resource", "--resource-arn", balancer)["WebACL"]
    logged = ("--resource-arn", acl["ARN"])
    asked = ("--health-check-id", monitoring["HealthCheckId"])
    return {
        "acl": acl,
        "logging": target.aws("wafv2", "get-logging-configuration", *logged)["LoggingConfiguration"],
        "health": target.aws("route53", "get-health-check", *asked)["HealthCheck"]["HealthCheckConfig"],
        "schedules": target.aws("scheduler", "list-schedules")["Schedules"],
    }


def _acls(target: Target, vpc: str) -> dict[str, dict[str, Any]]:
    """The network ACLs of the VPC by logical id."""
    acls = target.aws("ec2", "describe-network-acls", *in_vpc(vpc))["NetworkAcls"]
    tags = [{tag["Key"]: tag["Value"] for tag in acl["Tags"]} for acl in acls]
    return {tag.get("aws:cloudformation:logical-id", "default"): acl for tag, acl in zip(tags, acls, strict=True)}


def _topic(target: Target, arn: str) -> dict[str, str]:
    return dict(target.aws("sns", "get-topic-attributes", "--topic-arn", arn)["Attributes"])


def _stand_in(target: Target, resource: dict[str, str]) -> dict[str, Any]:
    named = ("--type-name", resource["ResourceType"], "--identifier", resource["PhysicalResourceId"])
    found = target.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]["Properties"]
    return dict(json.loads(found))


def test_every_stack_is_created_in_the_order_of_the_manifest_with_one_image_tag(life: Life) -> None:
    names = [entry.name for entry in life.target.manifest.stacks]
    assert names == ["registry", "network", "data", "platform", "backend", "frontend", "monitoring"]
    # What the environments share is there when the second comes.
    assert life.outcomes == {
        name: "unchanged" if name == "registry" and not life.is_prod else "created" for name in names
    }
    for name, running in life.services.items():
        assert running.containers[name]["image"] == f"{REGISTRY}/recipe-chatbot-{name}:local"


def test_every_resource_of_the_templates_exists(life: Life, around: Surroundings) -> None:
    entries = life.target.manifest.stacks
    assert {name: set(found) for name, found in around.resources.items()} == {
        entry.name: set(life.target.template(entry.name)["Resources"]) for entry in entries
    }
    assert {each["ResourceStatus"] for found in around.resources.values() for each in found.values()} == {
        "CREATE_COMPLETE"
    }


def test_every_output_has_a_value(life: Life) -> None:
    for stack in life.result.stacks:
        assert list(stack.outputs) == list(stack.entry.outputs)
        assert all(stack.outputs.values())


@pytest.mark.row("RC-01")
def test_both_services_run_in_one_cluster_with_the_documented_sizes(life: Life) -> None:
    sizes = {"backend": ("512", "1024"), "frontend": ("256", "512")}
    assert {each["ClusterName"] for name, each in life.outputs.items() if name in SERVICES} == {
        f"recipe-chatbot-cluster-{life.environment}"
    }
    for name, running in life.services.items():
        assert running.service["serviceName"] == f"recipe-chatbot-{name}-{life.environment}"
        assert (running.task_definition["cpu"], running.task_definition["memory"]) == sizes[name]
        assert running.task_definition["requiresCompatibilities"] == ["FARGATE"]
        placed = running.service["networkConfiguration"]["awsvpcConfiguration"]
        network = life.outputs["network"]
        assert placed["subnets"] == [network["PrivateSubnet1"], network["PrivateSubnet2"]]
        assert placed["assignPublicIp"] == "DISABLED"


@pytest.mark.row("RC-18")
def test_prod_moves_traffic_between_two_groups_and_dev_rolls(life: Life, around: Surroundings) -> None:
    platform = life.outputs["platform"]
    for name, running in life.services.items():
        part = name.capitalize()
        deployment = running.service["deploymentConfiguration"]
        assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (100, 200)
        assert deployment["alarms"] == {
            "alarmNames": [around.physical_id(name, f"{part}DeploymentAlarm")],
            "enable": True,
            "rollback": True,
        }
        (attached,) = running.service["loadBalancers"]
        port = 8000 if name == "backend" else 3000
        assert (attached["containerName"], attached["containerPort"]) == (name, port)
        assert attached["targetGroupArn"] == platform[f"{part}TargetGroup1Arn"]
        assert deployment.get("strategy", "ROLLING") == ("BLUE_GREEN" if life.is_prod else "ROLLING")
        assert attached.get("advancedConfiguration", {}) == (
            {
                "alternateTargetGroupArn": platform[f"{part}TargetGroup2Arn"],
                "productionListenerRule": platform[f"{part}ProductionRuleArn"],
                "testListenerRule": platform[f"{part}TestRuleArn"],
                "roleArn": platform[f"{part}DeploymentRoleArn"],
            }
            if life.is_prod
            else {}
        )


@pytest.mark.row("RC-17")
def test_services_find_each_other_in_one_namespace(life: Life) -> None:
    connected = {
        name: running.service["deployments"][0]["serviceConnectConfiguration"]
        for name, running in life.services.items()
    }
    assert all(each["enabled"] for each in connected.values())
    assert {each["namespace"] for each in connected.values()} == {life.outputs["platform"]["NamespaceArn"]}
    (offered,) = connected["backend"]["services"]
    assert offered["clientAliases"] == [{"dnsName": "backend", "port": 8000}]
    assert "services" not in connected["frontend"]
    variables = {
        each["name"]: each["value"] for each in life.services["frontend"].containers["frontend"]["environment"]
    }
    assert variables["BACKEND_URL"] == "http://backend:8000"


@pytest.mark.row("RC-08")
def test_keys_reach_the_backend_as_members_of_their_secrets(life: Life) -> None:
    data = life.outputs["data"]
    wired = _wired(life)
    assert {name: wired[name] for name in ("OPENAI_API_KEY", "SERP_API_KEY")} == {
        "OPENAI_API_KEY": f"{data['OpenAiKeyArn']}:api_key::",
        "SERP_API_KEY": f"{data['SerpKeyArn']}:api_key::",
    }
    assert f":secret:recipe-chatbot/openai-key-{life.environment}-" in data["OpenAiKeyArn"]
    assert not life.services["frontend"].containers["frontend"].get("secrets")


def _wired(life: Life) -> dict[str, str]:
    backend = life.services["backend"].containers["backend"]
    assert not {each["name"] for each in backend["environment"]} & {each["name"] for each in backend["secrets"]}
    return {each["name"]: each["valueFrom"] for each in backend["secrets"]}


@pytest.mark.row("RC-09")
def test_configuration_is_read_from_parameters_that_exist(life: Life, around: Surroundings) -> None:
    folder = f"/recipe-chatbot/{life.environment}"
    wired = _wired(life)
    named = {
        "ENVIRONMENT": f"{folder}/environment",
        "LOG_LEVEL": f"{folder}/log-level",
        "CORS_ORIGINS": f"{folder}/cors-origins",
    }
    assert {name: wired[name] for name in named} == {
        name: f"arn:aws:ssm:us-east-1:000000000000:parameter{parameter}" for name, parameter in named.items()
    }
    assert around.parameters == {
        f"{folder}/environment": "production" if life.is_prod else "development",
        f"{folder}/log-level": "INFO" if life.is_prod else "DEBUG",
        f"{folder}/cors-origins": f"https://{_domain(life.environment)}",
    }


@pytest.mark.row("RC-12")
def test_the_collector_runs_beside_the_backend_and_knows_this_account(life: Life) -> None:
    backend, collector = (life.services["backend"].containers[name] for name in ("backend", "collector"))
    assert set(life.services["backend"].containers) == {"backend", "collector"}
    assert (backend["essential"], collector["essential"]) == (True, False)
    variables = {each["name"]: each["value"] for each in backend["environment"]}
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4317"
    (configuration,) = (each["value"] for each in collector["environment"])
    assert "region: us-east-1" in configuration
    assert f"log_group_name: /aws/ecs/recipe-chatbot/backend-metrics-{life.environment}\n" in configuration
    assert "${" not in configuration


@pytest.mark.row("RC-25")
def test_no_container_runs_as_root_or_writes_to_its_image(life: Life) -> None:
    for running in life.services.values():
        for container in running.containers.values():
            assert container["readonlyRootFilesystem"] is True
            assert not container["user"].startswith(("0", "root"))
            assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.row("RC-03")
def test_rules_send_paths_to_the_backend_and_the_rest_to_the_frontend(life: Life) -> None:
    rules = dict(life.rules)
    assert rules.pop("default").weights == {"FrontendTargetGroup": 1}
    if not life.is_prod:
        assert rules == {"100": ListenerRule(PATHS, None, {"BackendTargetGroup": 1})}
        return
    tested = ("X-Deployment", ["green"])
    assert rules == {
        "10": ListenerRule(PATHS, tested, BLUE["backend"]),
        "20": ListenerRule(["/*"], tested, BLUE["frontend"]),
        "100": ListenerRule(PATHS, None, BLUE["backend"]),
        "50000": ListenerRule(["/*"], None, BLUE["frontend"]),
    }


@pytest.mark.row("RC-03")
def test_http_only_redirects_and_https_shows_the_certificate_of_the_stack(around: Surroundings) -> None:
    listeners = around.listeners
    assert {port: each["Protocol"] for port, each in listeners.items()} == {80: "HTTP", 443: "HTTPS"}
    (redirect,) = listeners[80]["DefaultActions"]
    assert redirect["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    assert listeners[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert listeners[443]["Certificates"] == [{"CertificateArn": around.physical_id("platform", "PublicCertificate")}]


@pytest.mark.row("RC-05")
def test_security_groups_of_three_stacks_have_the_documented_ways_and_no_others(around: Surroundings) -> None:
    https = ("out", "tcp", 443, 443, "0.0.0.0/0")
    ways = {
        "PublicSecurityGroup": [
            ("in", "tcp", 80, 80, "0.0.0.0/0"),
            ("in", "tcp", 443, 443, "0.0.0.0/0"),
            ("out", "tcp", 8000, 8000, "BackendSecurityGroup"),
            ("out", "tcp", 3000, 3000, "FrontendSecurityGroup"),
        ],
        "BackendSecurityGroup": [
            ("in", "tcp", 8000, 8000, "PublicSecurityGroup"),
            ("in", "tcp", 8000, 8000, "FrontendSecurityGroup"),
            https,
        ],
        "FrontendSecurityGroup": [
            ("in", "tcp", 3000, 3000, "PublicSecurityGroup"),
            ("out", "tcp", 8000, 8000, "BackendSecurityGroup"),
            https,
        ],
    }
    assert around.security_groups == {name: sorted([*rules, NOWHERE], key=str) for name, rules in ways.items()}


@pytest.mark.row("RC-21")
def test_each_subnet_has_its_network_acl(life: Life, around: Surroundings) -> None:
    subnets = {name: {each["SubnetId"] for each in acl["Associations"]} for name, acl in around.acls.items()}
    network = life.outputs["network"]
    assert subnets == {
        "default": set(),
        "MainPublicNetworkAcl": {network["PublicSubnet1"], network["PublicSubnet2"]},
        "MainPrivateNetworkAcl": {network["PrivateSubnet1"], network["PrivateSubnet2"]},
    }


@pytest.mark.row("RC-21")
def test_network_acls_let_the_documented_flows_in_and_nothing_else(around: Surroundings) -> None:
    inbound = {
        name: {
            (each["CidrBlock"], each["PortRange"]["From"], each["PortRange"]["To"])
            for each in acl["Entries"]
            if each["RuleAction"] == "allow" and not each["Egress"]
        }
        for name, acl in around.acls.items()
        if name != "default"
    }
    balancer = {(f"10.0.{zone}.0/24", port, port) for zone in (1, 2) for port in (3000, 8000)}
    frontend = {(f"10.0.{zone}.0/24", 8000, 8000) for zone in (3, 4)}
    assert inbound == {
        "MainPublicNetworkAcl": {
            ("0.0.0.0/0", 80, 80),
            ("0.0.0.0/0", 443, 443),
            ("10.0.0.0/16", 443, 443),
            ("0.0.0.0/0", 1024, 65535),
        },
        "MainPrivateNetworkAcl": {*balancer, *frontend, ("0.0.0.0/0", 32768, 65535)},
    }
    for acl in around.acls.values():
        assert all(each["Protocol"] == "6" for each in acl["Entries"] if not acl["IsDefault"])


@pytest.mark.row("RC-02")
def test_prod_leaves_by_a_gateway_in_each_zone_and_dev_by_one(life: Life, around: Surroundings) -> None:
    network = life.outputs["network"]
    gateways = {zone: around.default_routes[network[f"PrivateSubnet{zone}"]] for zone in (1, 2)}
    names = ("MainNatGateway1", "MainNatGateway2") if life.is_prod else ("MainNatGateway1", "MainNatGateway1")
    assert list(gateways.values()) == [around.physical_id("network", name) for name in names]
    for zone in (1, 2):
        assert around.default_routes[network[f"PublicSubnet{zone}"]].startswith("igw-")


@pytest.mark.row("RC-11")
def test_the_backends_log_is_counted_into_the_documented_metrics(life: Life, around: Surroundings) -> None:
    namespace = "RecipeChatbot/LLM" if life.is_prod else "RecipeChatbot/LLM/dev"
    made = [transformation for each in around.filters for transformation in each["metricTransformations"]]
    assert {each["metricNamespace"] for each in made} == {namespace}
    assert {each["metricName"] for each in made} == {each.name for metric in METRICS for each in metric.filters}
    (depth,) = (each for each in made if each["metricName"] == "QueueDepth")
    assert depth["dimensions"] == {"Service": "$.service"}


@pytest.mark.row("RC-14")
def test_alarms_watch_what_is_there_and_tell_the_topic_that_they_should(life: Life, around: Surroundings) -> None:
    critical, alerts = (life.outputs["monitoring"][name] for name in ("CriticalTopicArn", "AlertTopicArn"))
    told = {name: alarm["AlarmActions"] for name, alarm in around.alarms.items()}
    assert told == {
        "HighErrorRateAlarm": [alerts],
        "HighResponseTimeAlarm": [alerts],
        "BackendLowHealthyHostsAlarm": [critical],
        "FrontendLowHealthyHostsAlarm": [critical],
        # ECS asks these itself.
        "BackendDeploymentAlarm": [],
        "FrontendDeploymentAlarm": [],
        **({"PublicHealthCheckAlarm": [critical]} if life.is_prod else {}),
    }
    assert {name: around.alarms[name]["Threshold"] for name in told} == {
        name: 1.0 if "Healthy" in name or "HealthCheck" in name else 5.0 for name in told
    }
    slow = around.alarms["HighResponseTimeAlarm"]
    assert (slow["MetricName"], slow["ExtendedStatistic"], slow["Period"]) == ("TargetResponseTime", "p95", 300)
    assert {"Name": "LoadBalancer", "Value": life.outputs["platform"]["LoadBalancerFullName"]} in slow["Dimensions"]


@pytest.mark.row("RC-14")
def test_topics_have_the_documented_names_and_are_encrypted(life: Life, around: Surroundings) -> None:
    names = {"CriticalTopicArn": "critical", "AlertTopicArn": "alerts"}
    assert {name: each["TopicArn"].rpartition(":")[2] for name, each in around.topics.items()} == {
        name: f"recipe-chatbot-{part}-{life.environment}" for name, part in names.items()
    }
    key = around.physical_id("monitoring", "CriticalKey")
    assert {each["KmsMasterKeyId"] for each in around.topics.values()} == {key}


@pytest.mark.row("RC-10")
def test_log_groups_have_the_documented_names_with_the_environment(life: Life, around: Surroundings) -> None:
    kinds = ("backend", "frontend", "load-balancer", "backend-metrics")
    names = {f"/aws/ecs/recipe-chatbot/{kind}-{life.environment}" for kind in kinds}
    assert {name: around.retention[name] for name in names} == dict.fromkeys(names, 30)
    assert life.outputs["backend"]["LogGroupName"] in names


@pytest.mark.row("RC-15")
def test_scaling_has_the_documented_bounds_and_targets(life: Life, around: Surroundings) -> None:
    bounds = {
        name: (
            around.scaling[f"{name}ScalableTarget"]["MinCapacity"],
            around.scaling[f"{name}ScalableTarget"]["MaxCapacity"],
        )
        for name in ("Backend", "Frontend")
    }
    assert bounds == ({"Backend": (2, 20), "Frontend": (2, 10)} if life.is_prod else dict.fromkeys(bounds, (1, 2)))
    targets = {
        name: each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for name, each in around.scaling.items()
        if name.endswith("Scaling")
    }
    assert targets == {
        "BackendCpuScaling": 70,
        "BackendMemoryScaling": 80,
        "BackendQueueDepthScaling": 5,
        "FrontendCpuScaling": 70,
    }
    for name in ("Backend", "Frontend"):
        service = f"service/recipe-chatbot-cluster-{life.environment}/recipe-chatbot-{name.lower()}-{life.environment}"
        assert around.scaling[f"{name}ScalableTarget"]["ResourceId"] == service


@pytest.mark.row("RC-16")
def test_dev_sleeps_by_the_clock_and_prod_never(life: Life, around: Surroundings) -> None:
    for name in ("Backend", "Frontend"):
        actions = around.scaling[f"{name}ScalableTarget"].get("ScheduledActions", [])
        planned = {each["ScheduledActionName"]: each["ScalableTargetAction"] for each in actions}
        awake = {"MinCapacity": 1, "MaxCapacity": 2}
        asleep = {"MinCapacity": 0, "MaxCapacity": 0}
        assert planned == ({} if life.is_prod else {"wake-up": awake, "go-to-sleep": asleep})


@pytest.mark.row("RC-20")
def test_prod_has_a_web_acl_with_a_log_in_front(around_prod: Surroundings) -> None:
    acl, logging = around_prod.edge["acl"], around_prod.edge["logging"]
    assert {"AWSManagedRulesCommonRuleSet", "RateLimit"} <= {rule["Name"] for rule in acl["Rules"]}
    (log,) = logging["LogDestinationConfigs"]
    assert ":log-group:aws-waf-logs-recipe-chatbot-prod-" in log


@pytest.mark.row("RC-06")
def test_the_public_name_of_prod_is_asked_for_health(around_prod: Surroundings) -> None:
    check = around_prod.edge["health"]
    asked = (check["Type"], check["FullyQualifiedDomainName"], check["ResourcePath"])
    assert asked == ("HTTPS", "prod.example.com", "/health")


@pytest.mark.row("RC-23")
def test_the_quarters_reminder_goes_to_the_critical_topic(prod: Life, around_prod: Surroundings) -> None:
    (schedule,) = around_prod.edge["schedules"]
    assert schedule["Target"]["Arn"] == prod.outputs["monitoring"]["CriticalTopicArn"]


# From here on prod moves: a new image, the swap, what is refused.


@pytest.fixture(scope="module")
def updated(prod: Life, around_prod: Surroundings, around_dev: Surroundings) -> Life:
    prod.target.push("v2")
    return _live(prod.target, prod.target.deploy({"ImageTag": "v2"}))


@pytest.fixture(scope="module")
def bystander(dev: Life, updated: Life) -> dict[str, RunningService]:
    """What dev runs after an update of prod."""
    return {name: read_service(dev.target, dev.outputs[name]) for name in SERVICES}


@pytest.fixture(scope="module")
def swapped(updated: Life, bystander: dict[str, RunningService]) -> Life:
    """ECS has moved all traffic to green, and another image is deployed."""
    target, platform = updated.target, updated.outputs["platform"]
    for part in ("Backend", "Frontend"):
        groups = [platform[f"{part}TargetGroup{number}Arn"] for number in (1, 2)]
        weights = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (0, 100), strict=True)]
        actions = json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}])
        for rule in ("Production", "Test"):
            named = ("--rule-arn", platform[f"{part}{rule}RuleArn"])
            target.aws("elbv2", "modify-rule", *named, "--actions", actions)
    target.push("v3")
    return _live(target, target.deploy({"ImageTag": "v3"}, only=SERVICES))


@dataclass(frozen=True)
class Refused:
    message: str
    status: str
    rules: dict[str, ListenerRule]


@pytest.fixture(scope="module")
def shifting(swapped: Life, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """Other conditions for rules whose weights ECS has set."""
    settings = recipe_chatbot.Settings(environment="prod", api_docs=False)
    manifest = render.write("recipe-chatbot", settings, tmp_path_factory.mktemp("rules"))
    message = _refusal(swapped.target, {}, ("platform",), manifest)
    return Refused(message, swapped.target.status("platform"), _rules(swapped.target))


def _refusal(
    target: Target, parameters: dict[str, str], only: tuple[str, ...], manifest: Manifest | None = None
) -> str:
    with pytest.raises(DeployError) as error:
        target.deploy(parameters, manifest=manifest, only=only)
    return str(error.value)


@dataclass(frozen=True)
class Failed:
    messages: dict[str, str]
    states: dict[str, str]
    services: dict[str, RunningService]
    retention: dict[str, int]


@pytest.fixture(scope="module")
def failed(swapped: Life, shifting: Refused, tmp_path_factory: pytest.TempPathFactory) -> Failed:
    """What is wrong with the backend, and a broken update of it."""
    target = swapped.target
    template = target.template("backend")
    resources = template["Resources"]
    resources["BackendLogGroup"]["Properties"]["RetentionInDays"] = 14
    resources["BackendService"]["Properties"]["HealthCheckGracePeriodSeconds"] = "soon"
    broken = broken_copy(target, "backend", template, tmp_path_factory.mktemp("broken"))
    # As when one of two builds has failed.
    image = ("--repository-name", "recipe-chatbot-backend", "--image-tag", "v4", "--image-manifest", '{"layers": []}')
    target.aws("ecr", "put-image", *image)
    messages = {
        "image": _refusal(target, {"ImageTag": "v4"}, SERVICES),
        "memory": _refusal(target, {"BackendMemory": "512"}, ("backend",)),
        "service": _refusal(target, {}, ("backend",), broken),
    }
    return Failed(
        messages,
        {name: target.status(name) for name in SERVICES},
        {name: read_service(target, swapped.outputs[name]) for name in SERVICES},
        retention(target),
    )


def test_a_new_image_tag_changes_the_stacks_of_the_services_and_no_other(updated: Life) -> None:
    assert {name for name, outcome in updated.outcomes.items() if outcome == "updated"} == set(SERVICES)
    assert {name for name, outcome in updated.outcomes.items() if outcome == "unchanged"} == (
        {"registry", "network", "data", "platform", "monitoring"}
    )


def test_a_new_image_tag_replaces_the_task_definitions_and_nothing_else(prod: Life, updated: Life) -> None:
    for name in SERVICES:
        part = name.capitalize()
        changes = {change.logical_id: change for change in updated.plans[name].changes}
        assert {logical_id for logical_id, each in changes.items() if each.action == "replace"} == {
            f"{part}TaskDefinition"
        }
        # CloudFormation cannot know beforehand that the service's attributes stay what they are.
        after = dependents(updated.target.template(name), f"{part}Service")
        assert set(changes) <= {f"{part}TaskDefinition", f"{part}Service", *after}
        now, before = updated.services[name], prod.services[name]
        assert now.containers[name]["image"] == f"{REGISTRY}/recipe-chatbot-{name}:v2"
        assert now.service["taskDefinition"] != before.service["taskDefinition"]
        assert now.service["serviceArn"] == before.service["serviceArn"]


def test_dev_does_not_take_part_in_an_update_of_prod(dev: Life, bystander: dict[str, RunningService]) -> None:
    for name in SERVICES:
        assert bystander[name].service["taskDefinition"] == dev.services[name].service["taskDefinition"]


@pytest.mark.row("RC-18")
def test_a_deploy_after_the_swap_goes_through_and_leaves_the_traffic_where_it_is(updated: Life, swapped: Life) -> None:
    assert _weights(updated.rules) == _both(BLUE)
    assert swapped.outcomes == dict.fromkeys(SERVICES, "updated")
    assert _weights(swapped.rules) == _both(GREEN)
    for name in SERVICES:
        assert swapped.services[name].containers[name]["image"].endswith(":v3")


@pytest.mark.row("RC-18")
def test_rules_that_would_move_live_traffic_are_refused_and_nothing_changes(swapped: Life, shifting: Refused) -> None:
    first, *lines = shifting.message.splitlines()
    assert first == "Stack recipe-chatbot-prod-platform would move live traffic away from where ECS has sent it:"
    assert "    live weights: BackendGreenTargetGroup 100, BackendTargetGroup 0" in lines
    assert "    after the update: BackendGreenTargetGroup 0, BackendTargetGroup 100" in lines
    assert "--allow-traffic-shift BackendProductionRule --allow-traffic-shift BackendTestRule" in lines[-1]
    assert shifting.status == "CREATE_COMPLETE"
    assert shifting.rules == swapped.rules


def test_a_tag_that_one_repository_lacks_is_refused_before_either_service_changes(failed: Failed) -> None:
    assert failed.messages["image"].startswith("image recipe-chatbot-frontend:v4 is not in ECR")
    for name, running in failed.services.items():
        assert running.containers[name]["image"].endswith(f"/recipe-chatbot-{name}:v3")


def test_memory_that_does_not_go_with_the_cpu_is_refused_in_words(failed: Failed) -> None:
    assert "With 512 CPU units Fargate takes 1024 to 4096 MiB" in failed.messages["memory"]


def test_a_broken_update_of_the_backend_is_rolled_back_with_its_reason(swapped: Life, failed: Failed) -> None:
    first, cause, reason, *_ = failed.messages["service"].splitlines()
    assert first == "Stack recipe-chatbot-prod-backend failed and is now in UPDATE_ROLLBACK_COMPLETE."
    assert cause == "Root cause: BackendService (AWS::ECS::Service) UPDATE_FAILED:"
    assert "HealthCheckGracePeriodSeconds" in reason
    assert failed.states == {"backend": "UPDATE_ROLLBACK_COMPLETE", "frontend": "UPDATE_COMPLETE"}
    assert failed.retention["/aws/ecs/recipe-chatbot/backend-prod"] == 30
    for name in SERVICES:
        assert failed.services[name].service["taskDefinition"] == swapped.services[name].service["taskDefinition"]


@dataclass(frozen=True)
class Ended:
    """What is left when an environment is deleted."""

    refusals: list[str]
    result: DeleteResult
    retained: dict[str, str]
    left: dict[str, set[str]]


@pytest.fixture(scope="module")
def repeated(dev: Life, failed: Failed) -> DeployResult:
    """The stacks that are not asked for here were unchanged already when prod got a new image."""
    return dev.target.deploy(only=("platform", *SERVICES))


@pytest.fixture(scope="module")
def dev_gone(dev: Life, repeated: DeployResult) -> Ended:
    return _end(dev)


@pytest.fixture(scope="module")
def dev_again(dev: Life, dev_gone: Ended) -> DeployResult:
    target = dev.target
    return target.deploy({**target.seed(), "DomainName": _domain("dev")})


@pytest.fixture(scope="module")
def prod_gone(prod: Life, dev_again: DeployResult) -> Ended:
    return _end(prod)


def _end(life: Life) -> Ended:
    refusals: list[str] = []
    result = life.target.delete_as_told(refusals)
    stacks = life.target.deletions[-1].stacks
    retained = {item.logical_id: item.physical_id for stack in stacks for item in stack.retained}
    return Ended(refusals, result, retained, life.target.left())


def test_a_second_deploy_changes_nothing(repeated: DeployResult) -> None:
    assert [(stack.entry.name, stack.outcome) for stack in repeated.stacks] == [
        (name, "unchanged") for name in ("platform", *SERVICES)
    ]


def test_dev_goes_in_reverse_order_and_leaves_the_images_and_prod(dev_gone: Ended) -> None:
    assert dev_gone.refusals == []
    assert dev_gone.retained == {}
    names = [entry.name for entry in dev_gone.result.deleted]
    assert names == ["monitoring", "frontend", "backend", "platform", "data", "network"]
    assert dev_gone.left["repositories"] == {"recipe-chatbot-backend", "recipe-chatbot-frontend"}
    rest = {kind: {name for name in names if "-prod" not in name} for kind, names in dev_gone.left.items()}
    assert rest["stacks"] == {"recipe-chatbot-registry"}
    assert rest["secrets"] == rest["log groups"] == rest["services"] == rest["load balancers"] == set()
    assert len(dev_gone.left["networks"]) == 1


def test_dev_can_be_deployed_again_under_its_documented_names(dev_again: DeployResult) -> None:
    outcomes = [stack.outcome for stack in dev_again.stacks]
    assert outcomes == ["unchanged", *["created"] * 6]
    names = {stack.entry.name: stack.outputs.get("ServiceName") for stack in dev_again.stacks}
    assert (names["backend"], names["frontend"]) == ("recipe-chatbot-backend-dev", "recipe-chatbot-frontend-dev")


def test_prod_goes_only_after_its_protection_is_lifted_and_keeps_keys_and_logs(prod: Life, prod_gone: Ended) -> None:
    (refusal,) = prod_gone.refusals
    own = [entry.stack_name for entry in prod.target.manifest.stacks if not entry.shared]
    for name in [*own, "PublicLoadBalancer"]:
        assert f"  {name}: aws " in refusal
    logs = {"BackendLogGroup", "FrontendLogGroup", "BackendMetricsLogGroup", "PublicLogGroup", "PublicWebAclLogGroup"}
    assert set(prod_gone.retained) == {"OpenAiKeySecret", "SerpKeySecret", *logs}
    kept = {kind: {name for name in names if "prod" in name} for kind, names in prod_gone.left.items()}
    assert kept["secrets"] == {prod_gone.retained[name] for name in ("OpenAiKeySecret", "SerpKeySecret")}
    assert kept["log groups"] == {prod_gone.retained[name] for name in logs}
    assert kept["stacks"] == kept["services"] == kept["load balancers"] == set()


@pytest.fixture(scope="module")
def blocked(prod: Life, prod_gone: Ended) -> tuple[str, set[str]]:
    """Prod deployed where its keys and logs were kept: why it is refused, and the secrets that are there then."""
    message = _refusal(prod.target, {}, ("data",))
    return message, prod.target.left()["secrets"]


def test_kept_keys_block_a_new_prod_and_the_error_says_what_to_do(
    prod_gone: Ended, blocked: tuple[str, set[str]]
) -> None:
    message, secrets = blocked
    first, cause, reason, hint, last = message.splitlines()
    assert first == "Stack recipe-chatbot-prod-data failed and is now in ROLLBACK_COMPLETE."
    assert re.fullmatch(r"Root cause: (OpenAi|Serp)KeySecret \(AWS::SecretsManager::Secret\) CREATE_FAILED:", cause)
    assert re.search(r"recipe-chatbot/(openai|serp)-key-prod already exists", reason)
    assert "perhaps kept by an earlier stack: delete or import it" in hint
    assert "--replace-failed" in last
    # Neither value was touched.
    assert {prod_gone.retained["OpenAiKeySecret"], prod_gone.retained["SerpKeySecret"]} <= secrets
