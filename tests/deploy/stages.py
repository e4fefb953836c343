"""The life of an architecture in the emulated account, stage after stage, for tests that only look at the answers.

Every stage is deployed once for each architecture and environment, and what the AWS CLI answers then is kept; so the
tests can run in any order. A stage goes on where the one before it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blueprints.deploy.delete import DeleteResult, StackDeletion
from blueprints.deploy.execute import DeployResult
from blueprints.deploy.local import Emulator
from blueprints.deploy.plan import StackPlan
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import Answers, Rule, Target, broken_copy, read_back


@dataclass(frozen=True)
class Case:
    architecture: str
    environment: str
    part: str  # the service's name in logical ids
    container: str
    repository: str
    grace: int
    way_out: Rule

    @property
    def keeps(self) -> bool:
        return self.environment == "prod"


CASES = [
    Case(architecture, environment, *rest)
    for architecture, *rest in [
        ("facerec", "Api", "api", "facerec-api", 120, ("out", "-1", None, None, "0.0.0.0/0")),
        ("cooking-assistant", "Assistant", "assistant", "cooking-assistant", 60, ("out", "tcp", 443, 443, "0.0.0.0/0")),
    ]
    for environment in ("dev", "prod")
]


def _parameter(case: Case) -> Any:
    name = f"{case.architecture}-{case.environment}"
    return pytest.param(case, id=name, marks=pytest.mark.xdist_group(name))


@pytest.fixture(scope="module", params=[_parameter(case) for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(scope="module")
def target(case: Case, emulator_server: Emulator, forked_cli: Path, output: Path) -> Target:
    emulator_server.reset()
    manifest = Manifest.load(output / case.architecture / case.environment / "manifest.json")
    return Target(emulator_server, forked_cli, manifest)


@dataclass(frozen=True)
class Stage:
    """What a deploy answered, what was asked about, and what was there afterwards."""

    result: DeployResult
    plans: dict[str, StackPlan]
    answers: Answers


@pytest.fixture(scope="module")
def created(case: Case, target: Target) -> Stage:
    result = target.deploy(target.seed())
    outputs = target.outputs(result)
    return Stage(result, dict(target.plans), read_back(target, outputs))


@pytest.fixture(scope="module")
def updated(created: Stage, target: Target) -> Stage:
    target.push("v2")
    result = target.deploy({"ImageTag": "v2"}, only=("service",))
    return Stage(result, dict(target.plans), read_back(target, created.answers.outputs, only_service=True))


@dataclass(frozen=True)
class Failure:
    messages: dict[str, str]
    status: str
    answers: Answers


@pytest.fixture(scope="module")
def failed(case: Case, updated: Stage, target: Target, tmp_path_factory: pytest.TempPathFactory) -> Failure:
    template = _broken(case, target.template("service"))
    broken = broken_copy(target, "service", template, tmp_path_factory.mktemp("broken"))
    elsewhere = {"NetworkStackName": f"{case.architecture}-registry"}
    messages = {
        "invalid": _refusal(target, broken, {}),
        "missing": _refusal(target, target.manifest, elsewhere),
    }
    return Failure(messages, target.status("service"), read_back(target, updated.answers.outputs, only_service=True))


def _broken(case: Case, template: dict[str, Any]) -> dict[str, Any]:
    """A template with a good change, a new task definition, and a service that CloudFormation refuses at last."""
    resources = template["Resources"]
    resources[f"{case.part}LogGroup"]["Properties"]["RetentionInDays"] = 14
    resources[f"{case.part}TaskDefinition"]["Properties"]["ContainerDefinitions"][0]["User"] = "2000:2000"
    resources[f"{case.part}Service"]["Properties"]["HealthCheckGracePeriodSeconds"] = "soon"
    return template


def _refusal(target: Target, manifest: Manifest, parameters: dict[str, str]) -> str:
    with pytest.raises(DeployError) as error:
        target.deploy(parameters, manifest=manifest, only=("service",))
    return str(error.value)


@pytest.fixture(scope="module")
def repeated(failed: Failure, target: Target) -> Stage:
    result = target.deploy()
    return Stage(result, dict(target.plans), read_back(target, failed.answers.outputs, only_service=True))


@dataclass(frozen=True)
class Deleted:
    refusals: list[str]
    results: list[DeleteResult]
    stacks: dict[str, StackDeletion]
    left: dict[str, set[str]]


@pytest.fixture(scope="module")
def deleted(repeated: Stage, target: Target) -> Deleted:
    refusals: list[str] = []
    results = [target.delete_as_told(refusals), target.delete_as_told(refusals, include_shared=True)]
    stacks = {stack.entry.name: stack for plan in target.deletions for stack in plan.stacks}
    return Deleted(refusals, results, stacks, target.left())
