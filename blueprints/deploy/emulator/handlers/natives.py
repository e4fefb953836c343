"""MiniStack's own handlers where they lose or misreport something that we render: each wraps the handler it mends."""

import json
from collections.abc import Mapping
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted


class Secret:
    """`Ref` is the ARN with its random ending; MiniStack answers and expects the name."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._answer(self._native.create(wanted))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._answer(self._native.update(_secret_name(physical_id), before, wanted))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(_secret_name(physical_id), properties)

    def _answer(self, made: Made) -> Made:
        arn = str(made.attributes["Id"])
        return Made(arn, {"Id": arn})


def _secret_name(arn: str) -> str:
    return next((name for name, secret in internals.SECRETS.items() if secret["ARN"] == arn), arn)


class InstanceProfile:
    """`Ref` is the name; MiniStack answers and expects the ARN."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._answer(self._native.create(wanted))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._answer(self._native.update(self._arn(physical_id, before), before, wanted))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(self._arn(physical_id, properties), properties)

    def _answer(self, made: Made) -> Made:
        return Made(made.physical_id.rsplit("/", 1)[-1], made.attributes)

    def _arn(self, name: str, properties: Properties) -> str:
        return f"arn:aws:iam::{internals.account()}:instance-profile{properties.get('Path', '/')}{name}"


class LoadBalancer:
    """A load balancer is in the VPC of its subnets; MiniStack says the default one."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        _require_ipv6(wanted)
        made = self._native.create(wanted)
        subnet = internals.SUBNETS.get(next(iter(wanted.get("Subnets") or ()), ""))
        if subnet:
            internals.LOAD_BALANCERS[made.physical_id]["VpcId"] = subnet["VpcId"]
        return made

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _require_ipv6(wanted)
        return self._native.update(physical_id, before, wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)


def _require_ipv6(wanted: Wanted) -> None:
    """A load balancer that answers on IPv6 must be in subnets that have it."""
    if not str(wanted.get("IpAddressType", "ipv4")).startswith("dualstack"):
        return
    without = [name for name in wanted.get("Subnets") or () if not internals.SUBNETS.get(name, {}).get("Ipv6CidrBlock")]
    if without:
        raise RefusedError(f"You must specify subnets with an associated IPv6 CIDR block: {', '.join(without)}")


class Database:
    """RDS keeps a managed password in a secret of its own, which MiniStack does not make."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._answer(self._native.create(wanted), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._answer(self._native.update(physical_id, before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)
        internals.SECRETS.pop(_managed_secret(physical_id), None)

    def _answer(self, made: Made, wanted: Wanted) -> Made:
        if not wanted.get("ManageMasterUserPassword"):
            return made
        name = _managed_secret(made.physical_id)
        if name not in internals.SECRETS:
            value = json.dumps({"username": wanted.get("MasterUsername"), "password": "local-password"})
            call("secretsmanager", "CreateSecret", {"Name": name, "SecretString": value})
        return Made(made.physical_id, {**made.attributes, "MasterUserSecret.SecretArn": internals.SECRETS[name]["ARN"]})


def _managed_secret(database: str) -> str:
    return f"rds!{database}"


class Alarm:
    """An alarm over metric math: MiniStack refuses `Metrics`, but keeps and shows what an alarm's record holds."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._shown(self._native.create(_without_metrics(wanted)), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._shown(self._native.update(physical_id, before, _without_metrics(wanted)), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _shown(self, made: Made, wanted: Wanted) -> Made:
        record = internals.ALARMS[made.physical_id]
        if "Metrics" in wanted.properties:
            for name in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions"):
                record.pop(name, None)
            record["Metrics"] = parameters("cloudwatch", "PutMetricAlarm", {"Metrics": wanted["Metrics"]})["Metrics"]
        if "ThresholdMetricId" in wanted.properties:
            record["ThresholdMetricId"] = wanted["ThresholdMetricId"]
        return made


def _without_metrics(wanted: Wanted) -> Wanted:
    if "Metrics" not in wanted.properties:
        return wanted
    stub = {"MetricName": "metric-math", "Namespace": "metric-math", "Threshold": 0}
    return wanted.replaced({**stub, **{name: value for name, value in wanted.properties.items() if name != "Metrics"}})


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
