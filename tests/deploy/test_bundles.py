"""Bundles: what is in them, when they are uploaded, and what is never overwritten."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from blueprints.deploy import bundles
from blueprints.deploy.stacks import describe
from blueprints.model.errors import DeployError
from blueprints.render.manifest import FileEntry, Manifest
from tests.deploy.deployer_fixtures import Account, Project, queue, template
from tests.deploy.proxy import error

pytestmark = pytest.mark.row("WB-03")

COMPOSE = 'services:\n  web:\n    image: "${Registry}:${ImageTag}"\n    command: "echo ${!HOME} ${SUBNET}"\n'
HOOK = "#!/bin/sh\nalembic upgrade head\n"
PARAMETERS = {
    "ImageTag": {"Type": "String", "Default": "v1"},
    "Registry": {"Type": "String", "Default": "1.ecr/app"},
}
FRONTEND = template(
    {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}}}, BucketName={"Ref": "Bucket"}, Subnet="subnet-1"
)
SERVICE = template({"Jobs": queue(Tags=[{"Key": "Version", "Value": {"Ref": "ImageTag"}}])}, PARAMETERS)


class Bundled(Project):
    """A bucket that is there, and a stack that has a bundle in it."""

    def arrange(self) -> None:
        self.write(".platform/migrate.sh", HOOK)
        self.write("compose.yml", COMPOSE)
        bucket, subnet = ({"stack": "frontend", "output": name} for name in ("BucketName", "Subnet"))
        bundle = {"folder": "bundle", "bucket": bucket, "key": "${ImageTag}/app.zip", "values": {"SUBNET": subnet}}
        self.add("frontend", FRONTEND)
        self.exists("frontend", FRONTEND)
        self.add("service", SERVICE, bundles=[bundle])

    def write(self, name: str, text: str) -> None:
        path = self.folder.parent / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def manifest(self) -> Manifest:
        made = super().manifest()
        names = ("bundle/compose.yml", "bundle/.platform/migrate.sh", "docker/Dockerfile")
        files = tuple(FileEntry(path=f"../{name}") for name in names)
        return made.model_copy(update={"files": files}).placed_in(made.folder)

    @property
    def bucket(self) -> str:
        stack = self.account.stack(f"{self.name}-frontend") or {}
        return str({each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}["BucketName"])

    def keys(self) -> list[str]:
        found = self.account.client("s3").list_objects_v2(Bucket=self.bucket)
        return [each["Key"] for each in found.get("Contents", ())]

    def content(self, key: str) -> bytes:
        body: bytes = self.account.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def prepare(self, **parameters: str) -> bundles.ReadyBundle:
        manifest = self.manifest()
        entry = manifest.stack("service")
        values = {name: parameters.get(name, each["Default"]) for name, each in PARAMETERS.items()}
        state = describe(self.account.cli(), entry.stack_name)
        (ready,) = bundles.prepare(self.account.cli, manifest, entry, values, state)
        return ready


@pytest.fixture
def bundled(account: Account, tmp_path):
    """Past the proxy, which hands on no headers of an answer: S3 has an object's metadata there."""
    folder = tmp_path / "output"
    folder.mkdir()
    project = Bundled(folder, replace(account, endpoint_url=account.environment["EMULATOR_URL"]))
    project.arrange()
    return project


def test_a_bundle_is_uploaded_once_it_is_agreed_to_and_before_its_stack_changes(bundled, account, proxy):
    bundled.account = account
    bundled.deploy(only=["service"])
    put = f"PUT /{bundled.bucket}/v1/app.zip"
    order = [name for name in proxy.operations() if name in {"CreateChangeSet", put, "ExecuteChangeSet"}]
    assert order == ["CreateChangeSet", put, "ExecuteChangeSet"]
    told = bundled.told.getvalue()
    assert "would first upload the bundle bundle, unless its bucket has it" in told
    assert f"uploaded s3://{bundled.bucket}/v1/app.zip" in told


def test_it_holds_the_files_below_its_folder_with_their_marks_filled(bundled):
    with zipfile.ZipFile(io.BytesIO(bundled.prepare(ImageTag="v2").content)) as archive:
        texts = {info.filename: (archive.read(info).decode(), info.external_attr >> 16) for info in archive.infolist()}
    filled = COMPOSE.replace("${Registry}:${ImageTag}", "1.ecr/app:v2").replace(
        "${!HOME} ${SUBNET}", "${HOME} subnet-1"
    )
    assert texts == {".platform/migrate.sh": (HOOK, 0o100755), "compose.yml": (filled, 0o100644)}


def test_the_same_files_are_the_same_bytes_and_are_uploaded_once(bundled):
    bundled.deploy(only=["service"])
    first = bundled.content("v1/app.zip")
    (bundled.folder.parent / "bundle" / "compose.yml").touch()
    assert (bundled.prepare().content, bundled.prepare().is_there) == (first, True)
    bundled.deploy(only=["service"])
    assert bundled.told.getvalue().count("uploaded s3://") == 1


def test_a_bundle_that_is_gone_comes_back_with_a_stack_that_is_up_to_date(bundled):
    bundled.exists("service", SERVICE)
    bundled.deploy(only=["service"])
    assert bundled.keys() == ["v1/app.zip"]


def test_who_declines_has_uploaded_nothing(bundled):
    bundled.deploy(answer=lambda _: False, only=["service"])
    assert bundled.keys() == []


# What is there already


def test_what_runs_is_not_overwritten_and_another_tag_is_the_way_out(bundled):
    bundled.deploy(only=["service"])
    before = bundled.content("v1/app.zip")
    bundled.write("compose.yml", COMPOSE.replace("echo", "print"))
    with pytest.raises(DeployError) as refused:
        bundled.deploy(only=["service"])
    message = str(refused.value)
    assert message.startswith(f"s3://{bundled.bucket}/v1/app.zip is what stack {bundled.name}-service runs, and")
    assert "with another value (ImageTag): push the image under another tag, which can be the same image" in message
    assert bundled.content("v1/app.zip") == before
    bundled.deploy(only=["service"], parameters={"ImageTag": "v2"})
    assert sorted(bundled.keys()) == ["v1/app.zip", "v2/app.zip"]


def test_what_no_stack_was_made_from_is_overwritten(bundled):
    bundled.account.client("s3").put_object(Bucket=bundled.bucket, Key="v1/app.zip", Body=b"of a try that failed")
    assert not bundled.prepare().is_there


def test_a_bucket_that_environments_share_keeps_what_it_has(bundled):
    bundled.account.client("s3").put_object(Bucket=bundled.bucket, Key="v1/app.zip", Body=b"of another environment")
    bundled.entries["frontend"]["shared"] = True
    with pytest.raises(
        DeployError, match=r"zip may be what another environment runs, and the settings now make another bundle"
    ):
        bundled.prepare()


# What cannot be made


def test_an_unknown_mark_names_its_file_and_leaves_no_change_set(bundled):
    bundled.write("compose.yml", 'image: "${Unknown}"\n')
    with pytest.raises(DeployError, match=r"compose\.yml, line 1: nothing is known that could be put in place of"):
        bundled.deploy(only=["service"])
    assert bundled.account.stack(f"{bundled.name}-service") is None


def test_a_missing_file_names_the_command_that_writes_it(bundled):
    (bundled.folder.parent / "bundle" / "compose.yml").unlink()
    with pytest.raises(
        DeployError, match=r"compose\.yml cannot be read \(No such file or directory\): run `blueprints"
    ):
        bundled.prepare()


def test_who_may_not_list_the_bucket_is_told_what_to_ask_for(bundled, account, proxy):
    bundled.account = account
    proxy.inject(f"HEAD /{bundled.bucket}/v1/app.zip", error("Forbidden", "Forbidden", 403))
    with pytest.raises(DeployError, match="ask for s3:GetObject on it and s3:ListBucket on the bucket"):
        bundled.prepare()
