from __future__ import annotations

import json

import pytest

from blueprints.components import image_build
from blueprints.components import pipeline as module
from blueprints.components.pipeline import Deployment, Pipeline, SourceCode
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("FR-14")

REPOSITORY, BRANCH, ROLE = module.source_repository(), module.source_branch(), module.deployment_role_arn()


def pipeline(*, approval=True, **deployment):
    return Pipeline(
        "Delivery",
        source=SourceCode(REPOSITORY.ref(), BRANCH.ref()),
        repository="facerec-api",
        deployment=Deployment(
            "facerec-prod-service",
            "output/facerec/prod/service.yaml",
            role_arn=ROLE.ref(),
            approval=approval,
            **deployment,
        ),
    )


@pytest.fixture
def stages(stack_of, properties_of):
    """The stages of a pipeline: action names with what they are told."""

    def read(made):
        return {
            stage["Name"]: {action["Name"]: action for action in stage["Actions"]}
            for stage in properties_of(stack_of(REPOSITORY, BRANCH, ROLE, made), "DeliveryPipeline")["Stages"]
        }

    return read


def test_logical_ids_are_a_promise():
    assert [part.title for part in pipeline().resources()] == [
        "DeliveryConnection",
        "DeliveryArtifactsBucket",
        "DeliveryArtifactsBucketPolicy",
        "DeliveryBuildLogGroup",
        "DeliveryBuildRole",
        "DeliveryBuild",
        "DeliveryRole",
        "DeliveryPipeline",
    ]


@pytest.mark.parametrize("approval", [False, True])
def test_no_linter_finds_anything(stack_of, findings, approval):
    stack = stack_of(REPOSITORY, BRANCH, ROLE, pipeline(approval=approval), keep_data=approval)
    assert findings(stack) == []


def test_a_commit_is_fetched_built_and_deployed(stages):
    made = stages(pipeline(approval=False))
    assert {name: list(actions) for name, actions in made.items()} == {
        "Source": ["Fetch"],
        "Build": ["Image"],
        "Deploy": ["Prepare", "Execute"],
    }


def test_a_person_looks_at_the_changes_before_they_are_made(stages):
    actions = stages(pipeline(approval=True))["Deploy"]
    assert [(name, action["RunOrder"]) for name, action in actions.items()] == [
        ("Prepare", 1),
        ("Approve", 2),
        ("Execute", 3),
    ]
    assert actions["Prepare"]["Configuration"]["ActionMode"] == "CHANGE_SET_REPLACE"
    assert actions["Execute"]["Configuration"]["ActionMode"] == "CHANGE_SET_EXECUTE"


def test_what_was_built_is_what_is_deployed(stages):
    made = stages(pipeline(parameters={"DomainName": "api.example.com"}))
    prepare = made["Deploy"]["Prepare"]["Configuration"]
    assert json.loads(prepare["ParameterOverrides"]) == {
        "ImageTag": "#{Build.IMAGE_TAG}",
        "DomainName": "api.example.com",
    }
    assert prepare["TemplatePath"] == "Source::output/facerec/prod/service.yaml"
    assert made["Build"]["Image"]["Namespace"] == "Build"
    assert image_build.BUILD_SPEC["env"]["exported-variables"] == ["IMAGE_TAG"]


def test_the_image_is_built_for_the_processors_it_runs_on(stack_of, properties_of):
    project = properties_of(stack_of(pipeline()), "DeliveryBuild")
    commands = json.loads(project["Source"]["BuildSpec"])["phases"]["build"]["commands"]
    assert any("docker build --platform linux/amd64" in command for command in commands)
    assert project["Environment"]["PrivilegedMode"] is True


def test_cloudformation_deploys_in_the_name_of_the_given_role(stages):
    configuration = stages(pipeline())["Deploy"]["Prepare"]["Configuration"]
    assert configuration["RoleArn"] == {"Ref": "DeploymentRoleArn"}


@pytest.mark.row("XX-03")
def test_the_pipeline_may_do_no_more_than_deliver(stack_of, properties_of):
    stack = stack_of(pipeline())
    for role in ("DeliveryRole", "DeliveryBuildRole"):
        (policy,) = properties_of(stack, role)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            assert statement["Resource"] != ["*"] or statement["Action"] == ["ecr:GetAuthorizationToken"]
    statements = properties_of(stack, "DeliveryRole")["Policies"][0]["PolicyDocument"]["Statement"]
    (passing,) = [statement for statement in statements if statement["Action"] == ["iam:PassRole"]]
    assert passing["Resource"] == [{"Ref": "DeploymentRoleArn"}]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


def test_whoever_deploys_says_in_whose_name(stack_of):
    template = to_dict(stack_of(REPOSITORY, BRANCH, ROLE, pipeline()))
    assert "Default" not in template["Parameters"]["DeploymentRoleArn"]
    assert template["Parameters"]["SourceBranch"]["Default"] == "main"


def test_a_name_that_is_too_long_is_refused():
    with pytest.raises(SettingsError, match="23 characters"):
        Pipeline(
            "D" * 24,
            source=SourceCode("owner/name"),
            repository="api",
            deployment=Deployment("service", "service.yaml", role_arn=ROLE.ref(), approval=False),
        )
