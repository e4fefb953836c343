"""Clusters of EKS over MiniStack's records: what its handlers drop, and what it has calls for but no template types.

There is no Kubernetes behind them. What EKS itself would refuse is refused: nodes before the network plugin, pods of
an add-on that have no place to run, and a step over a version of Kubernetes.
"""

# ruff: noqa: ARG002 - a handler takes what the protocol hands it

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.handlers.api_resource import ApiResource
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted

# Members of a cluster that MiniStack's handler for templates leaves aside.
_CONFIGURED = (
    "accessConfig",
    "deletionProtection",
    "encryptionConfig",
    "kubernetesNetworkConfig",
    "upgradePolicy",
    "zonalShiftConfig",
)
_AUTHORITY = base64.b64encode(b"There is no Kubernetes behind this cluster").decode()

# Add-ons with pods that are no DaemonSet, which EKS calls degraded while they run nowhere.
_PLACED = ("amazon-cloudwatch-observability", "coredns", "metrics-server")
_NAMESPACES = {"amazon-cloudwatch-observability": "amazon-cloudwatch"}


class Cluster:
    """MiniStack invents a security group that EC2 does not know, and drops half of the configuration."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return _configured(self._founded(self._native.create(wanted)), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _require_step(str(internals.EKS_CLUSTERS[physical_id]["version"]), str(wanted.get("Version", "")))
        made = self._native.update(physical_id, before, wanted)
        return _configured(made if made.physical_id == physical_id else self._founded(made), wanted)

    def _founded(self, made: Made) -> Made:
        """What a cluster has from its first day on."""
        record = internals.EKS_CLUSTERS[made.physical_id]
        issuer = hashlib.sha256(str(record["arn"]).encode()).hexdigest()[:32].upper()
        record["identity"] = {"oidc": {"issuer": f"https://oidc.eks.{internals.region()}.amazonaws.com/id/{issuer}"}}
        record |= {"status": "ACTIVE", "certificateAuthority": {"data": _AUTHORITY}}
        record["resourcesVpcConfig"] |= _network(made.physical_id, record["resourcesVpcConfig"]["subnetIds"])
        return made

    def delete(self, physical_id: str, properties: Properties) -> None:
        record = internals.EKS_CLUSTERS.get(physical_id)
        if any(each["clusterName"] == physical_id for each in internals.EKS_NODE_GROUPS.values()):
            raise RefusedError("Cluster has nodegroups attached (Service: Eks, ResourceInUseException)")
        self._native.delete(physical_id, properties)
        if record is not None:
            call("ec2", "DeleteSecurityGroup", {"GroupId": record["resourcesVpcConfig"]["clusterSecurityGroupId"]})


def _network(name: str, subnets: list[str]) -> dict[str, str]:
    """The VPC of the subnets, and the group that EKS makes in it: its wearers talk to each other, and to anyone."""
    vpc = internals.SUBNETS[subnets[0]]["VpcId"]
    asked = {"GroupName": f"eks-cluster-sg-{name}", "Description": "EKS created security group", "VpcId": vpc}
    group = str(call("ec2", "CreateSecurityGroup", asked)["GroupId"])
    itself = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    call("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": group, "IpPermissions": [itself]})
    return {"vpcId": vpc, "clusterSecurityGroupId": group}


def _configured(made: Made, wanted: Wanted) -> Made:
    record = internals.EKS_CLUSTERS[made.physical_id]
    asked = parameters("eks", "CreateCluster", wanted.properties)
    record |= {name: asked[name] for name in _CONFIGURED if name in asked}
    keys = [each["provider"]["keyArn"] for each in record["encryptionConfig"]]
    attributes = {
        "OpenIdConnectIssuerUrl": record["identity"]["oidc"]["issuer"],
        "CertificateAuthorityData": record["certificateAuthority"]["data"],
        "ClusterSecurityGroupId": record["resourcesVpcConfig"]["clusterSecurityGroupId"],
        "EncryptionConfigKeyArn": next(iter(keys), ""),
    }
    # The record shows no such member, but what EKS does to nodes depends on it.
    record["_bare"] = not wanted.get("BootstrapSelfManagedAddons", True)
    return Made(made.physical_id, {**made.attributes, **attributes})


def _require_step(before: str, after: str) -> None:
    """EKS goes up by one minor version at a time, and never down."""
    if after and _minor(after) - _minor(before) not in (0, 1):
        reason = f"Unsupported Kubernetes minor version update from {before} to {after}"
        raise RefusedError(f"{reason} (Service: Eks, InvalidParameterException)")


def _minor(version: str) -> int:
    return int(version.split(".")[1])


class NodeGroup:
    """`Ref` is `cluster/name`; MiniStack answers and expects the name."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        cluster = internals.EKS_CLUSTERS.get(wanted["ClusterName"], {})
        if cluster.get("_bare") and f"{wanted['ClusterName']}/vpc-cni" not in internals.EKS_ADD_ONS:
            raise RefusedError("NodeCreationFailure: Unhealthy nodes in the kubernetes cluster")
        _require_role_entry(wanted["ClusterName"], wanted["NodeRole"])
        return self._completed(self._native.create(wanted), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        newest = str(internals.EKS_CLUSTERS[wanted["ClusterName"]]["version"])
        if _minor(str(wanted.get("Version", newest))) > _minor(newest):
            raise RefusedError(f"Requested Nodegroup version {wanted['Version']} is newer than the cluster's {newest}")
        return self._completed(self._native.update(physical_id.rsplit("/", 1)[-1], before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id.rsplit("/", 1)[-1], properties)

    def _completed(self, made: Made, wanted: Wanted) -> Made:
        key = f"{wanted['ClusterName']}/{made.physical_id}"
        record = internals.EKS_NODE_GROUPS[key]
        asked = parameters("eks", "CreateNodegroup", wanted.properties)
        shown = ("capacityType", "nodeRepairConfig")
        record |= {name: asked[name] for name in shown if name in asked}
        if "launchTemplate" in asked and "diskSize" not in asked:
            record.pop("diskSize", None)
        return Made(key, {**made.attributes, "Id": key})


def _require_role_entry(cluster: str, role: str) -> None:
    """EKS lets nodes in by an access entry of its own making; several node groups may share a role."""
    named = {"clusterName": cluster, "principalArn": role}
    known = call("eks", "ListAccessEntries", {"clusterName": cluster})["accessEntries"]
    if role not in known:
        call("eks", "CreateAccessEntry", {**named, "type": "EC2_LINUX"})


class AddOn:
    """An add-on makes the associations of its service accounts itself, and shows their ARNs."""

    def create(self, wanted: Wanted) -> Made:
        cluster, name = wanted["ClusterName"], wanted["AddonName"]
        if name in _PLACED and not _has_a_place(cluster):
            reason = "the add-on is unhealthy because it doesn't have the desired number of replicas"
            raise RefusedError(f"{name}: InsufficientNumberOfReplicas: {reason}")
        call("eks", "CreateAddon", self._asked("CreateAddon", wanted))
        self._associate(wanted)
        return self._made(wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        call("eks", "UpdateAddon", self._asked("UpdateAddon", wanted))
        if before.get("PodIdentityAssociations") != wanted.get("PodIdentityAssociations"):
            self._associate(wanted)
        return self._made(wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        cluster, name = physical_id.split("|")
        record = internals.EKS_ADD_ONS.get(f"{cluster}/{name}")
        if record is not None:
            _disown(cluster, record["addonArn"])
            call("eks", "DeleteAddon", {"clusterName": cluster, "addonName": name})

    def _asked(self, operation: str, wanted: Wanted) -> dict[str, Any]:
        without = {name: item for name, item in wanted.properties.items() if name != "PodIdentityAssociations"}
        return parameters("eks", operation, {**without, "Tags": _tag_map(wanted)})

    def _made(self, wanted: Wanted) -> Made:
        cluster, name = wanted["ClusterName"], wanted["AddonName"]
        return Made(f"{cluster}|{name}", {"Arn": internals.EKS_ADD_ONS[f"{cluster}/{name}"]["addonArn"]})

    def _associate(self, wanted: Wanted) -> None:
        cluster, name = wanted["ClusterName"], wanted["AddonName"]
        record = internals.EKS_ADD_ONS[f"{cluster}/{name}"]
        _disown(cluster, record["addonArn"])
        place = {"clusterName": cluster, "namespace": _NAMESPACES.get(name, "kube-system")}
        arns = []
        for each in wanted.get("PodIdentityAssociations") or ():
            asked = {**place, "serviceAccount": each["ServiceAccount"], "roleArn": each["RoleArn"]}
            made = call("eks", "CreatePodIdentityAssociation", asked)["association"]
            internals.EKS_ASSOCIATIONS[f"{cluster}\x00{made['associationId']}"]["ownerArn"] = record["addonArn"]
            arns.append(made["associationArn"])
        record["podIdentityAssociations"] = arns


def _has_a_place(cluster: str) -> bool:
    profiles = (key for key in internals.MODELS if key.startswith(f"AWS::EKS::FargateProfile\x00{cluster}|"))
    groups = (each for each in internals.EKS_NODE_GROUPS.values() if each["clusterName"] == cluster)
    return any(True for _ in profiles) or any(True for _ in groups)


def _disown(cluster: str, owner: str) -> None:
    owned = [each for each in _associations(cluster) if each["ownerArn"] == owner]
    for each in owned:
        named = {"clusterName": cluster, "associationId": each["associationId"]}
        call("eks", "DeletePodIdentityAssociation", named)


def _associations(cluster: str) -> Iterator[dict[str, Any]]:
    yield from (each for each in list(internals.EKS_ASSOCIATIONS.values()) if each["clusterName"] == cluster)


class AccessEntry:
    """Which policies an entry has is a call for each."""

    def create(self, wanted: Wanted) -> Made:
        asked = parameters("eks", "CreateAccessEntry", {**wanted.properties, "Tags": _tag_map(wanted)})
        made = call("eks", "CreateAccessEntry", asked)["accessEntry"]
        return self._allowed(made, {}, wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        asked = parameters("eks", "UpdateAccessEntry", wanted.properties)
        made = call("eks", "UpdateAccessEntry", asked)["accessEntry"]
        return self._allowed(made, before, wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        principal, cluster = physical_id.split("|")
        if cluster in internals.EKS_CLUSTERS:
            call("eks", "DeleteAccessEntry", {"clusterName": cluster, "principalArn": principal})

    def _allowed(self, made: Properties, before: Properties, wanted: Wanted) -> Made:
        entry = {"clusterName": wanted["ClusterName"], "principalArn": wanted["PrincipalArn"]}
        policies = {each["PolicyArn"]: each for each in wanted.get("AccessPolicies") or ()}
        for each in before.get("AccessPolicies") or ():
            if each["PolicyArn"] not in policies:
                call("eks", "DisassociateAccessPolicy", {**entry, "policyArn": each["PolicyArn"]})
        for each in policies.values():
            call("eks", "AssociateAccessPolicy", parameters("eks", "AssociateAccessPolicy", {**entry, **each}))
        name = f"{entry['principalArn']}|{entry['clusterName']}"
        return Made(name, {"AccessEntryArn": made["accessEntryArn"]})


POD_IDENTITY_ASSOCIATION = ApiResource(
    service="eks",
    create_call="CreatePodIdentityAssociation",
    update_call="UpdatePodIdentityAssociation",
    asked=lambda wanted: {**wanted.properties, "Tags": _tag_map(wanted)},
    made=lambda _, __, answer: _association(answer["association"]),
    delete_call="DeletePodIdentityAssociation",
    key=lambda physical_id, properties: {
        "clusterName": properties["ClusterName"],
        "associationId": physical_id.rsplit("/", 1)[-1],
    },
)


def _association(made: Properties) -> Made:
    arn = str(made["associationArn"])
    return Made(arn, {"AssociationArn": arn, "AssociationId": made["associationId"]})


def _tag_map(wanted: Wanted) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in wanted.get("Tags") or ()}
