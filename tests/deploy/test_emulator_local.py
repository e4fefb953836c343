"""The local deploy target as a process: what it gives, what it keeps to itself, and how it ends."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from blueprints.deploy.local import reality_table
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest
from tests.deploy.emulator_fixtures import LocalAccount

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "app"}}
SECRET = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "a key"}}
QUEUE = {"Type": "AWS::SQS::Queue"}
PARAMETERS: list[dict[str, Any]] = [
    {"name": "ImageTag", "required": True, "pattern": "[a-z0-9.-]+"},
    {"name": "DomainName", "required": True},
    {"name": "HostedZoneId", "type": "AWS::Route53::HostedZone::Id", "required": True},
    {"name": "CertificateArn", "required": True, "pattern": "arn:aws:acm:.*"},
    {"name": "AlarmEmail", "required": True, "pattern": "[^@]+@[^@]+"},
    {"name": "Tasks", "type": "Number", "required": True, "min_value": 2},
    {"name": "Size", "required": True, "allowed_values": ["small", "large"]},
    {"name": "SubnetIds", "type": "List<AWS::EC2::Subnet::Id>", "required": True},
    {"name": "CloudFrontPrefixListId", "required": True, "pattern": "^pl-[0-9a-f]+$"},
    {"name": "RotationFunctionArn", "required": True, "pattern": r"^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:\w+$"},
    {"name": "Nickname", "required": False, "default": "app"},
]


def _stack(name: str, **more: Any) -> dict[str, Any]:
    files = {"yaml": f"{name}.yaml", "json": f"{name}.json"}
    return {"name": name, "stack_name": f"app-{name}", "region": "us-east-1", **files, **more}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    templates = {
        "registry": {"Resources": {"Repository": REPOSITORY}},
        "data": {"Resources": {"Key": SECRET}, "Outputs": {"KeyArn": {"Value": {"Ref": "Key"}}}},
        "service": {"Resources": {"Jobs": QUEUE}},
    }
    for name, template in templates.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(template), "utf-8")
    secrets = [
        {"name": "INDEX_KEY", "kind": "ssm", "parameter_name": "/app/INDEX_KEY"},
        {"name": "KEY", "kind": "secretsmanager", "stack": "data", "output": "KeyArn"},
    ]
    images = [{"repository": "app", "parameter": "ImageTag"}]
    service = _stack("service", parameters=PARAMETERS, images=images, secrets=secrets)
    stacks = [_stack("registry"), _stack("data"), service]
    content = {"version": 1, "architecture": "app", "environment": "dev", "stacks": stacks}
    (tmp_path / "manifest.json").write_text(json.dumps(content), "utf-8")
    return Manifest.load(tmp_path / "manifest.json")


def _deploy(local: LocalAccount, manifest: Manifest, *names: str) -> None:
    for name in names:
        path = manifest.folder / f"{name}.json"
        local.create(f"app-{name}", path.read_text("utf-8"))


def test_required_parameters_get_values_that_fit(local: LocalAccount, manifest: Manifest) -> None:
    values = local.emulator.seed_parameters(manifest)
    assert values["ImageTag"] == "local"
    assert values["DomainName"] == "app.example.com"
    assert values["HostedZoneId"].startswith("Z")
    assert values["CertificateArn"].startswith("arn:aws:acm:us-east-1:000000000000:certificate/")
    assert values["AlarmEmail"] == "operations@example.com"
    assert (values["Tasks"], values["Size"]) == ("2", "small")
    assert all(subnet.startswith("subnet-") for subnet in values["SubnetIds"].split(","))
    assert values["CloudFrontPrefixListId"].startswith("pl-")
    assert values["RotationFunctionArn"].endswith(":function:local")
    assert "Nickname" not in values


def test_a_parameter_nothing_fits_is_named(local: LocalAccount, manifest: Manifest) -> None:
    odd = manifest.stacks[2].parameters[0].model_copy(update={"name": "Odd", "pattern": "x{99}"})
    service = manifest.stacks[2].model_copy(update={"parameters": (odd,)})
    with pytest.raises(DeployError, match=r"no value for the parameter Odd of app-service .* --parameter Odd="):
        local.emulator.seed_parameters(manifest.model_copy(update={"stacks": (service,)}))


def test_images_and_secrets_are_there_before_the_service(local: LocalAccount, manifest: Manifest) -> None:
    emulator = local.emulator
    emulator.seed(manifest)
    _deploy(local, manifest, "registry", "data")
    emulator.before_stack(manifest.stack("service"), manifest)
    emulator.before_stack(manifest.stack("service"), manifest, {"ImageTag": "v2"})
    images = local.aws("ecr", "list-images", "--repository-name", "app")["imageIds"]
    assert {image["imageTag"] for image in images} == {"local", "v2"}
    named = ("--secret-id", local.outputs("app-data")["KeyArn"])
    assert local.aws("secretsmanager", "get-secret-value", *named)["SecretString"]
    found = local.aws("ssm", "get-parameter", "--name", "/app/INDEX_KEY")["Parameter"]
    assert found["Type"] == "SecureString"


def test_images_and_secrets_are_put_in_the_region_of_their_stack(local: LocalAccount, manifest: Manifest) -> None:
    regions = {"registry": "us-east-2", "data": "us-west-2", "service": "us-east-2"}
    stacks = tuple(entry.model_copy(update={"region": regions[entry.name]}) for entry in manifest.stacks)
    manifest = manifest.model_copy(update={"stacks": stacks}).placed_in(manifest.folder)
    for name in ("registry", "data"):
        local.create(f"app-{name}", (manifest.folder / f"{name}.json").read_text("utf-8"), region=regions[name])
    local.emulator.before_stack(manifest.stack("service"), manifest)
    images = local.aws("ecr", "list-images", "--repository-name", "app", region="us-east-2")["imageIds"]
    assert [image["imageTag"] for image in images] == ["local"]
    (key,) = local.aws("secretsmanager", "list-secrets", region="us-west-2")["SecretList"]
    assert local.aws("secretsmanager", "get-secret-value", "--secret-id", key["ARN"], region="us-west-2")[
        "SecretString"
    ]
    named = ("--name", "/app/INDEX_KEY")
    assert local.aws("ssm", "get-parameter", *named, region="us-east-2")["Parameter"]["Type"] == "SecureString"


def test_a_secret_that_is_read_by_members_gets_all_of_them(local: LocalAccount, manifest: Manifest) -> None:
    service = manifest.stack("service")
    key = service.secrets[1]
    members = tuple(key.model_copy(update={"json_key": name}) for name in ("api_key", "organization"))
    readers = [service.model_copy(update={"secrets": (member,)}) for member in members]
    manifest = manifest.model_copy(update={"stacks": (*manifest.stacks[:2], *readers)})
    _deploy(local, manifest, "registry", "data")
    local.emulator.before_stack(readers[0], manifest)
    named = ("--secret-id", local.outputs("app-data")["KeyArn"])
    value = local.aws("secretsmanager", "get-secret-value", *named)["SecretString"]
    assert json.loads(value).keys() == {"api_key", "organization"}


def test_every_resource_has_a_reality(local: LocalAccount, manifest: Manifest) -> None:
    assert reality_table(local.emulator, manifest) == [
        ("Repository", "AWS::ECR::Repository", "native"),
        ("Key", "AWS::SecretsManager::Secret", "native"),
        ("Jobs", "AWS::SQS::Queue", "native"),
    ]
    others = [("Nat", "AWS::EC2::NatGateway"), ("Watch", "AWS::GuardDuty::Detector"), ("Odd", "AWS::SQS::Line")]
    assert [reality for *_, reality in reality_table(local.emulator, others)] == ["extended", "stand-in", "unknown"]


def test_the_environment_has_nothing_of_this_machine(local: LocalAccount) -> None:
    emulator = local.emulator
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        assert not Path(emulator.environment[name]).exists()
    assert emulator.environment["AWS_ENDPOINT_URL"] == emulator.endpoint_url
    assert emulator.environment["AWS_EC2_METADATA_DISABLED"] == "true"


def test_it_listens_on_the_loopback_interface_only(local: LocalAccount) -> None:
    port = int(local.emulator.endpoint_url.rsplit(":", 1)[-1])
    # Another loopback address reaches what listens on every interface, and not what listens on 127.0.0.1 alone.
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", port)) != 0


def test_it_ends_with_its_parent() -> None:
    program = (
        "import os\nfrom blueprints.deploy.local import Emulator\n"
        "emulator = Emulator().__enter__()\nprint(emulator._process.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    # The server holds nothing of its parent's that would keep this call waiting; only its own pid is left to look for.
    pid = int(parent.stdout)
    assert _ended(pid)


def _ended(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor):
        return bool(select.select([descriptor], [], [], 10)[0])


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith("ministack"):
            (tmp_path / path.name).symlink_to(path)
    program = "from blueprints.deploy.local import Emulator\nEmulator().__enter__()"
    environment = {"PATH": os.defpath, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert "a local deploy needs ministack: pip install 'cloudformation-blueprints[local]'" in answer.stderr
