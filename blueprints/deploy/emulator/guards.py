"""What stands in front of every resource handler, MiniStack's own ones too: MiniStack checks no property.

Unknown and missing properties, wrong enum values and wrong types fail the resource with AWS's words, and values get the
schema's types. A taken name is refused, a stack policy and deletion protection are enforced, and attributes that
MiniStack leaves out filled in.
"""

import contextvars
from collections.abc import Callable
from typing import Any

from blueprints.deploy.emulator import internals, models, names, protection, schemas, stack_policy, validation
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError, Wanted
from blueprints.deploy.emulator.stand_in import describe

_NOTHING: Properties = {}
# Set while a resource is updated in place, which MiniStack does by creating it once more for some types.
_IN_PLACE: contextvars.ContextVar[bool] = contextvars.ContextVar("updated_in_place", default=False)
_Provision = Callable[[str, str, dict[str, Any], str], tuple[str, dict[str, Any]]]
_Update = Callable[..., tuple[str, dict[str, Any]]]
_Delete = Callable[..., None]


def install() -> None:
    provisioners = internals.provisioners
    internals.replace_everywhere("_provision_resource", _guarded_provision(provisioners._provision_resource))
    internals.replace_everywhere("_update_resource", _guarded_update(provisioners._update_resource))
    internals.replace_everywhere("_delete_resource", _guarded_delete(provisioners._delete_resource))


def _guarded_provision(original: _Provision) -> _Provision:
    def provision(resource_type: str, logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        wanted = _checked(Wanted(resource_type, logical_id, stack_name, props))
        if not _IN_PLACE.get():
            names.refuse_taken(wanted)
        made = Made(*original(resource_type, logical_id, dict(wanted.properties), stack_name))
        return _finished(wanted, made)

    return provision


def _guarded_update(original: _Update) -> _Update:
    def update(  # noqa: PLR0913, PLR0917 - MiniStack's own signature
        resource_type: str,
        physical_id: str,
        old_props: dict[str, Any],
        new_props: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
        old_attrs: dict[str, Any] | None = None,
    ) -> Any:
        wanted = _checked(Wanted(resource_type, logical_id or physical_id, stack_name, new_props))
        before = _typed(resource_type, old_props)
        if before == wanted.properties:
            return physical_id, old_attrs or {}
        replaces = internals.provisioners._replacing_change(resource_type, before, wanted.properties)
        stack_policy.enforce(wanted, "Update:Replace" if replaces else "Update:Modify")
        after = dict(wanted.properties)
        # A nested stack updated in place may make new resources.
        in_place = _IN_PLACE.set(not replaces and _schema(resource_type) is not None)
        try:
            made = Made(*original(resource_type, physical_id, before, after, stack_name, logical_id, old_attrs))
        finally:
            _IN_PLACE.reset(in_place)
        # The same resource keeps what an update does not answer again.
        kept = (old_attrs or {}) if made.physical_id == physical_id else {}
        return _finished(wanted, made, kept)

    return update


def _guarded_delete(original: _Delete) -> _Delete:
    def delete(resource_type: str, physical_id: str, props: dict[str, Any], *rest: Any, **named: Any) -> None:
        typed = _typed(resource_type, props)
        protection.refuse_protected(resource_type, physical_id, typed)
        original(resource_type, physical_id, typed, *rest, **named)
        models.forget(resource_type, physical_id)

    return delete


def _checked(wanted: Wanted) -> Wanted:
    schema = _schema(wanted.type)
    if schema is None:
        return wanted
    checked = validation.check(schema, wanted.properties)
    if checked.problems:
        message = ", ".join(checked.problems)
        raise RefusedError(f"Properties validation failed for resource {wanted.logical_id} with message: {message}")
    return wanted.replaced(checked.value)


def _typed(resource_type: str, properties: Properties) -> dict[str, Any]:
    schema = _schema(resource_type)
    return dict(properties) if schema is None else validation.check(schema, properties).value


def _finished(wanted: Wanted, made: Made, kept: Properties = _NOTHING) -> tuple[str, dict[str, Any]]:
    schema = _schema(wanted.type)
    if schema is None:
        return made.physical_id, {**kept, **made.attributes}
    # Fn::GetAtt also answers what was given ("Vpc.CidrBlock").
    given = {name: value for name, value in wanted.properties.items() if not isinstance(value, dict)}
    attributes = {**describe(schema, wanted).attributes, **kept, **given}
    if len(schema.primary_identifier) == 1:
        identifier = ".".join(schema.primary_identifier[0])
        attributes |= {identifier: made.physical_id} if identifier in attributes else {}
    finished = Made(made.physical_id, {**attributes, **made.attributes})
    models.remember(wanted.type, finished, wanted.properties)
    return finished.physical_id, dict(finished.attributes)


def _schema(resource_type: str) -> schemas.ResourceSchema | None:
    # Nested stacks, custom resources and wait conditions belong to the engine and take any property.
    return None if resource_type.startswith("AWS::CloudFormation::") else schemas.find(resource_type)
