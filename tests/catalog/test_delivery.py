from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blueprints.catalog._web_backend import delivery
from blueprints.checks.lint import lint
from blueprints.model.errors import TemplateError
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict, to_json, to_yaml
from tests.support import deliveries

pytestmark = pytest.mark.row("WB-09")

RUNTIMES = sorted(deliveries.RUNTIMES)


def pipeline(runtime: str, environment: str = "prod", **given: Any) -> Stack:
    chosen = deliveries.settings(environment)
    return delivery.pipeline_stack(
        chosen,
        architecture=f"web-backend-{runtime}",
        repository=deliveries.REPOSITORY,
        stacks=deliveries.RUNTIMES[runtime](chosen),
        **given,
    )


@pytest.fixture(scope="module")
def templates() -> dict[str, dict[str, Any]]:
    return {runtime: to_dict(pipeline(runtime)) for runtime in RUNTIMES}


def actions(template: dict[str, Any]) -> list[dict[str, Any]]:
    """What follows the image's build, in its order."""
    *_, deploy = template["Resources"]["DeliveryPipeline"]["Properties"]["Stages"]
    return sorted(deploy["Actions"], key=lambda action: action["RunOrder"])


def names(template: dict[str, Any]) -> list[str]:
    return [action["Name"] for action in actions(template)]


def statements(template: dict[str, Any], role: str) -> dict[str, dict[str, Any]]:
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}


def roles(template: dict[str, Any]) -> Iterator[str]:
    return (name for name, one in template["Resources"].items() if one["Type"] == "AWS::IAM::Role")


@pytest.mark.row("WB-07")
def test_on_fargate_the_migration_succeeds_before_the_service_changes(templates):
    assert names(templates["fargate"]) == [
        "PrepareMigration",
        "PrepareService",
        "Approve",
        "ExecuteMigration",
        "Run",
        "ExecuteService",
    ]


@pytest.mark.row("WB-07")
def test_on_beanstalk_the_bundle_is_there_before_the_version_that_names_it_and_what_runs_is_looked_at(templates):
    assert names(templates["beanstalk"]) == ["PrepareService", "Approve", "Upload", "ExecuteService", "Check"]


@pytest.mark.row("WB-07")
def test_on_kubernetes_one_build_migrates_and_then_deploys(templates):
    assert names(templates["eks"]) == ["Approve", "Apply"]


def test_nobody_is_asked_where_no_data_is_kept():
    for runtime in RUNTIMES:
        assert "Approve" not in names(to_dict(pipeline(runtime, "dev")))


def test_a_person_is_told_what_to_look_at(templates):
    asked = {
        runtime: action["Configuration"]["CustomData"]
        for runtime, template in templates.items()
        for action in actions(template)
        if action["Name"] == "Approve"
    }
    assert "web-backend-prod-migration and web-backend-prod-service" in asked["fargate"]
    assert "#{Source.CommitId}" in asked["eks"]


def test_every_change_set_gets_the_image_that_was_built(templates):
    for runtime, template in templates.items():
        prepared = [one["Configuration"] for one in actions(template) if one["Name"].startswith("Prepare")]
        assert [json.loads(one["ParameterOverrides"]) for one in prepared] == [
            {"ImageTag": "#{Build.IMAGE_TAG}"} for _ in prepared
        ]
        for one in prepared:
            name = one["StackName"].removeprefix("web-backend-prod-")
            assert one["TemplatePath"] == f"Source::output/web-backend-{runtime}/prod/{name}.yaml"


def test_builds_run_the_program_of_the_source_code_with_the_tag_that_was_pushed(templates):
    step = next(one for one in actions(templates["fargate"]) if one["Name"] == "Run")
    assert json.loads(step["Configuration"]["EnvironmentVariables"]) == [
        {"name": "IMAGE_TAG", "value": "#{Build.IMAGE_TAG}", "type": "PLAINTEXT"}
    ]
    project = templates["fargate"]["Resources"]["DeliveryRun"]["Properties"]
    variables = {one["Name"]: one["Value"] for one in project["Environment"]["EnvironmentVariables"]}
    assert variables == {
        "PROGRAM": "output/web-backend-fargate/delivery/deliver.py",
        "MANIFEST": "output/web-backend-fargate/prod/manifest.json",
        "STACK": "migration",
    }
    assert "PrivilegedMode" not in project["Environment"]


def output(stack: str, name: str) -> dict[str, Any]:
    return {"Fn::GetStackOutput": {"StackName": {"Ref": f"{stack}StackName"}, "OutputName": name}}


@pytest.mark.row("XX-03")
def test_the_migration_is_all_that_its_step_can_run(templates):
    may = statements(templates["fargate"], "DeliveryRunRole")
    assert may["RunOneOffTask"]["Resource"] == [output("Migration", "MigrationTaskDefinitions")]
    assert may["RunOneOffTask"]["Condition"] == {"ArnEquals": {"ecs:cluster": output("Platform", "WebClusterArn")}}
    assert may["HandRolesToTasks"]["Resource"] == [
        output("Migration", "MigrationExecutionRoleArn"),
        output("Migration", "MigrationTaskRoleArn"),
    ]
    assert may["HandRolesToTasks"]["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert may["ReadLog"]["Resource"] == [output("Migration", "MigrationLogGroupArn")]


@pytest.mark.row("XX-03")
def test_the_look_at_an_environment_sees_one_environment_and_its_log(templates):
    may = statements(templates["beanstalk"], "DeliveryCheckRole")
    assert may["LookAtEnvironment"] == {
        "Sid": "LookAtEnvironment",
        "Effect": "Allow",
        "Action": ["elasticbeanstalk:DescribeEnvironments", "elasticbeanstalk:DescribeEvents"],
        "Resource": [output("Service", "EnvironmentArn")],
    }
    assert may["ReadLog"]["Resource"] == [output("Service", "LogGroupArn")]


@pytest.mark.row("XX-03")
def test_steps_change_nothing_but_what_is_theirs(templates):
    assert set(statements(templates["beanstalk"], "DeliveryUploadRole")) == {
        "ReadOutputs",
        "WriteObjects",
        "WriteToDeliveryUploadLogGroup",
        "ReadArtifacts",
    }
    assert set(statements(templates["eks"], "DeliveryApplyRole")) == {
        "ReadOutputs",
        "FindCluster",
        "WriteToDeliveryApplyLogGroup",
        "ReadArtifacts",
    }
    for template in templates.values():
        for role in roles(template):
            for one in statements(template, role).values():
                assert one["Resource"] != ["*"] or one["Action"] == ["ecr:GetAuthorizationToken"]


@pytest.mark.row("XX-03")
def test_inside_the_cluster_the_step_reaches_one_namespace(templates):
    access = templates["eks"]["Resources"]["DeliveryApplyAccess"]["Properties"]
    (policy,) = access["AccessPolicies"]
    assert policy["AccessScope"] == {"Type": "namespace", "Namespaces": ["web-backend"]}
    assert access["PrincipalArn"] == {"Fn::GetAtt": ["DeliveryApplyRole", "Arn"]}
    assert access["ClusterName"] == output("Cluster", "EksClusterName")


def test_without_change_sets_no_deployment_role_is_asked_for(templates):
    assert "DeploymentRoleArn" not in templates["eks"]["Parameters"]
    assert "DeploymentRoleArn" in templates["fargate"]["Parameters"]
    assert "HandRoleOver" not in statements(templates["eks"], "DeliveryRole")


def test_an_image_for_graviton_is_built_on_graviton():
    project = to_dict(pipeline("eks", arm=True))["Resources"]["DeliveryBuild"]["Properties"]
    assert project["Environment"]["Type"] == "ARM_CONTAINER"
    assert "docker build --platform linux/arm64" in project["Source"]["BuildSpec"]


def test_an_output_that_a_step_needs_and_nobody_has_is_named():
    chosen = deliveries.settings()
    platform, migration, service = deliveries.fargate(chosen)
    del migration.outputs["MigrationTaskRoleArn"]
    with pytest.raises(TemplateError, match="MigrationTaskRoleArn"):
        delivery.pipeline_stack(
            chosen,
            architecture="web-backend-fargate",
            repository=deliveries.REPOSITORY,
            stacks=[platform, migration, service],
        )


@pytest.mark.row("XX-01")
def test_no_linter_finds_anything_and_no_template_needs_a_bucket(tmp_path: Path):
    for runtime in RUNTIMES:
        stack = pipeline(runtime)
        path = tmp_path / f"{runtime}.yaml"
        path.write_text(to_yaml(stack), encoding="utf-8")
        assert max(len(path.read_bytes()), len(to_json(stack).encode())) <= 51_200
    found = lint(sorted(tmp_path.glob("*.yaml")), regions=("us-east-1",))
    assert [f"{one.rule} {one.line}: {one.message}" for one in found] == []
