"""The web backend on Fargate in the emulated account: prod and dev beside each other.

Each stage is deployed once, and what the AWS CLI answers then is kept, so that the tests can run in any order. Stages
of prod: created, a migration that fails, the same command once more. Stages of dev: created, a new password together
with blue/green, traffic on green and one more image. What the emulator does not answer as AWS does is not asked for:
the zones of a load balancer and of a database's standby, log exports, Performance Insights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blueprints import render
from blueprints.catalog import web_backend_fargate
from blueprints.deploy.delete import DeleteResult
from blueprints.deploy.execute import DeployResult
from blueprints.deploy.local import Emulator
from blueprints.deploy.plan import StackPlan
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import (
    NOWHERE,
    Lived,
    Rule,
    RunningService,
    Target,
    broken_copy,
    default_routes,
    dependents,
    in_vpc,
    read_model,
    read_service,
    retention,
    security_group_rules,
)

pytestmark = pytest.mark.xdist_group("web-backend-fargate")

ARCHITECTURE = "web-backend-fargate"
STACKS = ["registry", "network", "data", "platform", "migration", "service", "monitoring"]
VERSIONED = {"migration", "service"}
IMAGE = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{ARCHITECTURE}"
DOMAIN = "app.example.com"
CLOUDFRONT = "pl-3b927c52"  # its managed prefix list in us-east-1


@dataclass(frozen=True)
class Life(Lived):
    """An environment as it was once."""

    environment: str
    target: Target
    result: DeployResult
    api: RunningService
    plans: dict[str, StackPlan] = field(default_factory=dict)


def _live(target: Target, result: DeployResult) -> Life:
    outputs = next(stack.outputs for stack in result.stacks if stack.entry.name == "service")
    return Life(target.manifest.environment, target, result, read_service(target, outputs), dict(target.plans))


@pytest.fixture(scope="module")
def prod(emulator_server: Emulator, forked_cli: Path, output: Path) -> Life:
    """Prod, deployed into an empty account."""
    emulator_server.reset()
    target = Target(emulator_server, forked_cli, Manifest.load(output / ARCHITECTURE / "prod" / "manifest.json"))
    return _live(target, target.deploy(target.seed()))


@pytest.fixture(scope="module")
def dev(prod: Life, output: Path) -> Life:
    """Dev, deployed beside prod."""
    manifest = Manifest.load(output / ARCHITECTURE / "dev" / "manifest.json")
    target = Target(prod.target.emulator, prod.target.cli_folder, manifest)
    return _live(target, target.deploy(target.seed()))


@pytest.fixture(scope="module", params=["prod", "dev"])
def life(request: pytest.FixtureRequest, prod: Life, dev: Life) -> Life:
    return {"prod": prod, "dev": dev}[request.param]


@dataclass(frozen=True)
class Surroundings:
    """What is around the application of an environment, as the AWS CLI shows it right after the deploy."""

    resources: dict[str, dict[str, dict[str, str]]]
    database: dict[str, Any]
    migrations: list[dict[str, Any]]
    """Tasks that have ended."""
    migration: dict[str, Any]
    """The container of the migration."""
    security_groups: dict[str, list[Rule]]
    default_routes: dict[str, str]
    data_routes: list[list[str]]
    """The ways out of each of the database's subnets."""
    front: dict[str, Any]
    scaling: dict[str, dict[str, Any]]
    alarms: dict[str, dict[str, Any]]
    health: dict[str, Any]
    retention: dict[str, int]

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
    cluster = ("--cluster", outputs["platform"]["ClusterName"])
    ended = target.aws("ecs", "list-tasks", *cluster, "--desired-status", "STOPPED")["taskArns"]
    asked = ("--task-definition", outputs["migration"]["MigrationTaskDefinitionArn"])
    (container,) = target.aws("ecs", "describe-task-definition", *asked)["taskDefinition"]["containerDefinitions"]
    alarms = {each["AlarmName"]: each for each in target.aws("cloudwatch", "describe-alarms")["MetricAlarms"]}
    check = ("--health-check-id", outputs["monitoring"]["DatabaseHealthCheckId"])
    return Surroundings(
        resources=resources,
        database=_database(target, held),
        migrations=target.aws("ecs", "describe-tasks", *cluster, "--tasks", *ended)["tasks"],
        migration=container,
        security_groups=security_group_rules(target, vpc),
        default_routes=default_routes(target, vpc),
        data_routes=_routes(target, vpc, [outputs["network"][f"DataSubnet{zone}"] for zone in (1, 2)]),
        front=_front(target, held),
        scaling={
            name: read_model(target, each) for name, each in held.items() if "AutoScaling" in each["ResourceType"]
        },
        alarms={name: alarms[each["PhysicalResourceId"]] for name, each in held.items() if name.endswith("Alarm")},
        health=target.aws("route53", "get-health-check", *check)["HealthCheck"]["HealthCheckConfig"],
        retention={name: days for name, days in retention(target).items() if f"-{life.environment}-" in name},
    )


def _database(target: Target, held: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    identifier = ("--db-instance-identifier", held["DatabaseInstance"]["PhysicalResourceId"])
    (instance,) = target.aws("rds", "describe-db-instances", *identifier)["DBInstances"]
    group = ("--db-parameter-group-name", held["DatabaseParameterGroup"]["PhysicalResourceId"])
    parameters = target.aws("rds", "describe-db-parameters", *group)["Parameters"]
    secret = next(each["PhysicalResourceId"] for name, each in held.items() if name.startswith("DatabasePassword"))
    path = ("--path", f"/{ARCHITECTURE}/{target.manifest.environment}/")
    return {
        "instance": instance,
        "parameters": {each["ParameterName"]: each.get("ParameterValue") for each in parameters},
        "password": target.aws("secretsmanager", "get-secret-value", "--secret-id", secret)["SecretString"],
        "made with": read_model(target, held["DatabaseInstance"]),
        "names": {
            each["Name"]: each["Value"] for each in target.aws("ssm", "get-parameters-by-path", *path)["Parameters"]
        },
    }


def _routes(target: Target, vpc: str, subnets: list[str]) -> list[list[str]]:
    tables = target.aws("ec2", "describe-route-tables", *in_vpc(vpc))["RouteTables"]
    out = {
        association["SubnetId"]: [route.get("GatewayId", "") for route in table["Routes"]]
        for table in tables
        for association in table["Associations"]
        if "SubnetId" in association
    }
    return [out[name] for name in subnets]


def _front(target: Target, held: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    balancer = ("--load-balancer-arn", held["PublicLoadBalancer"]["PhysicalResourceId"])
    listeners = {each["Port"]: each for each in target.aws("elbv2", "describe-listeners", *balancer)["Listeners"]}
    (group,) = target.aws("elbv2", "describe-target-groups", *balancer)["TargetGroups"]
    distributions = {
        name: target.aws("cloudfront", "get-distribution", "--id", each["PhysicalResourceId"])["Distribution"]
        for name, each in held.items()
        if each["ResourceType"] == "AWS::CloudFront::Distribution"
    }
    policy = target.aws("s3api", "get-bucket-policy", "--bucket", held["FrontendBucket"]["PhysicalResourceId"])
    return {
        "listeners": listeners,
        "rules": _rules(target, listeners[max(listeners)]["ListenerArn"]),
        "target group": group,
        "distributions": distributions,
        "policy": json.loads(policy["Policy"])["Statement"],
    }


def _rules(target: Target, listener: str) -> dict[str, dict[str, Any]]:
    """The rules of a listener, by priority."""
    found = target.aws("elbv2", "describe-rules", "--listener-arn", listener)["Rules"]
    return {each["Priority"]: each for each in found}


def _weights(rule: Mapping[str, Any]) -> dict[str, int]:
    (action,) = rule["Actions"]
    return {each["TargetGroupArn"]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]}


def _header(rule: Mapping[str, Any]) -> dict[str, Any]:
    (found,) = (each["HttpHeaderConfig"] for each in rule["Conditions"] if each["Field"] == "http-header")
    return dict(found)


def _told(container: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Variables and secrets of a container."""
    variables = {each["name"]: each["value"] for each in container["environment"]}
    return variables, {each["name"]: each["valueFrom"] for each in container["secrets"]}


def _pair(network: Mapping[str, str], kind: str) -> list[str]:
    return [network[f"{kind}Subnet{zone}"] for zone in (1, 2)]


def test_every_stack_is_created_in_the_order_of_the_manifest(life: Life) -> None:
    # What the environments share is there when the second comes.
    assert list(life.outcomes.items()) == [
        (name, "unchanged" if name == "registry" and not life.is_prod else "created") for name in STACKS
    ]


def test_every_resource_of_the_templates_exists_and_every_output_has_a_value(life: Life, around: Surroundings) -> None:
    assert {name: set(found) for name, found in around.resources.items()} == {
        name: set(life.target.template(name)["Resources"]) for name in STACKS
    }
    assert {each["ResourceStatus"] for found in around.resources.values() for each in found.values()} == {
        "CREATE_COMPLETE"
    }
    for stack in life.result.stacks:
        assert list(stack.outputs) == list(stack.entry.outputs)
        assert all(stack.outputs.values())


@pytest.mark.row("WB-05")
def test_the_database_is_encrypted_and_private_and_prod_keeps_it(life: Life, around: Surroundings) -> None:
    instance = around.database["instance"]
    assert (instance["Engine"], instance["EngineVersion"].partition(".")[0]) == ("postgres", "17")
    assert (instance["DBInstanceClass"], instance["DBName"], instance["MasterUsername"]) == (
        "db.t3.micro",
        "app",
        "app",
    )
    assert (instance["StorageEncrypted"], instance["PubliclyAccessible"]) == (True, False)
    assert (instance["DeletionProtection"], instance["MultiAZ"]) == (life.is_prod, life.is_prod)
    assert instance["BackupRetentionPeriod"] == (14 if life.is_prod else 7)
    placed = [each["SubnetIdentifier"] for each in instance["DBSubnetGroup"]["Subnets"]]
    assert placed == _pair(life.outputs["network"], "Data")
    assert around.data_routes == [["local"], ["local"]]
    (group,) = instance["VpcSecurityGroups"]
    assert group["VpcSecurityGroupId"] == life.outputs["data"]["DatabaseSecurityGroupId"]


@pytest.mark.row("WB-05")
def test_the_database_forces_tls_and_opens_with_the_generated_password(life: Life, around: Surroundings) -> None:
    assert around.database["parameters"]["rds.force_ssl"] == "1"
    password = around.database["password"]
    assert len(password) == 40
    assert password.isalnum()
    assert around.database["made with"]["MasterUserPassword"] == password
    assert password not in json.dumps(life.target.template("data"))


@pytest.mark.row("WB-05")
@pytest.mark.row("WB-06")
def test_the_application_and_its_migration_are_told_the_same(life: Life, around: Surroundings) -> None:
    data, platform = life.outputs["data"], life.outputs["platform"]
    told = {
        "ENVIRONMENT": life.environment,
        "LOG_LEVEL": "INFO",
        "CORS_ORIGINS": platform["FrontendUrl"],
        "WEB_CONCURRENCY": "1",
        "FORWARDED_ALLOW_IPS": "127.0.0.1,10.0.0.0/16",
        "DATABASE_HOST": data["DatabaseHost"],
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "app",
        "DATABASE_USER": "app",
        "DATABASE_SSLMODE": "verify-full",
        "DATABASE_SSLROOTCERT": "/etc/ssl/certs/rds-global-bundle.pem",
        "DATABASE_POOL_MIN": "2",
        "DATABASE_POOL_MAX": "10",
    }
    secrets = {"DATABASE_PASSWORD": data["DatabasePasswordArn"]}
    api = life.api.containers["api"]
    assert _told(api) == _told(around.migration) == (told, secrets)
    assert api["image"] == around.migration["image"] == f"{IMAGE}:local"


@pytest.mark.row("WB-07")
def test_the_migration_runs_to_its_end_before_the_service_hears_of_the_version(
    life: Life, around: Surroundings
) -> None:
    assert around.migration["command"] == ["alembic", "upgrade", "head"]
    (task,) = around.migrations
    assert task["taskDefinitionArn"] == life.outputs["migration"]["MigrationTaskDefinitionArn"]
    assert [each["exitCode"] for each in task["containers"]] == [0]
    told = life.target.told.getvalue()
    order = ["-migration: CREATE_COMPLETE", "task migration of ", "] service: stack "]
    places = [told.index(each) for each in order]
    assert places == sorted(places)
    assert f"task migration of {ARCHITECTURE}-{life.environment}-migration succeeded" in told


@pytest.mark.row("WB-01")
def test_the_service_has_the_documented_size_in_private_subnets(life: Life, around: Surroundings) -> None:
    service, definition = life.api.service, life.api.task_definition
    assert (definition["cpu"], definition["memory"]) == ("512", "1024")
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    placed = service["networkConfiguration"]["awsvpcConfiguration"]
    private = _pair(life.outputs["network"], "Private")
    assert (placed["subnets"], placed["assignPublicIp"]) == (private, "DISABLED")
    assert all(around.default_routes[name].startswith("nat-") for name in private)
    (attached,) = service["loadBalancers"]
    assert (attached["containerName"], attached["containerPort"]) == ("api", 8000)
    assert attached["targetGroupArn"] == life.outputs["platform"]["ApiTargetGroup1Arn"]
    target = around.scaling["ApiScalableTarget"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == ((2, 3) if life.is_prod else (1, 3))


@pytest.mark.row("WB-10")
def test_a_rollout_goes_back_on_an_alarm_or_a_failed_start(life: Life, around: Surroundings) -> None:
    deployment = life.api.service["deploymentConfiguration"]
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert deployment["alarms"]["alarmNames"] == [around.physical_id("service", "ApiDeploymentAlarm")]
    assert deployment.get("strategy", "ROLLING") == "ROLLING"


@pytest.mark.row("WB-04")
def test_the_load_balancer_asks_for_health_and_route_53_for_the_database(life: Life, around: Surroundings) -> None:
    assert around.front["target group"]["HealthCheckPath"] == "/health"
    asked = (around.health["Type"], around.health["FullyQualifiedDomainName"], around.health["ResourcePath"])
    assert asked == ("HTTPS", life.outputs["platform"]["PublicName"], "/health/db")


@pytest.mark.row("WB-01")
def test_security_groups_of_four_stacks_let_in_what_comes_and_nothing_else(life: Life, around: Surroundings) -> None:
    https = ("out", "tcp", 443, 443, "0.0.0.0/0")
    database = ("out", "tcp", 5432, 5432, "DatabaseSecurityGroup")
    clients = [("in", "tcp", 80, 80, "0.0.0.0/0"), ("in", "tcp", 443, 443, "0.0.0.0/0")]
    ways = {
        "PublicSecurityGroup": [
            *(clients if life.is_prod else [("in", "tcp", 80, 80, CLOUDFRONT)]),
            ("out", "tcp", 8000, 8000, "ApiSecurityGroup"),
        ],
        "ApiSecurityGroup": [("in", "tcp", 8000, 8000, "PublicSecurityGroup"), database, https],
        "MigrationSecurityGroup": [database, https],
        "DatabaseSecurityGroup": [
            ("in", "tcp", 5432, 5432, "ApiSecurityGroup"),
            ("in", "tcp", 5432, 5432, "MigrationSecurityGroup"),
        ],
    }
    assert around.security_groups == {name: sorted([*rules, NOWHERE], key=str) for name, rules in ways.items()}


@pytest.mark.row("WB-01")
def test_the_frontend_is_a_bucket_that_only_its_distribution_reads(life: Life, around: Surroundings) -> None:
    frontend = around.front["distributions"]["FrontendDistribution"]
    config = frontend["DistributionConfig"]
    (pages,) = config["Origins"]["Items"]
    bucket = life.outputs["platform"]["FrontendBucketName"]
    assert pages["DomainName"] == f"{bucket}.s3.us-east-1.amazonaws.com"
    assert pages["OriginAccessControlId"] == around.physical_id("platform", "FrontendOriginAccessControl")
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    (read,) = (each for each in around.front["policy"] if each["Effect"] == "Allow")
    assert read["Condition"]["StringEquals"] == {"aws:SourceArn": frontend["ARN"]}
    assert life.outputs["platform"]["FrontendUrl"] == f"https://{frontend['DomainName']}"


@pytest.mark.row("WB-01")
def test_prod_answers_under_its_name_and_dev_behind_cloudfront(life: Life, around: Surroundings) -> None:
    listeners, distributions = around.front["listeners"], around.front["distributions"]
    if life.is_prod:
        assert life.outputs["platform"]["Url"] == f"https://{DOMAIN}"
        assert set(distributions) == {"FrontendDistribution"}
        (redirect,) = listeners[80]["DefaultActions"]
        assert redirect["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        certificate = around.physical_id("platform", "PublicCertificate")
        assert listeners[443]["Certificates"] == [{"CertificateArn": certificate}]
        return
    assert set(listeners) == {80}
    (refusal,) = listeners[80]["DefaultActions"]
    assert refusal["FixedResponseConfig"]["StatusCode"] == "403"
    header = _header(around.front["rules"]["50000"])
    (origin,) = distributions["ApiDistribution"]["DistributionConfig"]["Origins"]["Items"]
    sent = {"HeaderName": header["HttpHeaderName"], "HeaderValue": header["Values"][0]}
    assert origin["CustomHeaders"]["Items"] == [sent]
    assert len(sent["HeaderValue"]) == 48
    assert life.outputs["platform"]["Url"] == f"https://{distributions['ApiDistribution']['DomainName']}"


@pytest.mark.row("WB-08")
def test_alarms_watch_the_way_in_the_tasks_and_the_database(life: Life, around: Surroundings) -> None:
    told = {name: each for name, each in around.alarms.items() if name != "ApiDeploymentAlarm"}
    assert set(told) == {
        *("ApiErrorRateAlarm", "ApiHealthyHostsAlarm", "ApiUnhealthyHostsAlarm", "ApiLatencyAlarm"),
        *("ApiCpuAlarm", "ApiMemoryAlarm", "DatabaseHealthCheckAlarm"),
        *("DatabaseCpuAlarm", "DatabaseCreditsAlarm", "DatabaseConnectionsAlarm"),
        *("DatabaseMemoryAlarm", "DatabaseStorageAlarm"),
    }
    assert {action for each in told.values() for action in each["AlarmActions"]} == {
        life.outputs["monitoring"]["AlertTopicArn"]
    }
    identifier = around.database["instance"]["DBInstanceIdentifier"]
    assert told["DatabaseCpuAlarm"]["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": identifier}]
    assert around.database["names"] == {f"/{ARCHITECTURE}/{life.environment}/database-identifier": identifier}


@pytest.mark.row("WB-08")
def test_logs_of_application_and_migration_are_kept_for_as_long_as_said(life: Life, around: Surroundings) -> None:
    groups = {life.outputs["service"]["LogGroupName"], life.outputs["migration"]["MigrationLogGroupName"]}
    assert around.retention == dict.fromkeys(groups, 30)


# From here on the environments move. Prod: a migration that fails, and the same command once more.


@dataclass(frozen=True)
class Stopped:
    """A deployment whose migration failed."""

    message: str
    states: dict[str, str]
    api: RunningService


@pytest.fixture(scope="module")
def stopped(prod: Life, around_prod: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    target = prod.target
    target.push("v2")
    template = target.template("migration")
    # The emulator takes this command to fail, and every other to succeed.
    template["Resources"]["MigrationTaskDefinition"]["Properties"]["ContainerDefinitions"][0]["Command"] = ["false"]
    failing = broken_copy(target, "migration", template, tmp_path_factory.mktemp("failing"))
    with pytest.raises(DeployError) as error:
        target.deploy({"ImageTag": "v2"}, manifest=failing, only=("migration", "service"))
    states = {name: target.status(name) for name in sorted(VERSIONED)}
    return Stopped(str(error.value), states, read_service(target, prod.outputs["service"]))


@pytest.fixture(scope="module")
def updated(stopped: Stopped, prod: Life) -> Life:
    return _live(prod.target, prod.target.deploy({"ImageTag": "v2"}))


@pytest.mark.row("WB-07")
def test_a_failed_migration_stops_the_deployment_and_the_old_version_goes_on(prod: Life, stopped: Stopped) -> None:
    first, *lines = stopped.message.splitlines()
    assert first.startswith(f"the task migration of stack {ARCHITECTURE}-prod-migration (")
    assert first.endswith("ended with exit code 1")
    assert any("The end of its log:" in line for line in lines)
    assert "The stacks after migration were not touched: the version that runs goes on running." in lines[-1]
    assert stopped.states == {"migration": "UPDATE_COMPLETE", "service": "CREATE_COMPLETE"}
    assert stopped.api.service["taskDefinition"] == prod.api.service["taskDefinition"]


@pytest.mark.row("WB-07")
def test_the_same_command_goes_on_once_the_migration_is_right(prod: Life, updated: Life) -> None:
    assert updated.outcomes == {name: "updated" if name in VERSIONED else "unchanged" for name in STACKS}
    assert updated.api.containers["api"]["image"] == f"{IMAGE}:v2"
    assert updated.api.service["serviceArn"] == prod.api.service["serviceArn"]


def test_a_new_image_tag_replaces_task_definitions_and_nothing_else(updated: Life) -> None:
    for name, part in (("migration", "Migration"), ("service", "Api")):
        changes = {change.logical_id: change.action for change in updated.plans[name].changes}
        assert {each for each, action in changes.items() if action == "replace"} == {f"{part}TaskDefinition"}
        after = dependents(updated.target.template(name), f"{part}TaskDefinition")
        assert set(changes) <= {f"{part}TaskDefinition", *after}


# Dev: a new password and blue/green at once, then traffic on green and one more image.


@dataclass(frozen=True)
class Moved:
    refusal: str
    """Of the new password, as long as nobody has given up the old one."""
    life: Life
    database: dict[str, Any]
    rule: dict[str, Any]
    manifest: Manifest


@pytest.fixture(scope="module")
def moved(dev: Life, around_dev: Surroundings, updated: Life, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    target = dev.target
    settings = web_backend_fargate.Settings(environment="dev", password_generation=2, deployment="blue-green")
    manifest = render.write(ARCHITECTURE, settings, tmp_path_factory.mktemp("moved"))
    stacks = ("data", "platform", "migration", "service")
    with pytest.raises(DeployError) as error:
        target.deploy(manifest=manifest, only=stacks)
    result = target.deploy(manifest=manifest, only=stacks, allow_replace=("DatabasePassword",))
    life = _live(target, result)
    return Moved(str(error.value), life, _database(target, target.resources("data")), _production(life), manifest)


def _production(life: Life) -> dict[str, Any]:
    named = ("--rule-arns", life.outputs["platform"]["ApiProductionRuleArn"])
    (rule,) = life.target.aws("elbv2", "describe-rules", *named)["Rules"]
    return dict(rule)


@dataclass(frozen=True)
class Swapped:
    result: DeployResult
    rule: dict[str, Any]
    api: RunningService


@pytest.fixture(scope="module")
def swapped(moved: Moved) -> Swapped:
    """ECS has moved all traffic to green, and another image is deployed."""
    target, platform = moved.life.target, moved.life.outputs["platform"]
    weights = [
        {"TargetGroupArn": platform[f"ApiTargetGroup{number}Arn"], "Weight": weight}
        for number, weight in ((1, 0), (2, 100))
    ]
    actions = json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}])
    target.aws("elbv2", "modify-rule", "--rule-arn", platform["ApiProductionRuleArn"], "--actions", actions)
    target.push("v3")
    result = target.deploy({"ImageTag": "v3"}, manifest=moved.manifest, only=("platform", "migration", "service"))
    return Swapped(result, _production(moved.life), read_service(target, moved.life.outputs["service"]))


@pytest.mark.row("WB-05")
def test_a_new_password_takes_a_word_because_the_old_one_goes(moved: Moved) -> None:
    first, lost, last = moved.refusal.splitlines()
    assert first == f"Stack {ARCHITECTURE}-dev-data would lose data:"
    assert lost.startswith("  DatabasePassword (AWS::SecretsManager::Secret, ")
    assert last.endswith("--allow-replace DatabasePassword")


@pytest.mark.row("WB-05")
def test_a_new_password_changes_in_place_and_reaches_who_reads_it(around_dev: Surroundings, moved: Moved) -> None:
    before, after = around_dev.database, moved.database
    for kept in ("DBInstanceIdentifier", "DbiResourceId", "Endpoint"):
        assert after["instance"][kept] == before["instance"][kept]
    assert after["password"] != before["password"]
    assert after["made with"]["MasterUserPassword"] == after["password"]
    # Nothing else has changed, so the output's name is what the other stacks notice it by.
    arn = moved.life.outputs["data"]["DatabasePassword2Arn"]
    assert "DatabasePasswordArn" not in moved.life.outputs["data"]
    assert _told(moved.life.api.containers["api"])[1] == {"DATABASE_PASSWORD": arn}
    assert moved.life.outcomes["migration"] == moved.life.outcomes["service"] == "updated"


@pytest.mark.row("WB-10")
def test_blue_green_comes_to_a_running_service_with_traffic_on_blue(dev: Life, moved: Moved) -> None:
    platform, service = moved.life.outputs["platform"], moved.life.api.service
    assert service["serviceArn"] == dev.api.service["serviceArn"]
    assert service["deploymentConfiguration"]["strategy"] == "BLUE_GREEN"
    (attached,) = service["loadBalancers"]
    shift = attached["advancedConfiguration"]
    assert shift["alternateTargetGroupArn"] == platform["ApiTargetGroup2Arn"]
    assert shift["productionListenerRule"] == platform["ApiProductionRuleArn"]
    assert _weights(moved.rule) == {platform["ApiTargetGroup1Arn"]: 100, platform["ApiTargetGroup2Arn"]: 0}
    # Requests that did not come through our distribution are still refused.
    assert _header(moved.rule)["HttpHeaderName"] == "X-Origin-Verify"


@pytest.mark.row("WB-10")
def test_a_deployment_after_the_swap_leaves_the_traffic_where_it_is(moved: Moved, swapped: Swapped) -> None:
    platform = moved.life.outputs["platform"]
    assert {stack.entry.name: stack.outcome for stack in swapped.result.stacks} == {
        "platform": "unchanged",
        "migration": "updated",
        "service": "updated",
    }
    assert _weights(swapped.rule) == {platform["ApiTargetGroup1Arn"]: 0, platform["ApiTargetGroup2Arn"]: 100}
    assert swapped.api.containers["api"]["image"] == f"{IMAGE}:v3"


@dataclass(frozen=True)
class Ended:
    """What is left when prod is deleted."""

    refusals: list[str]
    result: DeleteResult
    retained: dict[str, set[str]]
    """Logical ids by stack."""
    snapshots: set[str]
    """What is kept as a snapshot, by logical id."""
    left: dict[str, set[str]]
    bystander: RunningService
    """The application of dev."""


@pytest.fixture(scope="module")
def prod_gone(updated: Life, swapped: Swapped, dev: Life) -> Ended:
    target = updated.target
    refusals: list[str] = []
    result = target.delete_as_told(refusals)
    stacks = target.deletions[-1].stacks
    return Ended(
        refusals,
        result,
        {stack.entry.name: {item.logical_id for item in stack.retained} for stack in stacks if stack.retained},
        {item.logical_id for stack in stacks for item in stack.snapshots},
        target.left(),
        read_service(dev.target, dev.outputs["service"]),
    )


def test_prod_goes_in_reverse_order_only_after_all_of_its_protection_is_lifted(prod: Life, prod_gone: Ended) -> None:
    (refusal,) = prod_gone.refusals
    own = [entry.stack_name for entry in prod.target.manifest.stacks if not entry.shared]
    for name in [*own, "PublicLoadBalancer", "DatabaseInstance"]:
        assert f"  {name}: aws " in refusal
    assert [entry.name for entry in prod_gone.result.deleted] == [*reversed(STACKS[1:])]


def test_what_prod_keeps_is_there_and_dev_goes_on(prod: Life, swapped: Swapped, prod_gone: Ended) -> None:
    assert prod_gone.retained == {
        "service": {"ApiLogGroup"},
        "migration": {"MigrationLogGroup"},
        "platform": {"FrontendBucket", "FrontendBucketPolicy"},
        "data": {"AccessLogBucket", "AccessLogBucketPolicy"},
    }
    assert prod_gone.snapshots == {"DatabaseInstance"}
    kept = {kind: {name for name in names if "-prod-" in name} for kind, names in prod_gone.left.items()}
    assert kept["log groups"] == {
        prod.outputs["service"]["LogGroupName"],
        prod.outputs["migration"]["MigrationLogGroupName"],
    }
    assert kept["buckets"] == {
        prod.outputs["platform"]["FrontendBucketName"],
        prod.outputs["data"]["AccessLogBucketName"],
    }
    assert kept["stacks"] == kept["secrets"] == kept["services"] == set()
    assert prod_gone.bystander.service["taskDefinition"] == swapped.api.service["taskDefinition"]
