"""Keeps every resource's properties and attributes where `aws cloudcontrol get-resource` reads them."""

import json

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import Made, Properties, RefusedError


def remember(resource_type: str, made: Made, properties: Properties) -> None:
    content = json.dumps({**properties, **made.attributes}, default=str)
    internals.MODELS[_key(resource_type, made.physical_id)] = {
        "TypeName": resource_type,
        "Identifier": made.physical_id,
        "Properties": content,
    }


def refuse_twin(resource_type: str, physical_id: str) -> None:
    """A name can be taken only once."""
    if is_known(resource_type, physical_id):
        raise RefusedError(f"Resource of type '{resource_type}' with identifier '{physical_id}' already exists.")


def is_known(resource_type: str, physical_id: str) -> bool:
    return _key(resource_type, physical_id) in internals.MODELS


def forget(resource_type: str, physical_id: str) -> None:
    internals.MODELS.pop(_key(resource_type, physical_id), None)


def _key(resource_type: str, identifier: str) -> str:
    return f"{resource_type}\x00{identifier}"
