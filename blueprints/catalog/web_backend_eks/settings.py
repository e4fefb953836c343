"""Settings of the web backend on EKS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from blueprints.catalog._web_backend.settings import LoadBalancedSettings
from blueprints.components.eks_access import administrator_arn
from blueprints.components.eks_cluster import check_cidrs
from blueprints.components.eks_nodes import (
    ARM_INSTANCES,
    X86_INSTANCES,
    NodeCapacity,
    check_disk,
    check_instance_types,
)
from blueprints.model.errors import SettingsError

ARCHITECTURE = REPOSITORY = "web-backend-eks"

# First part of the logical ids of the cluster and of what belongs to it.
CLUSTER = "Main"

# EKS makes no cluster in these zones (Amazon EKS User Guide, "VPC and subnet considerations"). Which zone is called
# us-east-1a differs between accounts, so where one of the first could be such a zone, ids say which are meant.
NO_CLUSTERS = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})
ZONES: Mapping[str, Sequence[str]] = {
    "us-east-1": ("use1-az1", "use1-az2", "use1-az4"),
    "ca-central-1": ("cac1-az1", "cac1-az2", "cac1-az4"),
}

UNKNOWN_ZONES = "us-west-1"

# CPU units and MiB that a node of 2 vCPU and 4 GiB has for pods, beside kubelet and the agents of the add-ons.
ROOM_CPU = 1024
ROOM_MEMORY = 2048

# The Kubernetes service account that the application runs as.
SERVICE_ACCOUNT = "api"


class Settings(LoadBalancedSettings):
    """Settings of the web backend on EKS."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = ARCHITECTURE
    """First part of every stack's name and the value of the tag Project."""
    egress: Literal["nat", "nat-per-zone"] = "nat"
    """How pods reach the internet: from private subnets through one NAT gateway, or one a zone."""
    kubernetes_version: Literal["1.35", "1.36", "1.37"] = "1.36"
    """Default of the parameter KubernetesVersion: the control plane's and the nodes' minor version."""
    compute: Literal["nodes", "fargate"] = "nodes"
    """Where pods run: on a managed node group, or on Fargate, which knows no DaemonSets."""
    zone_ids: list[Annotated[str, Field(pattern=r"^[a-z]{2,4}\d?-az\d$")]] = Field(default_factory=list, max_length=3)
    """Zones by their ids, one for each of `availability_zones`, where EKS does not take the Region's first ones; in
    us-east-1 and ca-central-1 those that it takes are known."""
    load_balancer: Literal["stack", "ingress"] = "stack"
    """Who makes the load balancer: CloudFormation, or the AWS Load Balancer Controller for an Ingress."""
    public_endpoint: bool = True
    """Let the Kubernetes API be called over the internet, beside from the VPC; IAM decides who gets in either way."""
    endpoint_clients: list[str] = Field(default_factory=lambda: ["0.0.0.0/0"], min_length=1, max_length=40)
    """IPv4 ranges that may call it there."""
    administrator_arn: Annotated[str, Field(max_length=640)] | None = None
    """Default of the parameter AdministratorArn: the IAM role or user that uses kubectl."""
    secrets_key: bool = False
    """Encrypt what the cluster keeps with a KMS key of its own, whose use CloudTrail shows."""
    instance_types: list[Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]] = Field(
        default_factory=list, max_length=20
    )
    """Instance types of the nodes; t3.medium or t4g.medium when not given, and several for Spot."""
    node_capacity: NodeCapacity = "on-demand"
    """On-Demand instances, or Spot ones, which go two minutes after they are told."""
    minimum_nodes: Annotated[int, Field(ge=1, le=100)] = 2
    """Nodes that run."""
    maximum_nodes: Annotated[int, Field(ge=1, le=100)] = 4
    """Nodes up to which an autoscaler of yours may go."""
    node_disk: Annotated[int, Field(ge=20, le=1000)] = 20
    """Root volume of a node in GiB."""

    @model_validator(mode="after")
    def _zones_are_taken(self) -> Settings:
        if self.zone_ids and len(set(self.zone_ids)) != self.availability_zones:
            raise SettingsError(
                f"zone_ids: {', '.join(self.zone_ids)} are not {self.availability_zones} different ones; give as many "
                "as availability_zones, or none"
            )
        if self.region == UNKNOWN_ZONES and not self.zone_ids and not self.existing_vpc:
            raise SettingsError(
                f"zone_ids: {self.region} has a zone in which EKS makes no cluster, and an account sees two of its "
                "three; give the ids of two that it takes (aws ec2 describe-availability-zones)"
            )
        refused = sorted({*self.zone_ids} & NO_CLUSTERS)
        if refused:
            raise SettingsError(f"zone_ids: EKS makes no cluster in {refused[0]}; give another zone of the Region")
        return self

    @model_validator(mode="after")
    def _nodes_exist(self) -> Settings:
        check_cidrs("endpoint_clients", self.endpoint_clients)
        if self.compute == "fargate" and self.arm:
            raise SettingsError("arm: EKS runs pods on Fargate on x86 only; leave it out, or take compute: nodes")
        if self.instance_types:
            check_instance_types("nodes", self.instance_types, arm=self.arm)
        if self.minimum_nodes > self.maximum_nodes:
            raise SettingsError(
                f"minimum_nodes: {self.minimum_nodes} is more than maximum_nodes ({self.maximum_nodes}); lower the one "
                "or raise the other"
            )
        check_disk("nodes", self.node_disk)
        if self.compute == "nodes" and not self.instance_types and (self.cpu > ROOM_CPU or self.memory > ROOM_MEMORY):
            raise SettingsError(
                f"cpu: {self.cpu} with memory {self.memory} finds no place on a {X86_INSTANCES[0]} or "
                f"{ARM_INSTANCES[0]}, of which a node's own agents leave about {ROOM_CPU} and {ROOM_MEMORY}; name "
                "larger instance_types"
            )
        administrator_arn(self.administrator_arn)
        return self

    @model_validator(mode="after")
    def _ingress_stands_alone(self) -> Settings:
        if self.load_balancer == "stack":
            return self
        refused = {
            "api_through_cloudfront": (self.api_through_cloudfront, "false"),
            "waf": (self.waf, "false"),
            "dual_stack": (self.dual_stack, "false"),
            "https": (self.https == "domain", "certificate"),
        }
        for name, (given, given_up) in refused.items():
            if given:
                raise SettingsError(
                    f"{name}: {getattr(self, name)} needs load_balancer to be 'stack', because CloudFormation knows "
                    f"neither name nor ARN of one that the controller makes; give {name}: {given_up}, or leave "
                    "load_balancer out"
                )
        return self

    @property
    def zones_of_cluster(self) -> Sequence[str]:
        """Ids of the zones that the network is in; none where any will do."""
        return self.zone_ids or ZONES.get(self.region, ())[: self.availability_zones]

    @property
    def namespace(self) -> str:
        """The application's namespace, unique among the clusters of an account, so that metrics tell it apart."""
        return f"{self.project}-{self.environment}"
