"""What an account has once: a GuardDuty detector, or the one that was there, its findings by mail, and a trail."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from blueprints import render as rendering
from blueprints.catalog import account
from blueprints.checks.lint import lint
from blueprints.cli import example
from blueprints.components.guard_duty import AGENTS, PROTECTIONS
from blueprints.model.errors import SettingsError
from blueprints.render import to_yaml
from tests.catalog.rendered import render, text

pytestmark = pytest.mark.row("RC-22")

ALL_ON = {"protections": PROTECTIONS, "runtime_agents": AGENTS}


def detector(**settings):
    return render("account", "prod", **settings).one("AWS::GuardDuty::Detector")


def test_it_is_one_stack_apart_from_the_architectures_that_environments_share():
    stacks = [stack for environment in ("dev", "prod") for stack in render("account", environment).stacks]
    assert {(stack.name, stack.stack_name, stack.shared) for stack in stacks} == {
        ("guardduty", "account-guardduty", True)
    }
    assert len({to_yaml(stack) for stack in stacks}) == 1


def test_logical_ids_and_outputs_are_a_promise():
    (template,) = render("account", "prod", alert_email="security@example.com").templates.values()
    assert list(template["Resources"]) == [
        "AccountDetector",
        "AlertsKey",
        "AlertsTopic",
        "AlertsTopicPolicy",
        "AlertsSubscription",
        "FindingsRole",
        "FindingsRule",
    ]
    assert list(template["Outputs"]) == ["DetectorId", "AlertTopicArn"]


def test_nothing_is_on_that_is_charged_beside_the_foundational_detection():
    properties = detector()
    assert properties["Enable"] is True
    assert {feature["Name"]: feature["Status"] for feature in properties["Features"]} == dict.fromkeys(
        PROTECTIONS, "DISABLED"
    )


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_every_protection_can_be_turned_on_alone(protection):
    features = {feature["Name"]: feature["Status"] for feature in detector(protections=(protection,))["Features"]}
    assert [name for name, status in features.items() if status == "ENABLED"] == [protection]


@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_can_be_turned_on_alone(agent):
    features = detector(protections=("RUNTIME_MONITORING",), runtime_agents=(agent,))["Features"]
    (agents,) = [feature["AdditionalConfiguration"] for feature in features if feature["Status"] == "ENABLED"]
    assert [each["Name"] for each in agents if each["Status"] == "ENABLED"] == [agent]


def test_a_protection_that_the_region_lacks_can_be_left_out():
    assert "AI_PROTECTION" not in text(detector(left_out=("AI_PROTECTION",))["Features"])


def test_it_can_be_suspended_and_its_findings_repeated_more_often():
    properties = detector(suspended=True, finding_frequency="FIFTEEN_MINUTES")
    assert (properties["Enable"], properties["FindingPublishingFrequency"]) == (False, "FIFTEEN_MINUTES")
    assert detector()["FindingPublishingFrequency"] == "SIX_HOURS"


@pytest.mark.parametrize(("given", "written"), [({}, 7), ({"alert_severity": 4}, 4), ({"alert_severity": 8.5}, 8.5)])
def test_findings_are_sent_from_a_severity_on_which_is_high_by_default(given, written):
    rule = render("account", "prod", **given).one("AWS::Events::Rule")
    assert rule["EventPattern"]["detail"] == {"severity": [{"numeric": [">=", written]}]}
    assert rule["Targets"][0]["Arn"] == {"Ref": "AlertsTopic"}


def test_the_topic_is_encrypted_and_the_rule_has_a_role_that_may_publish_to_it():
    rendered = render("account", "prod")
    assert rendered.one("AWS::SNS::Topic")["KmsMasterKeyId"] == {"Ref": "AlertsKey"}
    assert {role for role, _ in rendered.statements()} == {"FindingsRole"}
    assert rendered.statement("Publish")["Resource"] == [{"Ref": "AlertsTopic"}]
    assert rendered.statement("EncryptMessages")["Resource"] == [{"Fn::GetAtt": ["AlertsKey", "Arn"]}]
    through_sns = [
        one for one in rendered.one("AWS::KMS::Key")["KeyPolicy"]["Statement"] if "kms:ViaService" in text(one)
    ]
    assert [one["Effect"] for one in through_sns] == ["Allow"]


def test_without_an_address_nobody_is_subscribed():
    assert render("account", "prod").all("AWS::SNS::Subscription") == []
    assert render("account", "prod", alert_email="a@example.com").one("AWS::SNS::Subscription")["Protocol"] == "email"


def test_a_detector_that_exists_is_left_alone_and_its_findings_are_sent():
    rendered = render("account", "prod", detector="existing")
    assert rendered.all("AWS::GuardDuty::Detector") == []
    assert rendered.one("AWS::Events::Rule")["Targets"][0]["Arn"] == {"Ref": "AlertsTopic"}
    (stack,) = rendered.stacks
    assert list(stack.outputs) == ["AlertTopicArn"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("protections", ["S3_DATA_EVENTS"]),
        ("runtime_agents", ["EC2_AGENT_MANAGEMENT"]),
        ("left_out", ["AI_PROTECTION"]),
        ("finding_frequency", "ONE_HOUR"),
        ("suspended", True),
    ],
)
def test_a_detector_that_exists_takes_no_settings(setting, value):
    with pytest.raises(SettingsError, match=rf"{setting}: .* needs detector to be 'create'"):
        account.Settings(**{"detector": "existing", setting: value})


@pytest.mark.parametrize("setting", ["egress", "vpc_cidr", "availability_zones", "existing_vpc", "flow_logs"])
def test_an_account_has_no_settings_of_a_network(setting):
    with pytest.raises(SettingsError, match=f"{setting}: no such setting"):
        account.Settings(**{setting: True})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keep_data": False}, "keep_data: False is not allowed"),
        ({"log_retention_days": 14}, "log_retention_days: 14 decides nothing here"),
        ({"protections": ["S3"]}, "protections.0: 'S3' is not allowed; give 'S3_DATA_EVENTS'"),
        ({"runtime_agents": ["EC2_AGENT_MANAGEMENT"]}, "needs RUNTIME_MONITORING in protections"),
        ({"protections": ["AI_PROTECTION"], "left_out": ["AI_PROTECTION"]}, "left_out: AI_PROTECTION is in"),
        ({"alert_severity": 0}, "alert_severity: 0 is not allowed"),
        ({"trail": True, "log_retention_days": 14}, "a log group is made with trail_search only"),
        ({"trail_days": 30}, "trail_days: 30 needs trail to be on"),
        ({"trail_lock": True}, "trail_lock: True needs trail to be on"),
        ({"trail_search": True}, "trail_search: True needs trail to be on"),
        ({"trail": True, "trail_days": 0}, "trail_days: 0 is not allowed"),
    ],
)
def test_what_would_decide_nothing_or_the_opposite_is_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        account.Settings(**given)


@pytest.mark.row("XX-02")
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"alert_email": "security@example.com", "owner": "security", "cost_center": "4711"},
        {**ALL_ON, "finding_frequency": "ONE_HOUR", "alert_severity": 1.5},
        {"suspended": True, "left_out": ["AI_PROTECTION", "RDS_LOGIN_EVENTS"]},
        {"detector": "existing"},
        {"trail": True},
        {"trail": True, "trail_days": 2557, "trail_lock": True, "trail_search": True, "log_retention_days": 90},
    ],
)
def test_no_linter_finds_anything(given, tmp_path):
    for stack in account.build(account.Settings(**given)):
        (tmp_path / f"{stack.name}.yaml").write_text(to_yaml(stack), encoding="utf-8")
    found = lint([tmp_path], regions=("us-east-1", "us-west-2", "eu-west-1"), cache=tmp_path / "cache", processes=1)
    assert [str(finding) for finding in found] == []


@pytest.mark.row("MP-21")
def test_a_trail_is_a_stack_of_its_own_behind_a_setting():
    rendered = render("account", "prod", trail=True)
    assert [(stack.name, stack.stack_name, stack.shared) for stack in rendered.stacks] == [
        ("guardduty", "account-guardduty", True),
        ("trail", "account-trail", True),
    ]
    assert list(rendered.templates["trail"]["Resources"]) == ["AccountBucket", "AccountBucketPolicy", "AccountTrail"]
    assert list(rendered.templates["trail"]["Outputs"]) == ["TrailArn", "TrailBucketName"]
    assert rendered.resources("AWS::S3::Bucket")["AccountBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert rendered.templates["guardduty"] == render("account", "prod").templates["guardduty"]


@pytest.mark.row("MP-21")
def test_the_trail_s_files_are_kept_locked_and_searched_as_the_settings_say():
    given = {"trail": True, "trail_days": 2557, "trail_lock": True, "trail_search": True, "log_retention_days": 90}
    rendered = render("account", "prod", **given)
    bucket = rendered.one("AWS::S3::Bucket")
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 2557}
    assert rendered.one("AWS::Logs::LogGroup")["RetentionInDays"] == 90
    assert "CloudWatchLogsRoleArn" in rendered.one("AWS::CloudTrail::Trail")


def test_environments_of_an_account_cannot_have_different_settings(tmp_path):
    dev, prod = account.Settings(environment="dev"), account.Settings(environment="prod", suspended=True)
    with pytest.raises(SettingsError, match="the stack guardduty is shared by all environments"):
        rendering.write_all("account", [dev, prod], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_settings_with_every_comment_sign_taken_away_is_valid():
    lines = example.write("account", account.Settings, ("dev", "prod")).splitlines()
    values = yaml.safe_load("\n".join(line.replace("  #", "  ", 1) for line in lines if "  # " not in line))
    assert [account.Settings(**values[name], environment=name).environment for name in ("dev", "prod")] == [
        "dev",
        "prod",
    ]


def test_its_page_says_how_a_detector_that_exists_is_found_left_and_imported(tmp_path):
    settings = [account.Settings(environment=name, region="eu-west-1") for name in ("dev", "prod")]
    rendering.write_all("account", settings, tmp_path)
    page = rendering.write_page("account", settings, tmp_path).read_text(encoding="utf-8")
    for promised in (
        "aws guardduty list-detectors --region eu-west-1",
        "aws guardduty get-administrator-account --region eu-west-1",
        "a detector already exists for the current account",
        "`detector: existing`",
        "--change-set-type IMPORT",
        "--region eu-west-1 --stack-name account-guardduty",
        "aws guardduty delete-detector --region eu-west-1",
        "aws cloudtrail describe-trails --region eu-west-1",
        "aws cloudtrail validate-logs --region eu-west-1",
    ):
        assert promised in page
    (path, imported) = re.findall(r"Resources: \{(\w+): \.Resources\.(\w+)\}", page)[0]
    assert path == imported
    template = json.loads((tmp_path / "account/shared/guardduty.json").read_text(encoding="utf-8"))
    # CloudFormation imports nothing without a DeletionPolicy.
    assert template["Resources"][imported]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert f"LogicalResourceId={imported}" in page
