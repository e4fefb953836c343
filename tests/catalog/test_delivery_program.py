"""deliver.py with stand-ins for the AWS CLI and kubectl, which write down how they were called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blueprints.deploy import bundles
from blueprints.model.text_file import TextFile
from blueprints.render.writing import manifest_of
from tests.support import deliveries

pytestmark = [pytest.mark.row("WB-07"), pytest.mark.row("WB-09")]

STAND_IN = """#!{python}
import json, os, pathlib, sys
name = pathlib.Path(sys.argv[0]).name
words = [name, *sys.argv[1:]]
text = "" if sys.stdin.isatty() or "--filename" not in words else sys.stdin.read()
folder = pathlib.Path(sys.argv[0]).parent
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([words, text]) + "\\n")
for asked, answer in json.loads((folder / "answers.json").read_text()).items():
    if asked in " ".join(words):
        print(answer if isinstance(answer, str) else json.dumps(answer))
        break
if "put-object" in words:
    (folder / "uploaded").write_bytes(pathlib.Path(words[words.index("--body") + 1]).read_bytes())
"""

TASK = "arn:aws:ecs:us-east-1:000000000000:task/web/1"


@dataclass
class Delivered:
    """What came of one call of the program."""

    code: int
    said: str
    calls: list[tuple[list[str], str]]

    def of(self, *words: str) -> list[tuple[list[str], str]]:
        return [call for call in self.calls if set(words) <= set(call[0])]

    @property
    def order(self) -> list[str]:
        """What changes something, in its order."""
        changing = {"deploy": "deploy", "run-task": "run-task", "put-object": "upload", "apply": "apply"}
        return [changing[word] for words, _ in self.calls for word in words if word in changing]


@pytest.fixture
def deliver(tmp_path: Path, root: Path):
    """Call the program on a runtime's manifest; AWS and the cluster answer as they are told to."""

    def call(
        runtime: str, *words: str, answers: Mapping[str, Any] | None = None, files: Mapping[str, str] | None = None
    ) -> Delivered:
        chosen = deliveries.settings("dev")
        stacks = deliveries.RUNTIMES[runtime](chosen)
        made = [TextFile(path, "") for path in files or {}]
        folder = tmp_path / "dev"
        folder.mkdir()
        for path, text in (files or {}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        manifest = folder / "manifest.json"
        manifest.write_text(manifest_of("facerec", chosen, stacks, made).to_text(), encoding="utf-8")
        described = {
            f"--stack-name {stack.stack_name} ": {
                "Stacks": [
                    {
                        "LastUpdatedTime": "2026-11-21T16:00:00Z",
                        "Outputs": [
                            {"OutputKey": key, "OutputValue": value.Value} for key, value in stack.outputs.items()
                        ],
                    }
                ]
            }
            for stack in stacks
        }
        for name in ("aws", "kubectl"):
            (tmp_path / name).write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
            (tmp_path / name).chmod(0o755)
        (tmp_path / "answers.json").write_text(json.dumps({**(answers or {}), **described}), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, root / "src/templates/delivery/deliver.py", words[0], manifest, *words[1:]],
            env={"PATH": os.pathsep.join([str(tmp_path), os.defpath])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        return Delivered(done.returncode, done.stdout + done.stderr, [tuple(json.loads(line)) for line in lines])

    return call


def ecs(exit_code: int) -> dict[str, Any]:
    stopped = {
        "taskArn": TASK,
        "lastStatus": "STOPPED",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "migration", "exitCode": exit_code}],
    }
    return {
        "ecs run-task": {"tasks": [{"taskArn": TASK}], "failures": []},
        "ecs describe-tasks": {"tasks": [stopped]},
        "logs filter-log-events": {"events": [{"message": "Running upgrade 1 -> 2"}]},
    }


def test_the_migration_runs_between_its_stack_and_the_service(deliver):
    done = deliver("fargate", "deploy", "abc123", "--role-arn", "arn:role", answers=ecs(0))
    assert done.code == 0, done.said
    assert done.order == ["deploy", "run-task", "deploy"]
    names = [words[words.index("--stack-name") + 1] for words, _ in done.of("cloudformation", "deploy")]
    assert names == ["web-backend-dev-migration", "web-backend-dev-service"]
    for words, _ in done.of("cloudformation", "deploy"):
        assert words[words.index("--parameter-overrides") + 1] == "ImageTag=abc123"
        assert words[words.index("--role-arn") + 1] == "arn:role"


def test_a_migration_that_fails_stops_the_delivery_and_shows_its_log(deliver):
    done = deliver("fargate", "deploy", "abc123", answers=ecs(1))
    assert done.code == 1
    assert done.order == ["deploy", "run-task"]
    assert "Running upgrade 1 -> 2" in done.said
    assert "migration ended with 1" in done.said


def test_a_task_that_cannot_be_placed_is_an_error(deliver):
    refused = {"ecs run-task": {"tasks": [], "failures": [{"reason": "RESOURCE:ENI"}]}}
    done = deliver("fargate", "run", "--stack", "migration", answers=refused)
    assert done.code == 1
    assert "RESOURCE:ENI" in done.said


def test_the_task_runs_where_its_stack_says(deliver):
    done = deliver("fargate", "run", "--stack", "migration", answers=ecs(0))
    ((words, _),) = done.of("run-task")
    assert words[words.index("--cluster") + 1] == "platform-WebClusterName"
    assert words[words.index("--task-definition") + 1] == "migration-MigrationTaskDefinitionArn"
    assert words[words.index("--started-by") + 1] == "blueprints/web-backend-dev-migration/migration"
    network = json.loads(words[words.index("--network-configuration") + 1])["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"
    assert network["subnets"] == ["migration-MigrationSubnetIds"]


BUNDLE = {
    "bundle/docker-compose.yml": 'image: "web:${ImageTag}"\nhost: "${DATABASE_HOST}"\n',
    "bundle/.platform/migrate.sh": '#!/bin/sh\necho "${!HOME}"\n',
}


def test_a_bundle_is_what_the_deployer_would_upload(deliver, tmp_path: Path):
    done = deliver("beanstalk", "deploy", "abc123", answers=beanstalk(), files=BUNDLE)
    assert done.code == 0, done.said
    assert done.order == ["upload", "deploy"]
    ((words, _),) = done.of("put-object")
    assert words[words.index("--key") + 1] == "abc123.zip"
    assert words[words.index("--bucket") + 1] == "frontend-BundlesBucketName"
    filled = {
        "docker-compose.yml": 'image: "web:abc123"\nhost: "frontend-DatabaseHost"\n',
        ".platform/migrate.sh": '#!/bin/sh\necho "${HOME}"\n',
    }
    assert (tmp_path / "uploaded").read_bytes() == bundles._zipped(filled)


FAILED = "container_command 10_migrate in .ebextensions/20-migration.config failed."


def beanstalk(*errors: str, version: str = "service-VersionLabel", health: str = "Green") -> dict[str, Any]:
    seen = {"Status": "Ready", "VersionLabel": version, "Health": health, "HealthStatus": "Info"}
    return {
        "describe-environments --environment-names service-EnvironmentName ": {"Environments": [seen]},
        "describe-events": {"Events": [{"Message": message} for message in errors]},
        "logs filter-log-events": {"events": [{"message": "relation orders does not exist"}]},
    }


def test_a_deployment_that_failed_on_the_instances_stops_the_delivery_with_its_events_and_log(deliver):
    failed = beanstalk("Failed to deploy application.", FAILED, version="v1")
    done = deliver("beanstalk", "deploy", "abc123", answers=failed, files=BUNDLE)
    assert done.code == 1
    assert done.order == ["upload", "deploy"]
    assert done.said.index(FAILED) < done.said.index("Failed to deploy application.")
    assert "relation orders does not exist" in done.said
    assert "it is Green (Info) and runs v1, and the stack says service-VersionLabel" in done.said
    ((words, _),) = done.of("filter-log-events")
    assert words[words.index("--log-stream-name-prefix") + 1] == "migration"
    assert words[words.index("--start-time") + 1] == "1795276800000"


def test_errors_since_the_stack_was_updated_fail_the_step_of_a_pipeline(deliver):
    done = deliver("beanstalk", "check", "abc123", "--stack", "service", answers=beanstalk(FAILED))
    assert done.code == 1
    ((words, _),) = done.of("describe-events")
    assert words[words.index("--start-time") + 1] == "2026-11-21T16:00:00Z"
    assert words[words.index("--severity") + 1] == "ERROR"


def test_a_commit_that_is_delivered_again_is_not_stopped_by_the_errors_of_the_first_time(deliver):
    done = deliver("beanstalk", "deploy", "abc123", answers=beanstalk(FAILED), files=BUNDLE)
    assert done.code == 0, done.said
    assert "service-EnvironmentName runs service-VersionLabel" in done.said


@pytest.mark.parametrize("mark", ["${NOBODY}", "${NOBODY:-1}"])
def test_a_mark_that_nothing_is_known_of_is_an_error(deliver, mark):
    done = deliver("beanstalk", "upload", "abc123", files={"bundle/docker-compose.yml": f'host: "{mark}"\n'})
    assert done.code == 1
    assert mark in done.said
    assert done.order == []


MANIFESTS = {
    "kubernetes/00-namespace.yaml": "kind: Namespace\nmetadata: {name: web-backend}\n",
    "kubernetes/05-settings.yaml": 'kind: ConfigMap\ndata: {group: "${TARGET_GROUP_ARN}"}\n',
    "kubernetes/10-migration.yaml": 'kind: Job\nmetadata: {name: "web-backend-migration-${IMAGE_TAG}"}\n',
    "kubernetes/20-deployment.yaml": 'kind: Deployment\nspec: {image: "web:${IMAGE_TAG}"}\n',
}


def job(type_: str) -> dict[str, Any]:
    return {"get job": {"status": {"conditions": [{"type": type_, "status": "True"}]}}}


def test_the_deployment_is_applied_after_the_job_has_succeeded(deliver):
    done = deliver("eks", "deploy", "abc123", answers=job("Complete"), files=MANIFESTS)
    assert done.code == 0, done.said
    kinds = [text.splitlines()[0] for _, text in done.of("kubectl", "apply")]
    assert kinds == ["kind: ConfigMap", "kind: Job", "kind: Deployment"]
    assert "Leave 00-namespace.yaml" in done.said
    assert "cluster-TargetGroupArn" in done.of("kubectl", "apply")[0][1]
    assert done.of("rollout", "status", "deployment/web-backend")
    ((words, _),) = done.of("kubectl", "delete")
    assert "web-backend-migration-abc123" in words


def test_a_job_that_fails_leaves_the_deployment_as_it_is(deliver):
    done = deliver("eks", "apply", "abc123", answers=job("Failed"), files=MANIFESTS)
    assert done.code == 1
    assert [text.splitlines()[0] for _, text in done.of("kubectl", "apply")] == ["kind: ConfigMap", "kind: Job"]
    assert "the Deployment was not changed" in done.said


def test_the_image_is_where_the_manifest_says(deliver):
    assert deliver("fargate", "image").said == "us-east-1 web-backend\n"


def test_a_step_that_needs_a_tag_asks_for_it(deliver):
    assert "needs the image's tag" in deliver("eks", "apply").said
