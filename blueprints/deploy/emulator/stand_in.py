"""The stand-in for every resource type whose service MiniStack does not have, made from the registry schema.

It proves the graph, the order, the names and the life of a resource, and nothing about what the properties mean.
What it was given can be read back with `aws cloudcontrol get-resource`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from blueprints.deploy.emulator import internals, models, schemas
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError, Wanted
from blueprints.deploy.emulator.schemas import Pointer, ResourceSchema

_CREATED = "2026-01-01T00:00:00Z"
_MISSING = object()


class StandIn:
    """Creates, updates and deletes resources of one type as its schema says."""

    def __init__(self, resource_type: str) -> None:
        self._type = resource_type

    @property
    def _schema(self) -> ResourceSchema:
        schema = schemas.find(self._type)
        if schema is None:
            raise RefusedError(f"{self._type} is not in the CloudFormation registry")
        return schema

    def create(self, wanted: Wanted) -> Made:
        made = describe(self._schema, wanted)
        models.refuse_twin(self._type, made.physical_id)
        return made

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        nested = [pointer for pointer in self._schema.create_only if len(pointer) > 1]
        # CloudFormation replaces for a top-level property on its own; a part of one it leaves to the handler.
        if any(_at(before, pointer) != _at(wanted.properties, pointer) for pointer in nested):
            internals.NAME_SEED.set(hashlib.sha256(physical_id.encode()).hexdigest()[:8])
        return describe(self._schema, wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Nothing exists beyond the model, which goes with every resource's."""


def describe(schema: ResourceSchema, wanted: Wanted) -> Made:
    """What `Ref` and `Fn::GetAtt` answer: given properties where they are the identifier, else invented values."""
    name = internals.physical_name(wanted.stack_name, wanted.logical_id, lowercase=True, longest=63)
    invented = {pointer: _invent(schema, pointer, name) for pointer in schema.read_only}
    parts = [_part(schema, pointer, wanted, name) for pointer in schema.primary_identifier]
    identifier = [str(part) for part in parts if part is not _MISSING]
    attributes = {".".join(pointer): value for pointer, value in invented.items()}
    return Made("|".join(identifier) or name, attributes)


def _part(schema: ResourceSchema, pointer: Pointer, wanted: Wanted, name: str) -> Any:
    """One part of an identifier: given, or the service's to choose, or known in another way (`ScalingTargetId`)."""
    given = _at(wanted.properties, pointer)
    alone = len(schema.primary_identifier) == 1
    if given is _MISSING and (alone or pointer in schema.read_only or pointer[-1].endswith("Name")):
        return _invent(schema, pointer, name)
    return given


def _at(properties: Any, pointer: Pointer) -> Any:
    for part in pointer:
        if not isinstance(properties, Mapping) or part not in properties:
            return _MISSING
        properties = properties[part]
    return properties


def _invent(schema: ResourceSchema, pointer: Pointer, name: str) -> Any:
    definition = schema.definition(pointer)
    declared = definition.get("type", "string")
    kinds = [declared] if isinstance(declared, str) else list(declared)
    if "string" not in kinds:
        return {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}.get(kinds[0], "")
    if definition.get("enum"):
        return definition["enum"][0]
    return _text(schema, pointer, name)


def _text(schema: ResourceSchema, pointer: Pointer, name: str) -> str:
    """A string of the form that the last part of the property's name promises."""
    _, service, kind = schema.type.lower().split("::")
    last = pointer[-1].lower()
    if last.endswith("arn"):
        return f"arn:aws:{service}:{internals.region()}:{internals.account()}:{kind}/{name}"
    if last.endswith(("time", "date", "timestamp", "at")):
        return _CREATED
    if last.endswith(("url", "uri")):
        return f"https://{name}.{service}.{internals.region()}.amazonaws.com"
    if any(word in last for word in ("endpoint", "address", "domain", "dns", "host")):
        return f"{name}.{service}.{internals.region()}.amazonaws.com"
    if last.endswith("id"):
        return f"{kind}-{hashlib.sha256(f'{name}/{last}'.encode()).hexdigest()[:17]}"
    return name if last.endswith("name") else f"{name}-{last}"
