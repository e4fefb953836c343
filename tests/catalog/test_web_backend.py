"""The web backend, whatever runs it: database, frontend, health from outside, delivery; the rows WB-01 to WB-10."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from blueprints.components.postgres_instance import max_connections
from tests.catalog.rendered import text
from tests.catalog.web_backend import (
    ARCHITECTURES,
    BEANSTALK,
    BUCKET,
    DISTRIBUTION,
    EKS,
    FARGATE,
    HEALTH_CHECK,
    INSTANCE,
    LISTENER_RULE,
    SECRET,
    as_written,
    attribute,
    dimensions,
    ref,
    texts,
    web_backend,
)

each = pytest.mark.parametrize("architecture", ARCHITECTURES)
both = pytest.mark.parametrize("environment", ["dev", "prod"])


def strings(value: Any) -> Iterator[str]:
    """Every text in a template."""
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


# WB-05: the database


@pytest.mark.row("WB-01", "WB-02", "WB-03", "WB-05")
@each
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("dev", {"MultiAZ": False, "BackupRetentionPeriod": 7, "DeletionProtection": False}),
        ("prod", {"MultiAZ": True, "BackupRetentionPeriod": 14, "DeletionProtection": True}),
    ],
)
def test_the_database_is_postgresql_of_the_documented_class_encrypted_private_and_backed_up(
    architecture, environment, expected
):
    instance = web_backend(architecture, environment).one(INSTANCE)
    documented = {
        "Engine": "postgres",
        "DBInstanceClass": "db.t3.micro",
        "StorageEncrypted": True,
        "PubliclyAccessible": False,
        "StorageType": "gp3",
        "AllocatedStorage": "20",
        **expected,
    }
    assert {key: instance[key] for key in documented} == documented
    assert instance["VPCSecurityGroups"] == [attribute("DatabaseSecurityGroup", "GroupId")]


@pytest.mark.row("WB-01", "WB-05")
@each
def test_the_cheaper_class_of_graviton_is_a_setting_of_the_database_alone(architecture):
    rendered = web_backend(architecture, database_class="db.t4g.micro")
    assert rendered.one(INSTANCE)["DBInstanceClass"] == "db.t4g.micro"
    assert "ARM64" not in json.dumps(rendered.templates)
    assert "arm64" not in json.dumps(rendered.templates)


@pytest.mark.row("WB-05")
@each
@both
def test_the_database_stands_where_no_route_leads_to_the_internet(architecture, environment):
    rendered = web_backend(architecture, environment)
    subnets = {one["Ref"] for one in rendered.one("AWS::RDS::DBSubnetGroup")["SubnetIds"]}
    assert subnets == {"MainDataSubnet1", "MainDataSubnet2"}
    assert rendered.one(INSTANCE)["DBSubnetGroupName"] == ref("DatabaseSubnetGroup")
    tables = {
        one["RouteTableId"]["Ref"]
        for one in rendered.all("AWS::EC2::SubnetRouteTableAssociation")
        if one["SubnetId"]["Ref"] in subnets
    }
    assert tables
    assert not tables & {one["RouteTableId"]["Ref"] for one in rendered.all("AWS::EC2::Route")}


@pytest.mark.row("WB-05")
@each
def test_the_database_refuses_connections_without_tls(architecture):
    rendered = web_backend(architecture)
    group = rendered.one("AWS::RDS::DBParameterGroup")
    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert rendered.one(INSTANCE)["DBParameterGroupName"] == ref("DatabaseParameterGroup")
    assert rendered.one(INSTANCE)["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"


@pytest.mark.row("WB-05")
@each
@both
@pytest.mark.parametrize("database_as", ["parts", "url"])
def test_the_password_is_generated_and_stands_in_no_template(architecture, environment, database_as):
    rendered = web_backend(architecture, environment, database_as=database_as)
    password = rendered.resources(SECRET)["DatabasePassword"]["Properties"]
    assert password["GenerateSecretString"] == {"PasswordLength": 40, "ExcludePunctuation": True}
    reference = "{{resolve:secretsmanager:${DatabasePassword}:SecretString}}"
    assert rendered.one(INSTANCE)["MasterUserPassword"] == {"Fn::Sub": reference}
    for template in rendered.templates.values():
        named = [value for value in strings(template) if re.search(r"(?i)postgres(ql)?://|password[=:]", value)]
        assert all(value.count(reference) == 1 for value in named)


@pytest.mark.row("WB-05")
@each
def test_a_database_url_verifies_the_servers_name_and_certificate(architecture):
    rendered = web_backend(architecture, database_as="url", database_name="recipes")
    (url,) = rendered.resources(SECRET)["DatabaseUrl"]["Properties"]["SecretString"].values()
    assert url == (
        "postgresql://app:{{resolve:secretsmanager:${DatabasePassword}:SecretString}}"
        "@${DatabaseInstance.Endpoint.Address}:5432/recipes"
        "?sslmode=verify-full&sslrootcert=/etc/ssl/certs/rds-global-bundle.pem"
    )
    assert rendered.one(INSTANCE)["DBName"] == "recipes"


@pytest.mark.row("WB-05")
@each
@both
def test_all_pools_of_a_deployment_fit_into_the_database(architecture, environment):
    """Old and new copies run side by side while a version is deployed."""
    settings = as_written(architecture, environment).stacks[0].settings
    assert (settings.pool_min, settings.pool_max) == (2, 10)
    most = settings.maximum_capacity * settings.workers * settings.pool_max * 2
    assert most < max_connections(settings.database_class)


@pytest.mark.row("WB-05")
@each
def test_secrets_of_the_application_get_a_place_and_a_deployment_asks_for_their_values(architecture):
    rendered = as_written(architecture, secrets=["STRIPE_API_KEY", "JWT_SECRET"])
    made = rendered.templates["data"]["Resources"]
    for name in ("StripeApiKeySecret", "JwtSecretSecret"):
        assert not {"SecretString", "GenerateSecretString"} & made[name]["Properties"].keys()
    asked = {
        (stack.name, secret.name, secret.stack, secret.output) for stack in rendered.stacks for secret in stack.secrets
    }
    users = {FARGATE: {"migration", "service"}, EKS: {"cluster"}, BEANSTALK: {"service"}}[architecture]
    assert asked == {
        (stack, name, "data", output)
        for stack in users
        for name, output in (("STRIPE_API_KEY", "StripeApiKeyArn"), ("JWT_SECRET", "JwtSecretArn"))
    }


# WB-06: CORS and log level


@pytest.mark.row("WB-06")
@each
@pytest.mark.parametrize(
    ("settings", "origins"),
    [
        ({}, {"Fn::Sub": "https://${FrontendDistribution.DomainName}"}),
        (
            {"cors_origins": ["https://admin.example.com", "http://localhost:3000"]},
            {"Fn::Sub": "https://${FrontendDistribution.DomainName},https://admin.example.com,http://localhost:3000"},
        ),
        ({"frontend_domain_name": "www.example.com"}, {"Fn::Sub": "https://${FrontendDomainName}"}),
    ],
    ids=["frontend", "more", "domain"],
)
def test_the_frontend_may_call_the_api_and_who_else_is_named(architecture, settings, origins):
    outputs = [template.get("Outputs", {}) for template in web_backend(architecture, **settings).templates.values()]
    assert [one["CorsOrigins"]["Value"] for one in outputs if "CorsOrigins" in one] == [origins]


# WB-01: the frontend


@pytest.mark.row("WB-01", "WB-02", "WB-03")
@each
@both
def test_the_frontend_is_a_private_bucket_that_this_distribution_alone_reads(architecture, environment):
    rendered = web_backend(architecture, environment)
    bucket = rendered.resources(BUCKET)["FrontendBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    policy = rendered.resources("AWS::S3::BucketPolicy")["FrontendBucketPolicy"]["Properties"]["PolicyDocument"]
    allowed = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    assert allowed
    for statement in allowed:
        assert statement["Principal"] == {"Service": ["cloudfront.amazonaws.com"]}
        assert "FrontendDistribution" in text(statement["Condition"])
    config = rendered.resources(DISTRIBUTION)["FrontendDistribution"]["Properties"]["DistributionConfig"]
    (origin,) = config["Origins"]
    assert origin["OriginAccessControlId"] == ref("FrontendOriginAccessControl")
    behaviour = config["DefaultCacheBehavior"]
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
    assert config["PriceClass"] == "PriceClass_100"


@pytest.mark.row("WB-01")
@each
def test_a_frontend_under_a_name_of_its_own_has_its_certificate_in_us_east_1(architecture):
    rendered = web_backend(architecture, frontend_domain_name="www.example.com", region="eu-west-1")
    edge = next(stack for stack in rendered.stacks if stack.name == "edge")
    assert edge.region == "us-east-1"
    assert list(rendered.templates["edge"]["Resources"]) == ["FrontendCertificate"]
    config = rendered.resources(DISTRIBUTION)["FrontendDistribution"]["Properties"]["DistributionConfig"]
    assert config["Aliases"] == [ref("FrontendDomainName")]
    assert config["ViewerCertificate"]["AcmCertificateArn"] == ref("FrontendCertificate")
    assert config["ViewerCertificate"]["MinimumProtocolVersion"].startswith("TLSv1.2")


@pytest.mark.row("WB-01")
@each
def test_without_a_frontend_nothing_of_it_is_made(architecture):
    rendered = web_backend(architecture, "prod", frontend=False)
    assert not rendered.all(DISTRIBUTION)
    assert "FrontendBucket" not in rendered.resources(BUCKET)
    assert "frontend" not in rendered.templates


# WB-04: health


@pytest.mark.row("WB-04")
@each
@both
def test_the_path_that_needs_the_database_is_asked_from_outside_and_by_no_load_balancer(architecture, environment):
    rendered = web_backend(architecture, environment)
    asking = [
        (stack, name)
        for stack, template in rendered.templates.items()
        for name, resource in template["Resources"].items()
        if "/health/db" in json.dumps(resource["Properties"])
    ]
    assert asking == [("monitoring", "DatabaseHealthCheck")]
    check = rendered.one(HEALTH_CHECK)["HealthCheckConfig"]
    assert check["ResourcePath"] == "/health/db"
    assert dimensions(rendered)["DatabaseHealthCheckAlarm"] == {
        "HealthCheckStatus": {"HealthCheckId": ref("DatabaseHealthCheck")}
    }


@pytest.mark.row("WB-04")
@each
def test_in_prod_it_is_asked_over_https_by_the_name_that_clients_use(architecture):
    check = web_backend(architecture, "prod").one(HEALTH_CHECK)["HealthCheckConfig"]
    assert (check["Type"], check["Port"], check["EnableSNI"]) == ("HTTPS", 443, True)
    assert check["FullyQualifiedDomainName"] == ref("DomainName")


@pytest.mark.row("WB-04")
@each
@pytest.mark.parametrize(
    "settings",
    [{"database_health_check": False}, {"clients": "203.0.113.0/24", "https": "certificate"}],
    ids=["off", "clients"],
)
def test_nobody_asks_from_outside_where_that_is_off_or_clients_are_few(architecture, settings):
    """Route 53 asks from addresses all over the world, which a range of clients keeps out."""
    rendered = web_backend(architecture, "staging", **settings)
    assert not rendered.all(HEALTH_CHECK)
    assert "DatabaseHealthCheckAlarm" not in dimensions(rendered)


# WB-08: alarms


@pytest.mark.row("WB-08")
@each
@both
def test_the_database_is_watched_by_the_name_that_it_has(architecture, environment):
    watched = {
        name: one for name, one in dimensions(web_backend(architecture, environment)).items() if "Health" not in name
    }
    of = {"DBInstanceIdentifier": ref("DatabaseInstance")}
    assert {name: one for name, one in watched.items() if name.startswith("Database")} == {
        "DatabaseCpuAlarm": {"CPUUtilization": of},
        "DatabaseConnectionsAlarm": {"DatabaseConnections": of},
        "DatabaseMemoryAlarm": {"FreeableMemory": of},
        "DatabaseStorageAlarm": {"FreeStorageSpace": of},
        "DatabaseCreditsAlarm": {"CPUSurplusCreditsCharged": of},
    }


@pytest.mark.row("WB-08")
@each
def test_a_class_that_earns_no_credits_has_no_alarm_on_them(architecture):
    assert "DatabaseCreditsAlarm" not in dimensions(web_backend(architecture, database_class="db.m7g.large"))


@pytest.mark.row("WB-08")
@each
@both
def test_every_alarm_is_told_to_the_topic_or_turns_a_deployment_back(architecture, environment):
    rendered = web_backend(architecture, environment, alert_email="somebody@example.com")
    for name, alarm in rendered.resources("AWS::CloudWatch::Alarm").items():
        told = alarm["Properties"].get("AlarmActions")
        assert told == (None if name == "ApiDeploymentAlarm" else [ref("AlertsTopic")]), name
    subscription = rendered.one("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "somebody@example.com")


@pytest.mark.row("WB-08")
@each
@both
def test_the_dashboard_finds_the_database_where_the_data_stack_wrote_its_name(architecture, environment):
    rendered = web_backend(architecture, environment)
    written = rendered.one("AWS::SSM::Parameter")
    asked = [
        template["Parameters"]["DatabaseIdentifier"]
        for template in rendered.templates.values()
        if "DatabaseIdentifier" in template.get("Parameters", {})
    ]
    assert [one["Default"] for one in asked] == [written["Name"]]
    assert [one["Type"] for one in asked] == ["AWS::SSM::Parameter::Value<String>"]
    assert written["Value"] == ref("DatabaseInstance")


# WB-09: delivery


@pytest.mark.row("WB-09")
@each
def test_a_workflow_of_github_comes_with_the_templates_and_needs_no_stack(architecture):
    assert "workflows/deploy.yml" in texts(architecture)
    names = [stack.name for stack in as_written(architecture).stacks]
    assert not {"pipeline", "delivery"} & set(names)


@pytest.mark.row("WB-09")
@each
@both
def test_a_repository_that_is_named_gets_a_role_that_its_workflow_alone_takes_on(architecture, environment):
    rendered = web_backend(architecture, environment, github_repository="kitchen/web-backend")
    last = rendered.stacks[-1].name
    (role,) = [
        one
        for one in rendered.templates[last]["Resources"].values()
        if "AssumeRoleWithWebIdentity" in text(one["Properties"].get("AssumeRolePolicyDocument", ""))
    ]
    trust = text(role["Properties"]["AssumeRolePolicyDocument"])
    assert trust.endswith(f"repo:${{GitHubRepository}}:environment:{environment}")
    assert rendered.templates[last]["Parameters"]["GitHubRepository"]["Default"] == "kitchen/web-backend"


@pytest.mark.row("WB-09")
@each
@both
def test_a_codepipeline_is_a_stack_of_its_own_that_builds_migrates_and_deploys(architecture, environment):
    rendered = web_backend(architecture, environment, pipeline="codepipeline")
    assert rendered.stacks[-1].name == "pipeline"
    stages = rendered.templates["pipeline"]["Resources"]["DeliveryPipeline"]["Properties"]["Stages"]
    names = [stage["Name"] for stage in stages]
    assert names[:2] == ["Source", "Build"]
    actions = [action["Name"] for stage in stages for action in stage["Actions"]]
    assert len(actions) > len(names) - 1
    categories = {action["ActionTypeId"]["Category"] for stage in stages for action in stage["Actions"]}
    assert ("Approval" in categories) is (environment == "prod"), "a person is asked where data is kept"
    assert "delivery/deliver.py" in texts(architecture, environment, pipeline="codepipeline")


@pytest.mark.row("WB-09")
@each
def test_without_a_delivery_there_is_neither(architecture):
    assert not [path for path in texts(architecture, pipeline="none") if path.startswith(("workflows", "delivery"))]
    assert as_written(architecture, pipeline="none").stacks[-1].name == "monitoring"


# Environments


# Keys of properties that name a resource in its whole account or Region.
NAMES = {"BucketName", "ClusterName", "DBInstanceIdentifier", "FunctionName", "LogGroupName", "Name", "RoleName"}


@each
@both
def test_the_environment_has_one_name_of_ours_and_that_has_the_environments_in_it(architecture, environment):
    """The document names nothing, so CloudFormation names everything else and two environments share an account."""
    rendered = as_written(architecture, environment)
    named = {
        resource["Properties"][key]
        for stack in rendered.stacks
        for resource in rendered.templates[stack.name]["Resources"].values()
        for key in NAMES & resource["Properties"].keys()
        if isinstance(resource["Properties"][key], str)
    }
    assert named == {f"/{architecture}/{environment}/database-identifier"}


@each
def test_images_are_shared_and_the_repository_is_called_as_the_architecture(architecture):
    rendered = as_written(architecture)
    assert [stack.name for stack in rendered.stacks if stack.shared] == ["registry"]
    assert rendered.one("AWS::ECR::Repository")["RepositoryName"] == architecture


@pytest.mark.row("WB-01", "WB-02")
@pytest.mark.parametrize("architecture", [FARGATE, EKS])
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_web_acl_stands_before_the_load_balancer_or_before_cloudfront(architecture, environment):
    rendered = web_backend(architecture, environment, waf=True)
    acl = rendered.one("AWS::WAFv2::WebACL")
    if environment == "dev":
        assert acl["Scope"] == "CLOUDFRONT"
        config = rendered.resources(DISTRIBUTION)["ApiDistribution"]["Properties"]["DistributionConfig"]
        assert config["WebACLId"] == attribute("PublicWebAcl", "Arn")
        assert rendered.resources(LISTENER_RULE)
    else:
        assert acl["Scope"] == "REGIONAL"
        association = rendered.one("AWS::WAFv2::WebACLAssociation")
        assert association["ResourceArn"] == ref("PublicLoadBalancer")


@pytest.mark.row("WB-01", "WB-02", "WB-03")
@each
def test_a_vpc_that_exists_takes_the_place_of_the_network(architecture):
    rendered = as_written(architecture, existing_vpc=True)
    assert "network" not in rendered.templates
    assert not rendered.all("AWS::EC2::VPC")
    asked = {title for template in rendered.templates.values() for title in template.get("Parameters", {})}
    assert {"VpcId", "PublicSubnetIds", "PrivateSubnetIds", "DataSubnetIds"} <= asked
