"""What is committed in output/, deployed to the emulated account, read back, updated, broken, and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.deploy.architectures import NOWHERE, Target, dependents
from tests.deploy.stages import Case, Deleted, Failure, Stage


def test_every_stack_is_created_in_the_order_of_the_manifest(target: Target, created: Stage) -> None:
    assert [(stack.entry, stack.outcome) for stack in created.result.stacks] == [
        (entry, "created") for entry in target.manifest.stacks
    ]


def test_every_resource_of_the_templates_exists(target: Target, created: Stage) -> None:
    rendered = {entry.name: set(target.template(entry.name)["Resources"]) for entry in target.manifest.stacks}
    assert {name: set(found) for name, found in created.answers.resources.items()} == rendered
    states = {each["ResourceStatus"] for found in created.answers.resources.values() for each in found.values()}
    assert states == {"CREATE_COMPLETE"}


def test_every_output_has_a_value(created: Stage) -> None:
    for stack in created.result.stacks:
        assert list(stack.outputs) == list(stack.entry.outputs)
        assert all(stack.outputs.values())


def test_stacks_are_protected_and_tagged_as_the_manifest_says(target: Target, created: Stage) -> None:
    for entry in target.manifest.stacks:
        stack = created.answers.stacks[entry.stack_name]
        assert stack["EnableTerminationProtection"] is entry.termination_protection
        assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]} == entry.tags


def test_the_service_keeps_the_tasks_of_its_definition_behind_the_load_balancer(case: Case, created: Stage) -> None:
    service, outputs = created.answers.service, created.answers.outputs
    assert service["taskDefinition"] == created.answers.task_definition["taskDefinitionArn"]
    assert service["taskDefinition"] == created.answers.physical_id("service", f"{case.part}TaskDefinition")
    assert (service["status"], service["desiredCount"]) == ("ACTIVE", 1)
    assert service["healthCheckGracePeriodSeconds"] == case.grace
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert [(each["containerName"], each["containerPort"]) for each in service["loadBalancers"]] == [
        (case.container, 8000)
    ]
    assert service["loadBalancers"][0]["targetGroupArn"] == created.answers.target_group["TargetGroupArn"]
    placed = service["networkConfiguration"]["awsvpcConfiguration"]
    assert placed["subnets"] == [outputs["PrivateSubnet1"], outputs["PrivateSubnet2"]]
    assert placed["assignPublicIp"] == "DISABLED"


def test_the_container_is_the_one_rendered(case: Case, created: Stage) -> None:
    (container,) = created.answers.task_definition["containerDefinitions"]
    assert container["name"] == case.container
    assert container["image"] == f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{case.repository}:local"
    assert container["user"] == "1000:1000"
    assert container["readonlyRootFilesystem"] is True
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    check = container["healthCheck"]
    assert (check["interval"], check["timeout"], check["retries"], check["startPeriod"]) == (30, 15, 3, case.grace)
    assert "http://localhost:8000/health" in check["command"][1]
    assert container["logConfiguration"]["options"]["awslogs-group"] == created.answers.outputs["LogGroupName"]


def test_secrets_reach_the_container_by_reference(case: Case, created: Stage) -> None:
    (container,) = created.answers.task_definition["containerDefinitions"]
    outputs = created.answers.outputs
    wired = {each["name"]: each["valueFrom"] for each in container["secrets"]}
    variables = {each["name"]: each["value"] for each in container["environment"]}
    if case.architecture == "facerec":
        parameter = "arn:aws:ssm:us-east-1:000000000000:parameter/facerec/PINECONE_API_KEY"
        assert wired == {"PINECONE_API_KEY": parameter}
        assert variables == {"ENVIRONMENT": "production", "BUCKET_NAME": outputs["FacesBucketName"]}
    else:
        assert wired == {"ANTHROPIC_API_KEY": outputs["AnthropicApiKeyArn"]}
        assert variables == {"ENVIRONMENT": case.environment}


def test_the_target_group_asks_the_documented_path(created: Stage) -> None:
    group = created.answers.target_group
    assert (group["Protocol"], group["Port"], group["TargetType"]) == ("HTTP", 8000, "ip")
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/health", {"HttpCode": "200"})
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]) == (30, 5)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 2)
    assert group["VpcId"] == created.answers.outputs["VpcId"]


def test_listeners_forward_and_where_there_is_a_domain_only_over_https(case: Case, created: Stage) -> None:
    listeners = {each["Port"]: each for each in created.answers.listeners}
    forward = listeners[443 if case.keeps else 80]
    assert [(each["Type"], each["TargetGroupArn"]) for each in forward["DefaultActions"]] == [
        ("forward", created.answers.target_group["TargetGroupArn"])
    ]
    if not case.keeps:
        assert {port: each["Protocol"] for port, each in listeners.items()} == {80: "HTTP"}
        return
    assert {port: each["Protocol"] for port, each in listeners.items()} == {80: "HTTP", 443: "HTTPS"}
    assert forward["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    certificate = created.answers.physical_id("service", "PublicCertificate")
    assert forward["Certificates"] == [{"CertificateArn": certificate}]
    (redirect,) = listeners[80]["DefaultActions"]
    expected = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    assert (redirect["Type"], redirect["RedirectConfig"]) == ("redirect", expected)


def test_security_groups_have_the_documented_ways_and_no_others(case: Case, created: Stage) -> None:
    tasks = f"{case.part}SecurityGroup"
    ports = (80, 443) if case.keeps else (80,)
    assert created.answers.rules == {
        "PublicSecurityGroup": sorted(
            [
                *(("in", "tcp", port, port, "0.0.0.0/0") for port in ports),
                ("out", "tcp", 8000, 8000, tasks),
                NOWHERE,
            ],
            key=str,
        ),
        tasks: sorted([("in", "tcp", 8000, 8000, "PublicSecurityGroup"), case.way_out, NOWHERE], key=str),
    }


def test_private_subnets_leave_by_a_gateway_with_an_address_that_stays(created: Stage) -> None:
    answers = created.answers
    assert answers.nat["State"] == "available"
    assert answers.nat["SubnetId"] == answers.outputs["PublicSubnet1"]
    assert [each["AllocationId"] for each in answers.nat["NatGatewayAddresses"]] == [answers.address["AllocationId"]]
    for number in (1, 2):
        assert answers.default_routes[answers.outputs[f"PrivateSubnet{number}"]] == answers.nat["NatGatewayId"]
        assert answers.default_routes[answers.outputs[f"PublicSubnet{number}"]].startswith("igw-")


def test_logs_are_kept_for_thirty_days(created: Stage) -> None:
    assert created.answers.retention == {created.answers.outputs["LogGroupName"]: 30}


def test_image_tags_cannot_be_moved(case: Case, created: Stage) -> None:
    repository = created.answers.repository
    assert repository["repositoryName"] == case.repository
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}


def test_buckets_are_encrypted_and_closed_to_the_public(case: Case, created: Stage) -> None:
    buckets = created.answers.buckets
    assert len(buckets) == (case.architecture == "facerec") + case.keeps
    for settings in buckets.values():
        assert settings == {
            "encryption": "AES256",
            "public_access_block": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        }


def test_a_new_image_tag_becomes_a_new_revision_that_the_service_runs(
    case: Case, created: Stage, updated: Stage
) -> None:
    assert [(stack.entry.name, stack.outcome) for stack in updated.result.stacks] == [("service", "updated")]
    (container,) = updated.answers.task_definition["containerDefinitions"]
    assert container["image"].endswith(f"/{case.repository}:v2")
    assert updated.answers.service["taskDefinition"] == updated.answers.task_definition["taskDefinitionArn"]
    # A family that CloudFormation names is of one revision; it may be a new family.
    assert updated.answers.service["taskDefinition"] != created.answers.service["taskDefinition"]
    assert updated.answers.service["serviceArn"] == created.answers.service["serviceArn"]


def test_a_new_image_tag_replaces_the_task_definition_and_nothing_else(
    case: Case, target: Target, updated: Stage
) -> None:
    task, service = f"{case.part}TaskDefinition", f"{case.part}Service"
    changes = {change.logical_id: change for change in updated.plans["service"].changes}
    assert (changes[task].action, changes[task].properties) == ("replace", ("ContainerDefinitions",))
    assert (changes[service].action, changes[service].properties) == ("modify", ("TaskDefinition",))
    # CloudFormation cannot know beforehand that the service's attributes stay what they are.
    assert set(changes) == {task, service, *dependents(target.template("service"), service)}
    assert {name for name, change in changes.items() if change.action == "replace"} == {task}


def test_a_deploy_with_nothing_new_says_so_and_changes_nothing(target: Target, updated: Stage, repeated: Stage) -> None:
    assert {stack.outcome for stack in repeated.result.stacks} == {"unchanged"}
    assert [stack.entry.name for stack in repeated.result.stacks] == [entry.name for entry in target.manifest.stacks]
    assert repeated.plans == {}
    told = target.told.getvalue()
    for entry in target.manifest.stacks:
        assert f"  {entry.stack_name} is up to date\n" in told
    assert repeated.answers.service["taskDefinition"] == updated.answers.service["taskDefinition"]


def test_an_update_that_fails_names_the_cause(case: Case, target: Target, failed: Failure) -> None:
    first, cause, reason, *_, last = failed.messages["invalid"].splitlines()
    name = target.manifest.stack("service").stack_name
    assert first == f"Stack {name} failed and is now in UPDATE_ROLLBACK_COMPLETE."
    assert cause == f"Root cause: {case.part}Service (AWS::ECS::Service) UPDATE_FAILED:"
    assert "HealthCheckGracePeriodSeconds" in reason
    assert last == "The stack is back where it was. Mend the cause, then run the same command again"


def test_an_output_that_another_stack_does_not_have_is_named(case: Case, failed: Failure) -> None:
    assert f"stack '{case.architecture}-registry' in us-east-1 has no output" in failed.messages["missing"]


def test_an_update_that_fails_leaves_everything_as_it_was(updated: Stage, failed: Failure) -> None:
    assert failed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert failed.answers.retention == updated.answers.retention
    (container,) = failed.answers.task_definition["containerDefinitions"]
    assert container["image"].endswith(":v2")
    assert container["user"] == "1000:1000"
    assert (
        failed.answers.service["healthCheckGracePeriodSeconds"]
        == (updated.answers.service["healthCheckGracePeriodSeconds"])
    )


def test_stacks_go_in_reverse_order_and_the_shared_one_only_when_asked_for(target: Target, deleted: Deleted) -> None:
    own, shared = deleted.results
    names = [entry.name for entry in target.manifest.stacks]
    assert [entry.name for entry in own.deleted] == [name for name in reversed(names) if name != "registry"]
    assert [entry.name for entry in shared.deleted] == ["registry"]
    assert deleted.left["stacks"] == set()


def test_what_is_protected_goes_only_after_its_protection_is_lifted(
    case: Case, target: Target, deleted: Deleted
) -> None:
    *own, shared = deleted.refusals
    registry = target.manifest.stack("registry").stack_name
    assert list(_named(shared)) == [registry]
    protected = [entry.stack_name for entry in target.manifest.stacks if not entry.shared]
    if case.keeps:
        assert sorted(_named(own[0])) == sorted([*protected, "PublicLoadBalancer"])
    else:
        assert own == []


def _named(refusal: str) -> Iterator[str]:
    assert refusal.startswith("Nothing was deleted: ")
    return (found[1] for found in re.finditer(r"^  (\S+): aws ", refusal, re.MULTILINE))


def test_data_stays_when_its_stack_is_deleted_where_it_is_to_be_kept(
    case: Case, created: Stage, deleted: Deleted
) -> None:
    retained = {item.logical_id: item.physical_id for stack in deleted.stacks.values() for item in stack.retained}
    kept = {f"{case.part}Repository"}
    if case.keeps:
        data = "FacesBucket" if case.architecture == "facerec" else "AnthropicApiKeySecret"
        kept |= {data, "AccessLogBucket", "AccessLogBucketPolicy", f"{case.part}LogGroup"}
        if case.architecture == "facerec":
            kept.add("FacesBucketPolicy")
    assert set(retained) == kept
    assert deleted.left["repositories"] == {case.repository}
    assert deleted.left["buckets"] == {name for key, name in retained.items() if key.endswith("Bucket")}
    assert deleted.left["log groups"] == {name for key, name in retained.items() if key.endswith("LogGroup")}
    assert deleted.left["secrets"] == {name for key, name in retained.items() if key.endswith("Secret")}
    assert deleted.left["load balancers"] == deleted.left["networks"] == deleted.left["services"] == set()
