from __future__ import annotations

import json

import botocore.session
import pytest
from troposphere import GetAtt

from blueprints.components.alert_topic import AlertTopic
from blueprints.components.guard_duty import AGENTS, FINDING, MESSAGE, PROTECTIONS, FindingAlerts, GuardDuty
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("RC-22")


@pytest.fixture
def topic():
    return AlertTopic("Alerts", events=True)


def features(properties):
    return {feature["Name"]: feature["Status"] for feature in properties["Features"]}


def test_logical_ids_are_a_promise(topic):
    parts = [GuardDuty("Account"), FindingAlerts("Findings", topic=topic, severity=7)]
    assert [resource.title for part in parts for resource in part.resources()] == [
        "AccountDetector",
        "FindingsRole",
        "FindingsRule",
    ]


@pytest.mark.parametrize(
    "detector",
    [
        GuardDuty("Account"),
        GuardDuty("Account", protections=PROTECTIONS, agents=AGENTS, frequency="FIFTEEN_MINUTES"),
        GuardDuty("Account", protections=["RUNTIME_MONITORING"], left_out=["AI_PROTECTION"], suspended=True),
    ],
)
def test_no_linter_finds_anything(stack_of, findings, topic, detector):
    alerts = FindingAlerts("Findings", topic=topic, severity=8.9)
    assert findings(stack_of(topic, detector, alerts)) == []


def test_every_protection_is_named_because_the_others_would_be_turned_on(stack_of, properties_of):
    properties = properties_of(stack_of(GuardDuty("Account")), "AccountDetector")
    assert properties["Enable"] is True
    assert features(properties) == dict.fromkeys(PROTECTIONS, "DISABLED")
    assert "DataSources" not in properties


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_protection_that_is_asked_for_is_the_only_one_that_is_on(stack_of, properties_of, protection):
    properties = properties_of(stack_of(GuardDuty("Account", protections=[protection])), "AccountDetector")
    assert [name for name, status in features(properties).items() if status == "ENABLED"] == [protection]


def test_a_protection_that_the_region_does_not_have_is_not_named(stack_of, properties_of):
    stack = stack_of(GuardDuty("Account", left_out=["AI_PROTECTION"]))
    assert "AI_PROTECTION" not in features(properties_of(stack, "AccountDetector"))


def test_of_the_agents_only_those_asked_for_are_installed(stack_of, properties_of):
    guard = GuardDuty("Account", protections=["RUNTIME_MONITORING"], agents=["ECS_FARGATE_AGENT_MANAGEMENT"])
    features = properties_of(stack_of(guard), "AccountDetector")["Features"]
    more = {feature["Name"]: feature["AdditionalConfiguration"] for feature in features if len(feature) > 2}
    assert {plan: {each["Name"]: each["Status"] for each in agents} for plan, agents in more.items()} == {
        "RUNTIME_MONITORING": {
            "ECS_FARGATE_AGENT_MANAGEMENT": "ENABLED",
            "EC2_AGENT_MANAGEMENT": "DISABLED",
            "EKS_ADDON_MANAGEMENT": "DISABLED",
        }
    }


def test_a_suspended_detector_is_there_and_watches_nothing(stack_of, properties_of):
    stack = stack_of(GuardDuty("Account", suspended=True))
    assert properties_of(stack, "AccountDetector")["Enable"] is False


def test_the_detector_stays_when_its_stack_goes(stack_of):
    detector = to_dict(stack_of(GuardDuty("Account")))["Resources"]["AccountDetector"]
    assert detector["DeletionPolicy"] == "RetainExceptOnCreate"
    assert detector["UpdateReplacePolicy"] == "Retain"


def test_its_id_can_be_asked_for():
    assert GuardDuty("Account").id.to_dict() == GetAtt("AccountDetector", "Id").to_dict()


def test_the_names_are_those_of_the_api():
    api = botocore.session.get_session().get_service_model("guardduty")
    plans = set(api.shape_for("DetectorFeature").enum)
    assert plans - set(PROTECTIONS) == {"EKS_RUNTIME_MONITORING", "AI_ANALYST"}
    assert set(PROTECTIONS) <= plans
    assert set(AGENTS) == set(api.shape_for("FeatureAdditionalConfiguration").enum)


@pytest.mark.parametrize(("severity", "written"), [(7, 7), (7.0, 7), (8.9, 8.9), (1, 1), (10, 10)])
def test_findings_from_a_severity_on_are_sent(stack_of, properties_of, topic, severity, written):
    alerts = FindingAlerts("Findings", topic=topic, severity=severity)
    rule = properties_of(stack_of(topic, alerts), "FindingsRule")
    assert json.dumps(rule["EventPattern"]["detail"]) == json.dumps({"severity": [{"numeric": [">=", written]}]})
    assert rule["EventPattern"]["source"] == ["aws.guardduty"]
    assert rule["EventPattern"]["detail-type"] == ["GuardDuty Finding"]
    assert rule["State"] == "ENABLED"
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": "AlertsTopic"}


def test_the_rule_publishes_in_a_role_that_may_do_nothing_else(stack_of, properties_of, topic):
    stack = stack_of(topic, FindingAlerts("Findings", topic=topic, severity=7))
    assert properties_of(stack, "FindingsRule")["Targets"][0]["RoleArn"] == {"Fn::GetAtt": ["FindingsRole", "Arn"]}
    role = properties_of(stack, "FindingsRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert set(trust["Condition"]) == {"StringEquals", "ArnLike"}
    (policy,) = role["Policies"]
    assert [(one["Action"], one["Resource"]) for one in policy["PolicyDocument"]["Statement"]] == [
        (["sns:Publish"], [{"Ref": "AlertsTopic"}]),
        (["kms:Decrypt", "kms:GenerateDataKey"], [{"Fn::GetAtt": ["AlertsKey", "Arn"]}]),
    ]


def test_a_topic_that_takes_only_alarms_is_refused():
    with pytest.raises(SettingsError, match="Findings: AlertsTopic takes messages of alarms only"):
        FindingAlerts("Findings", topic=AlertTopic("Alerts"), severity=7)


def test_the_message_uses_every_value_it_takes_from_the_event():
    assert [name for name in FINDING if f"<{name}>" not in MESSAGE] == []
    assert MESSAGE.count("<") == sum(MESSAGE.count(f"<{name}>") for name in FINDING)
    assert [line for line in MESSAGE.splitlines() if not (line.startswith('"') and line.endswith('"'))] == []


@pytest.mark.parametrize("severity", [0.9, 10.1, -1, float("nan")])
def test_a_severity_that_no_finding_has_is_refused(severity):
    with pytest.raises(SettingsError, match="findings have 1 to 10"):
        FindingAlerts("Findings", topic=AlertTopic("Alerts", events=True), severity=severity)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"protections": ["S3_DATA_EVENTS"] * 2}, "protections: S3_DATA_EVENTS stands there twice"),
        ({"left_out": ["AI_PROTECTION"] * 2}, "left_out: AI_PROTECTION stands there twice"),
        ({"protections": ["AI_PROTECTION"], "left_out": ["AI_PROTECTION"]}, "left_out: AI_PROTECTION is in"),
        ({"agents": ["EC2_AGENT_MANAGEMENT"]}, "runtime_agents: EC2_AGENT_MANAGEMENT needs RUNTIME_MONITORING"),
    ],
)
def test_protections_that_contradict_each_other_are_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        GuardDuty("Account", **given)
