"""What tells CloudFront's own requests from those of other distributions: a header that only ours sends."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, secretsmanager

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

HEADER = "X-Origin-Verify"

# Letters and digits only: a listener rule reads * and ? in a value as wildcards, and takes 128 characters at most
# (Elastic Load Balancing API, HttpHeaderConditionConfig). It compares without case, which still leaves 248 bits.
LENGTH = 48


class OriginSecret(Component):
    """A generated value that CloudFront sends to the load balancer with every request.

    A load balancer that lets in CloudFront's addresses lets in every distribution there is, of any account, and with
    it requests that have passed no web ACL of ours. With the value as a condition it answers ours alone. Both ends
    have to be in the stack of this secret, because a dynamic reference is put together with Fn::Sub. Whoever may read
    the distribution or the listener's rules sees the value in the clear: it tells origins apart and protects no data.

    CloudFormation does not notice a value that changes in Secrets Manager, so rotation is a stack update:
    *generation* goes up by one, which makes a secret under a new logical id, and so both ends change. CloudFront sends
    the newest value, the load balancer takes the one before as well, and no request is lost while the distribution is
    rolled out; let the distribution depend on the rules. A value that got out is refused after two such updates.

    Args:
        name: first part of the logical ids.
        generation: which value is sent, from 1 up; the one before it is still accepted.

    Raises:
        SettingsError: the generation is below 1.

    """

    def __init__(self, name: str, *, generation: int = 1) -> None:
        if generation < 1:
            raise SettingsError(f"{name}: generation is {generation}; the first is 1, and each rotation adds one")
        kept = [generation - 1, generation] if generation > 1 else [generation]
        self.secrets = [_generated(name, number) for number in kept]

    @property
    def header(self) -> tuple[str, Sub]:
        """The header that CloudFront sends: its name, and a dynamic reference to its value."""
        return HEADER, _value(self.secrets[-1])

    @property
    def accepted(self) -> tuple[str, list[Any]]:
        """The header as the load balancer takes it: its name and the values, newest first; one has to match."""
        return HEADER, [_value(secret) for secret in reversed(self.secrets)]


def _generated(name: str, generation: int) -> secretsmanager.Secret:
    return because(
        "Only our distribution knows this value; the load balancer refuses requests without it.",
        secretsmanager.Secret(
            f"{name}Secret{generation if generation > 1 else ''}",
            Description=f"Value of the header {HEADER} that CloudFront sends",
            GenerateSecretString=secretsmanager.GenerateSecretString(PasswordLength=LENGTH, ExcludePunctuation=True),
            # Another value is as good, and a rotation has to be able to drop the old one from a protected stack.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        ),
        must=["A new value reaches both ends only with an update of the stack"],
    )


def _value(secret: secretsmanager.Secret) -> Sub:
    return Sub(f"{{{{resolve:secretsmanager:${{{secret.title}}}:SecretString}}}}")
