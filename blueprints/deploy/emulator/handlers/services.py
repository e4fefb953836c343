"""The types whose service MiniStack has but whose template type it does not know, one call each."""

# ruff: noqa: ARG002 - a handler takes what the protocol hands it

import hashlib
import json
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.handlers.api_resource import ApiResource
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError, Wanted


def _named(wanted: Wanted, property_name: str, longest: int = 64) -> dict[str, Any]:
    name = wanted.get(property_name) or internals.physical_name(wanted.stack_name, wanted.logical_id, longest=longest)
    return {**wanted.properties, property_name: name}


COMPOSITE_ALARM = ApiResource(
    service="cloudwatch",
    create_call="PutCompositeAlarm",
    update_call="PutCompositeAlarm",
    asked=lambda wanted: _named(wanted, "AlarmName", 255),
    made=lambda _, request, __: Made(
        request["AlarmName"],
        {"Arn": f"arn:aws:cloudwatch:{internals.region()}:{internals.account()}:alarm:{request['AlarmName']}"},
    ),
    delete_call="DeleteAlarms",
    key=lambda physical_id, _: {"AlarmName": physical_id, "AlarmNames": [physical_id]},
)

DELIVERY_SOURCE = ApiResource(
    service="logs",
    create_call="PutDeliverySource",
    update_call="PutDeliverySource",
    asked=lambda wanted: {**wanted.properties, "tags": _tag_map(wanted)},
    made=lambda wanted, _, answer: Made(wanted["Name"], {"Arn": answer["deliverySource"]["arn"]}),
    delete_call="DeleteDeliverySource",
    key=lambda physical_id, _: {"name": physical_id},
)

DELIVERY_DESTINATION = ApiResource(
    service="logs",
    create_call="PutDeliveryDestination",
    update_call="PutDeliveryDestination",
    asked=lambda wanted: {
        **wanted.properties,
        "deliveryDestinationConfiguration": {"destinationResourceArn": wanted.get("DestinationResourceArn")},
        "tags": _tag_map(wanted),
    },
    made=lambda wanted, _, answer: Made(wanted["Name"], {"Arn": answer["deliveryDestination"]["arn"]}),
    delete_call="DeleteDeliveryDestination",
    key=lambda physical_id, _: {"name": physical_id},
)

DELIVERY = ApiResource(
    service="logs",
    create_call="CreateDelivery",
    asked=lambda wanted: {
        **wanted.properties,
        **_delivered_to_s3(wanted),
        "tags": _tag_map(wanted),
    },
    made=lambda _, __, answer: Made(
        answer["delivery"]["id"], {"DeliveryId": answer["delivery"]["id"], "Arn": answer["delivery"]["arn"]}
    ),
    delete_call="DeleteDelivery",
    key=lambda physical_id, _: {"id": physical_id},
)

OIDC_PROVIDER = ApiResource(
    service="iam",
    create_call="CreateOpenIDConnectProvider",
    asked=lambda wanted: wanted.properties,
    made=lambda _, __, answer: Made(answer["OpenIDConnectProviderArn"], {"Arn": answer["OpenIDConnectProviderArn"]}),
    delete_call="DeleteOpenIDConnectProvider",
    key=lambda physical_id, _: {"OpenIDConnectProviderArn": physical_id},
)

IP_SET = ApiResource(
    service="wafv2",
    create_call="CreateIPSet",
    asked=lambda wanted: _named(wanted, "Name"),
    made=lambda wanted, request, answer: Made(
        f"{request['Name']}|{answer['Summary']['Id']}|{wanted['Scope']}",
        {"Arn": answer["Summary"]["ARN"], "Id": answer["Summary"]["Id"]},
    ),
    delete_call="DeleteIPSet",
    key=lambda physical_id, _: {
        **dict(zip(("Name", "Id", "Scope"), physical_id.split("|"), strict=True)),
        "LockToken": "any",
    },
)

WEB_ACL_ASSOCIATION = ApiResource(
    service="wafv2",
    create_call="AssociateWebACL",
    asked=lambda wanted: wanted.properties,
    made=lambda wanted, _, __: Made(f"{wanted['ResourceArn']}|{wanted['WebACLArn']}"),
    delete_call="DisassociateWebACL",
    key=lambda physical_id, _: {"ResourceArn": physical_id.split("|")[0]},
)

WEB_ACL_LOGGING = ApiResource(
    service="wafv2",
    create_call="PutLoggingConfiguration",
    update_call="PutLoggingConfiguration",
    asked=lambda wanted: {"LoggingConfiguration": wanted.properties},
    made=lambda wanted, _, __: Made(wanted["ResourceArn"]),
    delete_call="DeleteLoggingConfiguration",
    key=lambda physical_id, _: {"ResourceArn": physical_id},
)

SECRET_POLICY = ApiResource(
    service="secretsmanager",
    create_call="PutResourcePolicy",
    update_call="PutResourcePolicy",
    asked=lambda wanted: {**wanted.properties, "ResourcePolicy": json.dumps(wanted["ResourcePolicy"])},
    made=lambda _, __, answer: Made(answer["ARN"], {"Id": answer["ARN"]}),
    delete_call="DeleteResourcePolicy",
    key=lambda physical_id, _: {"SecretId": physical_id},
)

BACKUP_SELECTION = ApiResource(
    service="backup",
    create_call="CreateBackupSelection",
    asked=lambda wanted: wanted.properties,
    made=lambda wanted, _, answer: Made(
        f"{answer['SelectionId']}_{wanted['BackupPlanId']}",
        {"SelectionId": answer["SelectionId"], "Id": f"{answer['SelectionId']}_{wanted['BackupPlanId']}"},
    ),
    delete_call="DeleteBackupSelection",
    key=lambda physical_id, _: dict(zip(("SelectionId", "BackupPlanId"), physical_id.split("_"), strict=True)),
)

BUDGET = ApiResource(
    service="budgets",
    create_call="CreateBudget",
    asked=lambda wanted: {
        **wanted.properties,
        "AccountId": internals.account(),
        "Budget": {"BudgetName": internals.physical_name(wanted.stack_name, wanted.logical_id), **_amounts(wanted)},
    },
    made=lambda _, request, __: Made(request["Budget"]["BudgetName"], {"Id": request["Budget"]["BudgetName"]}),
    delete_call="DeleteBudget",
    key=lambda physical_id, _: {"AccountId": internals.account(), "BudgetName": physical_id},
)


def _delivered_to_s3(wanted: Wanted) -> dict[str, Any]:
    """Only a delivery to a bucket has a path; the API refuses an empty one."""
    named = {"S3SuffixPath": "suffixPath", "S3EnableHiveCompatiblePath": "enableHiveCompatiblePath"}
    given = {name: wanted[property_name] for property_name, name in named.items() if property_name in wanted.properties}
    return {"s3DeliveryConfiguration": given} if given else {}


def _amounts(wanted: Wanted) -> dict[str, Any]:
    """The API takes an amount of money as text."""
    budget = dict(wanted["Budget"])
    limit = budget.get("BudgetLimit")
    return {**budget, "BudgetLimit": {**limit, "Amount": str(limit["Amount"])}} if limit else budget


def _tag_map(wanted: Wanted) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in wanted.get("Tags", [])}


class HealthCheck:
    """A check's tags are a call of their own."""

    _REPLACING = ("Type", "MeasureLatency", "RequestInterval")

    def create(self, wanted: Wanted) -> Made:
        reference = internals.physical_name(wanted.stack_name, wanted.logical_id, longest=64)
        asked = {"CallerReference": reference, "HealthCheckConfig": wanted["HealthCheckConfig"]}
        made = call("route53", "CreateHealthCheck", parameters("route53", "CreateHealthCheck", asked))
        check = str(made["HealthCheck"]["Id"])
        self._tag(check, {}, wanted)
        return Made(check, {"HealthCheckId": check})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        old, new = before["HealthCheckConfig"], wanted["HealthCheckConfig"]
        if any(old.get(name) != new.get(name) for name in self._REPLACING):
            internals.NAME_SEED.set(hashlib.sha256(physical_id.encode()).hexdigest()[:8])
            return self.create(wanted)
        asked = parameters("route53", "UpdateHealthCheck", {**new, "HealthCheckId": physical_id})
        call("route53", "UpdateHealthCheck", asked)
        self._tag(physical_id, before, wanted)
        return Made(physical_id, {"HealthCheckId": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("route53", "DeleteHealthCheck", {"HealthCheckId": physical_id})

    def _tag(self, check: str, before: Properties, wanted: Wanted) -> None:
        kept = {each["Key"] for each in wanted.get("HealthCheckTags", [])}
        dropped = [each["Key"] for each in before.get("HealthCheckTags", []) if each["Key"] not in kept]
        asked = {"AddTags": wanted.get("HealthCheckTags", []), "RemoveTagKeys": dropped}
        tags = parameters("route53", "ChangeTagsForResource", {name: value for name, value in asked.items() if value})
        if tags:
            call("route53", "ChangeTagsForResource", {"ResourceType": "healthcheck", "ResourceId": check, **tags})


class RotationSchedule:
    """MiniStack's call for it rotates at once, without the function, so the schedule is written into the secret."""

    _KEPT = ("RotationLambdaARN", "RotationRules")

    def create(self, wanted: Wanted) -> Made:
        secret = self._secret(wanted["SecretId"])
        if secret is None:
            raise RefusedError("Secrets Manager can't find the specified secret.")
        for name in self._KEPT:
            secret.pop(name, None)
        secret |= {name: wanted[name] for name in self._KEPT if name in wanted.properties}
        secret["RotationEnabled"] = True
        return Made(secret["ARN"], {"Id": secret["ARN"]})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        secret = self._secret(physical_id)
        if secret is not None:
            secret["RotationEnabled"] = False

    def _secret(self, name: str) -> dict[str, Any] | None:
        """By ARN or by name."""
        return next((each for key, each in internals.SECRETS.items() if name in {key, each["ARN"]}), None)


class Trail:
    """Whether a trail logs is a call of its own."""

    def create(self, wanted: Wanted) -> Made:
        name = wanted.get("TrailName") or internals.physical_name(wanted.stack_name, wanted.logical_id)
        self._apply("CreateTrail", name, wanted)
        arn = call("cloudtrail", "GetTrail", {"Name": name})["Trail"]["TrailARN"]
        return Made(name, {"Arn": arn})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        self._apply("UpdateTrail", physical_id, wanted)
        return Made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("cloudtrail", "DeleteTrail", {"Name": physical_id})

    def _apply(self, operation: str, name: str, wanted: Wanted) -> None:
        asked = wanted.properties
        call("cloudtrail", operation, parameters("cloudtrail", operation, {**asked, "Name": name}))
        call("cloudtrail", "StartLogging" if wanted["IsLogging"] else "StopLogging", {"Name": name})


class RecordSetGroup:
    """Every record of the group as MiniStack's own handler makes one."""

    def create(self, wanted: Wanted) -> Made:
        for record in self._records(wanted.properties):
            internals.RESOURCE_HANDLERS["AWS::Route53::RecordSet"]["create"](
                wanted.logical_id, record, wanted.stack_name
            )
        name = internals.physical_name(wanted.stack_name, wanted.logical_id)
        return Made(name, {"Id": name})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        self.delete(physical_id, before)
        self.create(wanted)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        for record in self._records(properties):
            internals.RESOURCE_HANDLERS["AWS::Route53::RecordSet"]["delete"](record["Name"], record)

    def _records(self, properties: Properties) -> list[dict[str, Any]]:
        zone = {name: properties[name] for name in ("HostedZoneId", "HostedZoneName") if name in properties}
        return [{**zone, **record} for record in properties.get("RecordSets", [])]
