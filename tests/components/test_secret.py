from __future__ import annotations

import pytest
from troposphere import Ref, Sub

from blueprints.components.secret import Secret, SecretValue
from blueprints.model.errors import SettingsError, TemplateError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

pytestmark = [pytest.mark.row("CA-04"), pytest.mark.row("XX-04")]


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in Secret("ApiKey", description="A key").resources()] == ["ApiKeySecret"]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, keep):
    assert findings(stack_of(Secret("ApiKey", description="A key"), keep_data=keep)) == []


def test_cloudformation_never_sees_a_value(stack_of, properties_of):
    made = properties_of(stack_of(Secret("ApiKey", description="A key")), "ApiKeySecret")
    assert made.keys() == {"Description", "Tags"}


def test_what_has_to_be_readable_is_the_source_unless_it_has_a_key():
    whole = SecretValue(Ref("ApiKeySecret"))
    one_key = SecretValue(Sub("${OrdersSecret}:password::"), arn=Ref("OrdersSecret"))
    assert whole.readable.to_dict() == {"Ref": "ApiKeySecret"}
    assert one_key.readable.to_dict() == {"Ref": "OrdersSecret"}


def test_a_parameter_is_read_by_its_full_arn():
    value = SecretValue.parameter("/facerec/PINECONE_API_KEY")
    assert value.in_parameter_store
    assert value.readable.to_dict() == {
        "Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/facerec/PINECONE_API_KEY"
    }


@pytest.fixture
def producer():
    """A stack that publishes a key of a documented secret, as another stack's data."""
    stack = Stack("data", Settings(project="sample"), description="Secrets", arch="One secret")
    secret = stack.add(Secret("OpenAiKey", description="A key", physical_name="recipe-chatbot/openai-key-dev"))
    secret.publish(stack, "api_key")
    return stack


@pytest.mark.row("RC-08")
def test_a_documented_name_is_kept_and_nothing_else_changes(stack_of, properties_of):
    secret = Secret("OpenAiKey", description="A key", physical_name="recipe-chatbot/openai-key-dev")
    made = properties_of(stack_of(secret), "OpenAiKeySecret")
    assert made["Name"] == "recipe-chatbot/openai-key-dev"
    assert made.keys() == {"Description", "Name", "Tags"}


@pytest.mark.parametrize("name", ["", "recipe chatbot", "recipe-chatbot/openai-key:dev", "k" * 513])
def test_a_name_that_secrets_manager_does_not_take_is_refused(name):
    with pytest.raises(SettingsError, match="1 to 512 letters"):
        Secret("OpenAiKey", description="A key", physical_name=name)


@pytest.mark.row("RC-08")
def test_a_json_key_comes_after_the_full_arn_and_before_stage_and_version():
    source = Secret("OpenAiKey", description="A key").value_of("api_key")
    assert source.to_dict() == {"Fn::Sub": "${OpenAiKeySecret}:api_key::"}


@pytest.mark.parametrize("key", ["", "api:key", "api key", "${AWS::Region}"])
def test_a_json_key_that_would_be_read_as_something_else_is_refused(key):
    with pytest.raises(SettingsError, match="rename the key"):
        Secret("OpenAiKey", description="A key").value_of(key)


@pytest.mark.row("RC-08")
def test_another_stack_reads_source_and_arn_as_whole_property_values(stack_of, producer):
    assert to_dict(producer)["Outputs"]["OpenAiKeySource"]["Value"] == {"Fn::Sub": "${OpenAiKeySecret}:api_key::"}
    assert to_dict(producer)["Outputs"]["OpenAiKeyArn"]["Value"] == {"Ref": "OpenAiKeySecret"}
    value = SecretValue.from_stack(stack_of(), producer, "OpenAiKey", key=True)
    assert value.source.to_dict()["Fn::GetStackOutput"]["OutputName"] == "OpenAiKeySource"
    assert value.readable.to_dict()["Fn::GetStackOutput"]["OutputName"] == "OpenAiKeyArn"
    assert not value.in_parameter_store


def test_a_whole_value_is_its_own_source(stack_of, producer):
    value = SecretValue.from_stack(stack_of(), producer, "OpenAiKey")
    assert value.source.to_dict()["Fn::GetStackOutput"]["OutputName"] == "OpenAiKeyArn"
    assert value.readable is value.source


def test_a_key_that_was_not_published_cannot_be_read(stack_of):
    producer = stack_of()
    producer.add(Secret("OpenAiKey", description="A key")).publish(producer)
    with pytest.raises(TemplateError, match="no output OpenAiKeySource"):
        SecretValue.from_stack(stack_of(), producer, "OpenAiKey", key=True)


def test_no_linter_finds_anything_in_a_published_key(producer, findings):
    assert findings(producer) == []
