from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from blueprints import catalog
from blueprints.catalog import settings_file
from blueprints.model.errors import SettingsError


@pytest.fixture
def written(tmp_path):
    """Write a settings file and name it."""

    def write(text):
        path = tmp_path / "my.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def read(path):
    return settings_file.read("facerec", path)


def test_each_environment_has_what_differs_from_its_defaults(written):
    path = written("dev:\n  region: eu-central-1\nprod:\n  domain_name: faces.example.com\n")
    dev, prod = read(path).values()
    facerec = catalog.load("facerec").Settings
    assert dev == facerec(environment="dev", region="eu-central-1")
    assert prod == facerec(environment="prod", domain_name="faces.example.com")
    assert prod.keep_data is True


def test_an_environment_may_say_nothing_of_its_own(written):
    assert read(written("dev:\nprod: {}\n")) == {
        name: catalog.load("facerec").Settings(environment=name) for name in ("dev", "prod")
    }


def test_environments_keep_the_order_of_the_file(written):
    assert list(read(written("staging:\ndev:\nprod:\n"))) == ["staging", "dev", "prod"]


def refusal(path, architecture="facerec"):
    with pytest.raises(SettingsError) as refused:
        settings_file.read(architecture, path)
    return str(refused.value)


def test_a_value_that_is_not_allowed_is_named_with_file_environment_and_setting(written):
    path = written("dev:\nprod:\n  availability_zones: 4\n")
    assert refusal(path).startswith(f"{path}: prod.availability_zones: 4 is not allowed; give less than or equal to 3")


def test_every_mistake_of_an_environment_is_told_with_its_place(written):
    path = written("prod:\n  availability_zones: 4\n  egres: nat\n")
    assert [line.partition(" ")[2].partition(": ")[0] for line in refusal(path).splitlines()] == [
        "prod.availability_zones",
        "prod.egres",
    ]
    assert "did you mean egress?" in refusal(path)


def test_settings_that_do_not_go_together_are_named_with_their_place(written):
    path = written("dev:\n  minimum_tasks: 5\n  maximum_tasks: 2\n")
    assert refusal(path).startswith(f"{path}: dev.minimum_tasks: 5 is more than maximum_tasks (2)")


def test_the_environment_is_not_named_a_second_time(written):
    path = written("dev:\n  environment: prod\n")
    assert refusal(path) == (f"{path}: dev.environment is not allowed: the key above it, dev, is the environment")


def test_an_environment_that_cannot_be_one_is_refused(written):
    assert "Prod.environment: 'Prod' is not allowed" in refusal(written("Prod:\n"))
    # YAML 1.1 reads a bare `on` as a boolean.
    assert "True.environment: 'True' is not allowed" in refusal(written("on:\n"))


def test_a_setting_whose_name_yaml_reads_as_something_else_is_refused(written):
    assert "dev.False: no such setting" in refusal(written("dev:\n  no: 1\n"))
    assert "dev.1: no such setting" in refusal(written("dev:\n  1: 1\n"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]\n", "dev\n", "3\n", "{}\n"])
def test_a_file_that_is_no_mapping_of_environments_says_what_to_give(written, text):
    path = written(text)
    assert refusal(path) == f"{path}: give a mapping of environments, such as dev and prod, to their settings"


@pytest.mark.parametrize("values", ["3", "[a]", "text"])
def test_an_environment_that_is_no_mapping_is_named(written, values):
    assert "dev has to be a mapping of settings, got " in refusal(written(f"dev: {values}\n"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert refusal(tmp_path / "none.yaml") == f"{tmp_path / 'none.yaml'} cannot be read: No such file or directory"
    assert refusal(tmp_path) == f"{tmp_path} cannot be read: Is a directory"


def test_a_file_that_is_no_yaml_is_named(written, tmp_path):
    assert "is not YAML" in refusal(written("dev: [\n"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    assert "is not YAML" in refusal(tmp_path / "bytes.yaml")


@pytest.mark.parametrize("text", ["dev:\nprod:\ndev:\n", "dev:\n  egress: nat\n  egress: public\n"])
def test_a_key_that_stands_twice_is_refused(written, text):
    assert "stands there twice" in refusal(written(text))


def test_an_object_in_yaml_is_never_made(written):
    assert "is not YAML" in refusal(written("dev: !!python/object/apply:os.getcwd []\n"))


# The schema


EACH = pytest.mark.parametrize("name", catalog.names())


@EACH
def test_the_schema_is_a_json_schema(name):
    schema = settings_file.schema(name)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def problems(name, text):
    return [
        error.message for error in Draft202012Validator(settings_file.schema(name)).iter_errors(yaml.safe_load(text))
    ]


@EACH
@pytest.mark.parametrize(
    "text", ["dev: {region: us-east-1, tags: {Team: food}}", "dev:\nprod: {alert_email: a@example.com}"]
)
def test_the_schema_takes_what_the_reader_takes(name, text, written):
    assert problems(name, text) == []
    assert settings_file.read(name, written(text))


@EACH
@pytest.mark.parametrize(
    "text",
    [
        "dev: {availability_zones: 4}",
        "dev: {egres: nat}",
        "dev: {environment: prod}",
        "dev: {keep_data: perhaps}",
        "Dev: {}",
        "dev: 3",
        "{}",
        "[]",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(name, text, written):
    assert problems(name, text) != []
    assert refusal(written(text), name)


@EACH
def test_the_schema_explains_every_setting(name):
    settings = settings_file.schema(name)["$defs"]["Environment"]["properties"]
    assert set(settings) == set(catalog.load(name).Settings.model_fields) - {"environment"}
    assert [key for key, setting in settings.items() if not setting.get("description")] == []


@pytest.mark.parametrize("name", ["cooking-assistant", "mealprep", "recipe-chatbot"])
def test_off_without_quotes_which_yaml_reads_as_false_is_off(name, written):
    assert settings_file.read(name, written("dev: {https: off}"))["dev"].https == "off"
