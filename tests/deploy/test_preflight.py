"""What is refused before a stack is touched: parameters, states, images, secrets."""

from __future__ import annotations

import hashlib
import json

import pytest

from blueprints.model.errors import DeployError, ManifestError
from blueprints.render.manifest import Manifest
from tests.deploy.deployer_fixtures import queue, template
from tests.deploy.proxy import Answer, Rewrite

SECONDS = {"Seconds": {"Type": "Number"}}


def refused(project, **options):
    with pytest.raises(DeployError) as error:
        project.deploy(**options)
    return str(error.value)


def declare(project, stack, **limits):
    """Give the first parameter of a stack the limits that its template has."""
    project.entries[stack]["parameters"][0].update(limits)


# Parameters


def test_missing_parameters_of_all_stacks_come_in_one_message_before_anything_is_done(project, proxy):
    registry = project.add("registry", template({"Images": queue()}))
    project.add("network", template({"Jobs": queue()}, {"Zone": {"Type": "String"}}))
    project.add("app", template({"Jobs": queue(VisibilityTimeout={"Ref": "Seconds"})}, SECONDS))
    declare(project, "network", description="Where", allowed_values=["a", "b"])
    assert refused(project).splitlines() == [
        "These parameters have no default and no value yet:",
        "  --parameter Zone=a   (stack network: Where)",
        "  --parameter Seconds=1   (stack app: Number)",
        "Without them, --only registry deploys what comes before",
    ]
    assert set(proxy.operations()) == {"DescribeStacks"}
    assert project.account.stack(registry) is None


def test_a_stack_that_failed_has_no_values_to_keep(project, proxy):
    body = template({"Jobs": queue(VisibilityTimeout={"Ref": "Seconds"})}, SECONDS)
    project.add("app", body)
    project.exists("app", body, Seconds="1")
    proxy.inject("DescribeStacks", Rewrite("CREATE_COMPLETE", "ROLLBACK_COMPLETE"))
    assert "--parameter Seconds=1" in refused(project, replace_failed=True)


def test_an_unknown_parameter_is_refused_with_what_was_perhaps_meant(project, proxy):
    project.add("app", template({"Jobs": queue()}, {**SECONDS, "ImageTag": {"Type": "String"}}))
    message = refused(project, parameters={"ImagTag": "1", "Seconds": "1", "Zzz": "1"})
    assert "  ImagTag (did you mean ImageTag?)\n  Zzz\nKnown are: ImageTag, Seconds" in message
    assert proxy.calls == []


def test_a_parameter_of_a_stack_that_is_not_deployed_now_is_no_error(project):
    project.add("first", template({"Jobs": queue()}))
    project.add("app", template({"Jobs": queue()}, SECONDS))
    assert project.deploy(only=["first"], parameters={"Seconds": "1"}).stacks


@pytest.mark.parametrize(
    ("limits", "value", "problem"),
    [
        ({"allowed_values": ["dev", "prod"]}, "stage", "'stage': allowed are dev, prod"),
        ({"pattern": "[a-z]+", "constraint_description": "lower case"}, "A", "must match [a-z]+ (lower case)"),
        ({"min_length": 3}, "ab", "has 2 characters, at least 3 are needed"),
        ({"max_length": 1}, "ab", "has 2 characters, at most 1 are allowed"),
        ({"type": "Number"}, "many", "must be a number"),
        ({"type": "Number", "min_value": 2}, "1", "must be at least 2"),
        ({"type": "Number", "max_value": 2}, "3", "must be at most 2"),
        ({"type": "AWS::EC2::VPC::Id"}, "main", "must begin with vpc-"),
        ({"type": "List<AWS::EC2::Subnet::Id>"}, "subnet-1,x", "must begin with subnet-"),
        ({"type": "CommaDelimitedList", "allowed_values": ["a", "b"]}, "a,c", "allowed are a, b"),
        ({"no_echo": True, "min_length": 8}, "secret", "Value=****: has 6 characters"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_before_any_call(project, proxy, limits, value, problem):
    project.add("app", template({"Jobs": queue()}, {"Value": {"Type": "String"}}))
    declare(project, "app", **limits)
    message = refused(project, parameters={"Value": value})
    assert message.startswith("These parameter values are not allowed:\n  Value=")
    assert problem in message
    assert proxy.calls == []


def test_a_pattern_that_python_cannot_read_is_left_to_cloudformation(project):
    project.add("app", template({"Jobs": queue()}, {"Value": {"Type": "String"}}))
    declare(project, "app", pattern=r"\p{Alpha}+")
    assert project.deploy(parameters={"Value": "x"}).stacks


# The manifest and its templates


def test_a_template_that_is_gone_is_noticed_before_anything_is_done(project, proxy):
    project.add("first", template({"Jobs": queue()}))
    project.add("app", template({"Jobs": queue()}))
    (project.folder / "app.yaml").unlink()
    assert "the template of stack app cannot be read" in refused(project)
    assert proxy.calls == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "run `blueprints render` first"),
        ("{", "cannot be read"),
        ("[]", "holds a list"),
        ('{"version": 2}', "a manifest of version 2, this program reads version 1"),
        ('{"version": 1, "stacks": [], "architecture": "a"}', "environment: Field required"),
        (
            json.dumps(
                {
                    "version": 1,
                    "architecture": "a",
                    "environment": "dev",
                    "stacks": [
                        {
                            "name": "n",
                            "stack_name": "s",
                            "region": "r",
                            "yaml": "y",
                            "json": "j",
                            "secrets": [{"name": "KEY", "kind": "ssm"}],
                        }
                    ],
                }
            ),
            "needs parameter_name",
        ),
    ],
)
def test_a_manifest_that_is_none_says_what_to_do(tmp_path, text, problem):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ManifestError) as error:
        Manifest.load(tmp_path)
    assert problem in str(error.value)
    assert "blueprints render" in str(error.value)


def test_a_manifest_reads_back_as_it_was_written(project, tmp_path):
    project.add("app", template({"Jobs": queue()}, {"Value": {"Type": "String", "Default": "x"}}))
    manifest = project.manifest()
    (tmp_path / "manifest.json").write_text(manifest.to_text())
    again = Manifest.load(tmp_path / "manifest.json")
    assert again.to_text() == manifest.to_text()
    assert again.folder == tmp_path
    assert again.placed_in(manifest.folder) == manifest
    assert again.stack("app").template_path(project.folder) == (project.folder / "app.yaml").resolve()
    with pytest.raises(ManifestError, match=r"there is no stack 'web' in .*: app"):
        again.stack("web")


# The state of the stack


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("UPDATE_ROLLBACK_FAILED", "finish it with `aws cloudformation continue-update-rollback --stack-name"),
        ("UPDATE_FAILED", "go back with `aws cloudformation rollback-stack"),
        ("DELETE_FAILED", "half deleted"),
        ("ROLLBACK_FAILED", "Run the same command with --replace-failed to delete and create it anew"),
        ("UPDATE_IN_PROGRESS", "is in UPDATE_IN_PROGRESS, since 20"),
    ],
)
def test_a_stack_that_no_change_set_can_help_says_the_way_out(project, proxy, status, problem):
    stack = project.add("app", template({"Jobs": queue()}))
    project.exists("app", template({"Jobs": queue()}))
    proxy.inject("DescribeStacks", Rewrite("CREATE_COMPLETE", status))
    message = refused(project)
    assert message.startswith(f"Stack {stack} is in {status}")
    assert problem in message
    assert "CreateChangeSet" not in proxy.operations()


@pytest.mark.parametrize(
    ("token", "who"),
    [
        ("blueprints-20261121T100000Z-a1b2c3", "an earlier run of this program is at work, or was interrupted (bluepr"),
        ("Console-CreateStack-1", "somebody is at work in the AWS console (Console-"),
        ("other", "somebody else is at work (other)"),
    ],
)
def test_a_stack_at_work_says_whose_work_it_is(project, proxy, token, who):
    project.add("app", template({"Jobs": queue()}))
    project.exists("app", template({"Jobs": queue()}))
    proxy.inject("DescribeStacks", Rewrite("CREATE_COMPLETE", "UPDATE_IN_PROGRESS"))
    given = f"</ResourceStatusReason><ClientRequestToken>{token}</ClientRequestToken>"
    proxy.inject("DescribeStackEvents", Rewrite("</ResourceStatusReason>", given))
    message = refused(project)
    assert who in message
    assert "Last event: " in message
    assert "describe-stack-events" in message


def test_a_failed_stack_that_still_holds_data_is_not_replaced(project, proxy):
    stack = project.add("app", template({"Jobs": queue()}), retained=["Jobs"])
    project.exists("app", template({"Jobs": queue()}))
    proxy.inject("DescribeStacks", Rewrite("CREATE_COMPLETE", "ROLLBACK_FAILED"))
    message = refused(project, replace_failed=True)
    assert "still holds data, so --replace-failed leaves it:\n  Jobs (AWS::SQS::Queue, http" in message
    assert project.account.status(stack) == "CREATE_COMPLETE"


# Images


def push(project, repository, *tags):
    ecr = project.account.client("ecr")
    for tag in tags:
        digest = f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"
        image = {"schemaVersion": 2, "config": {"digest": digest, "size": 1, "mediaType": "x"}, "layers": []}
        ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(image))


def test_an_image_must_be_in_its_repository(project):
    repository = f"{project.name}-api"
    body = template({"Jobs": queue()}, {"ImageTag": {"Type": "String", "Default": "v1"}})
    project.add("app", body, images=[{"repository": repository, "parameter": "ImageTag"}])
    message = refused(project)
    assert message.startswith(f"there is no ECR repository {repository} in us-east-1: deploy the stack that makes it")

    project.account.client("ecr").create_repository(repositoryName=repository)
    message = refused(project)
    assert message.startswith(f"image {repository}:v1 is not in ECR (us-east-1), and stack app would wait for it: ")
    assert message.endswith("the repository is empty. Push an image, then give its tag with --parameter ImageTag=TAG")

    push(project, repository, "v2", "v3")
    message = refused(project, parameters={"ImageTag": "v9"})
    assert "push it, or choose another with --parameter ImageTag=TAG. Newest tags: v" in message
    assert {"v2", "v3"} == set(message.rpartition(": ")[2].split(", "))
    assert project.account.stack(f"{project.name}-app") is None

    assert project.deploy(parameters={"ImageTag": "v2"}).stacks[0].outcome == "created"
    # The value it keeps is the one that is looked for.
    assert project.deploy().stacks[0].outcome == "unchanged"


NO_IMAGE = Answer(400, b'{"__type": "ImageNotFoundException", "message": "no"}', "application/x-amz-json-1.1")


def test_the_answer_that_aws_gives_for_a_missing_tag_is_understood(project, proxy):
    repository = f"{project.name}-api"
    project.account.client("ecr").create_repository(repositoryName=repository)
    push(project, repository, "v2")
    body = template({"Jobs": queue()}, {"ImageTag": {"Type": "String", "Default": "v1"}})
    project.add("app", body, images=[{"repository": repository, "parameter": "ImageTag"}])
    proxy.inject("DescribeImages", NO_IMAGE)
    assert refused(project).endswith("Newest tags: v2")


# Secrets


def test_a_parameter_store_secret_must_have_been_put(project):
    name = f"/{project.name}/PINECONE_API_KEY"
    secret = {"name": "PINECONE_API_KEY", "kind": "ssm", "parameter_name": name}
    stack = project.add("app", template({"Jobs": queue()}), secrets=[secret])
    lines = refused(project).splitlines()
    assert lines[0] == f"Stack {stack} reads secrets that have no value yet:"
    put = f"blueprints put-secret {project.manifest().architecture} {project.manifest().environment} PINECONE_API_KEY"
    assert lines[1] == f"  PINECONE_API_KEY ({name}): {put}"
    assert lines[2] == "Put them, then run the same command again: it continues"
    project.account.client("ssm").put_parameter(Name=name, Type="SecureString", Value="x")
    assert project.deploy().stacks[0].outcome == "created"


EMPTY_SECRET = Answer(200, b'{"ARN": "arn", "VersionIdsToStages": {}}', "application/x-amz-json-1.1")
LOST_SECRET = Answer(400, b'{"__type": "ResourceNotFoundException", "message": ""}', "application/x-amz-json-1.1")


def test_a_secret_of_an_earlier_stack_must_have_a_value(project, proxy):
    made = {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "x"}}
    project.add("data", template({"Key": made}, KeyArn={"Fn::GetAtt": ["Key", "Id"]}))
    secret = {"name": "API_KEY", "kind": "secretsmanager", "stack": "data", "output": "KeyArn"}
    project.add("app", template({"Jobs": queue()}), secrets=[secret])
    message = refused(project, only=["app"])
    assert "API_KEY: its secret is made by stack data, which has no output KeyArn yet: deploy it first" in message

    proxy.inject("DescribeSecret", EMPTY_SECRET, LOST_SECRET)
    message = refused(project)
    assert "  API_KEY (arn:aws:secretsmanager:" in message
    assert (
        f": blueprints put-secret {project.manifest().architecture} {project.manifest().environment} API_KEY" in message
    )
    assert "is gone, though stack data made it" in refused(project)
    assert [result.outcome for result in project.deploy().stacks] == ["unchanged", "created"]


# All stacks before the first is touched


def waits_for(repository):
    return {"images": [{"repository": repository, "parameter": "ImageTag"}]}


TAGGED = template({"Jobs": queue()}, {"ImageTag": {"Type": "String", "Default": "v1"}})


def test_the_image_of_the_last_service_is_looked_for_before_the_first_is_touched(project):
    ecr = project.account.client("ecr")
    for part in ("backend", "frontend"):
        ecr.create_repository(repositoryName=f"{project.name}-{part}")
        project.add(part, TAGGED, **waits_for(f"{project.name}-{part}"))
    push(project, f"{project.name}-backend", "v4")
    message = refused(project, parameters={"ImageTag": "v4"})
    assert message.startswith(f"image {project.name}-frontend:v4 is not in ECR (us-east-1), and stack frontend would")
    assert message.splitlines()[1:] == ["Without them, --only backend deploys what comes before"]
    assert project.account.stack(f"{project.name}-backend") is None

    push(project, f"{project.name}-frontend", "v4")
    assert len(project.deploy(parameters={"ImageTag": "v4"}).stacks) == 2


def test_a_repository_that_a_stack_of_this_run_makes_is_looked_into_before_its_reader(project):
    repository = f"{project.name}-api"
    made = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": repository}}
    project.add("registry", template({"Images": made}))
    project.add("network", template({"Jobs": queue()}))
    project.add("app", TAGGED, **waits_for(repository))
    assert "the repository is empty" in refused(project)
    assert project.account.status(f"{project.name}-network") == "CREATE_COMPLETE"
    push(project, repository, "v1")
    assert [result.outcome for result in project.deploy().stacks] == ["unchanged", "unchanged", "created"]


def test_a_repository_that_no_stack_of_this_run_makes_stops_it_at_once(project):
    project.add("network", template({"Jobs": queue()}))
    project.add("app", TAGGED, **waits_for(f"{project.name}-api"))
    assert refused(project).startswith(f"there is no ECR repository {project.name}-api in us-east-1")
    assert project.account.stack(f"{project.name}-network") is None


def test_missing_images_and_secrets_of_all_stacks_come_in_one_message(project, proxy):
    made = {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "x"}}
    body = template({"Key": made}, KeyArn={"Fn::GetAtt": ["Key", "Id"]})
    project.add("data", body)
    project.exists("data", body)
    project.account.client("ecr").create_repository(repositoryName=f"{project.name}-api")
    key = {"name": "API_KEY", "kind": "secretsmanager", "stack": "data", "output": "KeyArn"}
    token = {"name": "TOKEN", "kind": "ssm", "parameter_name": f"/{project.name}/TOKEN"}
    api = project.add("api", TAGGED, **waits_for(f"{project.name}-api"), secrets=[key])
    jobs = project.add("jobs", template({"Jobs": queue()}), secrets=[token])
    proxy.inject("DescribeSecret", EMPTY_SECRET)
    lines = refused(project).splitlines()
    assert lines[0].startswith(f"image {project.name}-api:v1 is not in ECR (us-east-1), and stack api would wait")
    assert lines[1] == f"Stack {api} reads secrets that have no value yet:"
    assert lines[2].startswith("  API_KEY (arn:aws:secretsmanager:")
    assert lines[4] == f"Stack {jobs} reads secrets that have no value yet:"
    assert lines[5].startswith(f"  TOKEN (/{project.name}/TOKEN): blueprints put-secret ")
    assert lines[-1] == "Without them, --only data deploys what comes before"
    assert "CreateChangeSet" not in proxy.operations()


def test_what_is_put_just_before_a_stack_is_looked_for_only_then(project):
    repository, name = f"{project.name}-api", f"/{project.name}/TOKEN"
    project.account.client("ecr").create_repository(repositoryName=repository)
    secret = {"name": "TOKEN", "kind": "ssm", "parameter_name": name}
    project.add("network", template({"Jobs": queue()}))
    project.add("app", TAGGED, **waits_for(repository), secrets=[secret])

    def seed(entry):
        if entry.name == "app":
            push(project, repository, "v1")
            project.account.client("ssm").put_parameter(Name=name, Type="SecureString", Value="x")

    assert len(project.deploy(before_stack=seed).stacks) == 2
