"""What a handler of a resource type is given, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

Properties: TypeAlias = Mapping[str, Any]
# Whose state a resource has: MiniStack's through its own handler, MiniStack's through ours, or none but its schema's.
Reality: TypeAlias = Literal["native", "extended", "stand-in"]


class RefusedError(ValueError):
    """CloudFormation would fail the resource with this reason; ``code`` is the service's, where a service refused."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Wanted:
    """A resource as the template wants it, every intrinsic function resolved."""

    type: str
    logical_id: str
    stack_name: str
    properties: Properties

    def __getitem__(self, name: str) -> Any:
        return self.properties[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.properties.get(name, default)

    def replaced(self, properties: Properties) -> "Wanted":
        return replace(self, properties=properties)


@dataclass(frozen=True)
class Made:
    """A resource that exists: what `Ref` and `Fn::GetAtt` answer."""

    physical_id: str
    attributes: Properties = field(default_factory=dict)


class Handler(Protocol):
    """Creates, updates and deletes resources of one type.

    An update that answers another physical id is a replacement: CloudFormation deletes the old one afterwards.
    """

    def create(self, wanted: Wanted) -> Made: ...

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made: ...

    def delete(self, physical_id: str, properties: Properties) -> None: ...
