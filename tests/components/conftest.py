"""A stack to put a component into, and what the linters say about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from troposphere import Parameter, Ref

from blueprints.checks.lint import lint
from blueprints.components.network import Network
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict, to_yaml

REGIONS = ("us-east-1", "us-west-2")

StackOf = Callable[..., Stack]


@pytest.fixture
def stack_of() -> StackOf:
    """A stack with these parts, as a blueprint makes it."""

    def make(*parts: Any, **settings: Any) -> Stack:
        chosen = Settings(project="sample", **settings)
        stack = Stack("service", chosen, description="A stack for tests", arch="One component on its own")
        for part in parts:
            stack.add(part)
        return stack

    return make


@pytest.fixture
def findings(tmp_path: Path) -> Callable[[Stack], list[str]]:
    """Everything that the linters have to say about a stack, in both of the documents' Regions."""

    def check(stack: Stack) -> list[str]:
        path = tmp_path / f"{stack.name}.yaml"
        path.write_text(to_yaml(stack), encoding="utf-8")
        return [f"{found.rule} {found.line}: {found.message}" for found in lint([path], regions=REGIONS)]

    return check


@pytest.fixture
def properties_of() -> Callable[[Stack, str], Any]:
    """The properties of a resource as they stand in the template."""
    return lambda stack, logical_id: to_dict(stack)["Resources"][logical_id]["Properties"]


@pytest.fixture
def network() -> Network:
    """A network that was there before, whose parameters `network_parameters` adds."""
    return Network(Ref("VpcId"), Ref("PublicSubnetIds"), Ref("PrivateSubnetIds"))


@pytest.fixture
def network_parameters() -> list[Parameter]:
    """What a VPC and its private subnets are known by at deploy time."""
    return [
        Parameter("VpcId", Type="AWS::EC2::VPC::Id", Description="The VPC"),
        Parameter("PrivateSubnetIds", Type="List<AWS::EC2::Subnet::Id>", Description="Private subnets"),
    ]
