from __future__ import annotations

import pytest
from troposphere import Parameter

from blueprints.components.rotation import Rotation
from blueprints.components.secret import Secret
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("RC-23")


@pytest.fixture
def function_arn():
    return Parameter("RotationFunctionArn", Type="String", Description="A function that rotates the keys")


@pytest.fixture
def secrets():
    return [Secret(name, description="A key") for name in ("OpenAiKey", "SerpKey")]


@pytest.fixture
def rotation(secrets, function_arn):
    return Rotation("ApiKeys", secrets=[made.secret for made in secrets], function_arn=function_arn.ref())


def test_logical_ids_are_a_promise(rotation):
    assert [resource.title for resource in rotation.resources()] == [
        "ApiKeysRotationPermission",
        "OpenAiKeySecretRotationSchedule",
        "SerpKeySecretRotationSchedule",
    ]


def test_no_linter_finds_anything(stack_of, findings, secrets, function_arn, rotation):
    assert findings(stack_of(function_arn, secrets, rotation)) == []


def test_each_secret_is_rotated_once_a_quarter_and_not_at_once(stack_of, properties_of, secrets, rotation):
    assert properties_of(stack_of(secrets, rotation), "SerpKeySecretRotationSchedule") == {
        "SecretId": {"Ref": "SerpKeySecret"},
        "RotationLambdaARN": {"Ref": "RotationFunctionArn"},
        "RotateImmediatelyOnUpdate": False,
        "RotationRules": {"AutomaticallyAfterDays": 90},
    }


def test_secrets_manager_may_call_the_function_before_it_tests_it(stack_of, properties_of, secrets, rotation):
    stack = stack_of(secrets, rotation)
    schedule = to_dict(stack)["Resources"]["OpenAiKeySecretRotationSchedule"]
    assert schedule["DependsOn"] == ["ApiKeysRotationPermission"]
    assert properties_of(stack, "ApiKeysRotationPermission") == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "RotationFunctionArn"},
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
    }


@pytest.mark.parametrize("days", [0, 1001])
def test_days_that_secrets_manager_does_not_take_are_refused(secrets, function_arn, days):
    with pytest.raises(SettingsError, match="takes 1 to 1000"):
        Rotation("ApiKeys", secrets=[secrets[0].secret], function_arn=function_arn.ref(), days=days)
