"""Names that are taken: MiniStack overwrites what has the name of a new resource, where AWS refuses the new one.

What an earlier stack kept (`DeletionPolicy: Retain`), or somebody made by hand, is found in the service's own records.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import RefusedError, Wanted

_GONE = {"INACTIVE", "DELETING"}


@dataclass(frozen=True)
class _Place:
    """Where the resources of a type are: by name, or with the name in a field of their record."""

    store: Mapping[str, Any]
    name: str  # the property; a dot leads into another
    field: str = ""
    beside: tuple[tuple[str, str, str], ...] = ()  # property, field and default of what a name is unique within


_PLACES: Mapping[str, _Place] = {
    "AWS::Backup::BackupVault": _Place(internals.VAULTS, "BackupVaultName"),
    "AWS::CloudFront::CachePolicy": _Place(internals.CACHE_POLICIES, "CachePolicyConfig.Name", "Config.Name"),
    "AWS::CloudFront::OriginAccessControl": _Place(
        internals.ORIGIN_ACCESS_CONTROLS, "OriginAccessControlConfig.Name", "Name"
    ),
    "AWS::CloudFront::OriginRequestPolicy": _Place(
        internals.ORIGIN_REQUEST_POLICIES, "OriginRequestPolicyConfig.Name", "Config.Name"
    ),
    "AWS::CloudFront::ResponseHeadersPolicy": _Place(
        internals.RESPONSE_HEADERS_POLICIES, "ResponseHeadersPolicyConfig.Name", "Config.Name"
    ),
    "AWS::CloudWatch::Alarm": _Place(internals.ALARMS, "AlarmName"),
    "AWS::CloudWatch::Dashboard": _Place(internals.DASHBOARDS, "DashboardName"),
    "AWS::DynamoDB::Table": _Place(internals.TABLES, "TableName"),
    "AWS::EC2::SecurityGroup": _Place(internals.SECURITY_GROUPS, "GroupName", "GroupName", (("VpcId", "VpcId", ""),)),
    "AWS::ECR::Repository": _Place(internals.REPOSITORIES, "RepositoryName"),
    "AWS::ECS::Cluster": _Place(internals.CLUSTERS, "ClusterName"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Place(internals.LOAD_BALANCERS, "Name", "LoadBalancerName"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _Place(internals.TARGET_GROUPS, "Name", "TargetGroupName"),
    "AWS::Events::Rule": _Place(internals.EVENT_RULES, "Name", "Name", (("EventBusName", "EventBusName", "default"),)),
    "AWS::IAM::ManagedPolicy": _Place(internals.POLICIES, "ManagedPolicyName", "PolicyName"),
    "AWS::IAM::Role": _Place(internals.ROLES, "RoleName"),
    "AWS::KMS::Alias": _Place(internals.KEY_ALIASES, "AliasName"),
    "AWS::Lambda::Function": _Place(internals.FUNCTIONS, "FunctionName"),
    "AWS::Logs::LogGroup": _Place(internals.LOG_GROUPS, "LogGroupName"),
    "AWS::RDS::DBCluster": _Place(internals.DATABASE_CLUSTERS, "DBClusterIdentifier"),
    "AWS::RDS::DBInstance": _Place(internals.DATABASES, "DBInstanceIdentifier"),
    "AWS::RDS::DBSubnetGroup": _Place(internals.DATABASE_SUBNET_GROUPS, "DBSubnetGroupName"),
    "AWS::SNS::Topic": _Place(internals.TOPICS, "TopicName", "name"),
    "AWS::SQS::Queue": _Place(internals.QUEUES, "QueueName"),
    "AWS::Scheduler::Schedule": _Place(internals.SCHEDULES, "Name", "Name", (("GroupName", "GroupName", "default"),)),
    "AWS::SecretsManager::Secret": _Place(internals.SECRETS, "Name"),
    "AWS::WAFv2::WebACL": _Place(internals.WEB_ACLS, "Name", "Name", (("Scope", "Scope", ""),)),
}


def refuse_taken(wanted: Wanted) -> None:
    """Refuse to create a resource under a name that the template gives and something else has."""
    place = _PLACES.get(wanted.type)
    name = _at(wanted.properties, place.name) if place else None
    if place is None or not isinstance(name, str):
        return
    for record in _named(place, name):
        within = all(_at(record, field) == wanted.get(given, default) for given, field, default in place.beside)
        if within and not _is_gone(record):
            raise RefusedError(_reason(wanted.type, place.name, name, record))


def _named(place: _Place, name: str) -> Iterator[Any]:
    if place.field:
        yield from (record for record in place.store.values() if _at(record, place.field) == name)
    else:
        # The key of an alias is its ARN.
        yield from (record for key, record in place.store.items() if key == name or key.endswith(f":{name}"))


def _at(record: Any, path: str) -> Any:
    for part in path.split("."):
        record = record.get(part) if isinstance(record, Mapping) else None
    return record


def _is_gone(record: Any) -> bool:
    """A deleted cluster of ECS is shown for a while and has given its name back."""
    return isinstance(record, Mapping) and record.get("status") in _GONE


def _reason(resource_type: str, path: str, name: str, record: Any) -> str:
    if resource_type == "AWS::SecretsManager::Secret" and record.get("DeletedDate"):
        return "You can't create this secret because a secret with this name is already scheduled for deletion."
    if resource_type == "AWS::SecretsManager::Secret":
        return f"The operation failed because the secret {name} already exists."
    pointer = f"/properties/{path.replace('.', '/')}"
    return f"Resource of type '{resource_type}' with identifier '{{\"{pointer}\":\"{name}\"}}' already exists."
