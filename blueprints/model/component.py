"""A component: arguments in, troposphere objects out, nothing registered until a stack adds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from troposphere import AWSObject, Parameter


class Component:
    """A few resources that belong together under one word of the architect's.

    Public attributes are what the component owns: troposphere resources and parameters, further components, and
    lists of these. What it only refers to is kept under a leading underscore, or not at all.
    """

    def resources(self) -> Iterator[AWSObject | Parameter]:
        """Everything the component owns, in the order it was made."""
        for name, value in vars(self).items():
            if not name.startswith("_"):
                yield from owned(value)


def owned(value: Any) -> Iterator[AWSObject | Parameter]:
    """The resources and parameters in *value*: itself, or what a component or a collection holds."""
    if isinstance(value, AWSObject | Parameter):
        yield value
    elif isinstance(value, Component):
        yield from value.resources()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from owned(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from owned(item)
