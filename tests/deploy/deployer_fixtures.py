"""What the tests of the deployer share: an account behind a fault proxy, small blueprints, and a log of what was told.

The deployer's own calls go through the real AWS CLI. What a test arranges and reads back goes through botocore in this
process, which takes milliseconds instead of half a second.
"""

from __future__ import annotations

import io
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.config
import botocore.session
import pytest

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.execute import DeployResult, deploy
from blueprints.deploy.progress import PlainReporter
from blueprints.deploy.waiting import Clock
from blueprints.render.manifest import Manifest
from tests.deploy.proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from blueprints.deploy.local import Emulator

REGION = "us-east-1"
NO_WAIT = Clock(sleep=lambda _: None, interval=0)


@pytest.fixture(scope="session")
def session_proxy(emulator_server: Emulator) -> Iterator[FaultProxy]:
    with FaultProxy(emulator_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def proxy(session_proxy: FaultProxy) -> Iterator[FaultProxy]:
    session_proxy.clear()
    yield session_proxy
    session_proxy.clear()


@dataclass
class Account:
    """The emulator as an AWS account."""

    endpoint_url: str
    environment: dict[str, str]

    def cli(self, region: str = REGION, **options: Any) -> AwsCli:
        environment = {**self.environment, **options.pop("environment", {})}
        return AwsCli(region, endpoint_url=self.endpoint_url, environment=environment, **options)

    def client(self, service: str) -> Any:
        # The tests' own calls must not meet the faults: the emulator without the proxy.
        return botocore.session.get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=self.environment["EMULATOR_URL"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )

    def stack(self, name: str) -> dict[str, Any] | None:
        cloudformation = self.client("cloudformation")
        try:
            return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except cloudformation.exceptions.ClientError:
            return None

    def status(self, name: str) -> str | None:
        stack = self.stack(name)
        return stack["StackStatus"] if stack else None

    def change_sets(self, name: str) -> list[str]:
        summaries = self.client("cloudformation").list_change_sets(StackName=name)["Summaries"]
        return [item["ChangeSetName"] for item in summaries if item["ExecutionStatus"] == "AVAILABLE"]


@pytest.fixture
def account(emulator: Emulator, proxy: FaultProxy, forked_cli: Path, tmp_path: Path) -> Account:
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": str(forked_cli),
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "EMULATOR_URL": emulator.endpoint_url,
    }
    return Account(proxy.endpoint_url, environment)


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def template(resources: dict[str, Any], parameters: dict[str, Any] | None = None, **outputs: Any) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": parameters or {},
        "Resources": resources,
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }


@dataclass
class Project:
    """A manifest with its templates, under names that no other test uses."""

    folder: Path
    account: Account
    name: str = field(default_factory=lambda: f"p{uuid.uuid4().hex[:8]}")
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: io.StringIO = field(default_factory=io.StringIO)

    def add(self, name: str, body: dict[str, Any], **entry: Any) -> str:
        """Add a stack, or give one that is there another template; answers its stack name."""
        # JSON is YAML, and CloudFormation takes either.
        (self.folder / f"{name}.yaml").write_text(json.dumps(body))
        parameters = [
            {"name": key, "type": value["Type"], "required": "Default" not in value, "default": value.get("Default")}
            for key, value in body["Parameters"].items()
        ]
        self.entries[name] = {
            "name": name,
            "stack_name": f"{self.name}-{name}",
            "region": REGION,
            "yaml": f"{name}.yaml",
            "json": f"{name}.json",
            "parameters": [{k: v for k, v in item.items() if v is not None} for item in parameters],
            "tags": {"Project": self.name},
            **entry,
        }
        return f"{self.name}-{name}"

    def exists(self, name: str, body: dict[str, Any], **parameters: str) -> None:
        """The stack is already there when the test begins."""
        entry = self.entries[name]
        self.account.client("cloudformation").create_stack(
            StackName=entry["stack_name"],
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in entry["tags"].items()],
        )

    def manifest(self) -> Manifest:
        path = self.folder / "manifest.json"
        content = {"version": 1, "architecture": self.name, "environment": "dev", "stacks": [*self.entries.values()]}
        path.write_text(json.dumps(content))
        return Manifest.load(path)

    def deploy(self, answer: Callable[[Any], bool] = lambda _: True, **options: Any) -> DeployResult:
        return deploy(
            options.pop("factory", self.account.cli),
            self.manifest(),
            parameters=options.pop("parameters", {}),
            confirm=answer,
            report=options.pop("report", PlainReporter(self.told)),
            clock=options.pop("clock", NO_WAIT),
            **options,
        )


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    folder = tmp_path / "output"
    folder.mkdir()
    return Project(folder, account)
