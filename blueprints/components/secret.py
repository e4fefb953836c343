"""A secret that a person puts in: CloudFormation makes the place for it and never sees the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import secretsmanager

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because


class Secret(Component):
    """An empty Secrets Manager secret; its value is put once, by hand or by script."""

    def __init__(self, name: str, *, description: str) -> None:
        self.secret = because(
            "Holds a key from outside; CloudFormation never sees its value.",
            secretsmanager.Secret(f"{name}Secret", Description=description),
            must=["The value is put after the stack is made and before a task starts"],
            mutable="must-never-change",
        )


@dataclass(frozen=True)
class SecretValue:
    """A value that ECS reads from Secrets Manager or from SSM and gives to a container.

    ``source`` is what ECS calls valueFrom: the full ARN of the secret or of the parameter, or, for one key of a JSON
    secret, ``<full arn>:key::``. ``arn`` is what has to be readable for that; the source itself, unless it has a key.
    """

    source: Any
    arn: Any | None = None
    in_parameter_store: bool = False

    @property
    def readable(self) -> Any:
        """The ARN that the execution role has to be able to read."""
        return self.source if self.arn is None else self.arn

    @classmethod
    def parameter(cls, path: str) -> SecretValue:
        """A SecureString parameter that exists; CloudFormation itself cannot make one."""
        return cls(grants.parameter_arn(path), in_parameter_store=True)
