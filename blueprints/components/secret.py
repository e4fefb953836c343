"""A secret that a person puts in: CloudFormation makes the place for it and never sees the value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from troposphere import Sub, secretsmanager

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack

# What CreateSecret takes as a name (Secrets Manager API reference).
PHYSICAL_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
# A colon would end the key's place in <full arn>:key:stage:version.
JSON_KEY = re.compile(r"[^:\s${}]+")


class Secret(Component):
    """An empty Secrets Manager secret; its value is put once, by hand or by script.

    Args:
        name: first part of the logical id and of the outputs.
        description: what the value is for.
        physical_name: a name of its own, where a document names it. It cannot change, and Secrets Manager keeps it
            for the 7 to 30 days that a deleted secret can be restored in.

    Raises:
        SettingsError: Secrets Manager does not take the physical name.

    """

    def __init__(self, name: str, *, description: str, physical_name: str | None = None) -> None:
        self.name = name
        self.secret = because(
            "Holds a key from outside; CloudFormation never sees its value.",
            secretsmanager.Secret(f"{name}Secret", Description=description),
            must=["The value is put after the stack is made and before a task starts"],
            mutable="must-never-change",
        )
        if physical_name is not None:
            self.secret.Name = checked_physical_name(name, physical_name)

    @property
    def arn(self) -> Any:
        """The full ARN, with the six characters that Secrets Manager adds: what an IAM policy names."""
        return self.secret.ref()

    def value_of(self, key: str) -> Sub:
        """One key of a JSON value, as an ECS secret takes it: ``<full arn>:key::``, the current version.

        ``SecretString`` in its place belongs to dynamic references of CloudFormation, not to ECS (Amazon ECS Developer
        Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables").

        Raises:
            SettingsError: the key has a character that ECS or CloudFormation would read as something else.

        """
        return json_key_source(self.name, str(self.secret.title), key)

    def publish(self, stack: Stack, key: str | None = None) -> None:
        """Write the outputs that ``SecretValue.from_stack`` reads; a source cannot be put together in another stack."""
        stack.output(f"{self.name}Arn", self.arn, f"Put the value of {self.name} here before the service starts")
        if key is not None:
            stack.output(f"{self.name}Source", self.value_of(key), f"Its key {key}, as an ECS secret takes it")


@dataclass(frozen=True)
class SecretValue:
    """A value that ECS reads from Secrets Manager or from SSM and gives to a container.

    ``source`` is what ECS calls valueFrom: the full ARN of the secret or of the parameter, or, for one key of a JSON
    secret, ``<full arn>:key::``. ``arn`` is what has to be readable for that; the source itself, unless it has a key.
    A parameter that is not ``encrypted`` holds configuration, and takes no key to read.
    """

    source: Any
    arn: Any | None = None
    in_parameter_store: bool = False
    encrypted: bool = True

    @property
    def readable(self) -> Any:
        """The ARN that the execution role has to be able to read."""
        return self.source if self.arn is None else self.arn

    @classmethod
    def parameter(cls, path: str) -> SecretValue:
        """A SecureString parameter that exists; CloudFormation itself cannot make one."""
        return cls(grants.parameter_arn(path), in_parameter_store=True)

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str, *, key: bool = False) -> SecretValue:
        """The secret called *name* that another stack made: its one published JSON key, or the whole value."""
        arn = stack.from_stack(producer, f"{name}Arn")
        return cls(stack.from_stack(producer, f"{name}Source"), arn=arn) if key else cls(arn)


def checked_physical_name(name: str, physical_name: str) -> str:
    """The name again, if Secrets Manager takes it.

    Raises:
        SettingsError: it does not.

    """
    if not PHYSICAL_NAME.fullmatch(physical_name):
        raise SettingsError(
            f"{name}: the secret's name is {physical_name!r}; "
            "it takes 1 to 512 letters, digits and / _ + = . @ -: leave the others out"
        )
    return physical_name


def json_key_source(name: str, logical_id: str, key: str) -> Sub:
    """One key of the JSON secret *logical_id*, as an ECS secret takes it: ``<full arn>:key::``.

    Raises:
        SettingsError: the key has a character that ECS or CloudFormation would read as something else.

    """
    if not JSON_KEY.fullmatch(key):
        raise SettingsError(f"{name}: JSON key is {key!r}; it takes no colon, blank, $ or brace: rename the key")
    return Sub(f"${{{logical_id}}}:{key}::")
