"""The types whose service MiniStack has but whose template type it does not know, one call each."""

# ruff: noqa: ARG002 - a handler takes what the protocol hands it

import json
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.handlers.api_resource import ApiResource
from blueprints.deploy.emulator.resources import Made, Properties, Wanted


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
        "s3DeliveryConfiguration": {
            "suffixPath": wanted.get("S3SuffixPath", ""),
            "enableHiveCompatiblePath": wanted.get("S3EnableHiveCompatiblePath", False),
        },
        "tags": _tag_map(wanted),
    },
    made=lambda _, __, answer: Made(
        answer["delivery"]["id"], {"DeliveryId": answer["delivery"]["id"], "Arn": answer["delivery"]["arn"]}
    ),
    delete_call="DeleteDelivery",
    key=lambda physical_id, _: {"id": physical_id},
)

HEALTH_CHECK = ApiResource(
    service="route53",
    create_call="CreateHealthCheck",
    update_call="UpdateHealthCheck",
    asked=lambda wanted: {
        "CallerReference": internals.physical_name(wanted.stack_name, wanted.logical_id, longest=64),
        "HealthCheckConfig": wanted["HealthCheckConfig"],
        **wanted["HealthCheckConfig"],
    },
    made=lambda _, __, answer: Made(answer["HealthCheck"]["Id"], {"HealthCheckId": answer["HealthCheck"]["Id"]}),
    delete_call="DeleteHealthCheck",
    key=lambda physical_id, _: {"HealthCheckId": physical_id},
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


def _amounts(wanted: Wanted) -> dict[str, Any]:
    """The API takes an amount of money as text."""
    budget = dict(wanted["Budget"])
    limit = budget.get("BudgetLimit")
    return {**budget, "BudgetLimit": {**limit, "Amount": str(limit["Amount"])}} if limit else budget


def _tag_map(wanted: Wanted) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in wanted.get("Tags", [])}


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
