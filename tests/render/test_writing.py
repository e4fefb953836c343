from __future__ import annotations

import importlib
import json
import sys

import pytest

from blueprints import catalog, render
from blueprints.model.errors import RenderError, SettingsError, TemplateError
from blueprints.render.manifest import Manifest
from blueprints.render.writing import replace
from tests.support.cfn_yaml import load

TINY = '''
"""Two queues: an architecture as small as can be."""

from troposphere import Ref, ec2, iam, s3, sqs

from blueprints.access import grants
from blueprints.model import parameters
from blueprints.model import settings
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import ImageSource, SecretSource, Stack


class Settings(settings.Settings):
    project: str = "tiny"
    extra: bool = False
    broken: bool = False
    size: int = 1


def build(settings):
    shared = Stack("registry", settings, description="Shared", arch="One bucket", shared=True)
    shared.add(s3.Bucket("Images"))
    shared.output("BucketName", Ref("Images"), "The bucket")
    service = Stack("service", settings, description="Service", arch="One queue")
    service.images.append(ImageSource("tiny", service.add(parameters.image_tag("tiny")).title))
    service.secrets += [SecretSource("KEY", parameter_name="/tiny/KEY")]
    service.secrets += [SecretSource("PASSWORD", stack="registry", output="BucketName")]
    service.add(parameters.number("Size", group="g", label="l", description="d", default=3, minimum=0, maximum=9))
    service.add(StackParameter("Kind", group="g", label="l", description="d", default="a", allowed=["a", "b"]))
    service.add(sqs.Queue("Jobs", DelaySeconds=settings.size))
    service.add(iam.Role("Role", AssumeRolePolicyDocument=grants.trust("ecs-tasks")))
    service.output("QueueUrl", Ref("Jobs"), "The queue")
    stacks = [shared, service]
    if settings.extra or settings.broken:
        extra = Stack("extra", settings, description="Extra", arch="A network", region="us-east-1")
        extra.add(ec2.VPC("Main", CidrBlock="10.0.0.0/16") if settings.extra else ec2.Subnet("Main"))
        stacks.append(extra)
    return stacks
'''


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Settings of an architecture that stands in another folder of the catalog."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "tiny.py").write_text(TINY, encoding="utf-8")
    monkeypatch.setattr(catalog, "__path__", [*catalog.__path__, str(tmp_path / "more")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    yield catalog.load("tiny").Settings
    del sys.modules["blueprints.catalog.tiny"]


def contents(folder):
    """Every file below the folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_stack_is_written_twice_and_shared_ones_beside_the_environment(tiny, tmp_path):
    render.write("tiny", tiny(), tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == [
        "tiny/dev/manifest.json",
        "tiny/dev/service.json",
        "tiny/dev/service.yaml",
        "tiny/shared/registry.json",
        "tiny/shared/registry.yaml",
    ]


@pytest.mark.row("XX-01")
def test_the_files_hold_what_the_functions_give(tiny, tmp_path):
    manifest = render.write("tiny", tiny(), tmp_path)
    stacks = catalog.load("tiny").build(tiny())
    for stack, entry in zip(stacks, manifest.stacks, strict=True):
        path = entry.template_path(manifest.folder)
        assert path.read_text(encoding="utf-8") == render.to_yaml(stack)
        assert path.with_suffix(".json").read_text(encoding="utf-8") == render.to_json(stack)
        assert load(path.read_text(encoding="utf-8")) == json.loads(render.to_json(stack))


@pytest.mark.row("XX-09")
def test_a_second_render_writes_the_same_bytes(tiny, tmp_path):
    render.write("tiny", tiny(extra=True), tmp_path / "first")
    render.write("tiny", tiny(extra=True), tmp_path / "second")
    render.write("tiny", tiny(extra=True), tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_environments_agree_on_what_they_share(tiny, tmp_path):
    render.write("tiny", tiny(environment="dev"), tmp_path)
    shared = contents(tmp_path / "tiny" / "shared")
    render.write("tiny", tiny(environment="prod"), tmp_path)
    assert contents(tmp_path / "tiny" / "shared") == shared


def test_the_manifest_says_what_a_deployment_has_to_know(tiny, tmp_path):
    manifest = render.write("tiny", tiny(environment="prod", region="eu-west-1", tags={"Team": "food"}), tmp_path)
    registry, service = manifest.stacks
    assert (manifest.architecture, manifest.environment) == ("tiny", "prod")
    assert manifest.description == "Two queues: an architecture as small as can be."
    assert (registry.stack_name, registry.shared, registry.yaml_file) == (
        "tiny-registry",
        True,
        "../shared/registry.yaml",
    )
    assert (service.stack_name, service.shared, service.json_file) == ("tiny-prod-service", False, "service.json")
    assert (service.region, service.description) == ("eu-west-1", "Service")
    assert service.tags == {"Project": "tiny", "Environment": "prod", "Team": "food"}
    assert registry.capabilities == ()
    assert service.capabilities == ("CAPABILITY_IAM",)
    assert registry.retained == ("Images",)
    assert registry.termination_protection
    assert registry.stack_policy is not None
    assert service.stack_policy is None
    assert service.outputs == ("QueueUrl",)


def test_the_manifest_lists_parameters_images_and_secrets(tiny, tmp_path):
    service = render.write("tiny", tiny(), tmp_path).stack("service")
    tag, size, kind = service.parameters
    assert (tag.name, tag.required, tag.default) == ("ImageTag", True, None)
    assert tag.pattern is not None
    assert (size.type, size.required, size.default, size.min_value, size.max_value) == ("Number", False, "3", 0, 9)
    assert kind.allowed_values == ("a", "b")
    assert [(image.repository, image.parameter) for image in service.images] == [("tiny", "ImageTag")]
    ssm, secret = service.secrets
    assert (ssm.kind, ssm.parameter_name) == ("ssm", "/tiny/KEY")
    assert (secret.kind, secret.stack, secret.output) == ("secretsmanager", "registry", "BucketName")


def test_a_stack_elsewhere_says_where(tiny, tmp_path):
    manifest = render.write("tiny", tiny(region="eu-west-1", extra=True), tmp_path)
    assert manifest.stack("extra").region == "us-east-1"


def test_what_is_written_can_be_loaded_again(tiny, tmp_path):
    written = render.write("tiny", tiny(environment="prod"), tmp_path)
    loaded = Manifest.load(tmp_path / "tiny" / "prod")
    assert loaded == written
    assert loaded.folder == written.folder == tmp_path / "tiny" / "prod"


def test_several_environments_are_written_as_each_would_be_alone(tiny, tmp_path):
    both = [tiny(environment="dev"), tiny(environment="prod", extra=True)]
    manifests = render.write_all("tiny", both, tmp_path / "together")
    alone = [render.write("tiny", settings, tmp_path / "alone") for settings in both]
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")
    assert manifests == [
        manifest.placed_in(tmp_path / "together" / "tiny" / manifest.environment) for manifest in alone
    ]


def test_environments_that_would_share_a_stack_and_differ_on_it_are_refused_before_anything_is_written(tiny, tmp_path):
    both = [tiny(environment="dev", owner="Food"), tiny(environment="prod", owner="Drink")]
    with pytest.raises(
        SettingsError, match="prod: the stack registry is shared by all environments, and these settings"
    ):
        render.write_all("tiny", both, tmp_path / "out")
    assert contents(tmp_path / "out") == {}


# Whole or not at all


def test_an_error_in_one_stack_leaves_everything_as_it_was(tiny, tmp_path):
    render.write("tiny", tiny(), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(TemplateError, match=r"extra: .*VpcId"):
        render.write("tiny", tiny(broken=True, size=2), tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("blocked", ["tiny/dev/service.json", "tiny/dev/service.yaml", "tiny/dev/manifest.json"])
def test_a_file_that_cannot_be_written_leaves_all_others_as_they_were(tiny, tmp_path, blocked):
    render.write("tiny", tiny(), tmp_path)
    (tmp_path / blocked).unlink()
    (tmp_path / blocked).mkdir()
    before = contents(tmp_path)
    with pytest.raises(RenderError, match=f"{blocked} cannot be written: .*name another folder with --output"):
        render.write("tiny", tiny(size=2), tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("blocked", ["", "tiny", "tiny/dev", "tiny/shared"])
def test_a_folder_that_cannot_be_made_is_named_and_nothing_is_written(tiny, tmp_path, blocked):
    output = tmp_path / "out"
    (output / blocked).parent.mkdir(parents=True, exist_ok=True)
    (output / blocked).write_text("in the way", encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(RenderError, match="cannot be written"):
        render.write("tiny", tiny(), output)
    assert contents(tmp_path) == before


def test_text_that_cannot_be_encoded_leaves_neither_itself_nor_what_came_before_it(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        replace({tmp_path / "first": "text", tmp_path / "second": "half a character: \ud83d"})
    assert contents(tmp_path) == {}


def test_no_temporary_file_stays_behind(tiny, tmp_path):
    render.write("tiny", tiny(), tmp_path)
    assert [name for name in contents(tmp_path) if "/." in name] == []


# What is no longer asked for


def test_a_template_that_is_no_longer_asked_for_goes(tiny, tmp_path):
    render.write("tiny", tiny(extra=True), tmp_path)
    assert "tiny/dev/extra.yaml" in contents(tmp_path)
    render.write("tiny", tiny(), tmp_path)
    assert sorted(contents(tmp_path / "tiny" / "dev")) == ["manifest.json", "service.json", "service.yaml"]


def test_other_environments_and_what_they_share_stay(tiny, tmp_path):
    render.write("tiny", tiny(environment="prod", extra=True), tmp_path)
    render.write("tiny", tiny(environment="dev", extra=True), tmp_path)
    render.write("tiny", tiny(environment="dev"), tmp_path)
    assert "tiny/prod/extra.yaml" in contents(tmp_path)
    assert "tiny/shared/registry.yaml" in contents(tmp_path)


def test_files_of_somebody_else_stay(tiny, tmp_path):
    render.write("tiny", tiny(), tmp_path)
    for name in ("settings.yaml", "parameters.json", "notes.md"):
        (tmp_path / "tiny" / "dev" / name).write_text("mine", encoding="utf-8")
    render.write("tiny", tiny(), tmp_path)
    assert {"settings.yaml", "parameters.json", "notes.md"} <= contents(tmp_path / "tiny" / "dev").keys()


def test_a_manifest_that_points_elsewhere_removes_nothing_there(tiny, tmp_path):
    manifest = render.write("tiny", tiny(extra=True), tmp_path)
    text = manifest.to_text().replace('"extra.yaml"', '"../../precious.yaml"')
    (tmp_path / "tiny" / "dev" / "manifest.json").write_text(text, encoding="utf-8")
    (tmp_path / "precious.yaml").write_text("mine", encoding="utf-8")
    render.write("tiny", tiny(), tmp_path)
    assert (tmp_path / "precious.yaml").read_text(encoding="utf-8") == "mine"


def test_a_manifest_that_cannot_be_read_is_written_anew(tiny, tmp_path):
    render.write("tiny", tiny(), tmp_path)
    (tmp_path / "tiny" / "dev" / "manifest.json").write_text("{", encoding="utf-8")
    written = render.write("tiny", tiny(), tmp_path)
    assert Manifest.load(tmp_path / "tiny" / "dev") == written
