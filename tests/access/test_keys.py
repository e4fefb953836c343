from __future__ import annotations

import json

import pytest
from awacs import kms
from awacs.aws import Principal

from blueprints.access import keys
from blueprints.model.errors import TooBroadError


@pytest.mark.row("XX-03")
def test_the_account_administers_a_key_and_does_not_use_it():
    actions = {action.JSONrepr() for action in keys.administered_by_account().Action}
    assert "kms:PutKeyPolicy" in actions
    assert not any("*" in action for action in actions)
    assert not actions & {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant"}


@pytest.mark.row("XX-13")
def test_the_account_is_named_in_every_partition():
    assert json.dumps(keys.administered_by_account().Principal.JSONrepr(), default=lambda value: value.to_dict()) == (
        '{"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}'
    )


@pytest.mark.row("XX-03")
@pytest.mark.parametrize("actions", [(), (kms.Action("*"),), (kms.Action("GenerateDataKey*"),)])
def test_a_wildcard_action_is_refused(actions):
    with pytest.raises(TooBroadError, match="name the actions"):
        keys.on_this_key("Broad", *actions, by=Principal("*"))
