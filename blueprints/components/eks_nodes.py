"""Nodes of an EKS cluster: a managed node group on Amazon Linux 2023 in private subnets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from troposphere import AWSObject, Tags, ec2, eks, iam

from blueprints.access import grants, kubernetes_nodes
from blueprints.components.eks_cluster import EksCluster
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

NodeCapacity = Literal["on-demand", "spot"]

CAPACITY_TYPES: dict[NodeCapacity, str] = {"on-demand": "ON_DEMAND", "spot": "SPOT"}

# Two virtual CPUs and 4 GiB; 17 pods, of which about seven are the node's own agents.
X86_INSTANCES = ("t3.medium",)
ARM_INSTANCES = ("t4g.medium",)

# A family of Graviton has a g right after its generation: t4g, m7gd, c8gn (Amazon EC2 User Guide, "Instance type
# naming conventions"). With an instance type that the image is not made for, EKS refuses the node group.
GRAVITON = re.compile(r"[a-z]+\d+g[a-z]*\.")

MOST_INSTANCE_TYPES = 20  # Amazon EKS API Reference, CreateNodegroup, instanceTypes
LEAST_DISK_GIB = 20  # what EKS gives a Linux node by itself, same page, diskSize

# The root volume of Amazon Linux 2023.
ROOT_DEVICE = "/dev/xvda"


class NodeGroup(Component):
    """Instances that EKS starts, drains and replaces; all of them in the cluster's security group.

    How many there are is up to people: nothing in the cluster starts or ends nodes for pods. A cluster autoscaler that
    is installed later works between *minimum* and *maximum*; CloudFormation sends the number again only when it
    changes here.

    Nodes run the cluster's version of Kubernetes and roll over when it changes. Within a version they keep the machine
    image they started with until ``aws eks update-nodegroup-version`` brings the newest, which is no drift: the
    template names no release.

    Pods cannot reach the instance metadata service: its answers stop after one hop, so no pod gets the node's role.
    The agents that need it (vpc-cni, Pod Identity, CloudWatch) are on the node's own network. The AWS Load Balancer
    Controller has to be told its Region and VPC.

    Args:
        name: first part of the logical ids.
        cluster: the cluster that they join.
        network: nodes stand in its private subnets.
        version: the cluster's version of Kubernetes.
        repository: ECR repository of the application; the only one of the account that nodes can pull from.
        after: what has to be there first: the add-ons without which a node never gets ready.
        instance_types: one, or several to choose from, which Spot needs; t3.medium or t4g.medium when not given.
            A change replaces the node group.
        minimum: the fewest nodes.
        maximum: the most nodes.
        desired: how many there are; *minimum* when not given.
        capacity: On-Demand, or Spot, whose nodes go two minutes after they are told.
        arm: run on Graviton; images have to be built for linux/arm64 then.
        disk_gib: size of the root volume in GiB.
        tags: written on instances and volumes; EKS does not hand on a node group's.

    Raises:
        SettingsError: numbers that contradict each other, or an instance type for the other processor.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        cluster: EksCluster,
        network: Network,
        version: Any,
        repository: str,
        after: Sequence[AWSObject],
        instance_types: Sequence[str] = (),
        minimum: int = 2,
        maximum: int = 4,
        desired: Any | None = None,
        capacity: NodeCapacity = "on-demand",
        arm: bool = False,
        disk_gib: int = LEAST_DISK_GIB,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        types = tuple(instance_types) or (ARM_INSTANCES if arm else X86_INSTANCES)
        check_instance_types(name, types, arm=arm)
        check_size(name, minimum, maximum, desired)
        check_disk(name, disk_gib)
        self._name, self._cluster = name, cluster
        self.role = self._role(repository)
        self.launch_template = self._launch_template(disk_gib, {"Name": name} | dict(tags or {}))
        self.node_group = because(
            "Keeps the nodes running, replaces broken ones and drains those that it updates.",
            eks.Nodegroup(
                f"{name}NodeGroup",
                # A node without network plugin, proxy and Pod Identity agent does not get ready, and the group fails.
                DependsOn=[resource.title for resource in after],
                ClusterName=cluster.cluster_name,
                NodeRole=self.role.get_att("Arn"),
                Subnets=network.private_subnets,
                Version=version,
                AmiType=f"AL2023_{'ARM_64' if arm else 'x86_64'}_STANDARD",
                CapacityType=CAPACITY_TYPES[capacity],
                InstanceTypes=list(types),
                LaunchTemplate=eks.LaunchTemplateSpecification(
                    Id=self.launch_template.ref(), Version=self.launch_template.get_att("LatestVersionNumber")
                ),
                ScalingConfig=eks.ScalingConfig(
                    MinSize=minimum, MaxSize=maximum, DesiredSize=minimum if desired is None else desired
                ),
                UpdateConfig=eks.UpdateConfig(MaxUnavailable=1),
                NodeRepairConfig=eks.NodeRepairConfig(Enabled=True),
                Tags={"Name": name},
            ),
            must=["Instance types, capacity, processor and subnets are replaced, not changed"],
            mutable="change-with-constraints",
        )

    def _role(self, repository: str) -> iam.Role:
        return because(
            "What a node does before and beside its pods: join the cluster, pull images, fetch credentials of pods.",
            iam.Role(
                f"{self._name}NodeRole",
                AssumeRolePolicyDocument=grants.trust("ec2"),
                Policies=[
                    grants.policy(
                        "Node",
                        *kubernetes_nodes.join_cluster(self._cluster.known_arn),
                        *kubernetes_nodes.pull_images(repository),
                    )
                ],
            ),
            must=["Pods have roles of their own; none uses this one"],
        )

    def _launch_template(self, disk_gib: int, tags: dict[str, str]) -> ec2.LaunchTemplate:
        volume = ec2.EBSBlockDevice(VolumeType="gp3", VolumeSize=disk_gib, Encrypted=True, DeleteOnTermination=True)
        return because(
            "Metadata by session token and one hop only; an encrypted disk; tags that the bill shows.",
            ec2.LaunchTemplate(
                f"{self._name}LaunchTemplate",
                # No image, no security group, no instance profile: EKS brings its own, and refuses ours beside them.
                LaunchTemplateData=ec2.LaunchTemplateData(
                    MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
                    BlockDeviceMappings=[ec2.LaunchTemplateBlockDeviceMapping(DeviceName=ROOT_DEVICE, Ebs=volume)],
                    TagSpecifications=[
                        ec2.TagSpecifications(ResourceType=kind, Tags=Tags(**tags)) for kind in ("instance", "volume")
                    ],
                ),
            ),
            must=["HttpTokens stays required, with one hop"],
            mutable="review-required",
        )


def check_instance_types(name: str, types: Sequence[str], *, arm: bool) -> None:
    """Raise SettingsError unless EKS starts these instance types from the image for this processor."""
    if len(types) > MOST_INSTANCE_TYPES:
        raise SettingsError(f"{name}: instance_types has {len(types)}; EKS takes {MOST_INSTANCE_TYPES} at most")
    for each in types:
        if bool(GRAVITON.match(each)) != arm:
            wanted = "Graviton, such as t4g.medium" if arm else "x86, such as t3.medium"
            raise SettingsError(f"{name}: instance_types has {each!r}, but arm is {arm}; give {wanted}, or change arm")


def check_size(name: str, minimum: int, maximum: int, desired: Any | None) -> None:
    """Raise SettingsError unless *desired* nodes, where it is a number, are between *minimum* and *maximum*."""
    number = desired if isinstance(desired, int) else minimum
    if not 0 <= minimum <= number <= maximum or maximum < 1:
        raise SettingsError(
            f"{name}: nodes are {number} of {minimum} to {maximum}; minimum, desired and maximum have to ascend, "
            "from 0, and maximum is 1 at least"
        )


def check_disk(name: str, gib: int) -> None:
    """Raise SettingsError if images would not fit."""
    if gib < LEAST_DISK_GIB:
        raise SettingsError(f"{name}: disk_gib is {gib}; give {LEAST_DISK_GIB} or more, images are unpacked there")
