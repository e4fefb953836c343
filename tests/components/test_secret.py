from __future__ import annotations

import pytest
from troposphere import Ref, Sub

from blueprints.components.secret import Secret, SecretValue

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
