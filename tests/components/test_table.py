from __future__ import annotations

import pytest

from blueprints.components.table import Table
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("CA-11")


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in Table("Recipes", keep=False).resources()] == ["RecipesTable"]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, keep):
    assert findings(stack_of(Table("Recipes", keep=keep), keep_data=keep)) == []


def test_it_is_paid_by_the_request(stack_of, properties_of):
    properties = properties_of(stack_of(Table("Recipes", keep=False)), "RecipesTable")
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in properties


def test_it_can_be_set_back_five_weeks(stack_of, properties_of):
    properties = properties_of(stack_of(Table("Recipes", keep=False)), "RecipesTable")
    assert properties["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }


def test_items_expire_by_their_own_attribute(stack_of, properties_of):
    properties = properties_of(stack_of(Table("Recipes", keep=False)), "RecipesTable")
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_data_to_keep_cannot_be_deleted(stack_of):
    stack = stack_of(Table("Recipes", keep=True), keep_data=True)
    table = to_dict(stack)["Resources"]["RecipesTable"]
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert stack.retained == ["RecipesTable"]


def test_it_has_no_name_of_its_own(stack_of, properties_of):
    assert "TableName" not in properties_of(stack_of(Table("Recipes", keep=False)), "RecipesTable")


def test_a_key_of_the_account_encrypts_it_when_given(stack_of, properties_of):
    arn = "arn:aws:kms:us-east-1:111122223333:key/sample"
    with_key = properties_of(stack_of(Table("Recipes", keep=False, key_arn=arn)), "RecipesTable")
    without = properties_of(stack_of(Table("Recipes", keep=False)), "RecipesTable")
    assert with_key["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}
    assert "SSESpecification" not in without


@pytest.mark.parametrize("days", [0, 36])
def test_a_longer_memory_than_dynamodb_has_is_refused(days):
    with pytest.raises(SettingsError, match="1 to 35 days"):
        Table("Recipes", keep=False, recovery_days=days)
