"""``blueprints migrate`` as a person uses it, with the AWS CLI against the emulator."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blueprints.cli import blueprints
from blueprints.cli.progress import TerminalReporter
from blueprints.deploy.aws import AwsCli
from blueprints.deploy.change_sets import ChangeSet
from blueprints.deploy.local import Emulator
from blueprints.deploy.plan import StackPlan
from blueprints.model.errors import DeployError
from blueprints.render.manifest import StackEntry

pytestmark = pytest.mark.row("WB-07")

TEMPLATE = {
    "Resources": {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "RequiresCompatibilities": ["FARGATE"],
                "NetworkMode": "awsvpc",
                "Cpu": "256",
                "Memory": "512",
                "ContainerDefinitions": [{"Name": "migration", "Image": "app:1"}],
            },
        },
    },
    "Outputs": {
        "Cluster": {"Value": {"Ref": "Cluster"}},
        "Task": {"Value": {"Ref": "Task"}},
        "Subnet": {"Value": "subnet-1"},
        "Group": {"Value": "sg-1"},
        "Log": {"Value": "log"},
    },
}
OUTPUTS = {"cluster": "Cluster", "task_definition": "Task", "security_group": "Group", "log_group": "Log"}
PLACES: dict[str, Any] = {name: {"stack": "migration", "output": output} for name, output in OUTPUTS.items()}
TASK = {
    "name": "migration",
    "container": "migration",
    "subnets": [{"stack": "migration", "output": "Subnet"}],
    **PLACES,
}
JOB = {"folder": "k", "cluster": PLACES["cluster"], "namespace": "n", "repository": "r", "deployment": "d", "job": "j"}
BUNDLE = {"folder": "b", "bucket": PLACES["log_group"], "key": "k"}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def render(output: Path, **steps: Any) -> None:
    """Write a manifest as `blueprints render` does, of one stack with these steps."""
    folder = output / "tiny" / "dev"
    folder.mkdir(parents=True)
    stack = {"name": "migration", "stack_name": "tiny-dev-migration", "region": "us-east-1", "yaml": "y", "json": "j"}
    manifest = {"version": 1, "architecture": "tiny", "environment": "dev", "stacks": [{**stack, **steps}]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def types(output: Path, *options: str, environment: dict[str, str] | None = None) -> Result:
    arguments = ["migrate", "tiny", "dev", "--output", str(output), *options]
    return CliRunner(env=environment).invoke(blueprints, arguments)


def test_the_migration_runs_once_more_and_its_end_is_told(output: Path, emulator: Emulator, forked_cli: Path) -> None:
    render(output, tasks=[TASK])
    environment = {**emulator.environment, "PATH": str(forked_cli)}
    named = ("--stack-name", "tiny-dev-migration", "--template-body", json.dumps(TEMPLATE))
    AwsCli("us-east-1", environment=environment).run("cloudformation", "create-stack", *named)
    result = types(output, environment=environment)
    assert result.exit_code == 0, result.output
    assert "task migration of tiny-dev-migration is started" in result.stderr
    assert "task migration of tiny-dev-migration succeeded" in result.stderr


def test_a_stack_that_is_not_deployed_names_the_command(output: Path, emulator: Emulator, forked_cli: Path) -> None:
    render(output, tasks=[TASK])
    result = types(output, environment={**emulator.environment, "PATH": str(forked_cli)})
    assert isinstance(result.exception, DeployError)
    assert "stack tiny-dev-migration is not deployed yet. Deploy first: blueprints deploy tiny dev" in str(
        result.exception
    )


@pytest.mark.parametrize(
    ("steps", "hint"),
    [
        ({}, "There is nothing to run"),
        (
            {"workloads": [JOB]},
            "Here it is a Job in Kubernetes, which runs before the Deployment: blueprints apply tiny",
        ),
        ({"bundles": [BUNDLE]}, "Here it is a command in the bundle, which runs with each version that is deployed"),
        ({"tasks": [TASK]}, "no stack of tiny/dev has a task 'seed': there is migration"),
    ],
    ids=["nothing", "kubernetes", "beanstalk", "another"],
)
def test_where_there_is_no_such_task_it_says_what_there_is(output: Path, steps: dict[str, Any], hint: str) -> None:
    render(output, **steps)
    result = types(output, "--task", "seed")
    assert isinstance(result.exception, DeployError)
    assert hint in str(result.exception)


def test_a_terminal_shows_what_a_plan_brings_along_and_how_it_goes() -> None:
    out = io.StringIO()
    named = {"name": "service", "stack_name": "s", "region": "us-east-1", "yaml": "y", "json": "j"}
    entry = StackEntry.model_validate({**named, "tasks": [TASK], "bundles": [BUNDLE]})
    report = TerminalReporter(out)
    report.plan(StackPlan(entry, ChangeSet("s", "blueprints-1", "UPDATE", makes_stack=False), "arn:1"))
    report.bundle_uploaded(entry, "s3://bucket/k")
    report.task_started(entry, "migration", "t1", joined=True)
    report.task_done(entry, "migration")
    report.task_left(entry, "migration")
    assert [line.strip() for line in out.getvalue().splitlines()] == [
        "Would update it: only outputs or tags",
        "Would first upload the bundle b, unless its bucket has it",
        "Would then run the task migration to its end, before the next stack",
        "✓ uploaded s3://bucket/k",
        "task migration of s still runs (t1): waiting for its end",
        "✓ task migration of s succeeded",
        "! task migration of s goes on: the same command waits for it",
    ]
