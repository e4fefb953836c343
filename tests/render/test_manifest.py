from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from blueprints.model.errors import ManifestError
from blueprints.render.manifest import ImageEntry, Manifest, ParameterEntry, SecretEntry, StackEntry

ENTRY = StackEntry(
    name="service",
    stack_name="facerec-dev-service",
    region="us-east-1",
    yaml="service.yaml",
    json="service.json",
    parameters=(ParameterEntry(name="Tasks", type="Number", required=False, default=1, min_value=0),),
    images=(ImageEntry(repository="facerec-api", parameter="ImageTag"),),
    secrets=(SecretEntry(name="KEY", kind="ssm", parameter_name="/facerec/KEY"),),
    tags={"Project": "facerec"},
    stack_policy={"Statement": []},
)
MANIFEST = Manifest(architecture="facerec", environment="dev", stacks=(ENTRY,))


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(MANIFEST.to_text(), encoding="utf-8")
    return path


def changed(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def test_a_manifest_reads_back_as_what_was_written(written):
    assert Manifest.load(written) == MANIFEST.placed_in(written.parent)


def test_a_folder_stands_for_the_manifest_in_it(written):
    assert Manifest.load(written.parent) == Manifest.load(written)


def test_the_folder_is_known_and_not_part_of_the_file(written):
    manifest = Manifest.load(written)
    assert manifest.folder == written.parent
    assert str(written.parent) not in manifest.to_text()
    assert manifest.stacks[0].template_path(manifest.folder) == written.parent / "service.yaml"


def test_what_is_absent_is_left_out_of_parameters_and_secrets():
    entry = json.loads(MANIFEST.to_text())["stacks"][0]
    assert entry["parameters"] == [
        {"name": "Tasks", "type": "Number", "required": False, "default": "1", "description": "", "min_value": 0}
    ]
    assert entry["secrets"] == [{"name": "KEY", "kind": "ssm", "parameter_name": "/facerec/KEY"}]
    assert (entry["yaml"], entry["json"]) == ("service.yaml", "service.json")


def test_rules_left_to_ecs_stand_in_the_file_only_where_there_are_any():
    assert "owned_by_ecs" not in MANIFEST.to_text()
    entry = ENTRY.model_copy(update={"owned_by_ecs": ("ProductionRule", "TestRule")})
    written = json.loads(Manifest(architecture="facerec", environment="dev", stacks=(entry,)).to_text())["stacks"][0]
    assert written["owned_by_ecs"] == ["ProductionRule", "TestRule"]
    assert StackEntry.model_validate(written) == entry


def test_a_manifest_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        MANIFEST.environment = "prod"


def test_a_stack_is_found_by_its_short_name():
    assert MANIFEST.stack("service") is ENTRY
    assert ENTRY.parameter("Tasks").default == "1"
    assert ENTRY.parameter("ImageTag") is None


def test_a_stack_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ManifestError, match="there is no stack 'data' in facerec/dev: service"):
        MANIFEST.stack("data")


def test_a_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(ManifestError, match=r"there is no .*manifest.json: run `blueprints render` first"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '"text"', ""])
def test_what_is_no_manifest_says_what_to_do(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match="run `blueprints render` again"):
        Manifest.load(tmp_path)


def test_bytes_that_are_no_text_say_what_to_do(tmp_path):
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="cannot be read"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("version", [2, "1", None])
def test_another_version_is_refused_by_name(written, version):
    changed(written, version=version)
    with pytest.raises(ManifestError, match=f"manifest of version {version!r}, this program reads version 1"):
        Manifest.load(written)


def test_an_unknown_key_is_refused_by_its_place(written):
    changed(written, surprise=1)
    with pytest.raises(ManifestError, match="not a manifest of ours: surprise: Extra inputs are not permitted"):
        Manifest.load(written)


def test_a_missing_key_is_refused_by_its_place(written):
    changed(written, stacks=[{"name": "service"}])
    with pytest.raises(ManifestError, match=r"stacks.0.stack_name: Field required"):
        Manifest.load(written)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "ssm"}, "of kind 'ssm' needs parameter_name"),
        ({"kind": "secretsmanager", "stack": "data"}, "of kind 'secretsmanager' needs stack and output"),
        ({"kind": "vault"}, "Input should be 'ssm' or 'secretsmanager'"),
    ],
)
def test_a_secret_has_a_place(values, message):
    with pytest.raises(ValidationError, match=message):
        SecretEntry(name="KEY", **values)
