from __future__ import annotations

import pytest
from troposphere import Ref

from blueprints.components.alert_topic import AlertTopic
from blueprints.components.health_check import METRICS_REGION, PublicHealthCheck
from blueprints.model import parameters
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("RC-06")

NAME = "chat.example.com"


def check(**options):
    return PublicHealthCheck("Public", domain_name=NAME, **options)


@pytest.fixture
def alarmed(stack_of):
    """A stack with a health check, and its alarm where there can be one."""

    def make(region):
        stack = stack_of(region=region)
        public, topic = stack.add(check()), stack.add(AlertTopic("Alerts"))
        alarm = public.alarm(topic.arn, region=stack.region)
        if alarm is not None:
            stack.add(alarm)
        return stack

    return make


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in check().resources()] == ["PublicHealthCheck"]
    assert check().alarm("arn", region=METRICS_REGION).title == "PublicHealthCheckAlarm"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_no_linter_finds_anything(alarmed, findings, region):
    assert findings(alarmed(region)) == []


def test_the_public_name_is_asked_over_https_as_a_browser_would(stack_of, properties_of):
    config = properties_of(stack_of(check(path="/health")), "PublicHealthCheck")["HealthCheckConfig"]
    assert config == {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": NAME,
        "Port": 443,
        "ResourcePath": "/health",
        "EnableSNI": True,
        "RequestInterval": 30,
        "FailureThreshold": 3,
    }


def test_the_name_may_be_a_parameter(stack_of, findings):
    name = parameters.domain_name(NAME)
    stack = stack_of(name, PublicHealthCheck("Public", domain_name=name.ref()))
    assert findings(stack) == []
    config = to_dict(stack)["Resources"]["PublicHealthCheck"]["Properties"]["HealthCheckConfig"]
    assert config["FullyQualifiedDomainName"] == {"Ref": "DomainName"}


def test_the_console_shows_it_by_a_name(stack_of, properties_of):
    tags = properties_of(stack_of(check()), "PublicHealthCheck")["HealthCheckTags"]
    assert {"Key": "Name", "Value": {"Fn::Sub": "${AWS::StackName}-public"}} in tags


@pytest.mark.row("RC-24")
def test_it_carries_the_tags_that_every_resource_does(stack_of, properties_of):
    stack = stack_of(check(), owner="platform", cost_center="1234")
    tags = {tag["Key"]: tag["Value"] for tag in properties_of(stack, "PublicHealthCheck")["HealthCheckTags"]}
    assert (
        tags.items() >= {"Project": "sample", "Environment": "dev", "Owner": "platform", "CostCenter": "1234"}.items()
    )


def test_its_alarm_goes_off_when_route_53_finds_the_name_dead(alarmed, properties_of):
    alarm = properties_of(alarmed("us-east-1"), "PublicHealthCheckAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Route53", "HealthCheckStatus")
    assert alarm["Dimensions"] == [{"Name": "HealthCheckId", "Value": {"Ref": "PublicHealthCheck"}}]
    # The status is 1 while the name is well, and 0 when it is not.
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Minimum", "LessThanThreshold", 1)
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlertsTopic"}]


@pytest.mark.parametrize("region", ["us-west-2", "eu-west-1"])
def test_there_is_no_alarm_where_cloudwatch_has_no_metrics_of_health_checks(alarmed, region):
    assert check().alarm(Ref("AlertsTopic"), region=region) is None
    assert "AWS::CloudWatch::Alarm" not in [each["Type"] for each in to_dict(alarmed(region))["Resources"].values()]


@pytest.mark.parametrize("path", ["health", "", "/" + 255 * "x"])
def test_a_path_that_route_53_refuses_is_refused_with_the_way_out(path):
    with pytest.raises(SettingsError, match="is not allowed; begin it with / and take 255 characters at most"):
        check(path=path)
