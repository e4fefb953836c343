"""The web backend on Elastic Beanstalk in the emulated account: prod and dev beside each other.

Each stage is deployed once, and what the AWS CLI answers then is kept, so that the tests can run in any order. The
emulator has no Elastic Beanstalk: application, version and environment are stand-ins, which have what they were given.
It refuses a version whose bundle is not in its bucket, and an environment whose version is not there. No instance
starts, so nothing here shows that a bundle runs.
"""

from __future__ import annotations

import io
import zipfile
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
from tests.deploy.architectures import NOWHERE, Lived, Rule, Target, read_model, retention, security_group_rules

pytestmark = [pytest.mark.xdist_group("web-backend-beanstalk"), pytest.mark.row("WB-03")]

ARCHITECTURE = "web-backend-beanstalk"
STACKS = ["registry", "network", "data", "frontend", "service", "monitoring"]
IMAGE = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{ARCHITECTURE}"
DOMAIN = "app.example.com"
OPTIONS = "aws:elasticbeanstalk:"


@dataclass(frozen=True)
class Life(Lived):
    """An environment as it was once."""

    environment: str
    target: Target
    result: DeployResult
    resources: dict[str, dict[str, dict[str, str]]]
    running: dict[str, Any]
    """The environment of Elastic Beanstalk."""
    version: dict[str, Any]
    bundles: dict[str, dict[str, str]]
    """Texts of the files in each bundle that was uploaded, by key."""
    plans: dict[str, StackPlan] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, dict[str, str]]:
        """Values of the environment's options, by namespace and name."""
        found: dict[str, dict[str, str]] = {}
        for option in self.running["OptionSettings"]:
            found.setdefault(option["Namespace"], {})[option["OptionName"]] = option["Value"]
        return found

    def physical_id(self, stack: str, logical_id: str) -> str:
        return self.resources[stack][logical_id]["PhysicalResourceId"]


def _live(target: Target, result: DeployResult, folder: Path) -> Life:
    outputs = {stack.entry.name: stack.outputs for stack in result.stacks}
    resources = {entry.name: target.resources(entry.name) for entry in target.manifest.stacks}
    service = resources["service"]
    return Life(
        target.manifest.environment,
        target,
        result,
        resources,
        running=read_model(target, service["ApiEnvironment"]),
        version=read_model(target, service["ApiVersion"]),
        bundles=_bundles(target, outputs["data"]["BundleBucketName"], folder),
        plans=dict(target.plans),
    )


def _bundles(target: Target, bucket: str, folder: Path) -> dict[str, dict[str, str]]:
    named = ("--bucket", bucket)
    keys = [each["Key"] for each in target.aws("s3api", "list-objects-v2", *named)["Contents"]]
    return {key: _files(target, (*named, "--key", key), folder / "bundle.zip") for key in keys}


def _files(target: Target, named: tuple[str, ...], path: Path) -> dict[str, str]:
    target.aws("s3api", "get-object", *named, str(path))
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture(scope="module")
def prod(emulator_server: Emulator, forked_cli: Path, output: Path, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Prod, deployed into an empty account."""
    emulator_server.reset()
    target = Target(emulator_server, forked_cli, Manifest.load(output / ARCHITECTURE / "prod" / "manifest.json"))
    return _live(target, target.deploy(target.seed()), tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="module")
def dev(prod: Life, output: Path, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Dev, deployed beside prod."""
    manifest = Manifest.load(output / ARCHITECTURE / "dev" / "manifest.json")
    target = Target(prod.target.emulator, prod.target.cli_folder, manifest)
    return _live(target, target.deploy(target.seed()), tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="module", params=["prod", "dev"])
def life(request: pytest.FixtureRequest, prod: Life, dev: Life) -> Life:
    return {"prod": prod, "dev": dev}[request.param]


@dataclass(frozen=True)
class Surroundings:
    """What is around the environment, as the AWS CLI shows it right after the deploy."""

    database: dict[str, Any]
    security_groups: dict[str, list[Rule]]
    alarms: dict[str, dict[str, Any]]
    health: dict[str, Any]
    records: dict[str, list[str]]
    retention: dict[str, int]


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
    identifier = ("--db-instance-identifier", outputs["data"]["DatabaseIdentifier"])
    (database,) = target.aws("rds", "describe-db-instances", *identifier)["DBInstances"]
    alarms = {each["AlarmName"]: each for each in target.aws("cloudwatch", "describe-alarms")["MetricAlarms"]}
    check = ("--health-check-id", outputs["monitoring"]["DatabaseHealthCheckId"])
    held = {name: each for stack in life.resources.values() for name, each in stack.items()}
    return Surroundings(
        database=database,
        security_groups=security_group_rules(target, outputs["network"]["VpcId"]),
        alarms={name: alarms[each["PhysicalResourceId"]] for name, each in held.items() if name.endswith("Alarm")},
        health=target.aws("route53", "get-health-check", *check)["HealthCheck"]["HealthCheckConfig"],
        records=_records(target) if life.is_prod else {},
        retention={name: days for name, days in retention(target).items() if f"-{life.environment}-" in name},
    )


def _records(target: Target) -> dict[str, list[str]]:
    (zone,) = target.aws("route53", "list-hosted-zones")["HostedZones"]
    found = target.aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone["Id"])["ResourceRecordSets"]
    named = (each for each in found if each["Type"] == "CNAME")
    return {each["Name"].rstrip("."): [value["Value"] for value in each["ResourceRecords"]] for each in named}


def test_every_stack_is_created_in_the_order_of_the_manifest(life: Life) -> None:
    # What the environments share is there when the second comes.
    assert list(life.outcomes.items()) == [
        (name, "unchanged" if name == "registry" and not life.is_prod else "created") for name in STACKS
    ]


def test_every_resource_of_the_templates_exists_and_every_output_has_a_value(life: Life) -> None:
    assert {name: set(found) for name, found in life.resources.items()} == {
        name: set(life.target.template(name)["Resources"]) for name in STACKS
    }
    for stack in life.result.stacks:
        assert list(stack.outputs) == list(stack.entry.outputs)
        assert all(stack.outputs.values())


def test_the_bundle_is_uploaded_before_its_stack_and_names_the_image(life: Life) -> None:
    told = life.target.told.getvalue()
    bucket = life.outputs["data"]["BundleBucketName"]
    stack = f"{ARCHITECTURE}-{life.environment}-service"
    order = [f"service: stack {stack}", f"uploaded s3://{bucket}/local.zip", f"{stack}: CREATE_COMPLETE"]
    places = [told.index(each) for each in order]
    assert places == sorted(places)
    (files,) = life.bundles.values()
    assert f'image: "{IMAGE}:local"' in files["docker-compose.yml"]
    assert set(files) == {
        "docker-compose.yml",
        "proxy/nginx.conf",
        "migrate.sh",
        ".ebextensions/10-health-logs.config",
        ".ebextensions/20-migration.config",
    }


@pytest.mark.row("WB-07")
def test_the_bundle_migrates_on_one_instance_before_the_new_containers(life: Life) -> None:
    (files,) = life.bundles.values()
    command = files[".ebextensions/20-migration.config"]
    assert "command: bash migrate.sh" in command
    assert "leader_only: true" in command
    assert "ignoreErrors: false" in command
    assert f'image="{IMAGE}:local"' in files["migrate.sh"]
    assert "alembic upgrade head" in files["migrate.sh"]


def test_the_environment_runs_the_version_that_is_made_of_the_bundle(life: Life) -> None:
    bundle = life.version["SourceBundle"]
    assert bundle == {"S3Bucket": life.outputs["data"]["BundleBucketName"], "S3Key": "local.zip"}
    assert life.running["VersionLabel"] == life.physical_id("service", "ApiVersion")
    assert life.running["ApplicationName"] == life.version["ApplicationName"]
    assert life.running["PlatformArn"].startswith("arn:aws:elasticbeanstalk:us-east-1::platform/Docker running on ")


def test_instances_are_private_behind_a_public_load_balancer(life: Life) -> None:
    network, options = life.outputs["network"], life.options
    assert options["aws:ec2:vpc"] == {
        "VPCId": network["VpcId"],
        "Subnets": ",".join(network[f"PrivateSubnet{zone}"] for zone in (1, 2)),
        "ELBSubnets": ",".join(network[f"PublicSubnet{zone}"] for zone in (1, 2)),
        "ELBScheme": "public",
        "AssociatePublicIpAddress": "false",
    }
    environment = options[f"{OPTIONS}environment"]
    assert (environment["EnvironmentType"], environment["LoadBalancerType"]) == ("LoadBalanced", "application")
    assert environment["ServiceRole"] == life.physical_id("service", "ApiServiceRole")
    instances = options["aws:autoscaling:launchconfiguration"]
    assert instances["IamInstanceProfile"] == life.physical_id("service", "ApiInstanceProfile")
    assert instances["SecurityGroups"] == life.physical_id("service", "ApiSecurityGroup")
    size = options["aws:autoscaling:asg"]
    assert (size["MinSize"], size["MaxSize"]) == (("2", "3") if life.is_prod else ("1", "3"))


@pytest.mark.row("WB-05")
@pytest.mark.row("WB-06")
def test_the_application_is_told_the_same_as_in_other_runtimes(life: Life) -> None:
    data = life.outputs["data"]
    assert life.options[f"{OPTIONS}application:environment"] == {
        "ENVIRONMENT": life.environment,
        "LOG_LEVEL": "INFO",
        "CORS_ORIGINS": life.outputs["frontend"]["FrontendUrl"],
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
        "LOG_GROUP": life.outputs["service"]["LogGroupName"],
    }
    assert life.options[f"{OPTIONS}application:environmentsecrets"] == {
        "DATABASE_PASSWORD": data["DatabasePasswordArn"]
    }


@pytest.mark.row("WB-05")
def test_the_database_is_outside_of_the_environment_and_private(life: Life, around: Surroundings) -> None:
    database = around.database
    assert (database["Engine"], database["DBInstanceClass"]) == ("postgres", "db.t3.micro")
    assert (database["StorageEncrypted"], database["PubliclyAccessible"]) == (True, False)
    assert database["DeletionProtection"] is life.is_prod
    placed = [each["SubnetIdentifier"] for each in database["DBSubnetGroup"]["Subnets"]]
    assert placed == [life.outputs["network"][f"DataSubnet{zone}"] for zone in (1, 2)]


def test_security_groups_let_clients_to_the_balancer_and_it_to_the_instances(life: Life, around: Surroundings) -> None:
    port = 443 if life.is_prod else 80
    ways: dict[str, list[Rule]] = {
        "ApiLoadBalancerSecurityGroup": [
            ("in", "tcp", port, port, "0.0.0.0/0"),
            ("out", "tcp", 80, 80, "ApiSecurityGroup"),
        ],
        "ApiSecurityGroup": [
            ("in", "tcp", 80, 80, "ApiLoadBalancerSecurityGroup"),
            ("out", "tcp", 443, 443, "0.0.0.0/0"),
            ("out", "tcp", 5432, 5432, "DatabaseSecurityGroup"),
        ],
        "DatabaseSecurityGroup": [("in", "tcp", 5432, 5432, "ApiSecurityGroup")],
    }
    assert around.security_groups == {name: sorted([*rules, NOWHERE], key=str) for name, rules in ways.items()}


def test_prod_answers_https_under_its_name_and_dev_under_the_balancers(life: Life, around: Surroundings) -> None:
    options, service = life.options, life.outputs["service"]
    endpoint = life.running["EndpointURL"]
    if life.is_prod:
        assert options["aws:elbv2:listener:default"]["ListenerEnabled"] == "false"
        https = options["aws:elbv2:listener:443"]
        assert https["SSLCertificateArns"] == life.physical_id("service", "PublicCertificate")
        assert service["Url"] == f"https://{DOMAIN}"
        assert around.records[DOMAIN] == [endpoint]
    else:
        assert options["aws:elbv2:listener:default"] == {"ListenerEnabled": "true", "Protocol": "HTTP"}
        assert "aws:elbv2:listener:443" not in options
        assert service["Url"] == f"http://{endpoint}"


@pytest.mark.row("WB-04")
def test_the_load_balancer_asks_for_health_and_route_53_for_the_database(life: Life, around: Surroundings) -> None:
    assert life.options[f"{OPTIONS}environment:process:default"]["HealthCheckPath"] == "/health"
    asked = (around.health["Type"], around.health["FullyQualifiedDomainName"], around.health["ResourcePath"])
    kind = "HTTPS" if life.is_prod else "HTTP"
    assert asked == (kind, life.outputs["service"]["PublicName"], "/health/db")


@pytest.mark.row("WB-08")
def test_alarms_watch_the_environment_and_the_database(life: Life, around: Surroundings) -> None:
    assert set(around.alarms) == {
        *("ApiHealthAlarm", "ApiErrorRateAlarm", "ApiLatencyAlarm", "DatabaseHealthCheckAlarm"),
        *("DatabaseCpuAlarm", "DatabaseCreditsAlarm", "DatabaseConnectionsAlarm"),
        *("DatabaseMemoryAlarm", "DatabaseStorageAlarm"),
    }
    assert {action for each in around.alarms.values() for action in each["AlarmActions"]} == {
        life.outputs["monitoring"]["AlertTopicArn"]
    }
    of = {"Name": "EnvironmentName", "Value": life.outputs["service"]["EnvironmentName"]}
    assert around.alarms["ApiHealthAlarm"]["Dimensions"] == [of]
    assert around.retention == {life.outputs["service"]["LogGroupName"]: 30}


# From here on dev moves: a new image, and away.


@pytest.fixture(scope="module")
def updated(dev: Life, around_dev: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> Life:
    dev.target.push("v2")
    return _live(dev.target, dev.target.deploy({"ImageTag": "v2"}), tmp_path_factory.mktemp("updated"))


def test_a_new_image_tag_changes_the_stack_of_the_service_and_no_other(updated: Life) -> None:
    assert updated.outcomes == {name: "updated" if name == "service" else "unchanged" for name in STACKS}
    changes = {change.logical_id: change.action for change in updated.plans["service"].changes}
    assert (changes["ApiVersion"], changes["ApiEnvironment"]) == ("replace", "modify")
    assert list(changes.values()).count("replace") == 1


@pytest.mark.row("WB-10")
def test_a_new_image_tag_is_a_new_version_of_the_same_environment(dev: Life, updated: Life) -> None:
    assert set(updated.bundles) == {"local.zip", "v2.zip"}
    assert updated.bundles["local.zip"] == dev.bundles["local.zip"]
    assert f'image: "{IMAGE}:v2"' in updated.bundles["v2.zip"]["docker-compose.yml"]
    assert updated.version["SourceBundle"]["S3Key"] == "v2.zip"
    assert updated.running["VersionLabel"] == updated.physical_id("service", "ApiVersion")
    assert updated.running["VersionLabel"] != dev.running["VersionLabel"]
    assert updated.outputs["service"]["EnvironmentName"] == dev.outputs["service"]["EnvironmentName"]


@dataclass(frozen=True)
class Ended:
    """What is left when dev is deleted, and why prod is not."""

    refusals: list[str]
    result: DeleteResult
    retained: set[str]
    left: dict[str, set[str]]
    of_prod: str


@pytest.fixture(scope="module")
def dev_gone(prod: Life, updated: Life) -> Ended:
    target = updated.target
    refusals: list[str] = []
    result = target.delete_as_told(refusals)
    retained = {item.logical_id for stack in target.deletions[-1].stacks for item in stack.retained}
    with pytest.raises(DeployError) as error:
        prod.target.delete()
    return Ended(refusals, result, retained, target.left(), str(error.value))


def test_dev_goes_in_reverse_order_with_its_bundles(dev_gone: Ended) -> None:
    assert (dev_gone.refusals, dev_gone.retained) == ([], set())
    assert [entry.name for entry in dev_gone.result.deleted] == [*reversed(STACKS[1:])]
    rest = {kind: {name for name in names if "-prod-" not in name} for kind, names in dev_gone.left.items()}
    assert len(rest.pop("networks")) == 1
    assert {kind: names for kind, names in rest.items() if names} == {
        "stacks": {f"{ARCHITECTURE}-registry"},
        "repositories": {ARCHITECTURE},
    }


def test_prod_names_its_protections_and_the_databases_before_anything_goes(prod: Life, dev_gone: Ended) -> None:
    own = [entry.stack_name for entry in prod.target.manifest.stacks if not entry.shared]
    for name in [*own, "DatabaseInstance"]:
        assert f"  {name}: aws " in dev_gone.of_prod
    assert set(own) <= dev_gone.left["stacks"]


# What the emulator refuses of Elastic Beanstalk


def test_a_version_without_its_bundle_is_refused_and_nothing_runs(prod: Life, around_prod: Surroundings) -> None:
    target, bucket = prod.target, prod.outputs["data"]["BundleBucketName"]
    template = '{"Resources": {"App": {"Type": "AWS::ElasticBeanstalk::Application"}, "Version": {"Type": %s}}}'
    version = (
        '"AWS::ElasticBeanstalk::ApplicationVersion", "Properties": {"ApplicationName": {"Ref": "App"}, '
        f'"SourceBundle": {{"S3Bucket": "{bucket}", "S3Key": "never.zip"}}}}'
    )
    target.aws("cloudformation", "create-stack", "--stack-name", "alone", "--template-body", template % version)
    events = target.aws("cloudformation", "describe-stack-events", "--stack-name", "alone")["StackEvents"]
    reasons = [each["ResourceStatusReason"] for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
    assert any(f"Unable to download from S3 location (Bucket: {bucket}  Key: never.zip)" in each for each in reasons)
    target.aws("cloudformation", "delete-stack", "--stack-name", "alone")
