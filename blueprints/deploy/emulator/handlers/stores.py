"""Buckets and tables, where MiniStack's own handlers lose something that we render: each wraps the one it mends."""

from collections.abc import Mapping
from typing import Any

from blueprints.deploy.emulator.api import call
from blueprints.deploy.emulator.resources import Handler, Made, Properties, Wanted


class Bucket:
    """MiniStack's handler drops encryption, lifecycle, access logging, ownership and tags; its S3 keeps them."""

    # Property, operation, and the properties as that operation takes them.
    _CONFIGURATIONS = (
        "BucketEncryption",
        "LifecycleConfiguration",
        "LoggingConfiguration",
        "OwnershipControls",
        "Tags",
    )

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        made = self._native.create(wanted)
        self._configure(made.physical_id, {}, wanted)
        return made

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        made = self._native.update(physical_id, before, wanted)
        self._configure(made.physical_id, before, wanted)
        return made

    def delete(self, physical_id: str, properties: Properties) -> None:
        listed = call("s3", "ListObjectVersions", {"Bucket": physical_id})
        if listed.get("Versions") or listed.get("DeleteMarkers"):
            raise BucketNotEmptyError(physical_id)
        self._native.delete(physical_id, properties)

    def _configure(self, bucket: str, before: Properties, wanted: Wanted) -> None:
        for name in self._CONFIGURATIONS:
            value = wanted.get(name)
            if value and value != before.get(name):
                operation, request = _bucket_request(name, value)
                call("s3", operation, {"Bucket": bucket, **request})


class BucketNotEmptyError(ValueError):
    """CloudFormation deletes no bucket that holds anything."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The bucket you tried to delete is not empty: {bucket}. Delete all versions in it first.")


def _bucket_request(name: str, value: Any) -> tuple[str, Mapping[str, Any]]:
    match name:
        case "BucketEncryption":
            rules = [
                {
                    "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault", {}),
                    "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
                }
                for rule in value["ServerSideEncryptionConfiguration"]
            ]
            return "PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}}
        case "LifecycleConfiguration":
            rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
            return "PutBucketLifecycleConfiguration", {"LifecycleConfiguration": {"Rules": rules}}
        case "LoggingConfiguration":
            target = {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}
            return "PutBucketLogging", {"BucketLoggingStatus": {"LoggingEnabled": target}}
        case "OwnershipControls":
            return "PutBucketOwnershipControls", {"OwnershipControls": value}
        case _:
            # The service refuses the tags that CloudFormation itself sets.
            tags = [each for each in value if not each["Key"].startswith("aws:")]
            return "PutBucketTagging", {"Tagging": {"TagSet": tags}}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The template's flat words for what the API nests."""
    asked: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    asked |= {"ID": rule["Id"]} if "Id" in rule else {}
    if "ExpirationInDays" in rule:
        asked["Expiration"] = {"Days": rule["ExpirationInDays"]}
    if "NoncurrentVersionExpiration" in rule:
        asked["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        asked["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if "AbortIncompleteMultipartUpload" in rule:
        asked["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    if "Transitions" in rule:
        asked["Transitions"] = [
            {"StorageClass": each["StorageClass"], "Days": each.get("TransitionInDays", 0)}
            for each in rule["Transitions"]
        ]
    return asked


class Table:
    """MiniStack's handler drops point-in-time recovery, expiry and encryption; its DynamoDB keeps them."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        made = self._native.create(wanted)
        if "SSESpecification" in wanted.properties:
            encryption = wanted["SSESpecification"]
            settings = {"Enabled": encryption.get("SSEEnabled", True)}
            settings |= {name: encryption[name] for name in ("SSEType", "KMSMasterKeyId") if name in encryption}
            call("dynamodb", "UpdateTable", {"TableName": made.physical_id, "SSESpecification": settings})
        self._configure(made.physical_id, {}, wanted)
        return made

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        made = self._native.update(physical_id, before, wanted)
        self._configure(made.physical_id, before, wanted)
        return made

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _configure(self, table: str, before: Properties, wanted: Wanted) -> None:
        recovery = wanted.get("PointInTimeRecoverySpecification")
        if recovery and recovery != before.get("PointInTimeRecoverySpecification"):
            asked = {"TableName": table, "PointInTimeRecoverySpecification": recovery}
            call("dynamodb", "UpdateContinuousBackups", asked)
        expiry = wanted.get("TimeToLiveSpecification")
        if expiry and expiry != before.get("TimeToLiveSpecification"):
            call("dynamodb", "UpdateTimeToLive", {"TableName": table, "TimeToLiveSpecification": expiry})
