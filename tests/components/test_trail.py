from __future__ import annotations

import pytest

from blueprints.components.trail import Trail
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-21")

BY_NAME = {"Fn::Sub": "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/${AWS::StackName}"}


def statements(properties):
    return {one["Sid"]: one for one in properties["PolicyDocument"]["Statement"]}


def test_logical_ids_are_a_promise():
    plain = ["AuditBucket", "AuditBucketPolicy", "AuditTrail"]
    assert [part.title for part in Trail("Audit", days=365).resources()] == plain
    assert [part.title for part in Trail("Audit", days=365, log_days=30).resources()] == [
        *plain[:2],
        "AuditLogGroup",
        "AuditLogRole",
        plain[2],
    ]


@pytest.mark.parametrize("given", [{}, {"lock": True}, {"log_days": 30}, {"lock": True, "log_days": 365}])
def test_no_linter_finds_anything(stack_of, findings, given):
    assert findings(stack_of(Trail("Audit", days=365, **given), keep_data=True)) == []


def test_all_regions_are_recorded_and_a_changed_file_is_noticed(stack_of, properties_of):
    trail = properties_of(stack_of(Trail("Audit", days=365)), "AuditTrail")
    assert {key: trail[key] for key in ("IsLogging", "IsMultiRegionTrail", "EnableLogFileValidation")} == dict.fromkeys(
        ("IsLogging", "IsMultiRegionTrail", "EnableLogFileValidation"), True
    )
    assert trail["EventSelectors"] == [{"ReadWriteType": "All", "IncludeManagementEvents": True}]


def test_the_bucket_lets_this_trail_in_by_a_name_that_is_known_before_it_exists(stack_of, properties_of):
    stack = stack_of(Trail("Audit", days=365))
    allowed = statements(properties_of(stack, "AuditBucketPolicy"))
    assert properties_of(stack, "AuditTrail")["TrailName"] == {"Ref": "AWS::StackName"}
    assert allowed["TrailLooks"]["Action"] == ["s3:GetBucketAcl"]
    assert allowed["TrailWrites"]["Action"] == ["s3:PutObject"]
    assert allowed["TrailWrites"]["Resource"] == [{"Fn::Sub": "${AuditBucket.Arn}/AWSLogs/${AWS::AccountId}/*"}]
    for sid in ("TrailLooks", "TrailWrites"):
        assert allowed[sid]["Principal"] == {"Service": ["cloudtrail.amazonaws.com"]}
        assert allowed[sid]["Condition"]["StringEquals"]["aws:SourceArn"] == BY_NAME
    assert to_dict(stack)["Resources"]["AuditTrail"]["DependsOn"] == "AuditBucketPolicy"


def test_nobody_deletes_a_log_file_or_comes_without_tls(stack_of, properties_of):
    refused = statements(properties_of(stack_of(Trail("Audit", days=365)), "AuditBucketPolicy"))
    assert refused["NobodyDeletes"]["Effect"] == refused["RefusePlainHttp"]["Effect"] == "Deny"
    assert refused["NobodyDeletes"]["Principal"] == "*"
    assert refused["NobodyDeletes"]["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert "Condition" not in refused["NobodyDeletes"]


def test_the_bucket_is_private_versioned_encrypted_and_kept_and_its_files_expire(stack_of):
    bucket = to_dict(stack_of(Trail("Audit", days=400), keep_data=True))["Resources"]["AuditBucket"]
    properties = bucket["Properties"]
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in properties
    assert [
        rule["ExpirationInDays"] for rule in properties["LifecycleConfiguration"]["Rules"] if rule["Id"] == "Expire"
    ] == [400]
    assert "ObjectLockConfiguration" not in properties


def test_files_are_locked_for_as_long_as_they_are_kept_where_that_is_asked_for(stack_of, properties_of):
    bucket = properties_of(stack_of(Trail("Audit", days=400, lock=True)), "AuditBucket")
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 400}},
    }


def test_a_copy_in_cloudwatch_logs_is_written_as_a_role_of_its_own(stack_of, properties_of):
    stack = stack_of(Trail("Audit", days=365, log_days=90))
    trail, role = properties_of(stack, "AuditTrail"), properties_of(stack, "AuditLogRole")
    assert trail["CloudWatchLogsLogGroupArn"] == {"Fn::GetAtt": ["AuditLogGroup", "Arn"]}
    assert trail["CloudWatchLogsRoleArn"] == {"Fn::GetAtt": ["AuditLogRole", "Arn"]}
    assert properties_of(stack, "AuditLogGroup")["RetentionInDays"] == 90
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert "Condition" not in trust
    (write,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert write["Resource"] == [{"Fn::GetAtt": ["AuditLogGroup", "Arn"]}]


def test_files_that_are_not_kept_are_refused():
    with pytest.raises(SettingsError, match="log files are kept for a day at least"):
        Trail("Audit", days=0)
