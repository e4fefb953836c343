"""What settings turn on, rendered and deployed to the emulated account."""

from __future__ import annotations

import json
from pathlib import Path

from blueprints import render
from blueprints.catalog import account, cooking_assistant, facerec, recipe_chatbot
from blueprints.deploy.execute import DeployResult
from blueprints.deploy.local import Emulator
from blueprints.model.settings import Settings
from tests.deploy.architectures import RunningService, Target, read_service, retention


def _rendered(emulator: Emulator, cli_folder: Path, folder: Path, architecture: str, settings: Settings) -> Target:
    emulator.reset()
    return Target(emulator, cli_folder, render.write(architecture, settings, folder))


def _deployed(target: Target, **parameters: str) -> DeployResult:
    """Deploy all stacks; every resource of every template exists afterwards."""
    result = target.deploy({**target.seed(), **parameters})
    assert {stack.outcome for stack in result.stacks} == {"created"}
    for entry in target.manifest.stacks:
        assert set(target.resources(entry.name)) == set(target.template(entry.name)["Resources"])
    return result


def _network(target: Target) -> dict[str, str]:
    """A VPC that somebody else made, as the parameters name it."""
    vpc = str(target.aws("ec2", "create-vpc", "--cidr-block", "10.9.0.0/16")["Vpc"]["VpcId"])
    subnets = [
        str(target.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"10.9.{n}.0/24")["Subnet"]["SubnetId"])
        for n in range(4)
    ]
    return {"VpcId": vpc, "PublicSubnetIds": ",".join(subnets[:2]), "PrivateSubnetIds": ",".join(subnets[2:])}


def _task(target: Target, stack: str) -> RunningService:
    """What the service of this stack runs."""
    name = target.manifest.stack(stack).stack_name
    (found,) = target.aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
    return read_service(target, {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]})


def test_a_service_goes_into_a_vpc_that_exists(emulator_server: Emulator, forked_cli: Path, tmp_path: Path) -> None:
    settings = facerec.Settings(existing_vpc=True)
    target = _rendered(emulator_server, forked_cli, tmp_path, "facerec", settings)
    network = _network(target)
    assert [entry.name for entry in target.manifest.stacks] == ["registry", "data", "service"]
    _deployed(target, **network)

    (balancer,) = target.aws("elbv2", "describe-load-balancers")["LoadBalancers"]
    assert {zone["SubnetId"] for zone in balancer["AvailabilityZones"]} == set(network["PublicSubnetIds"].split(","))
    (group,) = target.aws("elbv2", "describe-target-groups")["TargetGroups"]
    assert group["VpcId"] == network["VpcId"]
    placed = _task(target, "service").service["networkConfiguration"]["awsvpcConfiguration"]
    assert ",".join(placed["subnets"]) == network["PrivateSubnetIds"]
    assert not target.aws("ec2", "describe-nat-gateways")["NatGateways"]


def test_the_assistant_with_database_cache_sign_in_and_web_acl(
    emulator_server: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    settings = cooking_assistant.Settings(
        storage="aurora", cache=True, sign_in="people-and-machines", https="domain", waf=True, alarms=True
    )
    target = _rendered(emulator_server, forked_cli, tmp_path, "cooking-assistant", settings)
    _deployed(target)
    (container,) = _task(target, "service").containers.values()
    names = {each["name"] for each in [*container["environment"], *container["secrets"]]}
    assert "ANTHROPIC_API_KEY" in names
    assert all(each["valueFrom"].startswith("arn:") for each in container["secrets"])
    (cluster,) = target.aws("rds", "describe-db-clusters")["DBClusters"]
    assert cluster["Engine"] == "aurora-postgresql"
    assert cluster["StorageEncrypted"] is True
    assert len(target.aws("cognito-idp", "list-user-pools", "--max-results", "10")["UserPools"]) >= 1


def test_recognition_blue_green_with_pipeline_and_backup(
    emulator_server: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    settings = facerec.Settings(deployment="blue-green", pipeline=True, backup=True)
    target = _rendered(emulator_server, forked_cli, tmp_path, "facerec", settings)
    _deployed(target)
    groups = target.aws("elbv2", "describe-target-groups")["TargetGroups"]
    assert len(groups) == 2
    assert {group["HealthCheckPath"] for group in groups} == {"/health"}
    (attached,) = _task(target, "service").service["loadBalancers"]
    assert attached["targetGroupArn"] in {group["TargetGroupArn"] for group in groups}


def test_a_chatbot_in_prod_that_rolls_in_a_vpc_that_exists_with_a_certificate_and_free_names(
    emulator_server: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    settings = recipe_chatbot.Settings(
        environment="prod",
        deployment="rolling",
        existing_vpc=True,
        https="certificate",
        health_check=False,
        key_rotation="function",
        documented_names=False,
    )
    target = _rendered(emulator_server, forked_cli, tmp_path, "recipe-chatbot", settings)
    network = _network(target)
    assert "network" not in {entry.name for entry in target.manifest.stacks}
    _deployed(target, **network)

    for part, repository in (("backend", "recipe-chatbot-backend"), ("frontend", "recipe-chatbot-frontend")):
        running = _task(target, part)
        assert running.service["deploymentConfiguration"].get("strategy", "ROLLING") == "ROLLING"
        assert running.service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {
            "enable": True,
            "rollback": True,
        }
        assert running.service["serviceName"] != f"{repository}-prod"
        placed = running.service["networkConfiguration"]["awsvpcConfiguration"]
        assert ",".join(placed["subnets"]) == network["PrivateSubnetIds"]
    # One target group each, for there is nothing to swap.
    assert len(target.aws("elbv2", "describe-target-groups")["TargetGroups"]) == 2
    secrets = target.aws("secretsmanager", "list-secrets")["SecretList"]
    assert [each["RotationEnabled"] for each in secrets] == [True, True]
    assert not [each for each in secrets if each["Name"].startswith("recipe-chatbot/")]


def test_a_chatbot_in_dev_that_never_sleeps_over_ipv6_without_tracing(
    emulator_server: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    settings = recipe_chatbot.Settings(
        environment="dev", sleep=False, dual_stack=True, tracing=False, deployment="blue-green", deployment_hook=True
    )
    target = _rendered(emulator_server, forked_cli, tmp_path, "recipe-chatbot", settings)
    _deployed(target)

    backend = _task(target, "backend")
    assert set(backend.containers) == {"backend"}
    variables = {each["name"] for each in backend.containers["backend"]["environment"]}
    assert not [name for name in variables if name.startswith("OTEL_")]
    assert "/aws/ecs/recipe-chatbot/backend-metrics-dev" not in retention(target)
    (hook,) = backend.service["deploymentConfiguration"]["lifecycleHooks"]
    assert hook["lifecycleStages"] == ["POST_TEST_TRAFFIC_SHIFT"]
    (balancer,) = target.aws("elbv2", "describe-load-balancers")["LoadBalancers"]
    assert balancer["IpAddressType"] == "dualstack"
    zone = ("--hosted-zone-id", target.seed()["HostedZoneId"])
    records = target.aws("route53", "list-resource-record-sets", *zone)["ResourceRecordSets"]
    assert {each["Type"] for each in records if each["Name"].rstrip(".") == "app.example.com"} == {"A", "AAAA"}
    scaling = target.resources("backend")["BackendScalableTarget"]
    named = ("--type-name", scaling["ResourceType"], "--identifier", scaling["PhysicalResourceId"])
    found = target.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]["Properties"]
    assert not json.loads(found).get("ScheduledActions")


def test_the_trail_of_an_account_writes_to_a_bucket_that_outlives_it(
    emulator_server: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    settings = account.Settings(trail=True, trail_lock=True, trail_search=True)
    target = _rendered(emulator_server, forked_cli, tmp_path, "account", settings)
    _deployed(target)

    bucket = target.resources("trail")["AccountBucket"]["PhysicalResourceId"]
    (trail,) = target.aws("cloudtrail", "describe-trails")["trailList"]
    assert (trail["S3BucketName"], trail["IsMultiRegionTrail"]) == (bucket, True)
    assert target.aws("cloudtrail", "get-trail-status", "--name", trail["TrailARN"])["IsLogging"] is True
    policy = json.loads(target.aws("s3api", "get-bucket-policy", "--bucket", bucket)["Policy"])
    # The policy knows the trail by its name before there is one: CloudTrail asks for it when the trail is made.
    sources = [each["Condition"]["StringEquals"] for each in policy["Statement"] if each["Sid"].startswith("Trail")]
    assert [each["aws:SourceArn"] for each in sources] == [trail["TrailARN"]] * 2

    assert target.delete_as_told([]).deleted == ()
    gone = target.delete_as_told([], include_shared=True).deleted
    assert [entry.name for entry in gone] == ["trail", "guardduty"]
    assert target.left()["buckets"] == {bucket}
