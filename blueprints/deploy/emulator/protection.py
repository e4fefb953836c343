"""Deletion protection, which MiniStack keeps but does not enforce."""

from collections.abc import Callable, Mapping
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import Properties, RefusedError


def _balancer(physical_id: str, _properties: Properties) -> bool:
    """As it is now: people switch it off before they delete, and the template does not know."""
    attributes = {each["Key"]: each["Value"] for each in internals.LOAD_BALANCER_ATTRIBUTES.get(physical_id, [])}
    return attributes.get("deletion_protection.enabled") == "true"


def _is_on(databases: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    return bool(databases.get(name, {}).get("DeletionProtection"))


def _cluster(name: str, _properties: Properties) -> bool:
    return bool(internals.EKS_CLUSTERS.get(name, {}).get("deletionProtection"))


_PROTECTED: Mapping[str, Callable[[str, Properties], bool]] = {
    "AWS::Cognito::UserPool": lambda _, properties: properties.get("DeletionProtection") == "ACTIVE",
    "AWS::DynamoDB::Table": lambda _, properties: bool(properties.get("DeletionProtectionEnabled")),
    "AWS::EKS::Cluster": _cluster,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::RDS::DBCluster": lambda name, _: _is_on(internals.DATABASE_CLUSTERS, name),
    "AWS::RDS::DBInstance": lambda name, _: _is_on(internals.DATABASES, name),
}


def refuse_protected(resource_type: str, physical_id: str, properties: Properties) -> None:
    if resource_type in _PROTECTED and _PROTECTED[resource_type](physical_id, properties):
        raise RefusedError(f"Resource cannot be deleted as it is currently protected against deletion: {physical_id}")
