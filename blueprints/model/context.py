"""Why a resource is there, written where it is made and carried in the template.

CloudFormation's convention for it is the metadata key ``com.aws.cloudformation.Context`` (2026): ``arch`` and
``must`` on a template; ``why``, ``must`` and ``mutable`` on a resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from troposphere import AWSObject

KEY = "com.aws.cloudformation.Context"

Mutability = Literal["must-never-change", "change-with-constraints", "review-required", "free-to-tune"]
Resource = TypeVar("Resource", bound=AWSObject)


def because(
    why: str,
    resource: Resource,
    *,
    must: Sequence[str] = (),
    mutable: Mutability | None = None,
) -> Resource:
    """State why *resource* is there, what must stay true of it and how freely it may change; hand it back."""
    context: dict[str, Any] = {"why": why}
    if must:
        context["must"] = list(must)
    if mutable is not None:
        context["mutable"] = mutable
    others = {key: value for key, value in resource.resource.get("Metadata", {}).items() if key != KEY}
    resource.Metadata = {KEY: context, **others}
    return resource
