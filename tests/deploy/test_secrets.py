"""Secrets of an environment: where they are, what is stored, and how the services that read them are rolled."""

from __future__ import annotations

import json

import pytest

from blueprints.deploy import secrets
from blueprints.deploy.secrets import Secret, Service
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError
from tests.deploy.deployer_fixtures import NO_WAIT, queue, template
from tests.deploy.proxy import Answer, Rewrite, denied

PUT = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "A key from outside"}}
MADE = {"name": "API_KEY", "kind": "secretsmanager", "stack": "data", "output": "KeyArn"}


def with_data(project):
    """A data stack with a secret, as blueprints make it, and what reads it; neither is deployed."""
    data = template({"Key": PUT}, KeyArn={"Fn::GetAtt": ["Key", "Id"]})
    project.add("data", data)
    project.add("app", template({"Jobs": queue()}), secrets=[MADE])
    return data


def with_parameter(project):
    name = f"/{project.name}/PINECONE_API_KEY"
    project.add(
        "app", template({"Jobs": queue()}), secrets=[{"name": "PINECONE", "kind": "ssm", "parameter_name": name}]
    )
    return name


def find(project, name=None):
    return secrets.find(project.account.cli, project.manifest(), name)


def refused(project, name=None):
    with pytest.raises(DeployError) as error:
        find(project, name)
    return str(error.value)


def put(project, secret, value):
    # The AWS CLI itself: the one that is always warm has no standard input.
    return secrets.put(project.account.cli(environment={"PATH": ""}), secret, value)


# Where a secret is


def test_an_unknown_name_is_answered_with_those_there_are_and_not_said_again(project):
    with_data(project)
    message = refused(project, "hunter2")
    assert message == f"no stack of {project.name}/dev reads a secret of that name: there is API_KEY"


def test_an_environment_without_secrets_says_so(project):
    project.add("app", template({"Jobs": queue()}))
    assert refused(project) == f"no stack of {project.name}/dev reads a secret: there is nothing to put"


@pytest.mark.row("CA-04", "RC-08")
def test_a_secret_whose_stack_is_not_deployed_names_the_command(project):
    with_data(project)
    assert refused(project, "API_KEY") == (
        f"API_KEY: its secret is made by stack {project.name}-data, which has no output KeyArn yet. "
        f"Deploy it first: blueprints deploy {project.name} dev --only data"
    )


def test_a_secret_that_is_gone_or_going_says_the_way_back(project):
    project.exists("data", with_data(project))
    (secret,) = find(project)
    manager = project.account.client("secretsmanager")
    manager.delete_secret(SecretId=secret.where, RecoveryWindowInDays=7)
    assert f"take that back with `aws secretsmanager restore-secret --secret-id {secret.where} --region" in refused(
        project
    )
    manager.delete_secret(SecretId=secret.where, ForceDeleteWithoutRecovery=True)
    assert f"{secret.where} is gone, though stack {project.name}-data made it" in refused(project)


def test_a_parameter_that_everyone_can_read_is_refused(project):
    name = with_parameter(project)
    project.account.client("ssm").put_parameter(Name=name, Type="String", Value="x")
    assert f"{name} is a String" in refused(project)
    assert f"aws ssm delete-parameter --name {name}" in refused(project)


def test_a_secret_that_two_stacks_read_is_one_place(project):
    project.exists("data", with_data(project))
    project.add("web", template({"Jobs": queue()}), secrets=[MADE])
    (secret,) = find(project)
    assert [entry.name for entry in secret.readers] == ["app", "web"]


@pytest.mark.row("RC-08")
def test_a_secret_knows_every_json_key_that_is_read_of_it(project):
    project.exists("data", with_data(project))
    assert [secret.keys for secret in find(project)] == [()]
    project.add("app", template({"Jobs": queue()}), secrets=[{**MADE, "json_key": "api_key"}])
    assert [secret.keys for secret in find(project)] == [("api_key",)]
    project.add("web", template({"Jobs": queue()}), secrets=[{**MADE, "name": "USER", "json_key": "user"}])
    assert [secret.keys for secret in find(project)] == [("api_key", "user")] * 2


def test_a_secret_tells_whether_it_has_a_value(project, proxy):
    project.exists("data", with_data(project))
    # The emulator gives every secret a first version, AWS only one that was made with a value.
    empty = Answer(200, b'{"ARN": "arn", "VersionIdsToStages": {}}', "application/x-amz-json-1.1")
    proxy.inject("DescribeSecret", empty)
    assert [find(project)[0].has_value, find(project)[0].has_value] == [False, True]


# What is stored


def place(*keys, kind="secretsmanager"):
    return Secret("API_KEY", kind, "arn", "us-east-1", keys, (), has_value=False)


@pytest.mark.parametrize(
    ("keys", "typed", "stored"),
    [
        ((), "hunter2\r\n", "hunter2"),
        ((), " one\n\ttwo\n\n", " one\n\ttwo"),
        ((), '{"a": 1}', '{"a": 1}'),
        (("api_key",), 'say "é"\n', '{"api_key": "say \\"\\u00e9\\""}'),
        (("api_key",), '{"api_key": "hunter2", "more": 1}\n', '{"api_key": "hunter2", "more": 1}'),
        (("api_key",), "[1]", '{"api_key": "[1]"}'),
        (("a", "b"), '{"a": "1", "b": "2"}', '{"a": "1", "b": "2"}'),
    ],
)
@pytest.mark.row("RC-08")
def test_a_value_is_stored_without_line_ends_and_in_the_json_that_is_read(keys, typed, stored):
    assert secrets.stored(place(*keys), typed) == stored


@pytest.mark.parametrize(
    ("keys", "typed", "problem"),
    [
        ((), "\n", "the value is empty; nothing was put"),
        ((), "  ", "the value is empty"),
        ((), "hunter2\x1b[A", "a control character, such as an arrow key leaves"),
        ((), "hunter2\udc80", "not UTF-8 text"),
        ((), "hunter2" * 10_000, "has 70,000 bytes, at most 65,536 are allowed"),
        (("api_key",), '{"key": "hunter2"}', "a JSON object without a text for api_key"),
        (("api_key",), '{"api_key": ""}', "a JSON object without a text for api_key"),
        (("a", "b"), "hunter2", "put the whole object, with a text for each of a, b"),
        (("a", "b"), '{"a": "hunter2"}', "a JSON object without a text for a, b"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_without_quoting_it(keys, typed, problem):
    with pytest.raises(DeployError) as error:
        secrets.stored(place(*keys), typed)
    assert problem in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_parameter_takes_less_than_a_secret():
    with pytest.raises(DeployError, match="has 9,000 bytes, at most 8,192 are allowed"):
        secrets.stored(place(kind="ssm"), "x" * 9_000)


# Putting


@pytest.mark.row("CA-04", "RC-08")
def test_putting_changes_the_value_of_a_secret_and_nothing_else_of_it(project):
    project.exists("data", with_data(project))
    (secret,) = find(project)
    manager = project.account.client("secretsmanager")
    before = manager.describe_secret(SecretId=secret.where)
    first, second = put(project, secret, "one"), put(project, secret, "two")
    after = manager.describe_secret(SecretId=secret.where)

    assert manager.get_secret_value(SecretId=secret.where)["SecretString"] == "two"
    assert after["VersionIdsToStages"] == {second: ["AWSCURRENT"], first: ["AWSPREVIOUS"]}
    changing = {"VersionIdsToStages", "LastChangedDate", "LastAccessedDate", "ResponseMetadata"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert find(project)[0].has_value


@pytest.mark.row("FR-04")
def test_a_parameter_is_made_and_overwritten_as_a_secure_string(project):
    name = with_parameter(project)
    (secret,) = find(project, "PINECONE")
    assert put(project, secret, "one") == "1"
    assert put(project, secret, "two") == "2"
    parameter = project.account.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", "two")


def test_an_overwritten_parameter_keeps_its_key_tier_and_description(project):
    name = with_parameter(project)
    ssm = project.account.client("ssm")
    given = {"KeyId": "alias/keys", "Tier": "Advanced", "Description": "Of Pinecone", "AllowedPattern": "[a-z]+"}
    ssm.put_parameter(Name=name, Type="SecureString", Value="one", **given)
    put(project, find(project)[0], "two")
    (after,) = ssm.describe_parameters()["Parameters"]
    assert after["Version"] == 2
    assert {key: after[key] for key in given} == given


# Who reads it


def reader(project):
    (found,) = secrets.readers_of(project.account.cli, project.manifest(), find(project))
    return found


def test_a_stack_that_is_not_deployed_has_nothing_to_roll(project):
    with_parameter(project)
    assert (reader(project).service, reader(project).deployed) == (None, False)


def test_a_stack_without_a_service_says_what_is_left_to_do(project):
    with_parameter(project)
    project.exists("app", template({"Jobs": queue()}))
    assert reader(project).reason == "has no outputs ClusterName and ServiceName: start its tasks anew yourself"


def test_a_stack_at_work_is_left_to_its_work(project, proxy):
    with_parameter(project)
    project.exists("app", template({"Jobs": queue()}))
    proxy.inject("DescribeStacks", Rewrite("CREATE_COMPLETE", "UPDATE_IN_PROGRESS"))
    assert "is at work (UPDATE_IN_PROGRESS)" in reader(project).reason


@pytest.mark.row("RC-08")
def test_the_cluster_can_be_of_another_stack(project):
    body = template({"Jobs": queue()}, ClusterName="chat")
    project.add("platform", body, outputs=["ClusterName"])
    with_parameter(project)
    project.exists("platform", body)
    project.exists("app", template({"Jobs": queue()}, ServiceName="backend"))
    assert reader(project).service == Service(f"{project.name}-app", "us-east-1", "chat", "backend")


# Rolling

SERVICE = Service("app-dev-service", "us-east-1", "app", "backend")


def deployments(*found):
    body = {"services": [{"deployments": list(found)}], "failures": []}
    return Answer(200, json.dumps(body).encode(), "application/x-amz-json-1.1")


def deployment(name, state=None, created=1, running=1, **more):
    rollout = {"rolloutState": state} if state else {}
    return {"id": name, "createdAt": created, "runningCount": running, "desiredCount": 1, **rollout, **more}


OLD = deployment("old", "COMPLETED")
ROLLBACK = deployment("rollback", "COMPLETED", created=3)


@pytest.mark.parametrize(
    ("answers", "completed", "reason"),
    [
        ([[deployment("new", "IN_PROGRESS"), OLD], [deployment("new", "COMPLETED")]], True, ""),
        ([[OLD], [deployment("new", "COMPLETED", created=2), OLD]], True, ""),
        ([[deployment("new"), OLD], [deployment("new", running=0)], [deployment("new")]], True, ""),
        ([[ROLLBACK, deployment("new", "FAILED", created=2, rolloutStateReason="no")]], False, "no"),
        ([[deployment("new", "FAILED")]], False, "ECS gives no reason"),
        (
            [[deployment("new", "IN_PROGRESS"), OLD], [ROLLBACK]],
            False,
            "it was rolled back, or another deployment took its place",
        ),
    ],
)
def test_a_rollout_ends_as_ecs_says(account, proxy, answers, completed, reason):
    proxy.inject("DescribeServices", *(deployments(*found) for found in answers))
    rollout = secrets.wait(account.cli(), SERVICE, frozenset({"old"}), NO_WAIT)
    assert (rollout.completed, rollout.reason) == (completed, reason)
    assert proxy.operations() == ["DescribeServices"] * len(answers)


def test_a_rollout_that_does_not_end_is_given_up(account, proxy):
    proxy.inject("DescribeServices", deployments(deployment("new", "IN_PROGRESS"), OLD))
    times = iter([0, 1, 61])
    clock = Clock(now=lambda: next(times), sleep=lambda _: None, limit=60)
    with pytest.raises(DeployError, match=r"after 1 minutes: ECS goes on .* `aws ecs describe-services --cluster app"):
        secrets.wait(account.cli(), SERVICE, frozenset({"old"}), clock)


def test_a_service_that_cannot_be_rolled_says_that_the_value_is_put(account, proxy):
    proxy.inject("DescribeServices", deployments(OLD))
    proxy.inject("UpdateService", denied("ecs:UpdateService"))
    with pytest.raises(DeployError) as error:
        secrets.roll(account.cli(), SERVICE)
    assert str(error.value).startswith("the value is put, but backend was not rolled: not allowed: ecs:UpdateService")
    assert "Roll it with `aws ecs update-service --cluster app --service backend --force-new-deployment" in str(
        error.value
    )


def test_a_service_that_is_gone_is_named(account, proxy):
    proxy.inject("DescribeServices", Answer(200, b'{"services": []}', "application/x-amz-json-1.1"))
    with pytest.raises(DeployError, match="there is no service backend in the cluster app"):
        secrets.roll(account.cli(), SERVICE)
