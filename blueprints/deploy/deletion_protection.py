"""Resources that refuse to be deleted, and what lifts it: CloudFormation would stop half way at the first of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.stacks import StackResource

_BALANCER_SWITCH = "deletion_protection.enabled"
_Words = tuple[str, ...]


def lifted_by(cli: AwsCli, resources: Iterable[StackResource]) -> Iterator[tuple[StackResource, str]]:
    """Yield each resource that is protected now, with the command that lifts it."""
    for item in resources:
        if item.resource_type in _LOOKS and item.physical_id:
            with suppress(NotFoundError):  # somebody deleted it already
                words = _LOOKS[item.resource_type](cli, item.physical_id)
                if words:
                    yield item, cli.command(*words)


def _balancer(cli: AwsCli, arn: str) -> _Words:
    named = ("--load-balancer-arn", arn)
    found: dict[str, Any] = cli.run("elbv2", "describe-load-balancer-attributes", *named)
    if {"Key": _BALANCER_SWITCH, "Value": "true"} not in found.get("Attributes", ()):
        return ()
    off = ("--attributes", f"Key={_BALANCER_SWITCH},Value=false")
    return ("elbv2", "modify-load-balancer-attributes", *named, *off)


def _database_cluster(cli: AwsCli, name: str) -> _Words:
    named = ("--db-cluster-identifier", name)
    (found,) = cli.run("rds", "describe-db-clusters", *named)["DBClusters"]
    off = ("--no-deletion-protection", "--apply-immediately")
    return ("rds", "modify-db-cluster", *named, *off) if found.get("DeletionProtection") else ()


def _database_instance(cli: AwsCli, name: str) -> _Words:
    named = ("--db-instance-identifier", name)
    (found,) = cli.run("rds", "describe-db-instances", *named)["DBInstances"]
    off = ("--no-deletion-protection", "--apply-immediately")
    return ("rds", "modify-db-instance", *named, *off) if found.get("DeletionProtection") else ()


def _kubernetes_cluster(cli: AwsCli, name: str) -> _Words:
    named = ("--name", name)
    found: dict[str, Any] = cli.run("eks", "describe-cluster", *named)["cluster"]
    off = "--no-deletion-protection"
    return ("eks", "update-cluster-config", *named, off) if found.get("deletionProtection") else ()


_LOOKS: Mapping[str, Callable[[AwsCli, str], _Words]] = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::RDS::DBCluster": _database_cluster,
    "AWS::RDS::DBInstance": _database_instance,
    "AWS::EKS::Cluster": _kubernetes_cluster,
}
