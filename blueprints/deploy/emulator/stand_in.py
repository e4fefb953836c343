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
    identifier = [
        str(_first(_at(wanted.properties, pointer), invented.get(pointer), _invent(schema, pointer, name)))
        for pointer in schema.primary_identifier
    ]
    attributes = {".".join(pointer): value for pointer, value in invented.items()}
    return Made("|".join(identifier) or name, attributes)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not _MISSING and value is not None)


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
