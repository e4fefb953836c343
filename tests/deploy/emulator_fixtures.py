"""The local emulator in tests: one server for each process of pytest, emptied before every test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import AwsError
from blueprints.deploy.local import Emulator
from tests.deploy.warm_cli import warm_cli

REGION = "us-east-1"
CALL_SECONDS = 45


@pytest.fixture(scope="session")
def emulator_server(forked_cli: Path) -> Iterator[Emulator]:
    """A running emulator; its state is whatever other tests left."""
    with Emulator(REGION) as running:
        running.environment["PATH"] = f"{forked_cli}{os.pathsep}{running.environment['PATH']}"
        yield running


@pytest.fixture
def emulator(emulator_server: Emulator) -> Emulator:
    """A running emulator without any state."""
    emulator_server.reset()
    return emulator_server


@pytest.fixture(scope="session")
def forked_cli() -> Iterator[Path]:
    """A folder with an `aws` that starts in 0.1 seconds."""
    with tempfile.TemporaryDirectory(prefix="aws-") as folder, warm_cli(Path(folder)) as path:
        yield path


@dataclass(frozen=True)
class LocalAccount:
    """The emulator through the AWS CLI. Every change is over when the call comes back, so nothing here waits."""

    emulator: Emulator
    folder: Path

    def aws(self, service: str, operation: str, *arguments: str, region: str = REGION) -> dict[str, Any]:
        server = self.emulator
        cli = AwsCli(region, endpoint_url=server.endpoint_url, environment=server.environment, timeout=CALL_SECONDS)
        return cli.run(service, operation, *arguments)

    def create(self, name: str, template: str, *arguments: str, region: str = REGION, **parameters: str) -> str:
        """Create a stack; answers the state that it ends in."""
        return self._change("create-stack", name, template, *arguments, region=region, **parameters)

    def update(self, name: str, template: str, *arguments: str, region: str = REGION, **parameters: str) -> str:
        return self._change("update-stack", name, template, *arguments, region=region, **parameters)

    def delete(self, name: str) -> None:
        self.aws("cloudformation", "delete-stack", "--stack-name", name)

    def changes(self, name: str, template: str, **parameters: str) -> dict[str, tuple[str, str | None]]:
        """What a change set would do: action and replacement by logical id."""
        asked = [*self._template(template), *_parameters(parameters), "--capabilities", "CAPABILITY_IAM"]
        named = ["--stack-name", name, "--change-set-name", f"{name}-change"]
        self.aws("cloudformation", "create-change-set", *named, *asked)
        found = self.aws("cloudformation", "describe-change-set", *named)["Changes"]
        self.aws("cloudformation", "delete-change-set", *named)
        changes = [each["ResourceChange"] for each in found]
        return {each["LogicalResourceId"]: (each["Action"], each.get("Replacement")) for each in changes}

    def outputs(self, name: str) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self.stack(name).get("Outputs", [])}

    def physical_ids(self, name: str) -> dict[str, str]:
        resources = self.aws("cloudformation", "list-stack-resources", "--stack-name", name)["StackResourceSummaries"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}

    def failures(self, name: str) -> dict[str, str]:
        """Why resources failed, the newest reason for each."""
        events = self.aws("cloudformation", "describe-stack-events", "--stack-name", name)["StackEvents"]
        failed = [each for each in reversed(events) if each["ResourceStatus"].endswith("_FAILED")]
        return {each["LogicalResourceId"]: each.get("ResourceStatusReason", "") for each in failed}

    def stack(self, name: str, region: str = REGION) -> dict[str, Any]:
        found = self.aws("cloudformation", "describe-stacks", "--stack-name", name, region=region)["Stacks"]
        return dict(found[0])

    def refusal(self, operation: str, *arguments: Any, **parameters: Any) -> str:
        """Why AWS refuses a create or an update before it begins."""
        with pytest.raises(AwsError) as refused:
            getattr(self, operation)(*arguments, **parameters)
        return str(refused.value)

    def _change(self, operation: str, name: str, template: str, *arguments: str, region: str, **parameters: str) -> str:
        asked = [*self._template(template), *_parameters(parameters), *arguments]
        if "--capabilities" not in arguments:
            asked += ["--capabilities", "CAPABILITY_NAMED_IAM"]
        self.aws("cloudformation", operation, "--stack-name", name, *asked, region=region)
        return str(self.stack(name, region)["StackStatus"])

    def _template(self, template: str) -> list[str]:
        path = self.folder / "template.yaml"
        path.write_text(template, "utf-8")
        return ["--template-body", f"file://{path}"]


def _parameters(values: dict[str, str]) -> list[str]:
    pairs = [f"ParameterKey={name},ParameterValue={value}" for name, value in values.items()]
    return ["--parameters", *pairs] if pairs else []


@pytest.fixture
def local(emulator_server: Emulator, tmp_path: Path) -> LocalAccount:
    """An empty account."""
    emulator_server.reset()
    return LocalAccount(emulator_server, tmp_path)
