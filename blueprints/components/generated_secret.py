"""A secret that Secrets Manager makes up: nobody has ever seen its value, and no template holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from troposphere import Sub, secretsmanager

from blueprints.components.secret import checked_physical_name, json_key_source
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack

# GetRandomPassword takes 1 to 4,096; below 32 letters and digits a key has less than 190 bits.
SHORTEST = 32
LONGEST = 4096


class GeneratedSecret(Component):
    """A JSON secret with one generated value of letters and digits, which no configuration file has to quote.

    64 of them are 381 bits and, as text, the 64 bytes that HMAC-SHA-512 asks of its key. The value is made once; a
    change of key, length or template makes another one, and whoever had the old one is locked out.

    Args:
        name: first part of the logical id and of the outputs.
        description: what the value is for.
        physical_name: a name of its own, where a document names it. It cannot change, and Secrets Manager keeps it
            for the 7 to 30 days that a deleted secret can be restored in.
        key: the JSON key of the generated value.
        length: letters and digits of the generated value, 32 to 4,096.
        template: further keys with values that are no secrets.

    Raises:
        SettingsError: Secrets Manager does not take the name or the length, or the template has the generated key.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        description: str,
        physical_name: str | None = None,
        key: str = "jwtSecret",
        length: int = 64,
        template: Mapping[str, str] | None = None,
    ) -> None:
        _check(name, key, length, template or {})
        self.name, self._key = name, key
        self.secret = because(
            "A random value that is made with the stack and that nobody has to know.",
            secretsmanager.Secret(
                f"{name}Secret",
                Description=description,
                GenerateSecretString=secretsmanager.GenerateSecretString(
                    SecretStringTemplate=json.dumps(dict(template or {})),
                    GenerateStringKey=key,
                    PasswordLength=length,
                    ExcludePunctuation=True,
                ),
            ),
            must=["GenerateSecretString stays as it is: a change makes a new value"],
            mutable="must-never-change",
        )
        if physical_name is not None:
            self.secret.Name = checked_physical_name(name, physical_name)

    @property
    def arn(self) -> Any:
        """The full ARN, with the six characters that Secrets Manager adds: what an IAM policy names."""
        return self.secret.ref()

    def value_of(self, key: str | None = None) -> Sub:
        """One key of the value as an ECS secret takes it, ``<full arn>:key::``; the generated one when None.

        Raises:
            SettingsError: the key has a character that ECS or CloudFormation would read as something else.

        """
        return json_key_source(self.name, str(self.secret.title), self._key if key is None else key)

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``SecretValue.from_stack`` reads; a source cannot be put together in another stack."""
        stack.output(f"{self.name}Arn", self.arn, f"Secret {self.name}; its value is generated")
        stack.output(f"{self.name}Source", self.value_of(), f"Its key {self._key}, as an ECS secret takes it")


def _check(name: str, key: str, length: int, template: Mapping[str, str]) -> None:
    if not SHORTEST <= length <= LONGEST:
        raise SettingsError(f"{name}: length is {length}; a generated value takes {SHORTEST} to {LONGEST} characters")
    if key in template:
        raise SettingsError(
            f"{name}: the template has the key {key!r}, which is the generated one; leave it out of the template"
        )
