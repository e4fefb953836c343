"""A name that something has is refused, whether a stack has it or an earlier one kept it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.deploy.emulator_fixtures import LocalAccount

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ALARM = {
    "Namespace": "Api",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
SEEN = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "edge"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
CODE = {
    "Role": "arn:aws:iam::000000000000:role/resize",
    "Runtime": "python3.13",
    "Handler": "index.handler",
    "Code": {"ZipFile": "def handler(event, context): pass"},
}
SIGNED = {"OriginAccessControlOriginType": "s3", "SigningBehavior": "always", "SigningProtocol": "sigv4"}
NAMED: dict[str, dict[str, Any]] = {
    "AWS::Backup::BackupVault": {"BackupVaultName": "mine"},
    "AWS::CloudFront::OriginAccessControl": {"OriginAccessControlConfig": {"Name": "mine", **SIGNED}},
    "AWS::CloudWatch::Alarm": {"AlarmName": "mine", **ALARM},
    "AWS::CloudWatch::Dashboard": {"DashboardName": "mine", "DashboardBody": '{"widgets": []}'},
    "AWS::DynamoDB::Table": {"TableName": "mine", **TABLE},
    "AWS::ECR::Repository": {"RepositoryName": "mine"},
    "AWS::ECS::Cluster": {"ClusterName": "mine"},
    "AWS::Events::Rule": {"Name": "mine", "EventPattern": {"source": ["aws.s3"]}},
    "AWS::IAM::Role": {"RoleName": "mine", "AssumeRolePolicyDocument": TRUST},
    "AWS::Lambda::Function": {"FunctionName": "mine", **CODE},
    "AWS::Logs::LogGroup": {"LogGroupName": "mine"},
    "AWS::RDS::DBClusterParameterGroup": {
        "DBClusterParameterGroupName": "mine",
        "Description": "ours",
        "Family": "aurora-postgresql16",
        "Parameters": {"rds.force_ssl": "1"},
    },
    "AWS::S3::Bucket": {"BucketName": "mine"},
    "AWS::SNS::Topic": {"TopicName": "mine"},
    "AWS::SQS::Queue": {"QueueName": "mine"},
    "AWS::SSM::Parameter": {"Name": "/mine", "Type": "String", "Value": "x"},
    "AWS::SecretsManager::Secret": {"Name": "mine"},
    "AWS::WAFv2::WebACL": {
        "Name": "mine",
        "Scope": "CLOUDFRONT",
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": SEEN,
    },
}


def kept(resource_type: str, **changes: Any) -> str:
    properties = {**NAMED[resource_type], **changes}
    return json.dumps(
        {"Resources": {"It": {"Type": resource_type, "DeletionPolicy": "Retain", "Properties": properties}}}
    )


@pytest.mark.parametrize("resource_type", NAMED)
def test_a_name_that_something_has_is_refused(local: LocalAccount, resource_type: str) -> None:
    assert local.create("first", kept(resource_type)) == "CREATE_COMPLETE"
    local.delete("first")
    assert local.create("second", kept(resource_type)) == "ROLLBACK_COMPLETE"
    # CloudFormation validates the name of a bucket before it makes anything.
    assert re.search("already ?exists|^Validation failed", " ".join(local.failures("second").values()), re.IGNORECASE)


def test_a_kept_secret_keeps_its_value(local: LocalAccount) -> None:
    template = kept("AWS::SecretsManager::Secret")
    local.create("first", template)
    (arn,) = local.physical_ids("first").values()
    local.aws("secretsmanager", "put-secret-value", "--secret-id", arn, "--secret-string", "worth keeping")
    local.delete("first")
    local.create("second", template)
    assert local.failures("second")["It"] == "The operation failed because the secret mine already exists."
    assert local.aws("secretsmanager", "get-secret-value", "--secret-id", arn)["SecretString"] == "worth keeping"

    local.aws("secretsmanager", "delete-secret", "--secret-id", arn)
    local.create("third", template)
    assert "is already scheduled for deletion" in local.failures("third")["It"]
    local.aws("secretsmanager", "delete-secret", "--secret-id", arn, "--force-delete-without-recovery")
    assert local.create("fourth", template) == "CREATE_COMPLETE"


def test_what_was_deleted_by_hand_gives_its_name_back(local: LocalAccount) -> None:
    template = kept("AWS::Logs::LogGroup")
    local.create("first", template)
    local.delete("first")
    local.aws("logs", "delete-log-group", "--log-group-name", "mine")
    assert local.create("second", template) == "CREATE_COMPLETE"


def test_a_named_resource_is_still_updated_in_place(local: LocalAccount) -> None:
    for resource_type, changes in {
        "AWS::Backup::BackupVault": {"BackupVaultTags": {"Project": "ours"}},
        "AWS::CloudWatch::Dashboard": {"DashboardBody": '{"widgets": [], "start": "-PT1H"}'},
        "AWS::Events::Rule": {"Description": "files"},
        "AWS::Logs::LogGroup": {"RetentionInDays": 30},
        "AWS::SecretsManager::Secret": {"Description": "a key"},
    }.items():
        name = resource_type.rpartition("::")[2]
        local.create(name, kept(resource_type))
        assert local.update(name, kept(resource_type, **changes)) == "UPDATE_COMPLETE", local.failures(name)


def test_a_named_resource_is_not_replaced_under_its_name(local: LocalAccount) -> None:
    local.create("one", kept("AWS::ECR::Repository"))
    changed = kept("AWS::ECR::Repository", EncryptionConfiguration={"EncryptionType": "KMS"})
    assert local.update("one", changed) == "UPDATE_ROLLBACK_COMPLETE"
    assert "requires replacing. Rename mine" in local.failures("one")["It"]
