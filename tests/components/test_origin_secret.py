from __future__ import annotations

import pytest

from blueprints.components.listener_rule import Requests
from blueprints.components.origin_secret import HEADER, OriginSecret
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-09")

NEWEST = {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret3}:SecretString}}"}
BEFORE = {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret2}:SecretString}}"}


@pytest.mark.parametrize(
    ("generation", "titles"),
    [
        (1, ["OriginSecret"]),
        (2, ["OriginSecret", "OriginSecret2"]),
        (3, ["OriginSecret2", "OriginSecret3"]),
    ],
)
def test_logical_ids_are_a_promise_and_a_rotation_keeps_the_secret_before(generation, titles):
    assert [resource.title for resource in OriginSecret("Origin", generation=generation).resources()] == titles


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, keep):
    assert findings(stack_of(OriginSecret("Origin", generation=2), keep_data=keep)) == []


def test_the_value_is_generated_and_fits_a_listener_rule_without_wildcards(stack_of, properties_of):
    made = properties_of(stack_of(OriginSecret("Origin")), "OriginSecret")
    # Without punctuation there is neither * nor ?, and a rule takes 128 characters.
    assert made["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 48}
    assert "SecretString" not in made


def test_the_header_is_sent_with_a_reference_that_no_template_shows_the_value_of():
    name, value = OriginSecret("Origin").header
    assert name == HEADER == "X-Origin-Verify"
    assert value.to_dict() == {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString}}"}


def test_after_a_rotation_the_new_value_is_sent_and_the_one_before_still_taken():
    secret = OriginSecret("Origin", generation=3)
    assert secret.header[1].to_dict() == NEWEST
    name, values = secret.accepted
    assert (name, [value.to_dict() for value in values]) == (HEADER, [NEWEST, BEFORE])
    taken = Requests(1, header=secret.accepted).conditions()[1].to_dict()
    assert taken["HttpHeaderConfig"] == {"HttpHeaderName": HEADER, "Values": [NEWEST, BEFORE]}


def test_before_a_rotation_one_value_is_taken():
    secret = OriginSecret("Origin")
    assert [value.to_dict() for value in secret.accepted[1]] == [secret.header[1].to_dict()]


def test_a_protected_stack_lets_an_old_value_go(stack_of):
    stack = stack_of(OriginSecret("Origin", generation=2), keep_data=True)
    assert stack.retained == []
    assert {each["DeletionPolicy"] for each in to_dict(stack)["Resources"].values()} == {"Delete"}


def test_a_generation_before_the_first_is_refused():
    with pytest.raises(SettingsError, match="generation is 0; the first is 1"):
        OriginSecret("Origin", generation=0)
