"""MealPrep in the emulated account, over its Regions: prod and dev beside each other, as one team would have them.

Each stage is deployed once, and what the AWS CLI answers then is kept, so that the tests can run in any order. Stages
of prod: created, a new image, an update that fails. What the emulator does not answer as AWS does is not asked for:
the zones of a load balancer, the names of a cache's nodes, Container Insights, Performance Insights and log exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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

pytestmark = pytest.mark.xdist_group("mealprep")

APPLICATION, EDGE, REPLICA = "us-west-2", "us-east-1", "us-east-2"
ELSEWHERE = {"edge": EDGE, "replica": REPLICA}
STACKS = ["registry", "network", "data", "edge", "platform", "service", "processing", "monitoring"]
RECOVERY = ["replica", "backup"]
ACCOUNT = "000000000000"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{APPLICATION}.amazonaws.com"
DOMAIN = "app.example.com"


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
    target = Target(emulator_server, forked_cli, Manifest.load(output / "mealprep" / "prod" / "manifest.json"))
    return _live(target, target.deploy(target.seed()))


@pytest.fixture(scope="module")
def dev(prod: Life, output: Path) -> Life:
    """Dev, deployed beside prod."""
    manifest = Manifest.load(output / "mealprep" / "dev" / "manifest.json")
    target = Target(prod.target.emulator, prod.target.cli_folder, manifest)
    return _live(target, target.deploy(target.seed()))


@pytest.fixture(scope="module", params=["prod", "dev"])
def life(request: pytest.FixtureRequest, prod: Life, dev: Life) -> Life:
    return {"prod": prod, "dev": dev}[request.param]


@dataclass(frozen=True)
class Surroundings:
    """What is around the API of an environment, as the AWS CLI shows it right after the deploy."""

    resources: dict[str, dict[str, dict[str, str]]]
    stacks: dict[str, set[str]]
    """By Region."""
    retention: dict[str, dict[str, int]]
    """Of log groups, by Region."""
    network: dict[str, Any]
    data: dict[str, Any]
    secrets: dict[str, dict[str, Any]]
    buckets: dict[str, dict[str, Any]]
    front: dict[str, Any]
    processing: dict[str, Any]
    alarms: dict[str, dict[str, Any]]
    told: dict[str, Any]
    """The topic, the budget, the dashboard."""
    stand_ins: dict[str, dict[str, Any]]
    """Scaling and tracing, by logical id."""

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
    target = life.target
    resources = {entry.name: target.resources(entry.name) for entry in target.manifest.stacks}
    held = {name: each for stack in resources.values() for name, each in stack.items()}
    alarms = {each["AlarmName"]: each for each in target.aws("cloudwatch", "describe-alarms")["MetricAlarms"]}
    kinds = ("AWS::ApplicationAutoScaling::", "AWS::XRay::")
    return Surroundings(
        resources=resources,
        stacks={region: _stacks(target, region) for region in target.regions},
        retention={region: _own(life, retention(target, region)) for region in (APPLICATION, EDGE)},
        network=_network(target, life.outputs["network"]["VpcId"]),
        data=_data(target, life.outputs["data"], held["DatabaseParameterGroup"]["PhysicalResourceId"]),
        secrets=_secrets(target, held),
        buckets=_buckets(target),
        front=_front(target, held),
        processing=_processing(target, held),
        alarms={name: alarms[each["PhysicalResourceId"]] for name, each in held.items() if "Alarm" in _kind(each)},
        told=_told(target, life.outputs["monitoring"]["AlertTopicArn"], held),
        stand_ins={name: _stand_in(target, each) for name, each in held.items() if _kind(each).startswith(kinds)},
    )


def _kind(resource: Mapping[str, str]) -> str:
    return resource["ResourceType"]


def _own(life: Life, named: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in named.items() if re.search(rf"\b{life.environment}\b", name)}


def _stacks(target: Target, region: str) -> set[str]:
    found = target.aws("cloudformation", "describe-stacks", region=region)["Stacks"]
    return {each["StackName"] for each in found}


def _network(target: Target, vpc: str) -> dict[str, Any]:
    tables = target.aws("ec2", "describe-route-tables", *in_vpc(vpc))["RouteTables"]
    subnets = target.aws("ec2", "describe-subnets", *in_vpc(vpc))["Subnets"]
    return {
        "subnets": {each["SubnetId"]: each for each in subnets},
        "routes": {
            association["SubnetId"]: table["Routes"]
            for table in tables
            for association in table["Associations"]
            if "SubnetId" in association
        },
        "default routes": default_routes(target, vpc),
        "security groups": security_group_rules(target, vpc),
    }


def _data(target: Target, outputs: Mapping[str, str], parameter_group: str) -> dict[str, Any]:
    (cluster,) = target.aws(
        "rds", "describe-db-clusters", "--db-cluster-identifier", outputs["DatabaseClusterIdentifier"]
    )["DBClusters"]
    instances = target.aws("rds", "describe-db-instances")["DBInstances"]
    asked = ("--db-cluster-parameter-group-name", parameter_group)
    parameters = target.aws("rds", "describe-db-cluster-parameters", *asked)["Parameters"]
    named = ("--replication-group-id", outputs["LookupsReplicationGroupId"])
    (cache,) = target.aws("elasticache", "describe-replication-groups", *named)["ReplicationGroups"]
    nodes = target.aws("elasticache", "describe-cache-clusters", "--cache-cluster-id", cache["MemberClusters"][0])
    group = ("--cache-subnet-group-name", nodes["CacheClusters"][0]["CacheSubnetGroupName"])
    (subnets,) = target.aws("elasticache", "describe-cache-subnet-groups", *group)["CacheSubnetGroups"]
    path = ("--path", f"/mealprep/{target.manifest.environment}/")
    return {
        "cluster": cluster,
        "instances": {
            each["PromotionTier"]: each
            for each in instances
            if each.get("DBClusterIdentifier") == cluster["DBClusterIdentifier"]
        },
        "parameters": {each["ParameterName"]: each.get("ParameterValue") for each in parameters},
        "cache": cache,
        "cache subnets": {each["SubnetIdentifier"] for each in subnets["Subnets"]},
        "names": {
            each["Name"]: each["Value"] for each in target.aws("ssm", "get-parameters-by-path", *path)["Parameters"]
        },
    }


def _secrets(target: Target, held: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    names = ("DatabaseSecret", "DatabaseConnectionString", "AppSecretsSecret", "OriginSecret")
    return {
        name: target.aws("secretsmanager", "get-secret-value", "--secret-id", held[name]["PhysicalResourceId"])
        for name in names
    }


def _buckets(target: Target) -> dict[str, dict[str, Any]]:
    names = [each["Name"] for each in target.aws("s3api", "list-buckets")["Buckets"]]
    return {name: _bucket(target, name) for name in names if f"-{target.manifest.environment}-" in name}


def _bucket(target: Target, name: str) -> dict[str, Any]:
    named = ("--bucket", name)
    encryption = target.aws("s3api", "get-bucket-encryption", *named)["ServerSideEncryptionConfiguration"]
    block = target.aws("s3api", "get-public-access-block", *named)["PublicAccessBlockConfiguration"]
    return {
        "encryption": encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "public access": {key for key, blocked in block.items() if not blocked},
        "versions": target.aws("s3api", "get-bucket-versioning", *named).get("Status", "never"),
        "rules": {
            each["ID"]: each for each in target.aws("s3api", "get-bucket-lifecycle-configuration", *named)["Rules"]
        },
        "policy": {
            each["Sid"]: each
            for each in json.loads(target.aws("s3api", "get-bucket-policy", *named)["Policy"])["Statement"]
        },
        "region": target.aws("s3api", "get-bucket-location", *named)["LocationConstraint"],
    }


def _front(target: Target, held: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    balancer = ("--load-balancer-arn", held["PublicLoadBalancer"]["PhysicalResourceId"])
    (listener,) = target.aws("elbv2", "describe-listeners", *balancer)["Listeners"]
    balancers = ("--load-balancer-arns", balancer[1])
    named = ("--id", held["PublicDistribution"]["PhysicalResourceId"])
    scope = ("--scope", "CLOUDFRONT")
    logging = target.aws("wafv2", "list-logging-configurations", *scope, region=EDGE)["LoggingConfigurations"]
    (acl,) = (
        each
        for each in target.aws("wafv2", "list-web-acls", *scope, region=EDGE)["WebACLs"]
        if each["Name"].startswith(f"mealprep-{target.manifest.environment}-")
    )
    asked = ("--name", acl["Name"], "--id", acl["Id"])
    return {
        "listener": listener,
        "rules": target.aws("elbv2", "describe-rules", "--listener-arn", listener["ListenerArn"])["Rules"],
        "balancer": target.aws("elbv2", "describe-load-balancers", *balancers)["LoadBalancers"][0],
        "distribution": target.aws("cloudfront", "get-distribution", *named)["Distribution"],
        "acl": target.aws("wafv2", "get-web-acl", *scope, *asked, region=EDGE)["WebACL"],
        "logging": next(each for each in logging if each["ResourceArn"] == acl["ARN"]),
    }


def _processing(target: Target, held: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    function = ("--function-name", held["ImagesFunction"]["PhysicalResourceId"])
    rule = held["ImagesRule"]["PhysicalResourceId"]
    (called,) = target.aws("events", "list-targets-by-rule", "--rule", rule)["Targets"]
    (allowed,) = json.loads(target.aws("lambda", "get-policy", *function)["Policy"])["Statement"]
    return {
        "function": target.aws("lambda", "get-function", *function)["Configuration"],
        "pattern": json.loads(target.aws("events", "describe-rule", "--name", rule)["EventPattern"]),
        "target": called,
        "allowed": allowed,
    }


def _told(target: Target, topic: str, held: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    budget = ("--account-id", ACCOUNT, "--budget-name", held["MonthlyBudget"]["PhysicalResourceId"])
    warned = target.aws("budgets", "describe-notifications-for-budget", *budget)["Notifications"]
    dashboard = ("--dashboard-name", f"MealPrep-{target.manifest.environment.capitalize()}")
    return {
        "topic": target.aws("sns", "get-topic-attributes", "--topic-arn", topic)["Attributes"],
        "budget": target.aws("budgets", "describe-budget", *budget)["Budget"],
        "warned": warned,
        "dashboard": json.loads(target.aws("cloudwatch", "get-dashboard", *dashboard)["DashboardBody"]),
    }


def _stand_in(target: Target, resource: Mapping[str, str]) -> dict[str, Any]:
    named = ("--type-name", resource["ResourceType"], "--identifier", resource["PhysicalResourceId"])
    found = target.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]["Properties"]
    return dict(json.loads(found))


def _three(network: Mapping[str, str], kind: str) -> list[str]:
    return [network[f"{kind}Subnet{zone}"] for zone in (1, 2, 3)]


def test_every_stack_is_created_in_the_order_of_the_manifest(life: Life) -> None:
    names = [*STACKS, *RECOVERY] if life.is_prod else STACKS
    assert [stack.entry.name for stack in life.result.stacks] == names
    # What the environments share is there when the second comes.
    assert life.outcomes == {
        name: "unchanged" if name == "registry" and not life.is_prod else "created" for name in names
    }


def test_each_stack_is_in_its_region_and_in_no_other(life: Life, around: Surroundings) -> None:
    entries = life.target.manifest.stacks
    assert life.target.regions == ([APPLICATION, EDGE, REPLICA] if life.is_prod else [APPLICATION, EDGE])
    own = {
        region: {name for name in names if name == "mealprep-registry" or f"-{life.environment}-" in name}
        for region, names in around.stacks.items()
    }
    assert own == {
        region: {each.stack_name for each in entries if ELSEWHERE.get(each.name, APPLICATION) == region}
        for region in life.target.regions
    }


def test_every_resource_of_the_templates_exists(life: Life, around: Surroundings) -> None:
    entries = life.target.manifest.stacks
    assert {name: set(found) for name, found in around.resources.items()} == {
        entry.name: set(life.target.template(entry.name)["Resources"]) for entry in entries
    }
    assert {each["ResourceStatus"] for found in around.resources.values() for each in found.values()} == {
        "CREATE_COMPLETE"
    }


@pytest.mark.row("MP-25")
def test_every_output_has_a_value(life: Life) -> None:
    for stack in life.result.stacks:
        assert list(stack.outputs) == list(stack.entry.outputs)
        assert all(stack.outputs.values())
    platform, data, service = (life.outputs[name] for name in ("platform", "data", "service"))
    name = DOMAIN if life.is_prod else platform["PublicName"]
    assert platform["APIEndpoint"] == platform["FrontendURL"] == f"https://{name}"
    assert name.endswith(DOMAIN if life.is_prod else ".cloudfront.net")
    assert data["DatabaseEndpoint"].startswith(f"mealprep-{life.environment}-cluster.cluster-")
    assert (service["ClusterName"], service["ServiceName"]) == (
        f"mealprep-{life.environment}-cluster",
        f"mealprep-{life.environment}-api",
    )


@pytest.mark.row("MP-01")
def test_subnets_have_their_sizes_in_three_zones(life: Life, around: Surroundings) -> None:
    sizes = {"Public": "/24", "Private": "/24", "Data": "/28"}
    for kind, size in sizes.items():
        subnets = [around.network["subnets"][name] for name in _three(life.outputs["network"], kind)]
        assert [each["AvailabilityZone"] for each in subnets] == [f"{APPLICATION}{zone}" for zone in "abc"]
        assert {each["CidrBlock"][-3:] for each in subnets} == {size}
        assert not any(each["MapPublicIpOnLaunch"] for each in subnets)


@pytest.mark.row("MP-01")
def test_the_database_has_no_route_and_prod_leaves_by_a_gateway_in_each_zone(life: Life, around: Surroundings) -> None:
    network, out = life.outputs["network"], around.network["default routes"]
    gateways = [out[name] for name in _three(network, "Private")]
    zones = (1, 2, 3) if life.is_prod else (1, 1, 1)
    assert gateways == [around.physical_id("network", f"MainNatGateway{zone}") for zone in zones]
    assert all(out[name].startswith("igw-") for name in _three(network, "Public"))
    for name in _three(network, "Data"):
        assert [route["GatewayId"] for route in around.network["routes"][name]] == ["local"]


@pytest.mark.row("MP-02")
def test_security_groups_of_four_stacks_have_the_documented_ways_and_no_others(
    life: Life, around: Surroundings
) -> None:
    port = 443 if life.is_prod else 80
    https = ("out", "tcp", 443, 443, "0.0.0.0/0")
    ways = {
        "PublicSecurityGroup": [
            ("in", "tcp", port, port, "pl-82a045eb"),  # CloudFront's in us-west-2
            ("out", "tcp", 8080, 8080, "ApiSecurityGroup"),
        ],
        "ApiSecurityGroup": [
            ("in", "tcp", 8080, 8080, "PublicSecurityGroup"),
            ("out", "tcp", 5432, 5432, "DatabaseSecurityGroup"),
            ("out", "tcp", 6379, 6379, "LookupsSecurityGroup"),
            https,
        ],
        "DatabaseSecurityGroup": [("in", "tcp", 5432, 5432, "ApiSecurityGroup")],
        "LookupsSecurityGroup": [("in", "tcp", 6379, 6379, "ApiSecurityGroup")],
        "ImagesSecurityGroup": [https],
    }
    assert around.network["security groups"] == {
        name: sorted([*rules, NOWHERE], key=str) for name, rules in ways.items()
    }


@pytest.mark.row("MP-03")
def test_the_cluster_is_aurora_postgresql_15_with_the_documented_days_and_windows(
    life: Life, around: Surroundings
) -> None:
    cluster = around.data["cluster"]
    assert cluster["DBClusterIdentifier"] == f"mealprep-{life.environment}-cluster"
    assert (cluster["Engine"], cluster["EngineVersion"].partition(".")[0]) == ("aurora-postgresql", "15")
    assert (cluster["StorageEncrypted"], cluster["IAMDatabaseAuthenticationEnabled"]) == (True, True)
    assert cluster["DeletionProtection"] is life.is_prod
    assert cluster["BackupRetentionPeriod"] == (30 if life.is_prod else 7)
    assert cluster["PreferredBackupWindow"] == "03:00-04:00"
    assert cluster["PreferredMaintenanceWindow"] == "sun:04:00-sun:05:00"
    (group,) = cluster["VpcSecurityGroups"]
    assert group["VpcSecurityGroupId"] == life.outputs["data"]["DatabaseSecurityGroupId"]


@pytest.mark.row("MP-03")
def test_prod_has_a_writer_and_a_reader_in_two_zones_and_dev_a_small_writer(life: Life, around: Surroundings) -> None:
    instances = around.data["instances"]
    found = {tier: (each["DBInstanceClass"], each["AvailabilityZone"]) for tier, each in instances.items()}
    assert found == (
        {0: ("db.r6g.large", f"{APPLICATION}a"), 1: ("db.r6g.large", f"{APPLICATION}b")}
        if life.is_prod
        else {0: ("db.t4g.medium", f"{APPLICATION}a")}
    )
    assert [each["IsClusterWriter"] for each in around.data["cluster"]["DBClusterMembers"]] == (
        [True, False] if life.is_prod else [True]
    )
    for instance in instances.values():
        assert instance["PubliclyAccessible"] is False
        placed = {each["SubnetIdentifier"] for each in instance["DBSubnetGroup"]["Subnets"]}
        assert placed == set(_three(life.outputs["network"], "Data"))


@pytest.mark.row("MP-04")
def test_the_cluster_has_the_documented_parameters(around: Surroundings) -> None:
    wanted = {
        "rds.force_ssl": "1",
        "log_min_duration_statement": "1000",
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track": "ALL",
        "work_mem": "16384",
        "maintenance_work_mem": "524288",
        "max_connections": "200",
        "max_prepared_transactions": "200",
    }
    assert {name: around.data["parameters"][name] for name in wanted} == wanted


@pytest.mark.row("MP-03")
def test_the_master_secret_has_the_documented_name_and_knows_the_cluster(life: Life, around: Surroundings) -> None:
    secret = around.secrets["DatabaseSecret"]
    assert secret["Name"] == f"{life.environment}/mealprep/db-credentials"
    value = json.loads(secret["SecretString"])
    password = value.pop("password")
    assert value == {
        "username": "mealprepadmin",
        "engine": "postgres",
        "host": life.outputs["data"]["DatabaseHost"],
        "port": 5432,
        "dbname": "mealprep",
    }
    parts = dict(part.split("=", 1) for part in around.secrets["DatabaseConnectionString"]["SecretString"].split(";"))
    assert (parts["Host"], parts["Username"], parts["Password"]) == (value["host"], "mealprepadmin", password)
    assert parts["SSL Mode"] == "Require"


@pytest.mark.row("MP-06")
def test_the_cache_is_encrypted_in_private_subnets_and_in_two_zones_in_prod(life: Life, around: Surroundings) -> None:
    cache = around.data["cache"]
    assert cache["Engine"] == "valkey"
    assert (cache["TransitEncryptionEnabled"], cache["AtRestEncryptionEnabled"]) == (True, True)
    assert (cache["TransitEncryptionMode"], cache["AuthTokenEnabled"]) == ("required", True)
    spread = "enabled" if life.is_prod else "disabled"
    assert (cache["MultiAZ"], cache["AutomaticFailover"]) == (spread, spread)
    assert len(cache["MemberClusters"]) == (2 if life.is_prod else 1)
    assert around.data["cache subnets"] == set(_three(life.outputs["network"], "Private"))


@pytest.mark.row("MP-07")
def test_every_bucket_is_encrypted_private_and_refuses_plain_http(life: Life, around: Surroundings) -> None:
    data, platform = life.outputs["data"], life.outputs["platform"]
    regions = {data["StorageBucketName"]: APPLICATION, platform["FrontendBucketName"]: APPLICATION}
    if life.is_prod:
        backups = life.outputs["backup"]["BackupBucketName"]
        regions |= {backups: APPLICATION, f"{backups}-secondary": REPLICA}
    assert {name: each["region"] for name, each in around.buckets.items()} == regions
    for bucket in around.buckets.values():
        assert (bucket["encryption"], bucket["public access"]) == ("AES256", set())
        assert bucket["policy"]["RefusePlainHttp"]["Effect"] == "Deny"
        assert bucket["versions"] == ("Enabled" if life.is_prod else "never")
        assert bucket["rules"]["ForgetOldVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


@pytest.mark.row("MP-07")
def test_only_the_storage_bucket_tiers_in_prod_and_nothing_of_the_frontend_expires(
    life: Life, around: Surroundings
) -> None:
    name = life.outputs["data"]["StorageBucketName"]
    assert name == f"mealprep-{life.environment}-storage-{ACCOUNT}"
    tiering = {bucket: each["rules"]["Tier"] for bucket, each in around.buckets.items() if "Tier" in each["rules"]}
    assert set(tiering) == ({name} if life.is_prod else set())
    for rule in tiering.values():
        assert rule["Transitions"] == [{"Days": 0, "StorageClass": "INTELLIGENT_TIERING"}]
    frontend = around.buckets[life.outputs["platform"]["FrontendBucketName"]]
    assert not any("Expiration" in rule for rule in frontend["rules"].values())


@pytest.mark.row("MP-09")
def test_the_load_balancer_answers_who_sends_the_header_of_the_distribution(life: Life, around: Surroundings) -> None:
    value = around.secrets["OriginSecret"]["SecretString"]
    assert len(value) == 48
    listener = around.front["listener"]
    assert (listener["Port"], listener["Protocol"]) == ((443, "HTTPS") if life.is_prod else (80, "HTTP"))
    (refusal,) = listener["DefaultActions"]
    assert (refusal["Type"], refusal["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "403")
    (rule,) = (each for each in around.front["rules"] if not each["IsDefault"])
    (header,) = (each["HttpHeaderConfig"] for each in rule["Conditions"] if each["Field"] == "http-header")
    assert header == {"HttpHeaderName": "X-Origin-Verify", "Values": [value]}
    (action,) = rule["Actions"]
    assert action["TargetGroupArn"] == life.outputs["platform"]["ApiTargetGroupArn"]
    _, api = _origins(around)
    assert api["CustomHeaders"]["Items"] == [{"HeaderName": header["HttpHeaderName"], "HeaderValue": value}]


def _origins(around: Surroundings) -> list[dict[str, Any]]:
    return list(around.front["distribution"]["DistributionConfig"]["Origins"]["Items"])


@pytest.mark.row("MP-08")
def test_the_distribution_has_pages_from_the_bucket_and_the_api_from_the_load_balancer(
    life: Life, around: Surroundings
) -> None:
    config = around.front["distribution"]["DistributionConfig"]
    pages, api = _origins(around)
    bucket = life.outputs["platform"]["FrontendBucketName"]
    assert pages["DomainName"] == f"{bucket}.s3.{APPLICATION}.amazonaws.com"
    assert (pages["OriginPath"], pages["OriginAccessControlId"]) == (
        "/frontend",
        around.physical_id("platform", "PublicOriginAccessControl"),
    )
    assert api["DomainName"] == (f"origin.{DOMAIN}" if life.is_prod else around.front["balancer"]["DNSName"])
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == ("https-only" if life.is_prod else "http-only")
    default = config["DefaultCacheBehavior"]
    assert (default["TargetOriginId"], default["ViewerProtocolPolicy"]) == (pages["Id"], "redirect-to-https")
    assert (default["Compress"], default["AllowedMethods"]["Items"]) == (True, ["GET", "HEAD", "OPTIONS"])
    assert {each["PathPattern"]: each["TargetOriginId"] for each in config["CacheBehaviors"]["Items"]} == {
        "/api/*": api["Id"],
        "/health": api["Id"],
    }
    (read,) = (each for each in around.buckets[bucket]["policy"].values() if each["Effect"] == "Allow")
    assert read["Condition"]["StringEquals"] == {"aws:SourceArn": around.front["distribution"]["ARN"]}


@pytest.mark.row("MP-09")
def test_the_distribution_names_the_web_acl_of_us_east_1_which_logs_there(life: Life, around: Surroundings) -> None:
    acl, config = around.front["acl"], around.front["distribution"]["DistributionConfig"]
    assert config["WebACLId"] == acl["ARN"] == life.outputs["edge"]["WebAclArn"]
    assert acl["ARN"].startswith(f"arn:aws:wafv2:{EDGE}:{ACCOUNT}:global/webacl/")
    assert {"AWSManagedRulesCommonRuleSet", "RateLimit"} <= {rule["Name"] for rule in acl["Rules"]}
    group = f"aws-waf-logs-mealprep-{life.environment}-edge-public"
    assert around.front["logging"]["LogDestinationConfigs"] == [f"arn:aws:logs:{EDGE}:{ACCOUNT}:log-group:{group}:*"]


@pytest.mark.row("MP-15")
def test_prod_has_a_certificate_in_each_region_and_dev_lives_without_a_domain(life: Life, around: Surroundings) -> None:
    config, listener = around.front["distribution"]["DistributionConfig"], around.front["listener"]
    if not life.is_prod:
        assert config["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
        assert "Aliases" not in config
        assert "Certificates" not in listener
        return
    assert config["Aliases"]["Items"] == [DOMAIN]
    public = config["ViewerCertificate"]
    assert public["ACMCertificateArn"] == life.outputs["edge"]["CertificateArn"]
    assert public["ACMCertificateArn"].startswith(f"arn:aws:acm:{EDGE}:")
    own = around.physical_id("platform", "OriginCertificate")
    assert listener["Certificates"] == [{"CertificateArn": own}]
    assert own.startswith(f"arn:aws:acm:{APPLICATION}:")


@pytest.mark.row("MP-10")
def test_the_api_runs_with_the_documented_sizes_behind_the_load_balancer(life: Life) -> None:
    service, definition = life.api.service, life.api.task_definition
    assert (definition["cpu"], definition["memory"]) == (("1024", "2048") if life.is_prod else ("512", "1024"))
    assert service["serviceName"] == f"mealprep-{life.environment}-api"
    placed = service["networkConfiguration"]["awsvpcConfiguration"]
    assert placed["subnets"] == _three(life.outputs["network"], "Private")
    assert placed["assignPublicIp"] == "DISABLED"
    (attached,) = service["loadBalancers"]
    target_group = life.outputs["platform"]["ApiTargetGroupArn"]
    assert (attached["containerName"], attached["containerPort"]) == ("api", 8080)
    assert attached["targetGroupArn"] == target_group
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert life.api.containers["api"]["image"] == f"{REGISTRY}/mealprep-api:local"


@pytest.mark.row("MP-10")
def test_secrets_and_variables_of_the_api_are_those_of_its_environment(life: Life) -> None:
    data, api = life.outputs["data"], life.api.containers["api"]
    assert {each["name"]: each["valueFrom"] for each in api["secrets"]} == {
        "ConnectionStrings__DefaultConnection": data["DatabaseConnectionStringArn"],
        "JWT__Secret": f"{data['AppSecretsArn']}:jwtSecret::",
        "Cache__AuthToken": data["LookupsAuthTokenArn"],
        "Email__ApiKey": data["EmailApiKeyArn"],
    }
    assert f":secret:{life.environment}/mealprep/app-secrets-" in data["AppSecretsArn"]
    wanted = {
        "ASPNETCORE_ENVIRONMENT": "Production" if life.is_prod else "Development",
        "AWS_REGION": APPLICATION,
        "CLOUDFRONT_DOMAIN": life.outputs["platform"]["PublicName"],
        "Storage__Bucket": data["StorageBucketName"],
        "Cache__Host": data["LookupsAddress"],
        "OTEL_SERVICE_NAME": f"mealprep-api-{life.environment}",
    }
    variables = {each["name"]: each["value"] for each in api["environment"]}
    assert {name: variables[name] for name in wanted} == wanted
    assert not variables.keys() & {each["name"] for each in api["secrets"]}


@pytest.mark.row("MP-12")
def test_the_secret_of_the_application_has_a_generated_member(life: Life, around: Surroundings) -> None:
    secret = around.secrets["AppSecretsSecret"]
    assert secret["Name"] == f"{life.environment}/mealprep/app-secrets"
    value = json.loads(secret["SecretString"])
    assert set(value) == {"jwtSecret"}
    assert len(value["jwtSecret"]) == 64


@pytest.mark.row("MP-19")
def test_the_api_is_traced_by_a_collector_of_its_region(life: Life, around: Surroundings) -> None:
    assert set(life.api.containers) == {"api", "collector"}
    (configuration,) = (each["value"] for each in life.api.containers["collector"]["environment"])
    assert f"region: {APPLICATION}" in configuration
    name = f"mealprep-api-{life.environment}"
    rule = around.stand_ins["ApiSamplingRule"]["SamplingRule"]
    assert (rule["RuleName"], rule["ServiceName"], rule["FixedRate"]) == (name, name, pytest.approx(0.05))
    group = around.stand_ins["ApiTraceGroup"]
    assert (group["GroupName"], group["FilterExpression"]) == (name, f'service("{name}")')
    assert around.processing["function"]["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.row("MP-16")
def test_scaling_has_the_documented_bounds_targets_and_steps(life: Life, around: Surroundings) -> None:
    scaling = around.stand_ins
    target = scaling["ApiScalableTarget"]
    assert target["ResourceId"] == f"service/mealprep-{life.environment}-cluster/mealprep-{life.environment}-api"
    assert (target["MinCapacity"], target["MaxCapacity"]) == ((2, 10) if life.is_prod else (1, 3))
    tracked = {
        name: each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for name, each in scaling.items()
        if "TargetTrackingScalingPolicyConfiguration" in each
    }
    assert tracked == {"ApiCpuScaling": 70, "ApiMemoryScaling": 80}
    steps = {
        name: [step["ScalingAdjustment"] for step in each["StepScalingPolicyConfiguration"]["StepAdjustments"]]
        for name, each in scaling.items()
        if "StepScalingPolicyConfiguration" in each
    }
    assert steps == {"ApiScaleOut": [1, 2], "ApiScaleIn": [-1]}
    for alarm, policy, threshold in (("ApiRequestsHigh", "ApiScaleOut", 500), ("ApiRequestsLow", "ApiScaleIn", 100)):
        assert around.alarms[alarm]["Threshold"] == threshold
        assert around.alarms[alarm]["AlarmActions"] == [scaling[policy]["Arn"]]


@pytest.mark.row("MP-24")
def test_dev_sleeps_by_the_clock_and_prod_never(life: Life, around: Surroundings) -> None:
    actions = around.stand_ins["ApiScalableTarget"].get("ScheduledActions", [])
    planned = {each["ScheduledActionName"]: each["ScalableTargetAction"] for each in actions}
    awake, asleep = {"MinCapacity": 1, "MaxCapacity": 3}, {"MinCapacity": 0, "MaxCapacity": 0}
    assert planned == ({} if life.is_prod else {"wake-up": awake, "go-to-sleep": asleep})


@pytest.mark.row("MP-20")
def test_an_upload_calls_the_function_and_what_fails_goes_to_its_queue(life: Life, around: Surroundings) -> None:
    found, outputs = around.processing, life.outputs["processing"]
    function = found["function"]
    assert function["FunctionName"] == outputs["FunctionName"]
    assert set(function["VpcConfig"]["SubnetIds"]) == set(_three(life.outputs["network"], "Private"))
    assert found["pattern"]["source"] == ["aws.s3"]
    assert found["pattern"]["detail"]["bucket"] == {"name": [life.outputs["data"]["StorageBucketName"]]}
    assert found["pattern"]["detail"]["object"]["key"] == [{"prefix": "uploads/"}]
    queue = f"arn:aws:sqs:{APPLICATION}:{ACCOUNT}:{outputs['DeadLetterQueueName']}"
    assert function["DeadLetterConfig"]["TargetArn"] == found["target"]["DeadLetterConfig"]["Arn"] == queue
    assert found["target"]["Arn"] == function["FunctionArn"]
    assert found["allowed"]["Principal"] == {"Service": "events.amazonaws.com"}
    rule = around.physical_id("processing", "ImagesRule")
    condition = found["allowed"]["Condition"]["ArnLike"]["AWS:SourceArn"]
    assert condition == f"arn:aws:events:{APPLICATION}:{ACCOUNT}:rule/{rule}"


@pytest.mark.row("MP-17")
def test_alarms_watch_what_is_there_and_tell_the_topic(life: Life, around: Surroundings) -> None:
    topic = life.outputs["monitoring"]["AlertTopicArn"]
    told = {name: alarm for name, alarm in around.alarms.items() if name.endswith("Alarm")}
    backups = {"DatabaseBackupJobsAlarm", "DatabaseCopyJobsAlarm"} if life.is_prod else set()
    assert set(told) == {
        *("ApiErrorsAlarm", "ApiHealthyHostsAlarm", "ApiUnhealthyHostsAlarm", "ApiLatencyAlarm"),
        *("DatabaseCpuAlarm", "DatabaseConnectionsAlarm", "DatabaseMemoryAlarm"),
        *("LookupsCpuAlarm", "LookupsEvictionsAlarm", "LookupsMemoryAlarm"),
        *("ImagesErrorsAlarm", "ImagesDeadLettersAlarm"),
        *backups,
    }
    assert all(alarm["AlarmActions"] == [topic] for alarm in told.values())
    errors, cpu = told["ApiErrorsAlarm"], told["DatabaseCpuAlarm"]
    assert (errors["Threshold"], errors["Period"], errors["EvaluationPeriods"]) == (10, 300, 2)
    assert (errors["MetricName"], errors["TreatMissingData"]) == ("HTTPCode_Target_5XX_Count", "notBreaching")
    balancer = life.outputs["platform"]["LoadBalancerFullName"]
    assert errors["Dimensions"] == [{"Name": "LoadBalancer", "Value": balancer}]
    assert (cpu["Threshold"], cpu["EvaluationPeriods"]) == (80, 3)
    cluster = around.data["cluster"]["DBClusterIdentifier"]
    assert {"Name": "DBClusterIdentifier", "Value": cluster} in cpu["Dimensions"]


@pytest.mark.row("MP-17")
def test_the_topic_has_the_documented_name_and_is_encrypted(around: Surroundings) -> None:
    assert around.told["topic"]["DisplayName"] == "MealPrep Alerts"
    assert around.told["topic"]["KmsMasterKeyId"] == around.physical_id("monitoring", "AlertsKey")


@pytest.mark.row("MP-23")
def test_the_budget_is_the_documented_sum_for_this_environment(life: Life, around: Surroundings) -> None:
    budget = around.told["budget"]
    assert (budget["BudgetType"], budget["TimeUnit"]) == ("COST", "MONTHLY")
    assert (float(budget["BudgetLimit"]["Amount"]), budget["BudgetLimit"]["Unit"]) == (
        1000 if life.is_prod else 200,
        "USD",
    )
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:Environment${life.environment}"]}
    (warning,) = around.told["warned"]
    assert (warning["NotificationType"], warning["Threshold"]) == ("ACTUAL", 80)


@pytest.mark.row("MP-18")
def test_the_dashboard_shows_this_load_balancer_and_this_cluster(life: Life, around: Surroundings) -> None:
    shown = json.dumps(around.told["dashboard"])
    assert life.outputs["platform"]["LoadBalancerFullName"] in shown
    cluster = around.data["cluster"]["DBClusterIdentifier"]
    assert around.data["names"] == {f"/mealprep/{life.environment}/database-identifier": cluster}
    assert f'"DBClusterIdentifier", "{cluster}"' in shown
    regions = {each["properties"]["region"] for each in around.told["dashboard"]["widgets"] if each["type"] == "metric"}
    assert APPLICATION in regions


@pytest.mark.row("MP-14")
def test_log_groups_of_both_regions_keep_30_days_in_prod_and_7_in_dev(life: Life, around: Surroundings) -> None:
    days = 30 if life.is_prod else 7
    groups = {name: days for kept in around.retention.values() for name, days in kept.items()}
    assert set(groups.values()) == {days}
    assert set(around.retention[EDGE]) == {f"aws-waf-logs-mealprep-{life.environment}-edge-public"}
    assert {
        f"/ecs/mealprep-api-{life.environment}",
        f"/aws/rds/cluster/mealprep-{life.environment}-cluster/postgresql",
        around.physical_id("processing", "ImagesLogGroup"),
    } == set(around.retention[APPLICATION])


@dataclass(frozen=True)
class Copies:
    """What only prod has: backups here and copies in the other Region, and a name."""

    vaults: dict[str, dict[str, Any]]
    """By Region, the only one there."""
    plan: dict[str, Any]
    selection: dict[str, Any]
    replication: dict[str, Any]
    records: dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def copies(prod: Life, around_prod: Surroundings) -> Copies:
    target = prod.target
    vaults = {
        region: target.aws("backup", "list-backup-vaults", region=region)["BackupVaultList"]
        for region in target.regions
    }
    plan = ("--backup-plan-id", around_prod.physical_id("backup", "DatabaseBackupPlan"))
    (selected,) = target.aws("backup", "list-backup-selections", *plan)["BackupSelectionsList"]
    selection = ("--selection-id", selected["SelectionId"])
    bucket = ("--bucket", prod.outputs["backup"]["BackupBucketName"])
    (zone,) = target.aws("route53", "list-hosted-zones")["HostedZones"]
    records = target.aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone["Id"])["ResourceRecordSets"]
    return Copies(
        vaults={region: found[0] for region, found in vaults.items() if found},
        plan=target.aws("backup", "get-backup-plan", *plan)["BackupPlan"],
        selection=target.aws("backup", "get-backup-selection", *plan, *selection)["BackupSelection"],
        replication=target.aws("s3api", "get-bucket-replication", *bucket)["ReplicationConfiguration"],
        records={
            (each["Name"], each["Type"]): each["AliasTarget"]["DNSName"] for each in records if "AliasTarget" in each
        },
    )


@pytest.mark.row("MP-22")
def test_the_cluster_is_backed_up_every_day_and_copied_to_the_other_region(
    prod: Life, around_prod: Surroundings, copies: Copies
) -> None:
    (rule,) = copies.plan["Rules"]
    assert set(copies.vaults) == {APPLICATION, REPLICA}
    assert rule["TargetBackupVaultName"] == copies.vaults[APPLICATION]["BackupVaultName"]
    (copy,) = rule["CopyActions"]
    there = prod.outputs["replica"]["VaultArn"]
    assert copy["DestinationBackupVaultArn"] == copies.vaults[REPLICA]["BackupVaultArn"] == there
    assert there.startswith(f"arn:aws:backup:{REPLICA}:{ACCOUNT}:backup-vault:")
    assert copies.vaults[REPLICA]["EncryptionKeyArn"].startswith(f"arn:aws:kms:{REPLICA}:")
    assert copies.selection["Resources"] == [around_prod.data["cluster"]["DBClusterArn"]]


@pytest.mark.row("MP-22")
def test_backups_in_the_bucket_are_replicated_to_the_one_in_the_other_region(prod: Life, copies: Copies) -> None:
    (rule,) = copies.replication["Rules"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": "backups/"})
    there = prod.outputs["replica"]["BackupBucketArn"]
    assert rule["Destination"] == {"Bucket": there, "StorageClass": "STANDARD_IA"}
    assert there == f"arn:aws:s3:::mealprep-prod-backup-{ACCOUNT}-secondary"


@pytest.mark.row("MP-15")
def test_the_name_of_prod_leads_to_the_distribution_and_the_origins_to_the_load_balancer(
    around_prod: Surroundings, copies: Copies
) -> None:
    front = around_prod.front
    assert copies.records == {
        (f"{DOMAIN}.", "A"): f"{front['distribution']['DomainName']}.",
        (f"{DOMAIN}.", "AAAA"): f"{front['distribution']['DomainName']}.",
        (f"origin.{DOMAIN}.", "A"): f"{front['balancer']['DNSName']}.",
    }


# From here on prod moves: a new image, and what is refused.


@pytest.fixture(scope="module")
def updated(prod: Life, copies: Copies, around_dev: Surroundings) -> Life:
    prod.target.push("v2")
    return _live(prod.target, prod.target.deploy({"ImageTag": "v2"}))


@dataclass(frozen=True)
class Failed:
    message: str
    status: str
    api: RunningService
    retention: dict[str, int]
    bystander: RunningService
    """The API of dev."""


@pytest.fixture(scope="module")
def failed(dev: Life, updated: Life, tmp_path_factory: pytest.TempPathFactory) -> Failed:
    """A broken update of the service."""
    target = updated.target
    template = target.template("service")
    resources = template["Resources"]
    resources["ApiLogGroup"]["Properties"]["RetentionInDays"] = 14
    resources["ApiService"]["Properties"]["HealthCheckGracePeriodSeconds"] = "soon"
    broken = broken_copy(target, "service", template, tmp_path_factory.mktemp("broken"))
    with pytest.raises(DeployError) as error:
        target.deploy({}, manifest=broken, only=("service",))
    return Failed(
        str(error.value),
        target.status("service"),
        read_service(target, updated.outputs["service"]),
        retention(target),
        read_service(dev.target, dev.outputs["service"]),
    )


def test_a_new_image_tag_changes_the_stack_of_the_service_and_no_other(updated: Life) -> None:
    assert updated.outcomes == {name: "updated" if name == "service" else "unchanged" for name in [*STACKS, *RECOVERY]}


def test_a_new_image_tag_replaces_the_task_definition_and_nothing_else(prod: Life, updated: Life) -> None:
    changes = {change.logical_id: change for change in updated.plans["service"].changes}
    assert {name for name, each in changes.items() if each.action == "replace"} == {"ApiTaskDefinition"}
    # CloudFormation cannot know beforehand that the service's attributes stay what they are.
    after = dependents(updated.target.template("service"), "ApiService")
    assert set(changes) <= {"ApiTaskDefinition", "ApiService", *after}
    now, before = updated.api, prod.api
    assert now.containers["api"]["image"] == f"{REGISTRY}/mealprep-api:v2"
    assert now.service["taskDefinition"] != before.service["taskDefinition"]
    assert now.service["serviceArn"] == before.service["serviceArn"]


def test_dev_does_not_take_part_in_an_update_of_prod(dev: Life, failed: Failed) -> None:
    assert failed.bystander.service["taskDefinition"] == dev.api.service["taskDefinition"]


def test_a_broken_update_of_the_service_is_rolled_back_with_its_reason(updated: Life, failed: Failed) -> None:
    first, cause, reason, *_ = failed.message.splitlines()
    assert first == "Stack mealprep-prod-service failed and is now in UPDATE_ROLLBACK_COMPLETE."
    assert cause == "Root cause: ApiService (AWS::ECS::Service) UPDATE_FAILED:"
    assert "HealthCheckGracePeriodSeconds" in reason
    assert failed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert failed.retention["/ecs/mealprep-api-prod"] == 30
    assert failed.api.service["taskDefinition"] == updated.api.service["taskDefinition"]


@dataclass(frozen=True)
class Ended:
    """What is left when an environment is deleted."""

    refusals: list[str]
    result: DeleteResult
    retained: dict[str, set[str]]
    """Logical ids by stack."""
    snapshots: set[str]
    """What is kept as a snapshot, by logical id."""
    left: dict[str, dict[str, set[str]]]
    """By Region."""
    rest: dict[str, set[str]]
    """What Target.left does not look at, over all Regions."""


@pytest.fixture(scope="module")
def repeated(dev: Life, failed: Failed) -> DeployResult:
    """The stacks that are not asked for here were unchanged already when prod got a new image."""
    return dev.target.deploy(only=("edge", "platform", "service"))


@pytest.fixture(scope="module")
def dev_gone(dev: Life, repeated: DeployResult) -> Ended:
    return _end(dev)


@pytest.fixture(scope="module")
def prod_gone(prod: Life, dev_gone: Ended) -> Ended:
    return _end(prod)


def _end(life: Life) -> Ended:
    target = life.target
    refusals: list[str] = []
    result = target.delete_as_told(refusals)
    stacks = target.deletions[-1].stacks
    retained = {stack.entry.name: {item.logical_id for item in stack.retained} for stack in stacks if stack.retained}
    snapshots = {item.logical_id for stack in stacks for item in stack.snapshots}
    left = {region: _left(target, region) for region in target.regions if region != APPLICATION}
    return Ended(refusals, result, retained, snapshots, {APPLICATION: target.left(), **left}, _rest(target))


def _left(target: Target, region: str) -> dict[str, set[str]]:
    return {"stacks": _stacks(target, region), "log groups": set(retention(target, region))}


def _rest(target: Target) -> dict[str, set[str]]:
    distributions = target.aws("cloudfront", "list-distributions").get("DistributionList", {}).get("Items") or []
    acls = target.aws("wafv2", "list-web-acls", "--scope", "CLOUDFRONT", region=EDGE)["WebACLs"]
    vaults = [
        each["BackupVaultArn"]
        for region in (APPLICATION, REPLICA)
        for each in target.aws("backup", "list-backup-vaults", region=region)["BackupVaultList"]
    ]
    clusters = target.aws("rds", "describe-db-clusters")["DBClusters"]
    caches = target.aws("elasticache", "describe-replication-groups")["ReplicationGroups"]
    snapshots = target.aws("rds", "describe-db-cluster-snapshots")["DBClusterSnapshots"]
    return {
        "snapshots": {each["DBClusterIdentifier"] for each in snapshots},
        "distributions": {each["Comment"] for each in distributions},
        "web ACLs": {each["Name"] for each in acls},
        "functions": {each["FunctionName"] for each in target.aws("lambda", "list-functions")["Functions"]},
        "clusters": {each["DBClusterIdentifier"] for each in clusters},
        "caches": {each["ReplicationGroupId"] for each in caches},
        "vaults": set(vaults),
    }


def test_a_second_deploy_changes_nothing_in_either_region(repeated: DeployResult) -> None:
    assert [(stack.entry.name, stack.entry.region, stack.outcome) for stack in repeated.stacks] == [
        (name, ELSEWHERE.get(name, APPLICATION), "unchanged") for name in ("edge", "platform", "service")
    ]


def test_dev_goes_in_reverse_order_over_both_regions_and_leaves_the_images_and_prod(dev_gone: Ended) -> None:
    assert dev_gone.refusals == []
    assert dev_gone.retained == {}
    gone = [(entry.name, entry.region) for entry in dev_gone.result.deleted]
    assert gone == [(name, ELSEWHERE.get(name, APPLICATION)) for name in reversed(STACKS[1:])]
    assert dev_gone.snapshots == set()
    rest = {
        region: {kind: {name for name in names if not re.search(r"\bprod\b", name)} for kind, names in left.items()}
        for region, left in dev_gone.left.items()
    }
    assert len(rest[APPLICATION].pop("networks")) == 1
    assert {region: {kind: names for kind, names in left.items() if names} for region, left in rest.items()} == {
        APPLICATION: {"stacks": {"mealprep-registry"}, "repositories": {"mealprep-api"}},
        EDGE: {},
    }
    for names in dev_gone.rest.values():
        assert not {name for name in names if "-dev-" in name}


def test_prod_goes_only_after_all_of_its_protection_is_lifted(prod: Life, prod_gone: Ended) -> None:
    (refusal,) = prod_gone.refusals
    own = [entry.stack_name for entry in prod.target.manifest.stacks if not entry.shared]
    for name in [*own, "PublicLoadBalancer", "DatabaseCluster"]:
        assert f"  {name}: aws " in refusal
    names = [entry.name for entry in prod_gone.result.deleted]
    assert names == [*reversed(RECOVERY), *reversed(STACKS[1:])]


def test_what_prod_keeps_is_there_in_every_region_and_nothing_else(prod: Life, prod_gone: Ended) -> None:
    assert prod_gone.retained == {
        "backup": {"DatabaseBackupVault", "BackupBucket", "BackupBucketPolicy"},
        "replica": {"DatabaseBackupKey", "DatabaseBackupVault", "BackupBucket", "BackupBucketPolicy"},
        "processing": {"ImagesLogGroup"},
        "service": {"ApiLogGroup"},
        "platform": {"FrontendBucket", "FrontendBucketPolicy"},
        "edge": {"PublicWebAclLogGroup"},
        "data": {
            *("DatabaseLogGroup", "DatabaseSecret", "DatabaseConnectionString", "LookupsAuthToken"),
            *("StorageBucket", "StorageBucketPolicy", "AppSecretsSecret", "EmailApiKeySecret"),
        },
    }
    assert prod_gone.snapshots == {"DatabaseCluster", "LookupsReplicationGroup"}
    counted = {
        region: {kind: len(names) for kind, names in left.items() if names and kind != "buckets"}
        for region, left in prod_gone.left.items()
    }
    assert counted == {
        APPLICATION: {"stacks": 1, "log groups": 3, "repositories": 1, "secrets": 5},
        EDGE: {"log groups": 1},
        REPLICA: {},
    }
    assert prod_gone.left[EDGE]["log groups"] == {"aws-waf-logs-mealprep-prod-edge-public"}
    assert prod_gone.left[APPLICATION]["buckets"] == {
        f"mealprep-prod-storage-{ACCOUNT}",
        f"mealprep-prod-backup-{ACCOUNT}",
        f"mealprep-prod-backup-{ACCOUNT}-secondary",
        prod.outputs["platform"]["FrontendBucketName"],
    }
    rest = {kind: names for kind, names in prod_gone.rest.items() if names}
    assert set(rest) == {"vaults", "snapshots"}
    assert rest["snapshots"] == {"mealprep-prod-cluster"}
    assert {arn.split(":")[3] for arn in rest["vaults"]} == {APPLICATION, REPLICA}
