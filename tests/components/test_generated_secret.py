from __future__ import annotations

import json

import pytest

from blueprints.components.generated_secret import GeneratedSecret
from blueprints.components.secret import SecretValue
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-12")


@pytest.fixture
def secret():
    return GeneratedSecret("AppSecrets", description="Keys of the API", physical_name="prod/mealprep/app-secrets")


def test_logical_ids_are_a_promise(secret):
    assert [resource.title for resource in secret.resources()] == ["AppSecretsSecret"]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, secret, keep):
    stack = stack_of(secret, keep_data=keep)
    secret.publish(stack)
    assert findings(stack) == []


def test_the_value_is_generated_under_the_documented_name(stack_of, properties_of, secret):
    made = properties_of(stack_of(secret), "AppSecretsSecret")
    assert made["Name"] == "prod/mealprep/app-secrets"
    assert "SecretString" not in made
    assert made["GenerateSecretString"] == {
        "SecretStringTemplate": "{}",
        "GenerateStringKey": "jwtSecret",
        "PasswordLength": 64,
        "ExcludePunctuation": True,
    }


def test_a_template_adds_keys_that_are_no_secrets(stack_of, properties_of):
    secret = GeneratedSecret("Admin", description="An admin", key="password", template={"username": "admin"})
    generated = properties_of(stack_of(secret), "AdminSecret")["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": "admin"}
    assert secret.value_of("username").to_dict() == {"Fn::Sub": "${AdminSecret}:username::"}
    assert "Name" not in properties_of(stack_of(secret), "AdminSecret")


def test_the_generated_key_may_not_be_in_the_template():
    with pytest.raises(SettingsError, match="leave it out of the template"):
        GeneratedSecret("AppSecrets", description="Keys", template={"jwtSecret": ""})


@pytest.mark.parametrize("length", [31, 4097])
def test_a_length_that_is_too_short_or_too_long_is_refused(length):
    with pytest.raises(SettingsError, match="32 to 4096"):
        GeneratedSecret("AppSecrets", description="Keys", length=length)


def test_a_name_that_secrets_manager_does_not_take_is_refused():
    with pytest.raises(SettingsError, match="1 to 512 letters"):
        GeneratedSecret("AppSecrets", description="Keys", physical_name="prod:app")


@pytest.mark.parametrize("key", ["", "jwt:secret", "jwt secret"])
def test_a_key_that_would_be_read_as_something_else_is_refused(secret, key):
    with pytest.raises(SettingsError, match="rename the key"):
        secret.value_of(key)


def test_another_stack_reads_the_generated_value(stack_of, secret):
    producer = stack_of(secret)
    secret.publish(producer)
    assert to_dict(producer)["Outputs"]["AppSecretsSource"]["Value"] == {"Fn::Sub": "${AppSecretsSecret}:jwtSecret::"}
    value = SecretValue.from_stack(stack_of(), producer, "AppSecrets", key=True)
    assert value.source.to_dict()["Fn::GetStackOutput"]["OutputName"] == "AppSecretsSource"
    assert value.readable.to_dict()["Fn::GetStackOutput"]["OutputName"] == "AppSecretsArn"
