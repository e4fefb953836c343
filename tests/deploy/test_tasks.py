"""Tasks that run once: after their stack, before the next one, and what is said when they do not succeed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from blueprints.deploy import tasks
from blueprints.deploy.progress import PlainReporter
from blueprints.model.errors import DeployError
from blueprints.model.steps import OneOffTask, OutputOf
from tests.deploy.deployer_fixtures import NO_WAIT, queue, template
from tests.deploy.proxy import Answer, denied

pytestmark = pytest.mark.row("WB-07")

SUCCEEDS, FAILS = ["alembic", "upgrade", "head"], ["false"]


def migration(command, secret=None):
    """What a blueprint's migration stack has, without the roles, which the emulator asks for nothing."""
    options = {
        "awslogs-group": {"Ref": "Log"},
        "awslogs-region": {"Ref": "AWS::Region"},
        "awslogs-stream-prefix": "ecs",
    }
    container = {
        "Name": "migration",
        "Image": "app:1",
        "Command": command,
        "LogConfiguration": {"LogDriver": "awslogs", "Options": options},
    }
    if secret:
        container["Secrets"] = [{"Name": "DATABASE_URL", "ValueFrom": secret}]
    network = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}
    for number in (1, 2):
        block = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.0.{number}.0/24"}
        network[f"Subnet{number}"] = {"Type": "AWS::EC2::Subnet", "Properties": block}
    group = {"GroupDescription": "Task", "VpcId": {"Ref": "Vpc"}}
    fargate = {"RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": "256", "Memory": "512"}
    return template(
        {
            **network,
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
            "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {}},
            "Task": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {**fargate, "Family": "migration", "ContainerDefinitions": [container]},
            },
        },
        ClusterName={"Ref": "Cluster"},
        TaskDefinitionArn={"Ref": "Task"},
        Subnets={"Fn::Join": [",", [{"Ref": "Subnet1"}, {"Ref": "Subnet2"}]]},
        GroupId={"Fn::GetAtt": ["Group", "GroupId"]},
        LogGroupName={"Ref": "Log"},
    )


def step(**changes):
    outputs = {
        "cluster": "ClusterName",
        "task_definition": "TaskDefinitionArn",
        "security_group": "GroupId",
        "log_group": "LogGroupName",
    }
    places = {name: {"stack": "migration", "output": output} for name, output in outputs.items()}
    subnets = [{"stack": "migration", "output": "Subnets"}]
    return {"name": "migration", "container": "migration", "subnets": subnets, **places, **changes}


@pytest.fixture
def with_migration(project, proxy):
    """Two stacks, with a task that runs between them; the first is there already, unless a test deploys it."""

    def arrange(command=SUCCEEDS, secret=None, *, there=True, **changes):
        body = migration(command, secret)
        project.add("migration", body, tasks=[step(**changes)])
        project.add("app", template({"Jobs": queue()}))
        if there:
            project.exists("migration", body)
        return project

    project.requests = lambda: [json.loads(call.body) for call in proxy.calls if call.operation == "RunTask"]
    return arrange


def run(project, clock=NO_WAIT):
    manifest = project.manifest()
    ((entry, task),) = tasks.find(manifest, "migration")
    tasks.run(project.account.cli, manifest, entry, task, report=PlainReporter(project.told), clock=clock)
    return project.told.getvalue()


def failure(project, clock=NO_WAIT):
    with pytest.raises(DeployError) as error:
        run(project, clock)
    return str(error.value)


def outputs(project):
    stack = project.account.stack(f"{project.name}-migration")
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


# A task that succeeds


def test_a_task_runs_on_fargate_between_its_stack_and_the_next_one(with_migration, proxy):
    project = with_migration(there=False)
    project.deploy()
    (request,) = project.requests()
    made = outputs(project)
    assert request["taskDefinition"] == made["TaskDefinitionArn"]
    assert (request["cluster"], request["launchType"], request["count"]) == (made["ClusterName"], "FARGATE", 1)
    assert request["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": made["Subnets"].split(","),
        "securityGroups": [made["GroupId"]],
        "assignPublicIp": "DISABLED",
    }
    order = [name for name in proxy.operations() if name in {"ExecuteChangeSet", "RunTask", "DescribeTasks"}]
    assert order == ["ExecuteChangeSet", "RunTask", "DescribeTasks", "DescribeTasks", "ExecuteChangeSet"]
    told = project.told.getvalue()
    before = told.index("would then run the task migration to its end, before the next stack")
    started = re.search(rf"task migration of {project.name}-migration is started \([0-9a-f-]+\)", told)
    ended = told.index(f"task migration of {project.name}-migration succeeded")
    assert before < started.start() < ended < told.index("[2/2] app")


def test_it_runs_with_each_deployment_of_its_stack_and_not_with_others(with_migration):
    project = with_migration()
    project.deploy(only=["app"])
    assert project.requests() == []
    project.deploy(only=["migration"])
    assert f"{project.name}-migration is up to date" in project.told.getvalue()
    assert len(project.requests()) == 1


def test_a_declined_stack_runs_no_task(with_migration):
    project = with_migration(there=False)
    project.deploy(answer=lambda _: False)
    assert project.requests() == []


def test_a_task_without_another_way_out_gets_a_public_address(with_migration):
    project = with_migration(public_address=True)
    run(project)
    assert project.requests()[0]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED"


# One that was left running


def left_running(project, **changes):
    """Start a task as a deployment does; answers its id."""
    made = outputs(project)
    request = {"cluster": made["ClusterName"], "taskDefinition": made["TaskDefinitionArn"], **changes}
    started_by = f"blueprints/{project.name}-migration/migration"
    answer = project.account.client("ecs").run_task(**request, launchType="FARGATE", startedBy=started_by)
    return answer["tasks"][0]["taskArn"].rsplit("/", 1)[-1]


def test_one_that_still_runs_is_waited_for_and_not_started_twice(with_migration):
    project = with_migration()
    left = left_running(project)
    assert f"still runs ({left})" in run(project)
    assert project.requests() == []


def test_one_of_another_revision_ends_before_the_new_one_starts(with_migration):
    project = with_migration()
    container = {"name": "migration", "image": "app:0", "command": FAILS}
    ecs = project.account.client("ecs")
    other = ecs.register_task_definition(family="migration", containerDefinitions=[container])["taskDefinition"]
    left = left_running(project, taskDefinition=other["taskDefinitionArn"])
    assert f"still runs ({left})" in run(project)
    (request,) = project.requests()
    assert request["taskDefinition"] == outputs(project)["TaskDefinitionArn"]


# A task that does not succeed


def test_a_task_that_fails_stops_the_deployment_with_its_log_and_the_same_command_continues(with_migration):
    project = with_migration(FAILS)
    with pytest.raises(DeployError) as error:
        project.deploy()
    message = str(error.value)
    first = rf"the task migration of stack {project.name}-migration \([0-9a-f-]+\) ended with exit code 1\n"
    assert re.match(first, message)
    assert "The end of its log:\n  The emulator starts no container; false counts as failed\n" in message
    log = r"All of it: `aws logs get-log-events --log-group-name \S+ --log-stream-name ecs/migration/"
    assert re.search(log, message)
    assert message.endswith(
        "The stacks after migration were not touched: the version that runs goes on running. Put it right, then run "
        "the same command again: it continues"
    )
    assert project.account.status(f"{project.name}-app") is None
    project.add("migration", migration(SUCCEEDS), tasks=[step()])
    project.deploy()
    assert project.account.status(f"{project.name}-app") == "CREATE_COMPLETE"


def test_a_secret_without_a_value_keeps_it_from_starting(with_migration):
    secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:missing-AbCdEf"
    message = failure(with_migration(secret=secret))
    assert ") did not start\n  ResourceInitializationError: unable to pull secrets or registry auth" in message
    assert "\nIt wrote no log.\n" in message


def answer(**content):
    return Answer(200, json.dumps(content).encode(), "application/x-amz-json-1.1")


def test_an_image_that_cannot_be_pulled_is_named(with_migration, proxy):
    reason = "CannotPullContainerError: pull image manifest has been retried 7 time(s): app:1 not found"
    container = {"name": "migration", "lastStatus": "STOPPED", "reason": reason}
    task = {"taskArn": "arn:aws:ecs:us-east-1:0:task/c/t1", "lastStatus": "STOPPED", "stoppedReason": reason}
    proxy.inject("DescribeTasks", answer(tasks=[{**task, "containers": [container]}]))
    message = failure(with_migration())
    assert f" did not start\n  {reason}\n" in message
    assert message.count(reason) == 1


def test_missing_capacity_is_said_in_the_words_of_ecs(with_migration, proxy):
    missing = {"reason": "Capacity is unavailable at this time.", "detail": "Please try again later"}
    proxy.inject("RunTask", answer(tasks=[], failures=[missing]))
    project = with_migration()
    assert failure(project) == (
        f"ECS did not start the task migration of stack {project.name}-migration: Capacity is unavailable at this "
        "time. Please try again later. It was not run, and the stacks after it were not touched. Where capacity is "
        "missing, run the same command again in some minutes: it continues"
    )


def test_a_role_that_may_not_be_passed_is_named(with_migration, proxy):
    proxy.inject("RunTask", denied("iam:PassRole"))
    assert failure(with_migration()).startswith("not allowed: iam:PassRole (aws ecs run-task in us-east-1)")


def test_one_that_does_not_end_in_time_is_left_to_ecs_with_the_command_that_stops_it(with_migration):
    project = with_migration()
    message = failure(project, replace(NO_WAIT, limit=0.0))
    assert "still runs after 0 minutes: ECS goes on without this program" in message
    assert f"Stop it with `aws ecs stop-task --cluster {outputs(project)['ClusterName']} --task arn:" in message


def test_ctrl_c_leaves_it_to_ecs_and_says_so(with_migration):
    project = with_migration()

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(project, replace(NO_WAIT, sleep=interrupted))
    expected = f"interrupted: task migration of {project.name}-migration goes on; the same command waits for it"
    assert expected in project.told.getvalue()


# Which tasks there are


def test_a_manifest_gives_its_tasks_back_and_an_unknown_name_is_answered_with_those_there_are(with_migration):
    manifest = with_migration(there=False).manifest()
    ((entry, task),) = tasks.find(manifest)
    assert entry.name == "migration"
    assert isinstance(task, OneOffTask)
    assert task.subnets == (OutputOf("migration", "Subnets"),)
    with pytest.raises(DeployError, match=f"no stack of {manifest.architecture}/dev has a task 'seed': there is migr"):
        tasks.find(manifest, "seed")
