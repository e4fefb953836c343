"""The web backend on Elastic Beanstalk: the rows WB-03 to WB-10, on what its stacks and its source bundle say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from blueprints.catalog.web_backend_beanstalk import Settings
from blueprints.deploy.marks import marks
from blueprints.render.writing import manifest_of
from tests.catalog.rendered import Rendered, text
from tests.catalog.web_backend import (
    BEANSTALK,
    EGRESS,
    INGRESS,
    INSTANCE,
    LOG_GROUP,
    SECURITY_GROUP,
    as_written,
    attribute,
    connections,
    dimensions,
    ref,
    texts,
    web_backend,
)

both = pytest.mark.parametrize("environment", ["dev", "prod"])

ENVIRONMENT = "AWS::ElasticBeanstalk::Environment"
ANYWHERE = "0.0.0.0/0"
DOOR = {"dev": 80, "prod": 443}


def beanstalk(environment: str = "dev", **settings: Any) -> Rendered:
    return web_backend(BEANSTALK, environment, **settings)


def options(rendered: Rendered) -> dict[str, dict[str, Any]]:
    """The environment's options by namespace; each is said once."""
    found: dict[str, dict[str, Any]] = {}
    for one in rendered.one(ENVIRONMENT)["OptionSettings"]:
        group = found.setdefault(one["Namespace"].removeprefix("aws:"), {})
        assert one["OptionName"] not in group
        group[one["OptionName"]] = one["Value"]
    return found


# WB-03: application, environment, roles


@pytest.mark.row("WB-03")
@both
def test_stacks_come_in_deploy_order(environment):
    names = [stack.name for stack in beanstalk(environment).stacks]
    assert names == ["registry", "network", "data", "frontend", "service", "monitoring"]


@pytest.mark.row("WB-03")
@both
def test_an_environment_runs_a_version_of_the_application_on_the_platform_that_is_named(environment):
    rendered = beanstalk(environment)
    made = rendered.one(ENVIRONMENT)
    assert (made["ApplicationName"], made["VersionLabel"]) == (ref("ApiApplication"), ref("ApiVersion"))
    assert made["PlatformArn"] == ref("PlatformArn")
    assert made["Tier"] == {"Name": "WebServer", "Type": "Standard"}
    asked = rendered.templates["service"]["Parameters"]["PlatformArn"]
    arn = "arn:aws:elasticbeanstalk:us-east-1::platform/Docker running on 64bit Amazon Linux 2023"
    assert re.fullmatch(asked["AllowedPattern"], f"{arn}/4.6.1")
    assert not re.fullmatch(asked["AllowedPattern"], arn)
    assert "Default" not in asked


@pytest.mark.row("WB-03")
def test_an_environment_can_follow_the_newest_platform():
    rendered = beanstalk(platform="latest")
    assert text(rendered.one(ENVIRONMENT)["PlatformArn"]).endswith("platform/Docker running on 64bit Amazon Linux 2023")
    assert "PlatformArn" not in rendered.templates["service"]["Parameters"]


@pytest.mark.row("WB-03")
@pytest.mark.parametrize(("environment", "fewest"), [("dev", "1"), ("prod", "2")])
def test_instances_are_private_scaled_and_start_from_launch_templates(environment, fewest):
    chosen = options(beanstalk(environment))
    assert chosen["elasticbeanstalk:environment"] == {
        "EnvironmentType": "LoadBalanced",
        "LoadBalancerType": "application",
        "ServiceRole": ref("ApiServiceRole"),
    }
    assert chosen["autoscaling:asg"] == {"MinSize": fewest, "MaxSize": "3"}
    # Without either of these an account made since October 2024 cannot start an environment.
    launch = chosen["autoscaling:launchconfiguration"]
    assert (launch["DisableIMDSv1"], launch["RootVolumeType"]) == ("true", "gp3")
    assert launch["IamInstanceProfile"] == ref("ApiInstanceProfile")
    place = chosen["ec2:vpc"]
    assert (place["ELBScheme"], place["AssociatePublicIpAddress"]) == ("public", "false")
    for key, kind in (("Subnets", "Private"), ("ELBSubnets", "Public")):
        assert place[key] == {"Fn::Join": [",", [ref(f"Main{kind}Subnet1"), ref(f"Main{kind}Subnet2")]]}


@pytest.mark.row("WB-03")
@pytest.mark.parametrize(
    ("settings", "instances"),
    [
        ({}, {"InstanceTypes": "t3.small", "SupportedArchitectures": "x86_64"}),
        ({"arm": True}, {"InstanceTypes": "t4g.small", "SupportedArchitectures": "arm64"}),
        ({"instance_type": "m7i.large"}, {"InstanceTypes": "m7i.large", "SupportedArchitectures": "x86_64"}),
    ],
)
def test_instances_are_of_the_processor_that_the_image_is_built_for(settings, instances):
    assert options(beanstalk(**settings))["ec2:instances"] == instances


@pytest.mark.row("WB-03", "WB-05")
@both
def test_the_database_is_outside_of_the_environment(environment):
    rendered = beanstalk(environment)
    assert list(rendered.resources(INSTANCE)) == ["DatabaseInstance"]
    assert "DatabaseInstance" in rendered.templates["data"]["Resources"]
    assert not [namespace for namespace in options(rendered) if namespace.startswith("rds")]


@pytest.mark.row("WB-03")
@both
def test_load_balancer_instances_and_database_are_connected_and_nothing_else_is(environment):
    rendered = beanstalk(environment)
    balancer, api, database = (f"{name}SecurityGroup" for name in ("ApiLoadBalancer", "Api", "Database"))
    assert set(rendered.resources(SECURITY_GROUP)) == {balancer, api, database}
    inside = {(balancer, api, 80), (api, database, 5432)}
    assert set(connections(rendered, INGRESS)) == inside | {(ANYWHERE, balancer, DOOR[environment])}
    assert set(connections(rendered, EGRESS)) == inside | {(api, ANYWHERE, 443)}
    chosen = options(rendered)
    assert chosen["elbv2:loadbalancer"]["SecurityGroups"] == attribute(balancer, "GroupId")
    assert chosen["autoscaling:launchconfiguration"]["SecurityGroups"] == attribute(api, "GroupId")
    assert chosen["autoscaling:launchconfiguration"]["DisableDefaultEC2SecurityGroup"] == "true"


@pytest.mark.row("WB-03")
@both
def test_the_environment_waits_for_its_connections(environment):
    template = beanstalk(environment).templates["service"]["Resources"]
    rules = {name for name, one in template.items() if one["Type"] in {INGRESS, EGRESS}}
    assert len(rules) == 6
    assert rules <= set(template["ApiEnvironment"]["DependsOn"])


@pytest.mark.row("WB-03")
def test_with_a_certificate_nothing_listens_on_port_80():
    chosen = options(beanstalk("prod"))
    assert chosen["elbv2:listener:default"]["ListenerEnabled"] == "false"
    secure = chosen["elbv2:listener:443"]
    assert (secure["ListenerEnabled"], secure["Protocol"]) == ("true", "HTTPS")
    assert secure["SSLCertificateArns"] == ref("PublicCertificate")
    plain = options(beanstalk())
    assert plain["elbv2:listener:default"]["ListenerEnabled"] == "true"
    assert "elbv2:listener:443" not in plain


@pytest.mark.row("WB-03")
def test_in_prod_the_domain_leads_to_the_load_balancer_and_its_logs_are_kept():
    rendered = beanstalk("prod")
    record = rendered.one("AWS::Route53::RecordSet")
    assert (record["Name"], record["Type"]) == (ref("DomainName"), "CNAME")
    assert record["ResourceRecords"] == [attribute("ApiEnvironment", "EndpointURL")]
    balancer = options(rendered)["elbv2:loadbalancer"]
    assert (balancer["AccessLogsS3Enabled"], balancer["AccessLogsS3Bucket"]) == ("true", ref("AccessLogBucket"))


@pytest.mark.row("WB-03")
@both
def test_instances_read_their_repository_their_secrets_and_their_logs_and_no_others(environment):
    rendered = beanstalk(environment, secrets=["STRIPE_API_KEY"])
    allowed = {one["Sid"]: one for role, one in rendered.statements() if role == "ApiInstanceRole"}
    assert text(allowed["PullImage"]["Resource"]).endswith(":repository/web-backend-beanstalk")
    assert allowed["ReadSecrets"]["Resource"] == [ref("DatabasePassword"), ref("StripeApiKeySecret")]
    assert allowed["WriteToApiLogGroup"]["Resource"] == [attribute("ApiLogGroup", "Arn")]
    unscoped = [sid for sid, one in allowed.items() if "*" in one["Resource"]]
    assert unscoped == ["LogInToRegistry"]
    assert ref("ApiInstanceRole") in rendered.one("AWS::IAM::InstanceProfile")["Roles"]


@pytest.mark.row("WB-03")
@both
def test_the_services_role_changes_nothing(environment):
    allowed = [one for role, one in beanstalk(environment).statements() if role == "ApiServiceRole"]
    assert allowed
    writes = {"logs:CreateLogStream", "logs:PutLogEvents"}
    for action in (action for one in allowed for action in one["Action"]):
        assert action in writes or re.search(r":(Describe|Get)", action), action


@pytest.mark.row("WB-03")
def test_platforms_are_updated_in_a_window_unless_there_is_none():
    managed = options(beanstalk())["elasticbeanstalk:managedactions"]
    assert (managed["ManagedActionsEnabled"], managed["PreferredStartTime"]) == ("true", "Sun:03:00")
    none = options(beanstalk(update_window=""))
    assert none["elasticbeanstalk:managedactions"] == {"ManagedActionsEnabled": "false"}
    assert "elasticbeanstalk:managedactions:platformupdate" not in none


# WB-03: the source bundle


@pytest.mark.row("WB-03")
@both
def test_a_deployment_uploads_the_bundle_before_the_stack_that_makes_a_version_of_it(environment):
    rendered = as_written(BEANSTALK, environment)
    manifest = manifest_of(BEANSTALK, Settings(environment=environment), list(rendered.stacks))
    steps = {entry.name: list(entry.bundles) for entry in manifest.stacks if entry.bundles}
    assert list(steps) == ["service"]
    (step,) = steps["service"]
    for wanted in (step.bucket, *step.values.values()):
        assert wanted.output in rendered.templates[wanted.stack]["Outputs"]
    version = beanstalk(environment).one("AWS::ElasticBeanstalk::ApplicationVersion")["SourceBundle"]
    assert version == {"S3Bucket": ref("BundlesBucket"), "S3Key": {"Fn::Sub": step.key}}
    assert step.key == "${ImageTag}.zip"
    assert step.folder == f"bundle/{environment}"


@pytest.mark.row("WB-03")
@both
@pytest.mark.parametrize("settings", [{}, {"migration": [], "database_as": "url"}], ids=["parts", "url"])
def test_every_mark_of_the_bundle_has_a_value(environment, settings):
    rendered = as_written(BEANSTALK, environment, **settings)
    (step,) = [one for stack in rendered.stacks for one in stack.bundles]
    written = texts(BEANSTALK, environment, **settings)
    bundled = {path: value for path, value in written.items() if path.startswith(f"{step.folder}/")}
    assert {"docker-compose.yml", "proxy/nginx.conf"} <= {path.removeprefix(f"{step.folder}/") for path in bundled}
    named = set().union(*(marks(value) for value in bundled.values()))
    assert named == {*step.values, "ImageTag"}
    assert "ImageTag" in rendered.templates["service"]["Parameters"]


@pytest.mark.row("WB-03")
@both
def test_the_bundle_runs_the_image_of_the_repository_that_instances_can_pull(environment):
    services = yaml.safe_load(texts(BEANSTALK, environment)[f"bundle/{environment}/docker-compose.yml"])["services"]
    assert services["api"]["image"] == "${REPOSITORY_URI}:${ImageTag}"
    assert services["api"]["user"] == "1000:1000"
    assert "ports" not in services["api"]
    assert services["proxy"]["ports"] == ["80:8080"]
    (step,) = [one for stack in as_written(BEANSTALK, environment).stacks for one in stack.bundles]
    wanted = step.values["REPOSITORY_URI"]
    output = beanstalk(environment).templates[wanted.stack]["Outputs"][wanted.output]["Value"]
    assert output == attribute("ApiRepository", "RepositoryUri")


# WB-04: health


@pytest.mark.row("WB-04")
@both
def test_the_load_balancer_asks_for_health_without_the_database(environment):
    process = options(beanstalk(environment))["elasticbeanstalk:environment:process:default"]
    assert (process["HealthCheckPath"], process["MatcherHTTPCode"], process["Port"]) == ("/health", "200", "80")
    bundled = [value for path, value in texts(BEANSTALK, environment).items() if path.startswith("bundle/")]
    assert not [value for value in bundled if "/health/db" in value]


# WB-05, WB-06: what the application is told


@pytest.mark.row("WB-05", "WB-06")
@both
def test_the_environment_tells_the_contract_and_names_secrets_by_their_arns(environment):
    chosen = options(beanstalk(environment))
    told = dict(chosen["elasticbeanstalk:application:environment"])
    assert told.pop("LOG_GROUP") == ref("ApiLogGroup")
    assert told == {
        "ENVIRONMENT": environment,
        "LOG_LEVEL": "INFO",
        "CORS_ORIGINS": {"Fn::Sub": "https://${FrontendDistribution.DomainName}"},
        "WEB_CONCURRENCY": "1",
        "FORWARDED_ALLOW_IPS": "127.0.0.1,10.0.0.0/16",
        "DATABASE_HOST": attribute("DatabaseInstance", "Endpoint.Address"),
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "app",
        "DATABASE_USER": "app",
        "DATABASE_SSLMODE": "verify-full",
        "DATABASE_SSLROOTCERT": "/etc/ssl/certs/rds-global-bundle.pem",
        "DATABASE_POOL_MIN": "2",
        "DATABASE_POOL_MAX": "10",
    }
    assert chosen["elasticbeanstalk:application:environmentsecrets"] == {"DATABASE_PASSWORD": ref("DatabasePassword")}


# WB-07: migrations


@pytest.mark.row("WB-07")
@both
def test_one_instance_migrates_before_the_new_containers_and_its_failure_stops_the_deployment(environment):
    written = texts(BEANSTALK, environment)
    commands = yaml.safe_load(written[f"bundle/{environment}/.ebextensions/20-migration.config"])["container_commands"]
    (command,) = commands.values()
    assert command == {"command": "bash migrate.sh", "leader_only": True, "ignoreErrors": False}
    script = written[f"bundle/{environment}/migrate.sh"]
    assert 'image="${REPOSITORY_URI}:${ImageTag}"' in script
    assert script.rstrip().endswith('"$image" alembic upgrade head')
    chosen = options(beanstalk(environment))
    told = {
        **chosen["elasticbeanstalk:application:environment"],
        **chosen["elasticbeanstalk:application:environmentsecrets"],
    }
    assert set(re.findall(r"--env ([A-Z_]+)", script)) == told.keys() - {"LOG_GROUP"}


@pytest.mark.row("WB-07")
def test_without_a_command_the_bundle_has_no_migration():
    assert not [path for path in texts(BEANSTALK, migration=[]) if "migrat" in path]


# WB-08: logs, alarms, dashboard


@pytest.mark.row("WB-08")
@pytest.mark.parametrize(("environment", "goes"), [("dev", "true"), ("prod", "false")])
def test_logs_of_containers_instances_and_health_are_in_cloudwatch_and_forget(environment, goes):
    rendered = beanstalk(environment)
    assert {one["RetentionInDays"] for one in rendered.all(LOG_GROUP)} == {30}
    chosen = options(rendered)
    kept = {"DeleteOnTerminate": goes, "RetentionInDays": "30"}
    assert chosen["elasticbeanstalk:cloudwatch:logs"] == {"StreamLogs": "true", **kept}
    assert chosen["elasticbeanstalk:cloudwatch:logs:health"] == {"HealthStreamingEnabled": "true", **kept}
    assert rendered.templates["service"]["Outputs"]["LogGroupName"]["Value"] == ref("ApiLogGroup")


@pytest.mark.row("WB-03", "WB-08")
@both
def test_alarms_and_dashboard_read_metrics_that_the_environment_publishes(environment):
    rendered = beanstalk(environment)
    reporting = options(rendered)["elasticbeanstalk:healthreporting:system"]
    assert reporting["SystemType"] == "enhanced"
    published = {"EnvironmentHealth", *json.loads(reporting["ConfigDocument"])["CloudWatchMetrics"]["Environment"]}
    watched = {name: one for name, one in dimensions(rendered).items() if name.startswith("Api")}
    assert watched.keys() == {"ApiHealthAlarm", "ApiErrorRateAlarm", "ApiLatencyAlarm"}
    for metrics in watched.values():
        assert metrics.keys() <= published
        assert all(of == {"EnvironmentName": ref("ApiEnvironment")} for of in metrics.values())
    body, names = rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    shown = set(re.findall(r'"AWS/ElasticBeanstalk", "(\w+)"', body))
    assert shown
    assert shown <= published
    assert names == {"Environment": ref("ApiEnvironment"), "Database": ref("DatabaseIdentifier")}
    assert "DatabaseConnections" in body


# WB-10: rolling or other instances


@pytest.mark.row("WB-10")
@pytest.mark.parametrize(
    ("deployment", "policy"),
    [("rolling", "RollingWithAdditionalBatch"), ("immutable", "Immutable"), ("traffic-splitting", "TrafficSplitting")],
)
def test_a_version_reaches_instances_as_settings_say_and_is_turned_back_when_they_are_not_well(deployment, policy):
    chosen = options(beanstalk(deployment=deployment))
    command = chosen["elasticbeanstalk:command"]
    assert (command["DeploymentPolicy"], command["IgnoreHealthCheck"]) == (policy, "false")
    assert ("elasticbeanstalk:trafficsplitting" in chosen) is (deployment == "traffic-splitting")
