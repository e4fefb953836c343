from __future__ import annotations

import json

import pytest
from awacs import kms
from awacs.aws import Principal
from troposphere import kms as kms_resources

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


@pytest.mark.row("RC-23")
def test_a_key_says_whether_roles_of_the_account_may_publish_with_it():
    alarms_only = kms_resources.Key("AlertsKey", KeyPolicy=keys.for_alarm_messages())
    roles_too = kms_resources.Key("AlertsKey", KeyPolicy=keys.for_alarm_messages(events=True))
    assert not keys.takes_events(alarms_only)
    assert keys.takes_events(roles_too)


@pytest.mark.row("MP-23")
def test_a_key_says_whether_budgets_may_publish_with_it():
    assert keys.takes_budgets(kms_resources.Key("AlertsKey", KeyPolicy=keys.for_alarm_messages(budgets=True)))
    assert not keys.takes_budgets(kms_resources.Key("AlertsKey", KeyPolicy=keys.for_alarm_messages(events=True)))


@pytest.mark.row("MP-22")
def test_a_key_of_backups_is_used_as_the_account_says_and_its_grants_are_for_services():
    _, use, grant = keys.for_backups().Statement
    used = {action.JSONrepr() for action in use.Action}
    assert {"kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptTo"} <= used
    assert "kms:CreateGrant" not in used
    assert json.dumps(grant.Condition.JSONrepr()) == '{"Bool": {"kms:GrantIsForAWSResource": "true"}}'
