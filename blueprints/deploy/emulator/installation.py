"""Puts handlers for every type of the registry into MiniStack's table, and the guards and repairs around them."""

from collections.abc import Mapping
from typing import Any

from blueprints.deploy.emulator import (
    cluster_updates,
    environments,
    forwarding,
    guards,
    health_checks,
    internals,
    network_acls,
    one_off_tasks,
    prefix_lists,
    repairs,
    schemas,
    views,
    waf_logging,
)
from blueprints.deploy.emulator.handlers import EXTENSIONS, REPAIRED
from blueprints.deploy.emulator.resources import Handler, Made, Reality, Wanted
from blueprints.deploy.emulator.stand_in import StandIn


def install() -> dict[str, Reality]:
    """Extend MiniStack in this process; answers whose state each resource type has."""
    realities: dict[str, Reality] = dict.fromkeys(internals.RESOURCE_HANDLERS, "native")
    realities |= dict.fromkeys(EXTENSIONS, "extended")
    for resource_type in schemas.types():
        if resource_type not in realities:
            realities[resource_type] = "stand-in"
            internals.RESOURCE_HANDLERS[resource_type] = _entry(resource_type, StandIn(resource_type))
    for resource_type, repair in REPAIRED.items():
        native = dict(internals.RESOURCE_HANDLERS[resource_type])
        repaired = _entry(resource_type, repair(_Native(native)))
        # How a snapshot is taken and a resource imported stays MiniStack's.
        internals.RESOURCE_HANDLERS[resource_type] = native | repaired
    for resource_type, handler in EXTENSIONS.items():
        internals.RESOURCE_HANDLERS[resource_type] = _entry(resource_type, handler)
    _run_on_worker_threads({*EXTENSIONS, *REPAIRED})
    _learn_replacements()
    guards.install()
    views.install()
    forwarding.install()
    network_acls.install()
    one_off_tasks.install()
    prefix_lists.install()
    health_checks.install()
    cluster_updates.install()
    environments.install()
    waf_logging.install()
    repairs.install()
    return realities


class _Native:
    """MiniStack's own handler of a type."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self._entry = entry

    def create(self, wanted: Wanted) -> Made:
        return Made(*self._entry["create"](wanted.logical_id, dict(wanted.properties), wanted.stack_name))

    def update(self, physical_id: str, before: Mapping[str, Any], wanted: Wanted) -> Made:
        named = (wanted.logical_id,) if self._entry.get("update_with_logical_id") else ()
        after = dict(wanted.properties)
        return Made(*self._entry["update"](physical_id, dict(before), after, wanted.stack_name, *named))

    def delete(self, physical_id: str, properties: Mapping[str, Any]) -> None:
        self._entry["delete"](physical_id, dict(properties))


def _entry(resource_type: str, handler: Handler) -> dict[str, Any]:
    """A handler in the form of MiniStack's table."""

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        made = handler.create(Wanted(resource_type, logical_id, stack_name, props))
        return made.physical_id, dict(made.attributes)

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        made = handler.update(physical_id, old, Wanted(resource_type, logical_id or physical_id, stack_name, new))
        return made.physical_id, dict(made.attributes)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": handler.delete}


def _run_on_worker_threads(types: set[str]) -> None:
    """Ours call services, which answer on the server's loop: a handler that blocks the loop would wait for ever."""
    original = internals.stacks._runs_on_worker_thread
    internals.replace_everywhere("_runs_on_worker_thread", lambda name: name in types or original(name))


class _FromSchema(dict[str, Any]):
    """A table of MiniStack, completed from the schemas as types are asked for."""

    def __init__(self, known: Mapping[str, Any], read: Any) -> None:
        super().__init__(known)
        self._read = read

    def get(self, resource_type: str, default: Any = None) -> Any:
        if resource_type not in self:
            schema = None if resource_type.startswith("AWS::CloudFormation::") else schemas.find(resource_type)
            if schema is None:
                return default
            self[resource_type] = self._read(schema)
        found = self[resource_type]
        return default if found is None else found


def _learn_replacements() -> None:
    """Which properties replace a resource, and which take the stack's tags, for the types MiniStack does not know."""
    provisioners = internals.provisioners
    provisioners._REPLACING_PROPERTIES = _FromSchema(
        internals.REPLACING, lambda schema: tuple(path[0] for path in schema.create_only if len(path) == 1)
    )
    provisioners._CONDITIONALLY_REPLACING_PROPERTIES = _FromSchema(internals.CONDITIONALLY_REPLACING, _conditional)
    # A tag of an auto scaling group also says whether its instances get it, which a stack's tag does not.
    tags = {**internals.TAG_PROPERTIES, "AWS::AutoScaling::AutoScalingGroup": None}
    provisioners._STACK_TAG_PROPERTY = _FromSchema(
        tags, lambda schema: (schema.tag_property, "list") if schema.tag_property else None
    )


def _conditional(schema: schemas.ResourceSchema) -> tuple[str, ...]:
    """A create-only property inside another replaces the resource only when that part of it changes."""
    nested = (path for path in schema.create_only if len(path) > 1)
    return tuple({path[0]: None for path in (*schema.conditionally_create_only, *nested)})
