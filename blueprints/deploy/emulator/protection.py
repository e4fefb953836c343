"""Deletion protection, which MiniStack keeps but does not enforce."""

from collections.abc import Callable, Mapping

from blueprints.deploy.emulator.resources import Properties, RefusedError


def _balancer(properties: Properties) -> bool:
    attributes = {each.get("Key"): str(each.get("Value")) for each in properties.get("LoadBalancerAttributes", [])}
    return attributes.get("deletion_protection.enabled") == "true"


_PROTECTED: Mapping[str, Callable[[Properties], bool]] = {
    "AWS::Cognito::UserPool": lambda properties: properties.get("DeletionProtection") == "ACTIVE",
    "AWS::DynamoDB::Table": lambda properties: bool(properties.get("DeletionProtectionEnabled")),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::RDS::DBCluster": lambda properties: bool(properties.get("DeletionProtection")),
    "AWS::RDS::DBInstance": lambda properties: bool(properties.get("DeletionProtection")),
}


def refuse_protected(resource_type: str, physical_id: str, properties: Properties) -> None:
    if resource_type in _PROTECTED and _PROTECTED[resource_type](properties):
        raise RefusedError(f"Resource cannot be deleted as it is currently protected against deletion: {physical_id}")
