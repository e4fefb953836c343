"""Task definitions, services and capacity providers over MiniStack's ECS.

MiniStack's own handlers keep the template's spelling deep inside a container definition (`Secrets`, `HealthCheck`),
which the CLI then cannot read, and drop half of a service's properties; its API loses neither.
"""

# ruff: noqa: ARG002 - a handler takes what the protocol hands it

from blueprints.deploy.emulator import forwarding, internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError, Wanted


class TaskDefinition:
    def create(self, wanted: Wanted) -> Made:
        family = wanted.get("Family") or internals.physical_name(wanted.stack_name, wanted.logical_id)
        asked = parameters("ecs", "RegisterTaskDefinition", {**wanted.properties, "Family": family})
        made = call("ecs", "RegisterTaskDefinition", asked)
        arn = str(made["taskDefinition"]["taskDefinitionArn"])
        return Made(arn, {"TaskDefinitionArn": arn})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        """Everything but the tags makes a new revision."""
        if {**before, "Tags": None} != {**wanted.properties, "Tags": None}:
            return self.create(wanted)
        _retag(physical_id, before, wanted)
        return Made(physical_id, {"TaskDefinitionArn": physical_id})

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ecs", "DeregisterTaskDefinition", {"taskDefinition": physical_id})


class Service:
    def create(self, wanted: Wanted) -> Made:
        name = wanted.get("ServiceName") or internals.physical_name(wanted.stack_name, wanted.logical_id)
        _require_balancers(wanted)
        asked = parameters("ecs", "CreateService", {"DesiredCount": 1, **wanted.properties, "ServiceName": name})
        made = call("ecs", "CreateService", asked)["service"]
        _complete(str(made["serviceArn"]), wanted)
        return Made(str(made["serviceArn"]), {"ServiceArn": made["serviceArn"], "Name": made["serviceName"]})

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _require_balancers(wanted)
        changed = {name: value for name, value in wanted.properties.items() if before.get(name) != value}
        # Without DesiredCount in the template CloudFormation leaves alone what autoscaling has set.
        name = physical_id.rsplit("/", 1)[-1]
        key = {"Cluster": wanted.get("Cluster", "default"), "Service": name}
        call("ecs", "UpdateService", parameters("ecs", "UpdateService", {**changed, **key}))
        _complete(physical_id, wanted)
        _retag(physical_id, before, wanted)
        return Made(physical_id, {"ServiceArn": physical_id, "Name": name})

    def delete(self, physical_id: str, properties: Properties) -> None:
        key = {"cluster": properties.get("Cluster", "default"), "service": physical_id.rsplit("/", 1)[-1]}
        call("ecs", "DeleteService", {**key, "force": True})


def _require_balancers(wanted: Wanted) -> None:
    """ECS refuses a service before a listener or a rule forwards to its target groups."""
    for each in wanted.get("LoadBalancers") or ():
        alternate = each.get("AdvancedConfiguration", {}).get("AlternateTargetGroupArn")
        for group in filter(None, (each.get("TargetGroupArn"), alternate)):
            if group in internals.TARGET_GROUPS and not forwarding.balancers(group):
                reason = f"The target group with targetGroupArn {group} does not have an associated load balancer."
                raise RefusedError(
                    f"Invalid request provided: {reason} (Service: AmazonECS, InvalidParameterException)"
                )


def _complete(arn: str, wanted: Wanted) -> None:
    """What MiniStack's ECS drops, where the API shows it: Service Connect is shown with the newest deployment."""
    service = internals.ECS_SERVICES[arn.split(":service/", 1)[1]]
    asked = parameters("ecs", "CreateService", wanted.properties)
    shown = ("availabilityZoneRebalancing", "enableECSManagedTags", "propagateTags", "serviceRegistries")
    service |= {name: asked[name] for name in shown if name in asked}
    if "serviceConnectConfiguration" in asked:
        service["deployments"][0]["serviceConnectConfiguration"] = asked["serviceConnectConfiguration"]


class CapacityProvider:
    def create(self, wanted: Wanted) -> Made:
        name = wanted.get("Name") or internals.physical_name(wanted.stack_name, wanted.logical_id)
        call(
            "ecs",
            "CreateCapacityProvider",
            parameters("ecs", "CreateCapacityProvider", {**wanted.properties, "Name": name}),
        )
        return Made(name)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        asked = parameters("ecs", "UpdateCapacityProvider", {**wanted.properties, "Name": physical_id})
        call("ecs", "UpdateCapacityProvider", asked)
        return Made(physical_id)

    def delete(self, physical_id: str, properties: Properties) -> None:
        call("ecs", "DeleteCapacityProvider", {"capacityProvider": physical_id})


class ClusterCapacityProviderAssociations:
    def create(self, wanted: Wanted) -> Made:
        asked = parameters("ecs", "PutClusterCapacityProviders", wanted.properties)
        call("ecs", "PutClusterCapacityProviders", {"defaultCapacityProviderStrategy": [], **asked})
        return Made(wanted["Cluster"])

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        none: list[str] = []
        asked = {"cluster": physical_id, "capacityProviders": none, "defaultCapacityProviderStrategy": none}
        call("ecs", "PutClusterCapacityProviders", asked)


def _retag(arn: str, before: Properties, wanted: Wanted) -> None:
    if before.get("Tags") == wanted.get("Tags"):
        return
    kept = {each["Key"] for each in wanted.get("Tags", [])}
    dropped = [each["Key"] for each in before.get("Tags", []) if each["Key"] not in kept]
    if dropped:
        call("ecs", "UntagResource", {"resourceArn": arn, "tagKeys": dropped})
    if kept:
        call("ecs", "TagResource", parameters("ecs", "TagResource", {"ResourceArn": arn, "Tags": wanted["Tags"]}))
