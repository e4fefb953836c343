"""A generated password as a plain string, which everything that takes a whole secret can read."""

from __future__ import annotations

from typing import Any

from troposphere import secretsmanager

from blueprints.components.secret import SecretValue
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# CreateDBInstance takes 8 to 128 characters for PostgreSQL, without / " and @. 40 letters and digits are 238 bits and
# need no quotes, in a URL neither.
PASSWORD_LENGTH = 40


class GeneratedPassword(Component):
    """A password that Secrets Manager makes up: no JSON, so the whole value is the password.

    CloudFormation does not notice a value that changes in Secrets Manager. A new password is an update of the stack:
    *generation* goes up by one, which makes a secret under a new logical id, and so everything that refers to it
    changes with it. CloudFormation deletes the old secret when everything else is done, so an update that fails can
    go back.

    Args:
        name: first part of the logical id.
        description: what the password opens.
        generation: which password it is, from 1 up; the first has no number in its logical id.

    Raises:
        SettingsError: the generation is below 1.

    """

    def __init__(self, name: str, *, description: str, generation: int = 1) -> None:
        self.secret = because(
            "A random password that nobody has to know.",
            secretsmanager.Secret(
                f"{name}Password{generation_suffix(name, generation)}",
                Description=description,
                GenerateSecretString=secretsmanager.GenerateSecretString(
                    PasswordLength=PASSWORD_LENGTH, ExcludePunctuation=True
                ),
                **replaceable(),
            ),
            must=["GenerateSecretString stays as it is: a change makes a new value that nothing takes over"],
        )

    @property
    def arn(self) -> Any:
        """The full ARN, with the six characters that Secrets Manager adds: what an IAM policy names."""
        return self.secret.ref()

    @property
    def value(self) -> SecretValue:
        """The password, for a container."""
        return SecretValue(self.arn)

    @property
    def reference(self) -> str:
        """The password as a dynamic reference, for Fn::Sub: CloudFormation reads it, no template or event shows it."""
        return f"{{{{resolve:secretsmanager:${{{self.secret.title}}}:SecretString}}}}"


def generation_suffix(name: str, generation: int) -> str:
    """What the logical id of a value's generation ends with: nothing for the first one.

    Raises:
        SettingsError: the generation is below 1.

    """
    if generation < 1:
        raise SettingsError(f"{name}: generation is {generation}; the first is 1, and each new password adds one")
    return str(generation) if generation > 1 else ""


def replaceable() -> dict[str, Any]:
    """Policies of a value that a next generation takes the place of; a protected stack has to be able to drop it.

    Without its password a kept database opens again with a new one, which the next generation sets.
    """
    return {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
