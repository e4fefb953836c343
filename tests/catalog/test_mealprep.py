"""MealPrep: the rows MP-01 to MP-26, on what all stacks of an environment render together."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from blueprints.components.aurora_parameters import LEFT_TO_AURORA
from blueprints.render.writing import manifest_of
from tests.catalog.rendered import Rendered, render, text, values

ENVIRONMENTS = ["dev", "prod"]
ZONES = [1, 2, 3]

both = pytest.mark.parametrize("environment", ENVIRONMENTS)

ALARM = "AWS::CloudWatch::Alarm"
BUCKET = "AWS::S3::Bucket"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
INSTANCE = "AWS::RDS::DBInstance"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
LOG_GROUP = "AWS::Logs::LogGroup"
SCALING = "AWS::ApplicationAutoScaling::ScalingPolicy"


def followed(value: Any, template: Mapping[str, Any], producers: Mapping[str, Mapping[str, Any]]) -> Any:
    """A value with what it reads from other stacks in the place of Fn::GetStackOutput."""
    if isinstance(value, list):
        return [followed(item, template, producers) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetStackOutput" in value:
        wanted = value["Fn::GetStackOutput"]
        name = template["Parameters"][wanted["StackName"]["Ref"]]["Default"]
        return producers[name]["Outputs"][wanted["OutputName"]]["Value"]
    return {key: followed(item, template, producers) for key, item in value.items()}


def mealprep(environment: str, **settings: Any) -> Rendered:
    """The architecture as if its stacks were one: values of other stacks are followed to where they come from."""
    rendered = render("mealprep", environment, **settings)
    producers = {stack.stack_name: rendered.templates[stack.name] for stack in rendered.stacks}
    return Rendered(
        rendered.stacks,
        {name: followed(template, template, producers) for name, template in rendered.templates.items()},
    )


def resource(rendered: Rendered, stack: str, logical_id: str) -> dict[str, Any]:
    """The properties of a resource; the second Region's have the names of those that they are copies of."""
    found: dict[str, Any] = rendered.templates[stack]["Resources"][logical_id]["Properties"]
    return found


def everything(rendered: Rendered, type_: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Stack, logical id and whole resource of a type."""
    for stack, template in rendered.templates.items():
        for logical_id, one in template["Resources"].items():
            if one["Type"] == type_:
                yield stack, logical_id, one


def attribute(logical_id: str, name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, name]}


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


def containers(rendered: Rendered) -> dict[str, dict[str, Any]]:
    definitions = resource(rendered, "service", "ApiTaskDefinition")["ContainerDefinitions"]
    return {container["Name"]: container for container in definitions}


def statements_of(rendered: Rendered, role: str) -> dict[str, dict[str, Any]]:
    """The statements of a role, those of policies that are resources of their own among them."""
    found = {one["Sid"]: one for name, one in rendered.statements() if name == role}
    for policy in rendered.all("AWS::IAM::Policy"):
        if ref(role) in policy["Roles"]:
            found |= {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}
    return found


def allowed(rendered: Rendered, role: str) -> dict[str, tuple[list[str], list[Any]]]:
    """Actions and resources of what a role may do, by the statements' names."""
    return {
        sid: (sorted(one["Action"]), one["Resource"])
        for sid, one in statements_of(rendered, role).items()
        if one["Effect"] == "Allow"
    }


# MP-01: the network


@pytest.mark.row("MP-01")
@both
def test_the_vpc_has_dns_and_three_kinds_of_subnets_in_three_zones(environment):
    rendered = mealprep(environment)
    vpc = rendered.one("AWS::EC2::VPC")
    assert (vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]) == (True, True)
    subnets = rendered.resources("AWS::EC2::Subnet")
    found = {
        name: (
            ipaddress.ip_network(one["Properties"]["CidrBlock"]).prefixlen,
            one["Properties"]["AvailabilityZone"]["Fn::Select"][0],
        )
        for name, one in subnets.items()
    }
    assert found == {
        f"Main{kind}Subnet{zone}": (length, zone - 1)
        for kind, length in (("Public", 24), ("Private", 24), ("Data", 28))
        for zone in ZONES
    }
    assert not any(one["Properties"]["MapPublicIpOnLaunch"] for one in subnets.values())


@pytest.mark.row("MP-01")
@both
def test_subnets_lie_in_the_vpc_and_apart_from_each_other(environment):
    rendered = mealprep(environment)
    vpc = ipaddress.IPv4Network(rendered.one("AWS::EC2::VPC")["CidrBlock"])
    ranges = [ipaddress.IPv4Network(one["CidrBlock"]) for one in rendered.all("AWS::EC2::Subnet")]
    assert all(one.subnet_of(vpc) for one in ranges)
    assert not [pair for pair in itertools.combinations(ranges, 2) if pair[0].overlaps(pair[1])]


def route_tables(rendered: Rendered) -> dict[str, str]:
    """The route table of each subnet."""
    return {
        one["SubnetId"]["Ref"]: one["RouteTableId"]["Ref"]
        for one in rendered.all("AWS::EC2::SubnetRouteTableAssociation")
    }


@pytest.mark.row("MP-01")
@both
def test_database_subnets_have_no_route_but_the_vpcs_own(environment):
    """Every route table knows the VPC; whatever else is reached stands in a route or a gateway endpoint."""
    rendered = mealprep(environment)
    tables = {table for subnet, table in route_tables(rendered).items() if subnet.startswith("MainData")}
    routed = {one["RouteTableId"]["Ref"] for one in rendered.all("AWS::EC2::Route")}
    endpoints = {text(table) for one in rendered.all("AWS::EC2::VPCEndpoint") for table in one.get("RouteTableIds", [])}
    assert tables == {"MainDataRouteTable"}
    assert not tables & routed
    assert "Ref MainDataRouteTable" not in endpoints


@pytest.mark.row("MP-01")
@pytest.mark.parametrize(("environment", "zones"), [("dev", [1]), ("prod", [1, 2, 3])])
def test_private_subnets_leave_through_one_nat_gateway_in_dev_and_one_a_zone_in_prod(environment, zones):
    rendered = mealprep(environment)
    gateways = rendered.resources("AWS::EC2::NatGateway")
    assert {name: one["Properties"]["SubnetId"] for name, one in gateways.items()} == {
        f"MainNatGateway{zone}": ref(f"MainPublicSubnet{zone}") for zone in zones
    }
    out = {
        route["RouteTableId"]["Ref"]: route.get("GatewayId") or route["NatGatewayId"]
        for route in rendered.all("AWS::EC2::Route")
    }
    assert {route["DestinationCidrBlock"] for route in rendered.all("AWS::EC2::Route")} == {"0.0.0.0/0"}
    ways = {subnet: out.get(table) for subnet, table in route_tables(rendered).items()}
    assert ways == {
        **{f"MainPublicSubnet{zone}": ref("MainInternetGateway") for zone in ZONES},
        **{f"MainPrivateSubnet{zone}": ref(f"MainNatGateway{min(zone, zones[-1])}") for zone in ZONES},
        **{f"MainDataSubnet{zone}": None for zone in ZONES},
    }


def subnets_of(kind: str) -> list[dict[str, str]]:
    return [ref(f"Main{kind}Subnet{zone}") for zone in ZONES]


@pytest.mark.row("MP-01", "MP-02")
@both
def test_everything_stands_in_the_documented_kind_of_subnet(environment):
    rendered = mealprep(environment)
    placed = {
        "load balancer": rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")["Subnets"],
        "tasks": rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"],
        "function": rendered.one("AWS::Lambda::Function")["VpcConfig"]["SubnetIds"],
        "cache": rendered.one("AWS::ElastiCache::SubnetGroup")["SubnetIds"],
        "database": rendered.one("AWS::RDS::DBSubnetGroup")["SubnetIds"],
    }
    assert placed == {
        "load balancer": subnets_of("Public"),
        "tasks": subnets_of("Private"),
        "function": subnets_of("Private"),
        "cache": subnets_of("Private"),
        "database": subnets_of("Data"),
    }
    place = rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert place["AssignPublicIp"] == "DISABLED"


# MP-02: security groups

ANYWHERE, CLOUDFRONT = "0.0.0.0/0", "CloudFrontPrefixListId"
DOOR = {"dev": 80, "prod": 443}


def documented_connections(environment: str) -> set[tuple[str, str, int]]:
    """From, to and port; from outside nothing comes but CloudFront (MP-09), and the cache is the errata's (2.24)."""
    return {
        (CLOUDFRONT, "PublicSecurityGroup", DOOR[environment]),
        ("PublicSecurityGroup", "ApiSecurityGroup", 8080),
        ("ApiSecurityGroup", "DatabaseSecurityGroup", 5432),
        ("ApiSecurityGroup", "LookupsSecurityGroup", 6379),
        ("ApiSecurityGroup", ANYWHERE, 443),
        ("ImagesSecurityGroup", ANYWHERE, 443),
    }


def end(rule: Mapping[str, Any], *keys: str) -> str:
    """Who stands at an end of a rule: a group's logical id, a range of addresses or a prefix list."""
    (value,) = [rule[key] for key in keys if key in rule]
    if isinstance(value, str):
        return value
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


def connections(rendered: Rendered, type_: str) -> list[tuple[str, str, int]]:
    """From, to and port of every rule of a kind; each is of one TCP port."""
    other = "Source" if type_ == INGRESS else "Destination"
    found = []
    for rule in rendered.all(type_):
        assert (rule["IpProtocol"], rule["FromPort"]) == ("tcp", rule["ToPort"])
        group = end(rule, "GroupId")
        peer = end(rule, f"{other}SecurityGroupId", f"{other}PrefixListId", "CidrIp", "CidrIpv6")
        found.append((*((peer, group) if type_ == INGRESS else (group, peer)), rule["FromPort"]))
    assert len(found) == len(set(found))
    return found


@pytest.mark.row("MP-02", "MP-06", "MP-09")
@both
def test_the_documented_connections_are_open_at_both_ends_and_no_others_at_either(environment):
    rendered = mealprep(environment)
    groups = set(rendered.resources("AWS::EC2::SecurityGroup"))
    assert groups == {f"{name}SecurityGroup" for name in ("Public", "Api", "Database", "Lookups", "Images")}
    documented = documented_connections(environment)
    assert set(connections(rendered, INGRESS)) == {one for one in documented if one[1] in groups}
    assert set(connections(rendered, EGRESS)) == {one for one in documented if one[0] in groups}


@pytest.mark.row("MP-02")
@both
def test_groups_have_no_rules_beside_those(environment):
    """Without a rule of its own CloudFormation lets a group out to everywhere, so each has one that leads nowhere."""
    for group in mealprep(environment).all("AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group
        (nowhere,) = group["SecurityGroupEgress"]
        assert (nowhere["IpProtocol"], nowhere["CidrIp"]) == ("-1", "127.0.0.1/32")
        assert group["VpcId"] == ref("MainVpc")


@pytest.mark.row("MP-02")
@both
def test_each_group_is_worn_by_what_it_is_named_for(environment):
    """The document's database lets in a group that it gives to nobody."""
    rendered = mealprep(environment)
    worn = {
        "Public": rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")["SecurityGroups"],
        "Api": rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"],
        "Database": rendered.one("AWS::RDS::DBCluster")["VpcSecurityGroupIds"],
        "Lookups": rendered.one("AWS::ElastiCache::ReplicationGroup")["SecurityGroupIds"],
        "Images": rendered.one("AWS::Lambda::Function")["VpcConfig"]["SecurityGroupIds"],
    }
    assert worn == {name: [attribute(f"{name}SecurityGroup", "GroupId")] for name in worn}


@pytest.mark.row("MP-02")
@both
@pytest.mark.parametrize(("stack", "waiting"), [("service", "ApiService"), ("processing", "ImagesFunction")])
def test_nothing_starts_before_its_connections_are_open(environment, stack, waiting):
    template = mealprep(environment).templates[stack]["Resources"]
    rules = {name for name, one in template.items() if one["Type"] in {INGRESS, EGRESS}}
    assert rules
    assert rules <= set(template[waiting]["DependsOn"])


# MP-03: the database


@pytest.mark.row("MP-03")
@both
def test_the_database_is_aurora_postgresql_15_of_a_version_that_can_be_made(environment):
    rendered = mealprep(environment)
    cluster = rendered.one("AWS::RDS::DBCluster")
    assert (cluster["Engine"], cluster["EngineVersion"]) == ("aurora-postgresql", ref("DatabaseEngineVersion"))
    version = rendered.templates["data"]["Parameters"]["DatabaseEngineVersion"]
    # The document's 15.4 cannot be made any more.
    assert version["AllowedValues"] == [f"15.{minor}" for minor in (10, 12, 13, 14, 15, 17, 18, 19)]
    assert version["Default"] == "15.19"
    # A forgotten major version would begin to cost by the hour.
    assert cluster["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert cluster["DBClusterIdentifier"] == f"mealprep-{environment}-cluster"
    assert (cluster["DatabaseName"], cluster["Port"]) == ("mealprep", 5432)
    assert cluster["DBSubnetGroupName"] == ref("DatabaseSubnetGroup")


@pytest.mark.row("MP-03")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("dev", {"DatabaseWriter": ("db.t4g.medium", 0, 0)}),
        ("prod", {"DatabaseWriter": ("db.r6g.large", 0, 0), "DatabaseReader1": ("db.r6g.large", 1, 1)}),
    ],
)
def test_instances_have_the_documented_class_and_zones_of_their_own(environment, expected):
    instances = mealprep(environment).resources(INSTANCE)
    assert {
        name: (
            one["Properties"]["DBInstanceClass"],
            one["Properties"]["AvailabilityZone"]["Fn::Select"][0],
            one["Properties"]["PromotionTier"],
        )
        for name, one in instances.items()
    } == expected
    for one in instances.values():
        assert one["Properties"]["DBClusterIdentifier"] == ref("DatabaseCluster")
        assert one["Properties"]["Engine"] == "aurora-postgresql"
        assert one["Properties"]["PubliclyAccessible"] is False


@pytest.mark.row("MP-03")
def test_the_first_instance_that_is_made_is_the_writer():
    """Aurora makes the first one its writer; alarms and zones count on which that is."""
    assert mealprep("prod").resources(INSTANCE)["DatabaseReader1"]["DependsOn"] == ["DatabaseWriter"]


@pytest.mark.row("MP-03")
@pytest.mark.parametrize(("environment", "days", "protected"), [("dev", 7, False), ("prod", 30, True)])
def test_the_cluster_is_encrypted_backed_up_and_maintained_as_documented(environment, days, protected):
    cluster = mealprep(environment).one("AWS::RDS::DBCluster")
    documented = {
        "StorageEncrypted": True,
        "DeletionProtection": protected,
        "BackupRetentionPeriod": days,
        "PreferredBackupWindow": "03:00-04:00",
        "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
        # The document's error, general and slowquery are MySQL's.
        "EnableCloudwatchLogsExports": ["postgresql"],
        "PerformanceInsightsEnabled": True,
    }
    assert {key: cluster[key] for key in documented} == documented


@pytest.mark.row("MP-03", "MP-14")
@both
def test_the_databases_log_group_is_there_before_rds_would_make_one_for_ever(environment):
    rendered = mealprep(environment)
    group = resource(rendered, "data", "DatabaseLogGroup")
    assert group["LogGroupName"] == f"/aws/rds/cluster/mealprep-{environment}-cluster/postgresql"
    assert "DatabaseLogGroup" in rendered.resources("AWS::RDS::DBCluster")["DatabaseCluster"]["DependsOn"]


@pytest.mark.row("MP-03")
@both
def test_the_master_user_has_a_generated_password_under_the_documented_name(environment):
    rendered = mealprep(environment)
    secret, cluster = resource(rendered, "data", "DatabaseSecret"), rendered.one("AWS::RDS::DBCluster")
    assert secret["Name"] == f"{environment}/mealprep/db-credentials"
    generated = secret["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": "mealprepadmin"}
    assert generated["GenerateStringKey"] == "password"
    # RDS refuses / @ " and spaces; a connection string would need quotes around ; and '.
    assert generated["ExcludePunctuation"] is True
    assert cluster["MasterUsername"] == "mealprepadmin"
    assert cluster["MasterUserPassword"] == {
        "Fn::Sub": "{{resolve:secretsmanager:${DatabaseSecret}:SecretString:password}}"
    }
    assert not {"ManageMasterUserPassword"} & cluster.keys()
    attachment = rendered.one("AWS::SecretsManager::SecretTargetAttachment")
    assert (attachment["SecretId"], attachment["TargetId"]) == (ref("DatabaseSecret"), ref("DatabaseCluster"))
    assert attachment["TargetType"] == "AWS::RDS::DBCluster"


# MP-04: the database's parameters


@pytest.mark.row("MP-04")
@both
def test_parameters_are_the_documents_in_auroras_units(environment):
    rendered = mealprep(environment)
    group = rendered.one("AWS::RDS::DBClusterParameterGroup")
    assert group["Family"] == "aurora-postgresql15"
    assert rendered.one("AWS::RDS::DBCluster")["DBClusterParameterGroupName"] == ref("DatabaseParameterGroup")
    assert group["Parameters"] == {
        "rds.force_ssl": "1",
        "log_min_duration_statement": str(1000),  # ms
        "log_statement": "mod",
        "log_parameter_max_length": "0",  # what people typed stays out of the log
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track": "ALL",
        "work_mem": str(16 * 1024),  # kB
        "maintenance_work_mem": str(512 * 1024),  # kB
        "max_connections": "200",
        "max_prepared_transactions": "200",
    }


@pytest.mark.row("MP-04")
@both
def test_what_aurora_sizes_by_itself_is_left_to_it_for_a_reason(environment):
    given = mealprep(environment).one("AWS::RDS::DBClusterParameterGroup")["Parameters"]
    assert LEFT_TO_AURORA.keys() == {"shared_buffers", "effective_cache_size"}
    assert not LEFT_TO_AURORA.keys() & given.keys()
    assert all(len(reason.split()) > 10 for reason in LEFT_TO_AURORA.values())


# MP-05: variable load


@pytest.mark.row("MP-05")
@both
def test_the_database_can_follow_its_load(environment):
    rendered = mealprep(environment, database="serverless", database_minimum_capacity=1, database_maximum_capacity=8)
    cluster = rendered.one("AWS::RDS::DBCluster")
    assert cluster["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 1, "MaxCapacity": 8}
    assert {one["DBInstanceClass"] for one in rendered.all(INSTANCE)} == {"db.serverless"}
    assert "ServerlessV2ScalingConfiguration" not in mealprep(environment).one("AWS::RDS::DBCluster")


# MP-06: the cache


@pytest.mark.row("MP-06")
@pytest.mark.parametrize(("environment", "nodes"), [("dev", 1), ("prod", 2)])
def test_the_cache_is_encrypted_everywhere_and_in_two_zones_in_prod(environment, nodes):
    cache = mealprep(environment).one("AWS::ElastiCache::ReplicationGroup")
    assert (cache["Engine"], cache["Port"]) == ("valkey", 6379)
    assert (cache["TransitEncryptionEnabled"], cache["TransitEncryptionMode"]) == (True, "required")
    assert cache["AtRestEncryptionEnabled"] is True
    assert cache["NumCacheClusters"] == nodes
    assert cache["MultiAZEnabled"] is (nodes > 1)
    assert cache["AutomaticFailoverEnabled"] is (nodes > 1)
    assert cache["CacheSubnetGroupName"] == ref("LookupsSubnetGroup")
    assert cache["AuthToken"] == {"Fn::Sub": "{{resolve:secretsmanager:${LookupsAuthToken}:SecretString}}"}


@pytest.mark.row("MP-06")
@both
def test_the_api_is_told_where_the_cache_is_and_its_token(environment):
    api = containers(mealprep(environment))["api"]
    told = values(api["Environment"])
    assert told["Cache__Host"] == attribute("LookupsReplicationGroup", "PrimaryEndPoint.Address")
    assert (told["Cache__Port"], told["Cache__Tls"]) == ("6379", "true")
    assert values(api["Secrets"], value="ValueFrom")["Cache__AuthToken"] == ref("LookupsAuthToken")


# MP-07: buckets


@pytest.mark.row("MP-07")
@both
def test_the_storage_bucket_has_the_documented_name(environment):
    bucket = resource(mealprep(environment), "data", "StorageBucket")
    assert bucket["BucketName"] == {"Fn::Sub": f"mealprep-{environment}-storage-${{AWS::AccountId}}"}


@pytest.mark.row("MP-07", "MP-08", "MP-22")
@both
def test_every_bucket_is_encrypted_closed_to_the_public_and_refuses_plain_http(environment):
    rendered = mealprep(environment)
    policies = {
        (stack, one["Properties"]["Bucket"]["Ref"]): one["Properties"]["PolicyDocument"]["Statement"]
        for stack, _, one in everything(rendered, "AWS::S3::BucketPolicy")
    }
    buckets = list(everything(rendered, BUCKET))
    assert len(buckets) == {"dev": 2, "prod": 4}[environment]
    for stack, name, one in buckets:
        bucket = one["Properties"]
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        (refused,) = [one for one in policies[stack, name] if one["Effect"] == "Deny"]
        assert (refused["Principal"], refused["Action"]) == ("*", ["s3:*"])
        assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert refused["Resource"] == [attribute(name, "Arn"), {"Fn::Sub": f"${{{name}.Arn}}/*"}]


@pytest.mark.row("MP-07")
@pytest.mark.parametrize(("environment", "versioned"), [("dev", False), ("prod", True)])
def test_uploads_are_versioned_and_tiered_in_prod(environment, versioned):
    bucket = resource(mealprep(environment), "data", "StorageBucket")
    assert bucket.get("VersioningConfiguration") == ({"Status": "Enabled"} if versioned else None)
    moved = [
        transition["StorageClass"]
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        for transition in rule.get("Transitions", [])
    ]
    assert moved == (["INTELLIGENT_TIERING"] if versioned else [])


@pytest.mark.row("MP-07", "MP-08")
@both
def test_old_versions_go_after_a_month_and_nothing_that_is_live_ever_does(environment):
    """The document's expiration of 90 days, without a prefix, deletes the application and what people uploaded."""
    for stack, name, one in everything(mealprep(environment), BUCKET):
        rules = one["Properties"]["LifecycleConfiguration"]["Rules"]
        assert [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [
            {"NoncurrentDays": 30}
        ], (stack, name)
        for rule in rules:
            assert rule["Status"] == "Enabled"
            if {"ExpirationInDays", "ExpirationDate"} & rule.keys():
                assert (name, rule["Prefix"], rule["ExpirationInDays"]) == ("StorageBucket", "temporary/", 90)


@pytest.mark.row("MP-07", "MP-20")
def test_pages_of_the_public_name_may_upload_with_presigned_urls():
    rendered = mealprep("prod", domain_name="api.mealprep.com")
    (rule,) = resource(rendered, "data", "StorageBucket")["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == [{"Fn::Sub": "https://${DomainName}"}]
    assert "PUT" in rule["AllowedMethods"]
    assert rendered.templates["data"]["Parameters"]["DomainName"]["Default"] == "api.mealprep.com"


# MP-08: the frontend


def distribution(rendered: Rendered) -> dict[str, Any]:
    found: dict[str, Any] = rendered.one("AWS::CloudFront::Distribution")["DistributionConfig"]
    return found


def origin(rendered: Rendered, behavior: Mapping[str, Any]) -> dict[str, Any]:
    """The origin that a behaviour leads to."""
    (found,) = [one for one in distribution(rendered)["Origins"] if one["Id"] == behavior["TargetOriginId"]]
    return dict(found)


# Policies that CloudFront manages, by the ids that its documentation lists.
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"


@pytest.mark.row("MP-08")
@both
def test_pages_come_from_a_bucket_of_their_own_below_frontend(environment):
    """In the document they share the bucket of what people upload."""
    rendered = mealprep(environment)
    pages = origin(rendered, distribution(rendered)["DefaultCacheBehavior"])
    assert pages["DomainName"] == attribute("FrontendBucket", "RegionalDomainName")
    assert pages["OriginPath"] == "/frontend"
    assert pages["OriginAccessControlId"] == ref("PublicOriginAccessControl")
    # Without the empty identity CloudFront takes the bucket for a server of one's own.
    assert pages["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    control = rendered.one("AWS::CloudFront::OriginAccessControl")["OriginAccessControlConfig"]
    assert (control["OriginAccessControlOriginType"], control["SigningProtocol"]) == ("s3", "sigv4")
    assert control["SigningBehavior"] == "always"
    assert distribution(rendered)["DefaultRootObject"] == "index.html"


@pytest.mark.row("MP-08")
@both
def test_only_this_distribution_reads_the_pages_and_nothing_else(environment):
    rendered = mealprep(environment)
    statements = resource(rendered, "platform", "FrontendBucketPolicy")["PolicyDocument"]["Statement"]
    (reads,) = [one for one in statements if one["Effect"] == "Allow"]
    assert reads["Principal"] == {"Service": ["cloudfront.amazonaws.com"]}
    assert (reads["Action"], reads["Resource"]) == (["s3:GetObject"], [{"Fn::Sub": "${FrontendBucket.Arn}/frontend/*"}])
    source = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${PublicDistribution}"
    assert reads["Condition"] == {"StringEquals": {"aws:SourceArn": {"Fn::Sub": source}}}


@pytest.mark.row("MP-08")
@both
def test_pages_are_compressed_read_only_and_over_https_with_security_headers(environment):
    behavior = distribution(mealprep(environment))["DefaultCacheBehavior"]
    assert behavior["Compress"] is True
    assert behavior["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
    assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
    assert behavior["CachePolicyId"] == CACHING_OPTIMIZED
    assert behavior["ResponseHeadersPolicyId"] == SECURITY_HEADERS


@pytest.mark.row("MP-08")
@both
def test_a_page_of_the_application_is_answered_with_index_html_and_200(environment):
    """An error mapping would hide the API's own 404s, which come through the same distribution."""
    rendered = mealprep(environment)
    (association,) = distribution(rendered)["DefaultCacheBehavior"]["FunctionAssociations"]
    assert association == {
        "EventType": "viewer-request",
        "FunctionARN": attribute("PublicFunction", "FunctionARN"),
    }
    function = rendered.one("AWS::CloudFront::Function")
    assert function["AutoPublish"] is True
    assert "request.uri = '/index.html'" in function["FunctionCode"]
    assert "CustomErrorResponses" not in distribution(rendered)


# MP-09: the API behind CloudFront


@pytest.mark.row("MP-09")
@both
def test_cloudfront_sends_the_apis_paths_on_with_every_method_and_without_caching(environment):
    rendered = mealprep(environment)
    behaviors = {one["PathPattern"]: one for one in distribution(rendered)["CacheBehaviors"]}
    assert list(behaviors) == ["/api/*", "/health"]
    for one in behaviors.values():
        assert set(one["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
        assert one["CachePolicyId"] == CACHING_DISABLED
        # The load balancer's certificate is of another name than the viewer's Host.
        assert one["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
        assert one["ViewerProtocolPolicy"] in {"https-only", "redirect-to-https"}
        assert "FunctionAssociations" not in one
        assert origin(rendered, one)["Id"] == "LoadBalancer"


@pytest.mark.row("MP-09", "MP-15")
@pytest.mark.parametrize(
    ("environment", "protocol", "name"),
    [
        ("dev", "http-only", {"Fn::GetAtt": ["PublicLoadBalancer", "DNSName"]}),
        ("prod", "https-only", {"Fn::Sub": "origin.${DomainName}"}),
    ],
)
def test_cloudfront_reaches_the_load_balancer_by_a_name_that_it_has(environment, protocol, name):
    rendered = mealprep(environment)
    (found,) = [one for one in distribution(rendered)["Origins"] if one["Id"] == "LoadBalancer"]
    assert found["DomainName"] == name
    assert found["CustomOriginConfig"]["OriginProtocolPolicy"] == protocol
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer["Type"], balancer["Scheme"]) == ("application", "internet-facing")


HEADER_VALUE = {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString}}"}


def forwarding(rendered: Rendered) -> list[dict[str, Any]]:
    """Every rule and every default action that leads to a target group."""
    asked = rendered.all(LISTENER_RULE) + [
        {"Actions": one["DefaultActions"], "Conditions": []} for one in rendered.all(LISTENER)
    ]
    return [one for one in asked if any(action["Type"] == "forward" for action in one["Actions"])]


def headers_asked(rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one["HttpHeaderConfig"] for one in rule["Conditions"] if one["Field"] == "http-header"]


@pytest.mark.row("MP-09")
@both
@pytest.mark.parametrize("web_service", [False, True])
def test_no_request_reaches_a_task_without_the_header_that_only_our_distribution_sends(environment, web_service):
    """The prefix list lets every distribution of every account in."""
    rendered = mealprep(environment, web_service=web_service)
    rules = forwarding(rendered)
    assert len(rules) == (2 if web_service else 1)
    for rule in rules:
        assert headers_asked(rule) == [{"HttpHeaderName": "X-Origin-Verify", "Values": [HEADER_VALUE]}]
    (found,) = [one for one in distribution(rendered)["Origins"] if one["Id"] == "LoadBalancer"]
    assert found["OriginCustomHeaders"] == [{"HeaderName": "X-Origin-Verify", "HeaderValue": HEADER_VALUE}]
    secret = resource(rendered, "platform", "OriginSecret")["GenerateSecretString"]
    assert secret["PasswordLength"] >= 32
    for listener in rendered.all(LISTENER):
        (action,) = listener["DefaultActions"]
        assert (action["Type"], action["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "403")


@pytest.mark.row("MP-09")
@both
def test_the_prefix_list_is_that_of_cloudfronts_servers_in_the_region(environment):
    parameter = mealprep(environment).templates["platform"]["Parameters"]["CloudFrontPrefixListId"]
    assert parameter["Default"] == "pl-82a045eb"
    assert "com.amazonaws.global.cloudfront.origin-facing in us-west-2" in parameter["Description"]


@pytest.mark.row("MP-09")
@both
def test_the_web_acl_stands_in_us_east_1_before_cloudfront_and_keeps_a_log(environment):
    rendered = mealprep(environment)
    assert {stack.name: stack.region for stack in rendered.stacks}["edge"] == "us-east-1"
    acl = resource(rendered, "edge", "PublicWebAcl")
    assert (acl["Scope"], acl["DefaultAction"]) == ("CLOUDFRONT", {"Allow": {}})
    assert distribution(rendered)["WebACLId"] == attribute("PublicWebAcl", "Arn")
    # Only regional resources are associated; a distribution names its web ACL.
    assert not rendered.all("AWS::WAFv2::WebACLAssociation")
    managed = [one for one in acl["Rules"] if "ManagedRuleGroupStatement" in one["Statement"]]
    assert {one["Statement"]["ManagedRuleGroupStatement"]["Name"] for one in managed} == {
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
    }
    assert all(one["OverrideAction"] == {"None": {}} and "Action" not in one for one in managed)
    (limit,) = [one for one in acl["Rules"] if "RateBasedStatement" in one["Statement"]]
    assert limit["Statement"]["RateBasedStatement"] == {"Limit": 2000, "AggregateKeyType": "IP"}
    assert limit["Action"] == {"Block": {}}
    logging = resource(rendered, "edge", "PublicWebAclLogging")
    assert logging["LogDestinationConfigs"] == [attribute("PublicWebAclLogGroup", "Arn")]
    assert {one["SingleHeader"]["Name"] for one in logging["RedactedFields"]} == {"authorization", "cookie"}


@pytest.mark.row("MP-09", "MP-13")
@both
def test_a_photo_that_is_sent_to_the_api_passes_the_web_acl(environment):
    """The core rule set blocks bodies above 8 KB, and every photo is larger."""
    rules = {one["Name"]: one for one in resource(mealprep(environment), "edge", "PublicWebAcl")["Rules"]}
    group = rules["AWSManagedRulesCommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    counted = {one["Name"] for one in group.get("RuleActionOverrides", []) if one["ActionToUse"] == {"Count": {}}}
    assert "SizeRestrictions_BODY" in counted


# MP-10: the API


@pytest.mark.row("MP-10")
@both
def test_the_cluster_has_container_insights(environment):
    cluster = mealprep(environment).one("AWS::ECS::Cluster")
    assert values(cluster["ClusterSettings"])["containerInsights"] in {"enabled", "enhanced"}
    assert cluster["ClusterName"] == f"mealprep-{environment}-cluster"


@pytest.mark.row("MP-10", "MP-24")
@pytest.mark.parametrize(
    ("environment", "cpu", "memory", "tasks"), [("dev", "512", "1024", 1), ("prod", "1024", "2048", 2)]
)
def test_an_api_task_has_the_documented_size_and_number(environment, cpu, memory, tasks):
    rendered = mealprep(environment)
    task, parameters = rendered.one("AWS::ECS::TaskDefinition"), rendered.templates["service"]["Parameters"]
    assert (task["Cpu"], task["Memory"]) == (ref("ApiCpu"), ref("ApiMemory"))
    assert (parameters["ApiCpu"]["Default"], parameters["ApiMemory"]["Default"]) == (cpu, memory)
    assert parameters["ApiMinimumTasks"]["Default"] == tasks
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    service = rendered.one("AWS::ECS::Service")
    # A number of tasks would be set back to with every update; a launch type does not go with a strategy.
    assert not {"DesiredCount", "LaunchType"} & service.keys()
    assert service["Cluster"] == ref("MealPrepCluster")
    assert service["TaskDefinition"] == ref("ApiTaskDefinition")


@pytest.mark.row("MP-10")
@both
def test_the_api_listens_where_an_image_of_net_8_does_without_root(environment):
    rendered = mealprep(environment)
    api = containers(rendered)["api"]
    assert api["PortMappings"] == [{"ContainerPort": 8080, "Protocol": "tcp"}]
    assert api["User"] == "1654:1654"
    (balancer,) = rendered.one("AWS::ECS::Service")["LoadBalancers"]
    assert balancer == {"ContainerName": "api", "ContainerPort": 8080, "TargetGroupArn": ref("ApiTargetGroup")}
    group = rendered.one("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTP", 8080)
    # The document's / answers 404, so that no task ever gets well.
    assert group["HealthCheckPath"] == "/health"


@pytest.mark.row("MP-10")
@both
def test_the_api_runs_the_image_that_was_pushed_by_a_tag_that_a_deployment_names(environment):
    """The document pushes to ECR and runs mealprep/api:latest of Docker Hub."""
    rendered = mealprep(environment)
    assert rendered.one("AWS::ECR::Repository")["RepositoryName"] == "mealprep-api"
    image = containers(rendered)["api"]["Image"]["Fn::Sub"]
    assert image == "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/mealprep-api:${ImageTag}"
    assert "Default" not in rendered.templates["service"]["Parameters"]["ImageTag"]
    stack = next(one for one in rendered.stacks if one.name == "service")
    assert [(one.repository, one.parameter) for one in stack.images] == [("mealprep-api", "ImageTag")]


@pytest.mark.row("MP-10")
@pytest.mark.parametrize(
    ("environment", "kind", "domain"),
    [
        ("dev", "Development", {"Fn::GetAtt": ["PublicDistribution", "DomainName"]}),
        ("prod", "Production", {"Ref": "DomainName"}),
    ],
)
def test_the_api_is_told_the_documented_variables(environment, kind, domain):
    told = values(containers(mealprep(environment))["api"]["Environment"])
    documented = {
        "ASPNETCORE_ENVIRONMENT": kind,
        "AWS_REGION": ref("AWS::Region"),
        "CLOUDFRONT_DOMAIN": domain,
        "Storage__Bucket": ref("StorageBucket"),
    }
    assert {key: told[key] for key in documented} == documented


@pytest.mark.row("MP-10", "MP-12")
@both
def test_the_api_is_told_the_documented_secrets_and_no_key_of_bedrock(environment):
    rendered = mealprep(environment)
    secrets = values(containers(rendered)["api"]["Secrets"], value="ValueFrom")
    assert secrets == {
        "ConnectionStrings__DefaultConnection": ref("DatabaseConnectionString"),
        "JWT__Secret": {"Fn::Sub": "${AppSecretsSecret}:jwtSecret::"},
        "Cache__AuthToken": ref("LookupsAuthToken"),
        "Email__ApiKey": ref("EmailApiKeySecret"),
    }
    assert "Bedrock__ApiKey" not in text(containers(rendered))
    assert list(containers(rendered)["collector"].get("Secrets", [])) == []


@pytest.mark.row("MP-10")
@both
def test_the_connection_string_is_whole_and_asks_for_tls(environment):
    """Neither RDS's secret nor a generated one has the document's key connectionString; the task would never start."""
    whole = resource(mealprep(environment), "data", "DatabaseConnectionString")["SecretString"]["Fn::Sub"]
    parts = dict(one.split("=", 1) for one in whole.split(";"))
    assert parts["Host"] == "${DatabaseCluster.Endpoint.Address}"
    assert (parts["Port"], parts["Database"], parts["Username"]) == ("5432", "mealprep", "mealprepadmin")
    assert parts["Password"] == "{{resolve:secretsmanager:${DatabaseSecretAttachment}:SecretString:password}}"
    assert parts["SSL Mode"] in {"Require", "VerifyFull"}


@pytest.mark.row("MP-10", "MP-04")
@both
def test_the_pools_of_all_tasks_of_a_deployment_stay_below_the_databases_connections(environment):
    rendered = mealprep(environment)
    whole = resource(rendered, "data", "DatabaseConnectionString")["SecretString"]["Fn::Sub"]
    pool = int(re.search(r"Maximum Pool Size=(\d+)", whole)[1])  # type: ignore[index]
    most = rendered.templates["service"]["Parameters"]["ApiMaximumTasks"]["Default"]
    twice = rendered.one("AWS::ECS::Service")["DeploymentConfiguration"]["MaximumPercent"] / 100
    limit = int(rendered.one("AWS::RDS::DBClusterParameterGroup")["Parameters"]["max_connections"])
    assert pool * most * twice < limit


# MP-11: the pages as a service


@pytest.mark.row("MP-11")
@both
def test_the_pages_can_be_a_service_of_their_own(environment):
    rendered = mealprep(environment, web_service=True)
    assert {one["RepositoryName"] for one in rendered.all("AWS::ECR::Repository")} == {"mealprep-api", "mealprep-web"}
    assert set(rendered.resources("AWS::ECS::Service")) == {"ApiService", "WebService"}
    web = resource(rendered, "web", "WebService")
    assert web["Cluster"] == ref("MealPrepCluster")
    assert web["LoadBalancers"] == [
        {"ContainerName": "web", "ContainerPort": 8080, "TargetGroupArn": ref("WebTargetGroup")}
    ]
    rules = {one["Priority"]: one for one in rendered.all(LISTENER_RULE)}
    led = [rules[priority]["Actions"][0]["TargetGroupArn"] for priority in sorted(rules)]
    assert led == [ref("ApiTargetGroup"), ref("WebTargetGroup")]
    first = rules[min(rules)]["Conditions"]
    assert [one["PathPatternConfig"]["Values"] for one in first if one["Field"] == "path-pattern"] == [
        ["/api/*", "/health"]
    ]


@pytest.mark.row("MP-11")
@both
def test_a_service_takes_the_place_of_the_bucket(environment):
    rendered = mealprep(environment, web_service=True)
    assert "FrontendBucket" not in rendered.resources(BUCKET)
    assert not rendered.all("AWS::CloudFront::OriginAccessControl")
    behavior = distribution(rendered)["DefaultCacheBehavior"]
    assert origin(rendered, behavior)["Id"] == "LoadBalancer"
    assert behavior["CachePolicyId"] == CACHING_DISABLED
    assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
    assert "WebService" not in text(mealprep(environment).templates)


@pytest.mark.row("MP-11")
@both
def test_the_pages_reach_neither_the_database_nor_the_cache(environment):
    rendered = mealprep(environment, web_service=True)
    touched = [
        one for one in connections(rendered, EGRESS) + connections(rendered, INGRESS) if "WebSecurityGroup" in one
    ]
    assert set(touched) == {
        ("PublicSecurityGroup", "WebSecurityGroup", 8080),
        ("WebSecurityGroup", ANYWHERE, 443),
    }
    assert allowed(rendered, "WebTaskRole") == {}
    assert "Secrets" not in resource(rendered, "web", "WebTaskDefinition")["ContainerDefinitions"][0]


# MP-12: secrets of the application


@pytest.mark.row("MP-12")
@both
def test_the_jwt_secret_is_generated_under_the_documented_name(environment):
    secret = resource(mealprep(environment), "data", "AppSecretsSecret")
    assert secret["Name"] == f"{environment}/mealprep/app-secrets"
    generated = secret["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "jwtSecret"
    # The document's empty keys would start the application as if it had them.
    assert json.loads(generated["SecretStringTemplate"]) == {}
    # HMAC-SHA256 wants 32 bytes at least, and the documents' 64 bytes are 88 characters of base64.
    assert generated["PasswordLength"] >= 64


@pytest.mark.row("MP-12")
@both
def test_the_mail_services_key_has_a_place_and_no_value(environment):
    secret = resource(mealprep(environment), "data", "EmailApiKeySecret")
    assert secret["Name"] == f"{environment}/mealprep/email-api-key"
    assert not {"SecretString", "GenerateSecretString"} & secret.keys()


@pytest.mark.row("MP-12")
@both
def test_a_deployment_asks_for_the_mail_key_before_the_api_and_for_no_other(environment):
    rendered = render("mealprep", environment)
    manifest = manifest_of("mealprep", rendered.stacks[0].settings, list(rendered.stacks))
    waiting = {entry.name: entry.secrets for entry in manifest.stacks if entry.secrets}
    assert list(waiting) == ["service"]
    assert [(one.name, one.kind, one.stack, one.output) for one in waiting["service"]] == [
        ("Email__ApiKey", "secretsmanager", "data", "EmailApiKeyArn")
    ]


# MP-13: roles

MODELS = ["anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0"]
BEDROCK = "arn:${AWS::Partition}:bedrock:"


@pytest.mark.row("MP-13", "MP-19")
@both
def test_the_api_may_use_its_uploads_its_models_rekognition_and_x_ray_and_nothing_else(environment):
    rendered = mealprep(environment)
    assert allowed(rendered, "ApiTaskRole") == {
        "ReadAndWriteObjects": (
            ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            [{"Fn::Sub": "${StorageBucket.Arn}/*"}],
        ),
        "InvokeModels": (
            ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
            [
                *(
                    {"Fn::Sub": f"{BEDROCK}${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/us.{model}"}
                    for model in MODELS
                ),
                # A profile calls the model in whichever of its Regions has room.
                *(
                    {"Fn::Sub": f"{BEDROCK}{region}::foundation-model/{model}"}
                    for model in MODELS
                    for region in ("us-east-1", "us-east-2", "us-west-2")
                ),
            ],
        ),
        "DetectInImages": (["rekognition:DetectLabels", "rekognition:DetectModerationLabels"], ["*"]),
        "SendTraces": (
            [
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            ["*"],
        ),
    }


@pytest.mark.row("MP-13")
@both
def test_ecs_reads_the_apis_secrets_in_a_role_of_its_own(environment):
    rendered = mealprep(environment)
    assert allowed(rendered, "ApiExecutionRole") == {
        "LogInToRegistry": (["ecr:GetAuthorizationToken"], ["*"]),
        "PullImage": (
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [{"Fn::Sub": "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/mealprep-api"}],
        ),
        "WriteToApiLogGroup": (["logs:CreateLogStream", "logs:PutLogEvents"], [attribute("ApiLogGroup", "Arn")]),
        "ReadSecrets": (
            ["secretsmanager:GetSecretValue"],
            [
                ref(name)
                for name in ("DatabaseConnectionString", "AppSecretsSecret", "LookupsAuthToken", "EmailApiKeySecret")
            ],
        ),
    }
    task = rendered.one("AWS::ECS::TaskDefinition")
    assert task["ExecutionRoleArn"] == attribute("ApiExecutionRole", "Arn")
    assert task["TaskRoleArn"] == attribute("ApiTaskRole", "Arn")


# What AWS scopes to no resource (Service Authorization Reference).
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "rekognition:DetectLabels",
    "rekognition:DetectModerationLabels",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.mark.row("MP-13", "MP-20", "MP-22")
@both
def test_a_star_stands_only_for_what_aws_scopes_to_no_resource(environment):
    rendered = mealprep(environment, web_service=True, backup=True)
    for _, name, role in everything(rendered, "AWS::IAM::Role"):
        for sid, (actions, resources) in allowed(rendered, name).items():
            assert not [action for action in actions if "*" in action], (name, sid)
            assert "*" not in resources or set(actions) <= WITHOUT_RESOURCE, (name, sid)
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(trust["Principal"]) == ["Service"], name


@pytest.mark.row("MP-13")
@pytest.mark.parametrize(
    ("environment", "others"),
    [("dev", set()), ("prod", {"DatabaseBackupRole", "DatabaseRestoreRole", "BackupReplicationRole"})],
)
def test_nobody_else_has_a_role(environment, others):
    roles = mealprep(environment).resources("AWS::IAM::Role")
    assert roles.keys() == {"ApiExecutionRole", "ApiTaskRole", "ImagesFunctionRole"} | others
    managed = {
        name: text(one["Properties"]["ManagedPolicyArns"]).rpartition("/")[2]
        for name, one in roles.items()
        if "ManagedPolicyArns" in one["Properties"]
    }
    assert managed == {
        name: policy
        for name, policy in {
            "DatabaseBackupRole": "AWSBackupServiceRolePolicyForBackup",
            "DatabaseRestoreRole": "AWSBackupServiceRolePolicyForRestores",
        }.items()
        if name in others
    }


# MP-14: logs


@pytest.mark.row("MP-14")
@pytest.mark.parametrize(("environment", "days"), [("dev", 7), ("prod", 30)])
def test_every_log_is_kept_for_a_week_in_dev_and_a_month_in_prod(environment, days):
    groups = mealprep(environment).resources(LOG_GROUP)
    assert set(groups) == {"DatabaseLogGroup", "PublicWebAclLogGroup", "ApiLogGroup", "ImagesLogGroup"}
    assert {one["Properties"]["RetentionInDays"] for one in groups.values()} == {days}
    assert groups["ApiLogGroup"]["Properties"]["LogGroupName"] == f"/ecs/mealprep-api-{environment}"


@pytest.mark.row("MP-14")
@both
def test_everything_that_writes_a_log_writes_to_a_group_that_forgets(environment):
    rendered = mealprep(environment)
    for container in containers(rendered).values():
        log = container["LogConfiguration"]
        assert (log["LogDriver"], log["Options"]["awslogs-group"]) == ("awslogs", ref("ApiLogGroup"))
    assert rendered.one("AWS::Lambda::Function")["LoggingConfig"]["LogGroup"] == ref("ImagesLogGroup")


# MP-15: the public name


@pytest.mark.row("MP-15")
def test_prod_listens_with_tls_under_names_of_the_domain():
    rendered = mealprep("prod")
    listener = rendered.one(LISTENER)
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert listener["Certificates"] == [{"CertificateArn": ref("OriginCertificate")}]
    certificates = {
        stack: one["Properties"] for stack, _, one in everything(rendered, "AWS::CertificateManager::Certificate")
    }
    # CloudFront takes certificates of us-east-1, a load balancer those of its own Region.
    assert {stack: one["DomainName"] for stack, one in certificates.items()} == {
        "edge": ref("DomainName"),
        "platform": {"Fn::Sub": "origin.${DomainName}"},
    }
    for one in certificates.values():
        assert one["ValidationMethod"] == "DNS"
        assert one["DomainValidationOptions"] == [
            {"DomainName": one["DomainName"], "HostedZoneId": ref("HostedZoneId")}
        ]
    assert distribution(rendered)["Aliases"] == [ref("DomainName")]
    assert distribution(rendered)["ViewerCertificate"] == {
        "AcmCertificateArn": ref("PublicCertificate"),
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }


@pytest.mark.row("MP-15")
def test_the_public_name_leads_to_cloudfront_and_the_origins_to_the_load_balancer():
    rendered = mealprep("prod")
    records = {
        (text(one["Name"]), one["Type"]): (one["AliasTarget"]["DNSName"], one["AliasTarget"]["HostedZoneId"])
        for one in rendered.all("AWS::Route53::RecordSet")
    }
    # The zone of every distribution (Route 53 API reference, AliasTarget).
    cloudfront = (attribute("PublicDistribution", "DomainName"), "Z2FDTNDATAQYW2")
    assert records == {
        ("Ref DomainName", "A"): cloudfront,
        ("Ref DomainName", "AAAA"): cloudfront,
        ("Fn::Sub origin.${DomainName}", "A"): (
            attribute("PublicLoadBalancer", "DNSName"),
            attribute("PublicLoadBalancer", "CanonicalHostedZoneID"),
        ),
    }
    assert {text(one["HostedZoneId"]) for one in rendered.all("AWS::Route53::RecordSet")} == {"Ref HostedZoneId"}


@pytest.mark.row("MP-15")
def test_domain_and_zone_are_parameters_that_the_document_can_fill_in():
    rendered = mealprep("prod", domain_name="api.mealprep.com", hosted_zone_id="Z0123456789ABC")
    asked = mealprep("prod")
    for stack, names in {
        "data": ["DomainName"],
        "edge": ["DomainName", "HostedZoneId"],
        "platform": ["DomainName", "HostedZoneId"],
    }.items():
        defaults = {"DomainName": "api.mealprep.com", "HostedZoneId": "Z0123456789ABC"}
        for name in names:
            assert rendered.templates[stack]["Parameters"][name]["Default"] == defaults[name]
            assert "Default" not in asked.templates[stack]["Parameters"][name]


@pytest.mark.row("MP-15")
def test_dev_needs_no_domain():
    rendered = mealprep("dev")
    listener = rendered.one(LISTENER)
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert not rendered.all("AWS::CertificateManager::Certificate")
    assert not rendered.all("AWS::Route53::RecordSet")
    assert "Aliases" not in distribution(rendered)
    asked = {
        name
        for template in rendered.templates.values()
        for name, one in template.get("Parameters", {}).items()
        if "Default" not in one
    }
    assert asked == {"ImageTag"}


# MP-16: scaling


@pytest.mark.row("MP-16")
@pytest.mark.parametrize(("environment", "fewest", "most"), [("dev", 1, 3), ("prod", 2, 10)])
def test_the_api_scales_between_the_documented_bounds(environment, fewest, most):
    rendered = mealprep(environment)
    target, parameters = rendered.one("AWS::ApplicationAutoScaling::ScalableTarget"), rendered.templates["service"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (ref("ApiMinimumTasks"), ref("ApiMaximumTasks"))
    bounds = [parameters["Parameters"][f"Api{name}Tasks"]["Default"] for name in ("Minimum", "Maximum")]
    assert bounds == [fewest, most]
    assert target["ScalableDimension"] == "ecs:service:DesiredCount"
    # service/<cluster>/<service> is the part of the service's ARN behind the fifth colon.
    assert target["ResourceId"] == {"Fn::Select": [5, {"Fn::Split": [":", ref("ApiService")]}]}


@pytest.mark.row("MP-16")
@both
def test_cpu_and_memory_are_held_at_the_documented_targets(environment):
    followed_by = {
        one["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]: (
            one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"],
            one["TargetTrackingScalingPolicyConfiguration"]["ScaleInCooldown"],
            one["TargetTrackingScalingPolicyConfiguration"]["ScaleOutCooldown"],
        )
        for one in mealprep(environment).all(SCALING)
        if one["PolicyType"] == "TargetTrackingScaling"
    }
    assert followed_by == {
        "ECSServiceAverageCPUUtilization": (70, 300, 60),
        "ECSServiceAverageMemoryUtilization": (80, 300, 60),
    }


def adjustment(rendered: Rendered, requests: float) -> int:
    """How many tasks come or go when every task gets this many requests a minute."""
    policies, changed = rendered.resources(SCALING), 0
    for one in rendered.all(ALARM):
        actions = [action["Ref"] for action in one["AlarmActions"] if action["Ref"] in policies]
        breached = {
            "GreaterThanThreshold": requests > one["Threshold"],
            "GreaterThanOrEqualToThreshold": requests >= one["Threshold"],
            "LessThanThreshold": requests < one["Threshold"],
        }[one["ComparisonOperator"]]
        for name in actions if breached else ():
            steps = policies[name]["Properties"]["StepScalingPolicyConfiguration"]["StepAdjustments"]
            over = requests - one["Threshold"]
            (step,) = [
                step
                for step in steps
                if step.get("MetricIntervalLowerBound", float("-inf"))
                <= over
                < step.get("MetricIntervalUpperBound", float("inf"))
            ]
            changed += step["ScalingAdjustment"]
    return changed


@pytest.mark.row("MP-16")
@both
@pytest.mark.parametrize(
    ("requests", "tasks"), [(0, -1), (99, -1), (100, 0), (300, 0), (500, 0), (501, 1), (999, 1), (1001, 2), (9000, 2)]
)
def test_requests_per_target_move_the_number_of_tasks_by_the_documented_steps(environment, requests, tasks):
    assert adjustment(mealprep(environment), requests) == tasks


@pytest.mark.row("MP-16")
@both
def test_requests_are_counted_per_target_as_a_sum_over_a_minute(environment):
    """CDK's default statistic, the average, is always 1."""
    rendered = mealprep(environment)
    dimensions = {
        "LoadBalancer": attribute("PublicLoadBalancer", "LoadBalancerFullName"),
        "TargetGroup": attribute("ApiTargetGroup", "TargetGroupFullName"),
    }
    asked = {name: metrics_of(one) for name, one in alarms(rendered).items() if name.startswith("ApiRequests")}
    assert asked == {
        name: [("AWS/ApplicationELB", "RequestCountPerTarget", "Sum", 60, dimensions)]
        for name in ("ApiRequestsHigh", "ApiRequestsLow")
    }
    # No requests at all are no data, and fewer than a hundred.
    low = alarms(rendered)["ApiRequestsLow"]
    assert [one.get("Expression") for one in low["Metrics"] if one["ReturnData"]] == ["FILL(requests, 0)"]


# MP-17: alarms


def alarms(rendered: Rendered) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in rendered.resources(ALARM).items()}


def metrics_of(alarm: Mapping[str, Any]) -> list[tuple[str, str, str, int, dict[str, Any]]]:
    """Namespace, metric, statistic, period and dimensions of whatever an alarm reads."""
    if "Metrics" not in alarm:
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        names = (alarm["Namespace"], alarm["MetricName"], statistic, alarm["Period"])
        return [(*names, values(alarm["Dimensions"]))]
    return [
        (
            one["Metric"]["Namespace"],
            one["Metric"]["MetricName"],
            one["Stat"],
            one["Period"],
            values(one["Metric"]["Dimensions"]),
        )
        for one in (item["MetricStat"] for item in alarm["Metrics"] if "MetricStat" in item)
    ]


BALANCER = attribute("PublicLoadBalancer", "LoadBalancerFullName")
WRITER = {"DBClusterIdentifier": {"Ref": "DatabaseCluster"}, "Role": "WRITER"}


def limit(alarm: Mapping[str, Any]) -> tuple[str, float, int, int, str]:
    """When an alarm goes off: comparison, threshold, periods, datapoints among them, and what silence means."""
    return (
        alarm["ComparisonOperator"],
        alarm["Threshold"],
        alarm["EvaluationPeriods"],
        alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
        alarm["TreatMissingData"],
    )


@pytest.mark.row("MP-17")
@both
def test_ten_errors_in_each_of_two_periods_of_five_minutes_alert(environment):
    alarm = alarms(mealprep(environment))["ApiErrorsAlarm"]
    assert metrics_of(alarm) == [
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", 300, {"LoadBalancer": BALANCER})
    ]
    assert limit(alarm) == ("GreaterThanOrEqualToThreshold", 10, 2, 2, "notBreaching")


@pytest.mark.row("MP-17")
@both
def test_a_database_that_works_at_more_than_80_percent_for_three_periods_alerts(environment):
    alarm = alarms(mealprep(environment))["DatabaseCpuAlarm"]
    assert metrics_of(alarm) == [("AWS/RDS", "CPUUtilization", "Average", 300, WRITER)]
    assert limit(alarm)[:4] == ("GreaterThanThreshold", 80, 3, 3)


@pytest.mark.row("MP-17")
@pytest.mark.parametrize(("environment", "memory"), [("dev", 4), ("prod", 16)])
def test_connections_and_free_memory_of_the_database_are_watched_by_what_it_has(environment, memory):
    rendered = mealprep(environment)
    connected, free = (alarms(rendered)[f"Database{name}Alarm"] for name in ("Connections", "Memory"))
    assert metrics_of(connected) == [("AWS/RDS", "DatabaseConnections", "Maximum", 300, WRITER)]
    most = int(rendered.one("AWS::RDS::DBClusterParameterGroup")["Parameters"]["max_connections"])
    assert (connected["ComparisonOperator"], connected["Threshold"]) == ("GreaterThanThreshold", 0.8 * most)
    assert metrics_of(free) == [("AWS/RDS", "FreeableMemory", "Average", 300, WRITER)]
    assert free["ComparisonOperator"] == "LessThanThreshold"
    assert free["Threshold"] == round(0.05 * memory * 1024**3)


@pytest.mark.row("MP-17")
@both
def test_slow_answers_and_an_api_without_tasks_alert(environment):
    found = alarms(mealprep(environment))
    slow, healthy = found["ApiLatencyAlarm"], found["ApiHealthyHostsAlarm"]
    assert metrics_of(slow) == [("AWS/ApplicationELB", "TargetResponseTime", "p95", 300, {"LoadBalancer": BALANCER})]
    assert limit(slow) == ("GreaterThanThreshold", 2, 3, 3, "notBreaching")
    group = {"LoadBalancer": BALANCER, "TargetGroup": attribute("ApiTargetGroup", "TargetGroupFullName")}
    assert metrics_of(healthy) == [("AWS/ApplicationELB", "HealthyHostCount", "Minimum", 60, group)]
    # Dev has no tasks at night, and nobody is to be woken by that.
    silence = {"dev": "notBreaching", "prod": "breaching"}[environment]
    assert limit(healthy) == ("LessThanThreshold", 1, 5, 5, silence)


@pytest.mark.row("MP-17")
@both
def test_a_task_that_fails_its_health_check_alerts_while_others_answer(environment):
    group = {"LoadBalancer": BALANCER, "TargetGroup": attribute("ApiTargetGroup", "TargetGroupFullName")}
    watching = [
        one
        for one in alarms(mealprep(environment)).values()
        if ("AWS/ApplicationELB", "UnHealthyHostCount", group)
        in [(namespace, name, dimensions) for namespace, name, _, _, dimensions in metrics_of(one)]
    ]
    assert len(watching) == 1
    assert watching[0]["ComparisonOperator"].startswith("GreaterThan")
    assert watching[0]["AlarmActions"] == [ref("AlertsTopic")]


@pytest.mark.row("MP-17")
@pytest.mark.parametrize(("environment", "nodes"), [("dev", 1), ("prod", 2)])
@pytest.mark.parametrize(
    ("alarm", "metric", "statistic", "threshold"),
    [
        ("LookupsEvictionsAlarm", "Evictions", "Sum", 100),
        ("LookupsCpuAlarm", "EngineCPUUtilization", "Average", 90),
        ("LookupsMemoryAlarm", "DatabaseMemoryUsagePercentage", "Average", 85),
    ],
)
def test_every_node_of_the_cache_is_watched(  # noqa: PLR0917 - what an alarm is known by
    environment, nodes, alarm, metric, statistic, threshold
):
    """ElastiCache has these metrics by node, and under no other dimension."""
    found = alarms(mealprep(environment))[alarm]
    assert metrics_of(found) == [
        (
            "AWS/ElastiCache",
            metric,
            statistic,
            300,
            {"CacheClusterId": {"Fn::Sub": f"${{LookupsReplicationGroup}}-{node:03}"}},
        )
        for node in range(1, nodes + 1)
    ]
    assert (found["ComparisonOperator"], found["Threshold"]) == ("GreaterThanThreshold", threshold)


@pytest.mark.row("MP-17", "MP-20")
@both
def test_images_that_could_not_be_processed_alert(environment):
    found = alarms(mealprep(environment))
    queue = {"QueueName": attribute("ImagesDeadLetterQueue", "QueueName")}
    assert metrics_of(found["ImagesDeadLettersAlarm"]) == [
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 300, queue)
    ]
    function = {"FunctionName": ref("ImagesFunction")}
    assert metrics_of(found["ImagesErrorsAlarm"]) == [("AWS/Lambda", "Errors", "Sum", 300, function)]


@pytest.mark.row("MP-17")
@both
def test_every_dimension_of_every_alarm_is_a_resource_of_these_stacks(environment):
    """The document's app/MealPrep-API-ALB/1234567890abcdef is nobody's name: its alarms never have data."""
    for name, alarm in alarms(mealprep(environment)).items():
        for *_, dimensions in metrics_of(alarm):
            fixed = {key: value for key, value in dimensions.items() if isinstance(value, str)}
            assert fixed.keys() <= {"Role"}, name


@pytest.mark.row("MP-17")
@both
def test_every_alarm_is_told_to_the_topic_or_scales(environment):
    rendered = mealprep(environment, alert_email="admin@mealprep.com")
    topic = rendered.one("AWS::SNS::Topic")
    assert topic["DisplayName"] == "MealPrep Alerts"
    assert topic["KmsMasterKeyId"] == ref("AlertsKey")
    for name, alarm in alarms(rendered).items():
        if name.startswith("ApiRequests"):
            assert set(rendered.resources(SCALING)) >= {action["Ref"] for action in alarm["AlarmActions"]}
        else:
            assert alarm["AlarmActions"] == alarm["OKActions"] == [ref("AlertsTopic")], name
    subscription = rendered.one("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "admin@mealprep.com")
    assert subscription["TopicArn"] == ref("AlertsTopic")


@pytest.mark.row("MP-17", "MP-23")
@both
@pytest.mark.parametrize("service", ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"])
def test_who_publishes_may_use_the_topic_and_its_key_for_this_account_only(environment, service):
    rendered = mealprep(environment)
    key = resource(rendered, "monitoring", "AlertsKey")["KeyPolicy"]["Statement"]
    topic = rendered.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (encrypts,) = [one for one in key if one["Principal"] == {"Service": [service]}]
    (publishes,) = [one for one in topic if one["Principal"] == {"Service": [service]}]
    assert set(encrypts["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert (publishes["Action"], publishes["Resource"]) == (["sns:Publish"], [ref("AlertsTopic")])
    for one in (encrypts, publishes):
        assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": ref("AWS::AccountId")}


# MP-18: the dashboard


@pytest.mark.row("MP-18")
@both
def test_the_dashboard_shows_the_documented_graphs_of_the_api_and_the_database(environment):
    board = mealprep(environment).one("AWS::CloudWatch::Dashboard")
    assert board["DashboardName"] == f"MealPrep-{environment.title()}"
    body, _ = board["DashboardBody"]["Fn::Sub"]
    headings, shown = [], set()
    for one in json.loads(body)["widgets"]:
        if one["type"] == "text":
            headings.append(one["properties"]["markdown"].lstrip("# "))
        else:
            metrics = [metric for metric in one["properties"]["metrics"] if isinstance(metric[0], str)]
            shown |= {(metric[0], metric[1], metric[2], metric[3]) for metric in metrics}
    assert headings == ["API Performance", "Database Performance"]
    assert shown >= {
        ("AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", "${LoadBalancer}"),
        ("AWS/ApplicationELB", "RequestCount", "LoadBalancer", "${LoadBalancer}"),
        ("AWS/RDS", "CPUUtilization", "DBClusterIdentifier", "${Database}"),
        ("AWS/RDS", "DatabaseConnections", "DBClusterIdentifier", "${Database}"),
    }


@pytest.mark.row("MP-18")
@both
def test_the_dashboard_reads_the_real_load_balancer_and_cluster(environment):
    rendered = mealprep(environment)
    body, names = rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{(\w+)\}", body)) == names.keys()
    assert names == {
        "LoadBalancer": BALANCER,
        "TargetGroup1": attribute("ApiTargetGroup", "TargetGroupFullName"),
        "Database": ref("DatabaseIdentifier"),
    }
    # What the parameter reads when the platform is deployed was written by the data stack, which comes before it.
    asked = rendered.templates["platform"]["Parameters"]["DatabaseIdentifier"]
    written = rendered.one("AWS::SSM::Parameter")
    assert asked["Type"] == "AWS::SSM::Parameter::Value<String>"
    assert asked["Default"] == written["Name"] == f"/mealprep/{environment}/database-identifier"
    assert written["Value"] == ref("DatabaseCluster")
    names_in_order = list(rendered.templates)
    assert names_in_order.index("data") < names_in_order.index("platform")


# MP-19: tracing


@pytest.mark.row("MP-19")
@both
def test_a_collector_beside_the_api_takes_otlp_and_x_ray_segments_of_the_same_task_alone(environment):
    rendered = mealprep(environment)
    assert list(containers(rendered)) == ["api", "collector"]
    api, collector = containers(rendered)["api"], containers(rendered)["collector"]
    assert (api["Essential"], collector["Essential"]) == (True, False)
    assert "/aws-observability/aws-otel-collector:" in collector["Image"]
    assert "PortMappings" not in collector
    configuration = values(collector["Environment"])["AOT_CONFIG_CONTENT"]["Fn::Sub"][0]
    listening = set(re.findall(r"endpoint: (\S+:\d+)", configuration))
    assert listening == {f"127.0.0.1:{port}" for port in (2000, 4317, 4318, 13133)}
    assert re.search(r"exporters:\n +- awsxray", configuration)
    told = values(api["Environment"])
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4317"


@pytest.mark.row("MP-19")
@both
def test_the_sampling_rule_and_the_group_know_the_api_by_the_name_that_it_gives_itself(environment):
    """With OpenTelemetry or with X-Ray's SDK; environments that share an account see their own traces."""
    rendered = mealprep(environment)
    told = values(containers(rendered)["api"]["Environment"])
    name = f"mealprep-api-{environment}"
    assert (told["OTEL_SERVICE_NAME"], told["AWS_XRAY_TRACING_NAME"]) == (name, name)
    rule = rendered.one("AWS::XRay::SamplingRule")["SamplingRule"]
    assert (rule["RuleName"], rule["ServiceName"]) == (name, name)
    assert (rule["ReservoirSize"], rule["FixedRate"]) == (1, 0.05)
    # Without each of these X-Ray refuses a rule.
    assert {rule[key] for key in ("ServiceType", "Host", "HTTPMethod", "URLPath", "ResourceARN")} == {"*"}
    assert (rule["Version"], rule["Priority"]) == (1, 1000)
    group = rendered.one("AWS::XRay::Group")
    assert (group["GroupName"], group["FilterExpression"]) == (name, f'service("{name}")')


@pytest.mark.row("MP-19", "MP-20")
@both
def test_the_function_is_traced_too(environment):
    rendered = mealprep(environment)
    assert rendered.one("AWS::Lambda::Function")["TracingConfig"] == {"Mode": "Active"}
    assert allowed(rendered, "ImagesFunctionRole")["SendTraces"][0] == [
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]


# MP-20: images


@pytest.mark.row("MP-20")
@both
def test_an_upload_calls_the_function_and_its_answers_do_not(environment):
    rendered = mealprep(environment)
    notifications = resource(rendered, "data", "StorageBucket")["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rule = rendered.one("AWS::Events::Rule")
    pattern = rule["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["bucket"] == {"name": [ref("StorageBucket")]}
    assert pattern["detail"]["object"]["key"] == [{"prefix": "uploads/"}]
    (target,) = rule["Targets"]
    assert target["Arn"] == attribute("ImagesFunction", "Arn")
    answers = rendered.one("AWS::Lambda::Function")["Environment"]["Variables"]["RESULTS_PREFIX"]
    assert answers == "analysis/"
    permission = rendered.one("AWS::Lambda::Permission")
    assert (permission["Principal"], permission["FunctionName"]) == ("events.amazonaws.com", ref("ImagesFunction"))
    assert permission["SourceArn"] == attribute("ImagesRule", "Arn")


@pytest.mark.row("MP-20")
@both
def test_what_fails_waits_in_an_encrypted_queue_wherever_it_fails(environment):
    rendered = mealprep(environment)
    queue = rendered.one("AWS::SQS::Queue")
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 3600)
    arn = attribute("ImagesDeadLetterQueue", "Arn")
    # The rule's, for what Lambda does not take in; the function's, for what its code does not manage.
    assert rendered.one("AWS::Events::Rule")["Targets"][0]["DeadLetterConfig"] == {"Arn": arn}
    assert rendered.one("AWS::Lambda::Function")["DeadLetterConfig"] == {"TargetArn": arn}
    (sends,) = [
        one for one in rendered.one("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"
    ]
    assert sends["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert sends["Condition"] == {"ArnEquals": {"aws:SourceArn": attribute("ImagesRule", "Arn")}}


@pytest.mark.row("MP-20")
@both
def test_the_function_reads_uploads_writes_answers_asks_rekognition_and_nothing_else(environment):
    rendered = mealprep(environment)
    interfaces = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"
    may = allowed(rendered, "ImagesFunctionRole")
    assert {sid: resources for sid, (_, resources) in may.items()} == {
        "WriteToImagesLogGroup": [attribute("ImagesLogGroup", "Arn")],
        "SendTraces": ["*"],
        "SendToQueue": [attribute("ImagesDeadLetterQueue", "Arn")],
        "ManageInterfaces": [{"Fn::Sub": interfaces}],
        "FindInterfaces": ["*"],
        "ReadObjects": [{"Fn::Sub": "${StorageBucket.Arn}/uploads/*"}],
        "WriteObjects": [{"Fn::Sub": "${StorageBucket.Arn}/analysis/*"}],
        "DetectInImages": ["*"],
    }
    assert may["ReadObjects"][0] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert may["WriteObjects"][0] == ["s3:PutObject"]
    assert may["DetectInImages"][0] == ["rekognition:DetectLabels", "rekognition:DetectModerationLabels"]


@pytest.mark.row("MP-20")
@both
def test_the_functions_own_code_cannot_use_what_lambda_needs_for_its_network(environment):
    rendered = mealprep(environment)
    refused = statements_of(rendered, "ImagesFunctionRole")["KeepInterfacesFromCode"]
    assert refused["Effect"] == "Deny"
    may = allowed(rendered, "ImagesFunctionRole")
    assert set(refused["Action"]) == {*may["ManageInterfaces"][0], *may["FindInterfaces"][0]}
    assert list(refused["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]


# MP-21: CloudTrail


@pytest.mark.row("MP-21")
def test_the_trail_is_in_the_accounts_stacks_and_in_none_of_mealpreps():
    """Two environments of an account would record everything twice; its bucket and lock are tested with `account`."""
    for environment in ENVIRONMENTS:
        assert not mealprep(environment).all("AWS::CloudTrail::Trail")
    account = render("account", "prod", trail=True, trail_lock=True)
    trail = account.one("AWS::CloudTrail::Trail")
    assert (trail["IsLogging"], trail["IsMultiRegionTrail"], trail["EnableLogFileValidation"]) == (True, True, True)
    assert trail["S3BucketName"] == ref("AccountBucket")
    assert account.one(BUCKET)["ObjectLockEnabled"] is True


# MP-22: backups elsewhere


def regions(rendered: Rendered) -> dict[str, str]:
    return {stack.name: stack.region for stack in rendered.stacks}


@pytest.mark.row("MP-22")
def test_copies_are_a_stack_of_their_own_in_the_second_region():
    rendered = render("mealprep", "prod")
    assert (regions(rendered)["replica"], regions(rendered)["backup"]) == ("us-east-2", "us-west-2")
    assert list(rendered.templates)[-2:] == ["replica", "backup"]


@pytest.mark.row("MP-22")
def test_dev_is_not_copied_anywhere():
    rendered = mealprep("dev")
    assert not {"replica", "backup"} & rendered.templates.keys()
    types = {one["Type"] for template in rendered.templates.values() for one in template["Resources"].values()}
    assert not [type_ for type_ in types if type_.startswith("AWS::Backup::")]


def elsewhere(output: str) -> dict[str, Any]:
    """What the backup stack reads in the second Region."""
    wanted = {"StackName": {"Ref": "ReplicaStackName"}, "OutputName": output, "Region": "us-east-2"}
    return {"Fn::GetStackOutput": wanted}


@pytest.mark.row("MP-22")
def test_the_cluster_is_saved_daily_and_copied_to_a_vault_with_a_key_of_its_own():
    rendered = render("mealprep", "prod")
    plan = resource(rendered, "backup", "DatabaseBackupPlan")["BackupPlan"]
    (rule,) = plan["BackupPlanRule"]
    assert rule["TargetBackupVault"] == ref("DatabaseBackupVault")
    assert rule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
    assert rule["CopyActions"] == [
        {"DestinationBackupVaultArn": elsewhere("VaultArn"), "Lifecycle": {"DeleteAfterDays": 35}}
    ]
    selection = resource(mealprep("prod"), "backup", "DatabaseBackupSelection")["BackupSelection"]
    assert selection["Resources"] == [attribute("DatabaseCluster", "DBClusterArn")]
    assert selection["IamRoleArn"] == attribute("DatabaseBackupRole", "Arn")
    outputs = rendered.templates["replica"]["Outputs"]
    assert outputs["VaultArn"]["Value"] == attribute("DatabaseBackupVault", "BackupVaultArn")
    vault = resource(rendered, "replica", "DatabaseBackupVault")
    # A copy is encrypted with a key of the vault's Region; the key of the cluster does not exist there.
    assert vault["EncryptionKeyArn"] == attribute("DatabaseBackupKey", "Arn")


@pytest.mark.row("MP-22")
def test_both_vaults_keep_what_they_have_for_as_long_as_the_plan_says():
    rendered = render("mealprep", "prod")
    for stack in ("replica", "backup"):
        vault = rendered.templates[stack]["Resources"]["DatabaseBackupVault"]
        assert vault["Properties"]["LockConfiguration"]["MinRetentionDays"] == 35
        assert vault["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.row("MP-22")
def test_backups_are_replicated_to_the_second_regions_bucket_in_a_cheaper_class():
    rendered = render("mealprep", "prod")
    source = resource(rendered, "backup", "BackupBucket")
    target = resource(rendered, "replica", "BackupBucket")
    assert source["BucketName"] == {"Fn::Sub": "mealprep-prod-backup-${AWS::AccountId}"}
    assert target["BucketName"] == {"Fn::Sub": "mealprep-prod-backup-${AWS::AccountId}-secondary"}
    # S3 replicates versions, so both sides keep them.
    assert source["VersioningConfiguration"] == target["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = source["ReplicationConfiguration"]["Rules"]
    assert (rule["Id"], rule["Status"]) == ("ReplicateToSecondaryRegion", "Enabled")
    assert rule["Filter"] == {"Prefix": "backups/"}
    assert rule["Destination"] == {"Bucket": elsewhere("BackupBucketArn"), "StorageClass": "STANDARD_IA"}
    # A rule with a filter has a priority and says what becomes of delete markers, or S3 refuses it.
    assert (rule["Priority"], rule["DeleteMarkerReplication"]) == (1, {"Status": "Disabled"})
    outputs = rendered.templates["replica"]["Outputs"]
    assert outputs["BackupBucketArn"]["Value"] == attribute("BackupBucket", "Arn")


@pytest.mark.row("MP-22")
def test_replication_reads_backups_here_writes_replicas_there_and_nothing_else():
    rendered = render("mealprep", "prod")
    assert resource(rendered, "backup", "BackupBucket")["ReplicationConfiguration"]["Role"] == attribute(
        "BackupReplicationRole", "Arn"
    )
    (trust,) = resource(rendered, "backup", "BackupReplicationRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["s3.amazonaws.com"]}
    assert allowed(rendered, "BackupReplicationRole") == {
        "AskWhatToReplicate": (
            ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            [attribute("BackupBucket", "Arn")],
        ),
        "ReadObjects": (
            ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"],
            [{"Fn::Sub": "${BackupBucket.Arn}/backups/*"}],
        ),
        "WriteReplicas": (["s3:ReplicateObject", "s3:ReplicateTags"], [elsewhere("BackupObjectsArn")]),
    }
    outputs = rendered.templates["replica"]["Outputs"]
    assert outputs["BackupObjectsArn"]["Value"] == {"Fn::Sub": "${BackupBucket.Arn}/*"}


# MP-23: the budget


@pytest.mark.row("MP-23")
@pytest.mark.parametrize(("environment", "amount"), [("dev", 200), ("prod", 1000)])
def test_80_percent_of_the_documented_amount_are_told(environment, amount):
    rendered = mealprep(environment)
    made = rendered.one("AWS::Budgets::Budget")
    budget = made["Budget"]
    assert (budget["BudgetType"], budget["TimeUnit"]) == ("COST", "MONTHLY")
    assert budget["BudgetLimit"] == {"Amount": amount, "Unit": "USD"}
    # The document's TagKey and TagValue are no filters of a budget.
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:Environment${environment}"]}
    (told,) = made["NotificationsWithSubscribers"]
    assert told["Notification"] == {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": 80,
        "ThresholdType": "PERCENTAGE",
    }
    assert told["Subscribers"] == [{"SubscriptionType": "SNS", "Address": ref("AlertsTopic")}]


@pytest.mark.row("MP-23", "MP-26")
@both
def test_the_budget_filters_by_the_value_that_resources_carry(environment):
    rendered = mealprep(environment)
    (filtered,) = rendered.one("AWS::Budgets::Budget")["Budget"]["CostFilters"]["TagKeyValue"]
    carried = values(rendered.one("AWS::RDS::DBCluster")["Tags"], key="Key")["Environment"]
    assert filtered == f"user:Environment${carried}"


# MP-24: dev


@pytest.mark.row("MP-24")
def test_dev_runs_no_tasks_outside_working_hours_and_prod_always_does():
    actions = {
        one["ScheduledActionName"]: one
        for one in mealprep("dev").one("AWS::ApplicationAutoScaling::ScalableTarget")["ScheduledActions"]
    }
    assert {name: (one["Schedule"], one["Timezone"]) for name, one in actions.items()} == {
        "wake-up": ("cron(0 7 ? * MON-FRI *)", "UTC"),
        "go-to-sleep": ("cron(0 20 * * ? *)", "UTC"),
    }
    assert actions["go-to-sleep"]["ScalableTargetAction"] == {"MinCapacity": 0, "MaxCapacity": 0}
    assert actions["wake-up"]["ScalableTargetAction"] == {
        "MinCapacity": ref("ApiMinimumTasks"),
        "MaxCapacity": ref("ApiMaximumTasks"),
    }
    assert "ScheduledActions" not in mealprep("prod").one("AWS::ApplicationAutoScaling::ScalableTarget")


@pytest.mark.row("MP-24")
def test_dev_is_smaller_than_prod_in_everything_that_costs():
    dev, prod = mealprep("dev"), mealprep("prod")
    for type_ in ("AWS::EC2::NatGateway", INSTANCE):
        assert len(dev.all(type_)) == 1 < len(prod.all(type_))
    assert dev.one("AWS::ElastiCache::ReplicationGroup")["NumCacheClusters"] == 1
    assert {one["DBInstanceClass"] for one in dev.all(INSTANCE)} == {"db.t4g.medium"}


@pytest.mark.row("MP-24")
def test_dev_can_be_deleted_without_leaving_anything_behind():
    rendered = mealprep("dev")
    kept = {
        name
        for stack, template in rendered.templates.items()
        for name, one in template["Resources"].items()
        if stack != "registry" and one.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert kept == set()
    attributes = values(rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"], key="Key")
    assert attributes["deletion_protection.enabled"] == "false"
    assert rendered.one("AWS::RDS::DBCluster")["DeletionProtection"] is False


# MP-25: outputs


@pytest.mark.row("MP-25")
@pytest.mark.parametrize(
    ("environment", "name"), [("dev", "${PublicDistribution.DomainName}"), ("prod", "${DomainName}")]
)
def test_outputs_have_the_documented_names_and_lead_to_what_they_say(environment, name):
    rendered = mealprep(environment)
    outputs = {
        key: one["Value"] for template in rendered.templates.values() for key, one in template["Outputs"].items()
    }
    assert outputs["FrontendURL"] == {"Fn::Sub": f"https://{name}"}
    # The load balancer's own name is in no certificate, and it answers nobody but CloudFront.
    assert outputs["APIEndpoint"]["Fn::Sub"].startswith(f"https://{name}")
    assert outputs["DatabaseEndpoint"] == attribute("DatabaseCluster", "Endpoint.Address")
    # An output cannot hand on the cluster of another stack; the service's ARN has its name.
    assert outputs["ClusterName"] == {"Fn::Select": [1, {"Fn::Split": ["/", ref("ApiService")]}]}
    assert outputs["ServiceName"] == attribute("ApiService", "Name")


@pytest.mark.row("MP-25")
@both
def test_the_documents_smoke_test_finds_the_apis_health_below_its_endpoint(environment):
    """It asks `curl -f "$API_URL/health"`, and CloudFront hands the path on as it is."""
    rendered = mealprep(environment)
    endpoint = rendered.templates["platform"]["Outputs"]["APIEndpoint"]["Value"]["Fn::Sub"]
    path = re.sub(r"^https://[^/]+", "", f"{endpoint}/health")
    assert path == rendered.one("AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"]
    assert path in [one["PathPattern"] for one in distribution(rendered)["CacheBehaviors"]]


# MP-26: tags


def tag_property(type_: str) -> str | None:
    """The property that takes a resource's tags, as the resource's schema has it; none where it takes none."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
    tagging = schema.get("tagging", {"taggable": schema.get("taggable", True)})
    name = tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2]
    return name if tagging["taggable"] and name in schema["properties"] else None


@pytest.mark.row("MP-26")
@both
def test_every_resource_that_takes_tags_carries_the_documented_three(environment):
    rendered = mealprep(environment, web_service=True, backup=True, flow_logs=True)
    tagged = 0
    for stack, template in rendered.templates.items():
        expected = {
            "Environment": "shared" if stack == "registry" else environment,
            "Project": "mealprep",
            "CostCenter": "Engineering",
        }
        for name, one in template["Resources"].items():
            key = tag_property(one["Type"])
            if key is not None:
                given = one["Properties"].get(key)
                pairs = given if isinstance(given, dict) else values(given or [], key="Key")
                assert expected.items() <= pairs.items(), (name, one["Type"])
                tagged += 1
    assert tagged > 70


@pytest.mark.row("MP-26")
@both
def test_tasks_and_stacks_carry_the_tags_too(environment):
    rendered = mealprep(environment)
    service = rendered.one("AWS::ECS::Service")
    assert (service["PropagateTags"], service["EnableECSManagedTags"]) == ("SERVICE", True)
    for stack in rendered.stacks:
        assert stack.tags.keys() == {"Project", "Environment", "CostCenter"}
