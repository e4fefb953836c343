"""What settings turn on, rendered and deployed to the emulated account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blueprints import render
from blueprints.catalog import cooking_assistant, facerec
from blueprints.deploy.execute import DeployResult
from blueprints.deploy.local import Emulator
from blueprints.model.settings import Settings
from tests.deploy.architectures import Target


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


def test_a_service_goes_into_a_vpc_that_exists(emulator_server: Emulator, forked_cli: Path, tmp_path: Path) -> None:
    settings = facerec.Settings(existing_vpc=True)
    target = _rendered(emulator_server, forked_cli, tmp_path, "facerec", settings)
    vpc = str(target.aws("ec2", "create-vpc", "--cidr-block", "10.9.0.0/16")["Vpc"]["VpcId"])
    subnets = [
        str(target.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"10.9.{n}.0/24")["Subnet"]["SubnetId"])
        for n in range(4)
    ]
    assert [entry.name for entry in target.manifest.stacks] == ["registry", "data", "service"]
    _deployed(target, VpcId=vpc, PublicSubnetIds=",".join(subnets[:2]), PrivateSubnetIds=",".join(subnets[2:]))

    (balancer,) = target.aws("elbv2", "describe-load-balancers")["LoadBalancers"]
    assert {zone["SubnetId"] for zone in balancer["AvailabilityZones"]} == set(subnets[:2])
    (group,) = target.aws("elbv2", "describe-target-groups")["TargetGroups"]
    assert group["VpcId"] == vpc
    assert _service(target)["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == subnets[2:]
    assert not target.aws("ec2", "describe-nat-gateways")["NatGateways"]


def _service(target: Target) -> dict[str, Any]:
    name = target.manifest.stack("service").stack_name
    (stack,) = target.aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    named = ("--cluster", outputs["ClusterName"], "--services", outputs["ServiceName"])
    (service,) = target.aws("ecs", "describe-services", *named)["services"]
    return dict(service)


def _container(target: Target) -> dict[str, Any]:
    named = ("--task-definition", _service(target)["taskDefinition"])
    (container,) = target.aws("ecs", "describe-task-definition", *named)["taskDefinition"]["containerDefinitions"]
    return dict(container)


def test_the_assistant_with_database_cache_sign_in_and_web_acl(
    emulator_server: Emulator, forked_cli: Path, tmp_path: Path
) -> None:
    settings = cooking_assistant.Settings(
        storage="aurora", cache=True, sign_in="people-and-machines", https="domain", waf=True, alarms=True
    )
    target = _rendered(emulator_server, forked_cli, tmp_path, "cooking-assistant", settings)
    _deployed(target)
    container = _container(target)
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
    (attached,) = _service(target)["loadBalancers"]
    assert attached["targetGroupArn"] in {group["TargetGroupArn"] for group in groups}
