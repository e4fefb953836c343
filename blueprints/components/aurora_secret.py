"""Where a generated master secret learns where its database is, and the string that .NET connects with."""

from __future__ import annotations

from troposphere import Ref, Sub, rds, secretsmanager

from blueprints.components.generated_secret import GeneratedSecret
from blueprints.components.postgres import PORT
from blueprints.model.component import Component
from blueprints.model.context import because

# What CreateDBCluster takes as a password is 8 to 41 characters, without / " @ and blanks. Letters and digits need no
# quoting in a connection string either.
PASSWORD_LENGTH = 40


def generated_master_secret(name: str, *, user: str, physical_name: str | None) -> GeneratedSecret:
    """A secret with the master user and a generated password, before there is a cluster."""
    return GeneratedSecret(
        name,
        description=f"Master user of {name}, and where it is",
        physical_name=physical_name,
        key="password",
        length=PASSWORD_LENGTH,
        template={"username": user},
    )


def password_in(secret: str) -> str:
    """The password as a dynamic reference, for Fn::Sub: CloudFormation reads it, and no template or event shows it."""
    return f"{{{{resolve:secretsmanager:${{{secret}}}:SecretString:password}}}}"


class ConnectionSecrets(Component):
    """Completes a master secret with the cluster's engine, host, port and database, and composes a string for .NET.

    CloudFormation resolves a dynamic reference in any property of a resource, SecretString included (AWS Secrets
    Manager User Guide, "Get a secret in an AWS CloudFormation resource"). It does so when it makes the secret, and
    again only when the text around it changes: a password that is changed elsewhere has to be written there too.

    Args:
        name: first part of the logical ids.
        secret: the logical id of the master secret.
        cluster: the cluster that it opens.
        database: the database to connect to.
        user: the master user.
        pool_size: connections of one task's pool, or None for Npgsql's own 100.

    """

    def __init__(  # noqa: PLR0913 - each is a part of the connection string
        self,
        name: str,
        *,
        secret: GeneratedSecret,
        cluster: rds.DBCluster,
        database: str,
        user: str,
        pool_size: int | None,
    ) -> None:
        self.attachment = because(
            "Adds host, port and database name to the secret; whoever reads them has to come after it.",
            secretsmanager.SecretTargetAttachment(
                f"{name}SecretAttachment",
                SecretId=secret.arn,
                TargetId=cluster.ref(),
                TargetType="AWS::RDS::DBCluster",
            ),
        )
        parts = [
            f"Host=${{{cluster.title}.Endpoint.Address}}",
            f"Port={PORT}",
            f"Database={database}",
            f"Username={user}",
            f"Password={password_in(str(self.attachment.title))}",
            # Npgsql 8 and later encrypts and does not ask whose certificate it is; VerifyFull would need Amazon's
            # certificate bundle in the image.
            "SSL Mode=Require",
            *([f"Maximum Pool Size={pool_size}"] if pool_size is not None else []),
        ]
        self.connection_string = because(
            "The parts in one variable, as .NET (Npgsql) reads them; ECS gives a container parts and cannot join them.",
            secretsmanager.Secret(
                f"{name}ConnectionString",
                Description=f"Connection string of {name} for .NET",
                SecretString=Sub(";".join(parts)),
            ),
            must=["A password that is changed elsewhere is written here too"],
        )

    @property
    def arn(self) -> Ref:
        """The master secret's ARN, which Ref returns of the attachment; so who reads it waits for host and port."""
        return self.attachment.ref()

    def value_of(self, key: str) -> Sub:
        """A key of the completed master secret, as an ECS secret takes it: ``<full arn>:key::``."""
        return Sub(f"${{{self.attachment.title}}}:{key}::")
