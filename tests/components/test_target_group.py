from __future__ import annotations

import pytest

from blueprints.components.target_group import HealthCheck, TargetGroup

pytestmark = [pytest.mark.row("CA-02"), pytest.mark.row("FR-08")]


def group(network, **options):
    return TargetGroup("Api", network=network, port=8000, health_check=HealthCheck(), **options)


def test_logical_ids_are_a_promise(network):
    assert [resource.title for resource in group(network).resources()] == ["ApiTargetGroup"]


def test_no_linter_finds_anything(stack_of, findings, network, network_parameters):
    assert findings(stack_of(network_parameters[0], group(network))) == []


@pytest.mark.row("CA-07")
def test_tasks_are_targets_by_address_and_asked_how_they_are_as_documented(stack_of, properties_of, network):
    made = properties_of(stack_of(group(network)), "ApiTargetGroup")
    assert (made["TargetType"], made["Protocol"], made["Port"]) == ("ip", "HTTP", 8000)
    assert (made["HealthCheckPath"], made["HealthCheckPort"], made["HealthCheckProtocol"]) == (
        "/health",
        "8000",
        "HTTP",
    )
    assert (made["HealthyThresholdCount"], made["UnhealthyThresholdCount"]) == (2, 2)
    assert (made["HealthCheckTimeoutSeconds"], made["HealthCheckIntervalSeconds"]) == (5, 30)
    assert made["Matcher"] == {"HttpCode": "200"}


def test_a_deployment_does_not_wait_five_minutes_for_old_tasks(stack_of, properties_of, network):
    attributes = properties_of(stack_of(group(network)), "ApiTargetGroup")["TargetGroupAttributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in attributes


@pytest.mark.row("XX-06")
def test_it_has_a_name_of_its_own_only_where_it_is_given_one(stack_of, properties_of, network):
    assert "Name" not in properties_of(stack_of(group(network)), "ApiTargetGroup")
    named = properties_of(stack_of(group(network, physical_name="facerec-api-tg-dev")), "ApiTargetGroup")
    assert named["Name"] == "facerec-api-tg-dev"
    assert {"Key": "Name", "Value": "facerec-api-tg-dev"} in named["Tags"]


def test_listeners_and_rules_send_requests_to_it_in_their_order(network):
    made = group(network)
    expected = {"Type": "forward", "Order": 2, "TargetGroupArn": {"Ref": "ApiTargetGroup"}}
    assert made.forward(order=2).to_dict() == expected
    assert made.forward_rule(order=2).to_dict() == expected
