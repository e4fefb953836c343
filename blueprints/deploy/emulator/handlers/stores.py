"""Buckets and tables, where MiniStack's own handlers lose something that we render: each wraps the one it mends."""

from collections.abc import Mapping
from typing import Any

from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted


class Bucket:
    """MiniStack's handler drops most configurations of a bucket and its tags; its S3 keeps them.

    Archive tiers and request metrics it does not have at all: only the model of the resource shows them.
    """

    _CONFIGURATIONS = (
        "BucketEncryption",
        "LifecycleConfiguration",
        "LoggingConfiguration",
        "ObjectLockConfiguration",
        "OwnershipControls",
        "ReplicationConfiguration",
        "Tags",
    )
    # What a template can take back again.
    _REMOVALS: Mapping[str, str] = {
        "LifecycleConfiguration": "DeleteBucketLifecycle",
        "ReplicationConfiguration": "DeleteBucketReplication",
    }

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        made = self._native.create(wanted)
        try:
            self._configure(made.physical_id, {}, wanted)
        except RefusedError:
            # A rollback finds no bucket that MiniStack does not know as made.
            self._native.delete(made.physical_id, wanted.properties)
            raise
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
        for name, removal in self._REMOVALS.items():
            if before.get(name) and not wanted.get(name):
                call("s3", removal, {"Bucket": bucket})
        for name in self._CONFIGURATIONS:
            value = wanted.get(name)
            if value and value != before.get(name):
                operation, request = _bucket_request(name, value)
                call("s3", operation, {"Bucket": bucket, **request})


class BucketNotEmptyError(ValueError):
    """CloudFormation deletes no bucket that holds anything."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"The bucket you tried to delete is not empty: {bucket}. Delete all versions in it first.")


_SAME_WORDS = {
    "ObjectLockConfiguration": "PutObjectLockConfiguration",
    "OwnershipControls": "PutBucketOwnershipControls",
}


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
        case "ObjectLockConfiguration" | "OwnershipControls":
            return _SAME_WORDS[name], {name: value}
        case "ReplicationConfiguration":
            _require_destinations(value)
            asked = {**value, "Rules": [_replication_rule(rule) for rule in value["Rules"]]}
            return "PutBucketReplication", parameters("s3", "PutBucketReplication", {name: asked})
        case _:
            # The service refuses the tags that CloudFormation itself sets.
            tags = [each for each in value if not each["Key"].startswith("aws:")]
            return "PutBucketTagging", {"Tagging": {"TagSet": tags}}


def _require_destinations(configuration: Mapping[str, Any]) -> None:
    """Both buckets must keep versions, and the other one must be there; MiniStack looks at the source only."""
    for rule in configuration["Rules"]:
        bucket = str(rule["Destination"]["Bucket"]).rpartition(":")[2]
        try:
            state = call("s3", "GetBucketVersioning", {"Bucket": bucket}).get("Status")
        except RefusedError:
            raise RefusedError(f"Destination bucket must exist: {bucket}") from None
        if state != "Enabled":
            raise RefusedError(f"Destination bucket must have versioning enabled: {bucket}")


def _replication_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The template's words for tags in a filter are not the API's."""
    given = dict(rule.get("Filter") or {})
    both = dict(given.pop("And", {}))
    if "TagFilter" in given:
        given["Tag"] = given.pop("TagFilter")
    if both:
        given["And"] = {"Prefix": both.get("Prefix", ""), "Tags": both.get("TagFilters", [])}
    return {**rule, "Filter": given} if given else dict(rule)


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The template's flat words for what the API nests."""
    asked: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    asked |= {"ID": rule["Id"]} if "Id" in rule else {}
    if "ExpirationInDays" in rule:
        asked["Expiration"] = {"Days": rule["ExpirationInDays"]}
    elif "ExpiredObjectDeleteMarker" in rule:
        asked["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    if "NoncurrentVersionTransitions" in rule:
        asked["NoncurrentVersionTransitions"] = [
            {"StorageClass": each["StorageClass"], "NoncurrentDays": each["TransitionInDays"]}
            for each in rule["NoncurrentVersionTransitions"]
        ]
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
