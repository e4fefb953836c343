from __future__ import annotations

import pytest

from blueprints.components.tracing import Tracing
from blueprints.model.errors import SettingsError

pytestmark = pytest.mark.row("MP-19")


@pytest.fixture
def tracing():
    return Tracing("Api", service="MealPrep-API", physical_name="mealprep-api-dev")


def test_logical_ids_are_a_promise(tracing):
    assert [resource.title for resource in tracing.resources()] == ["ApiSamplingRule", "ApiTraceGroup"]


def test_no_linter_finds_anything(tracing, stack_of, findings):
    assert findings(stack_of(tracing)) == []


def test_one_request_a_second_and_a_twentieth_of_the_rest_are_traced(tracing, stack_of, properties_of):
    assert properties_of(stack_of(tracing), "ApiSamplingRule")["SamplingRule"] == {
        "RuleName": "mealprep-api-dev",
        "Priority": 1000,
        "ReservoirSize": 1,
        "FixedRate": 0.05,
        "ServiceName": "MealPrep-API",
        "ServiceType": "*",
        "Host": "*",
        "HTTPMethod": "*",
        "URLPath": "*",
        "ResourceARN": "*",
        "Version": 1,
    }


def test_the_group_has_the_traces_of_the_service(tracing, stack_of, properties_of):
    group = properties_of(stack_of(tracing), "ApiTraceGroup")
    assert (group["GroupName"], group["FilterExpression"]) == ("mealprep-api-dev", 'service("MealPrep-API")')
    assert group["InsightsConfiguration"] == {"InsightsEnabled": False, "NotificationsEnabled": False}


def test_without_a_name_of_its_own_it_is_called_as_the_service(stack_of, properties_of):
    stack = stack_of(Tracing("Api", service="MealPrep-API", insights=True))
    assert properties_of(stack, "ApiTraceGroup")["GroupName"] == "MealPrep-API"
    assert properties_of(stack, "ApiSamplingRule")["SamplingRule"]["RuleName"] == "MealPrep-API"
    assert properties_of(stack, "ApiTraceGroup")["InsightsConfiguration"]["InsightsEnabled"] is True


def test_every_request_can_be_traced(stack_of, properties_of):
    rule = properties_of(stack_of(Tracing("Api", service="api", rate=1, reservoir=10, priority=1)), "ApiSamplingRule")
    assert [rule["SamplingRule"][key] for key in ("FixedRate", "ReservoirSize", "Priority")] == [1, 10, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"service": "*"}, "name one service in full"),
        ({"service": ""}, "name one service in full"),
        ({"service": 'a"b'}, "name one service in full"),
        ({"service": "a" * 33}, "at most 32 characters.*give a physical_name"),
        ({"service": "Default"}, "not Default, which X-Ray has"),
        ({"rate": 5}, "rate is 5; X-Ray takes a share from 0 to 1"),
        ({"priority": 10_000}, "priority is 10000; X-Ray takes 1 to 9999"),
    ],
)
def test_what_x_ray_does_not_take_is_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        Tracing("Api", **{"service": "api", **changes})
