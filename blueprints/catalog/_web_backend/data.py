"""What must not be lost: the database, and the secrets of the application."""

from __future__ import annotations

from troposphere import ssm

from blueprints.catalog._web_backend.application import DATABASE, DATABASE_USER
from blueprints.catalog._web_backend.settings import ApplicationSettings, secret_id
from blueprints.catalog._web_service import keep_access_logs, place
from blueprints.components.postgres_instance import PostgresInstance
from blueprints.components.secret import Secret
from blueprints.model.context import because
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import Stack


def data_stack(settings: ApplicationSettings, network: Stack | None) -> Stack:
    """PostgreSQL where the internet has no way to, with a password that nobody has seen."""
    stack = Stack(
        "data",
        settings,
        description=f"What {settings.project} {settings.environment} must not lose",
        arch="PostgreSQL on RDS in subnets without a way to the internet; its password is generated",
        must=["No value of a secret is ever written into this template"],
    )
    database = stack.add(
        PostgresInstance(
            DATABASE,
            network=place(stack, settings, network, "database"),
            keep=settings.keep_data,
            database=settings.database_name,
            user=DATABASE_USER,
            instance_class=settings.database_class,
            storage_gib=settings.database_storage,
            maximum_storage_gib=settings.database_maximum_storage,
            multi_az=settings.database_multi_az,
            backup_days=settings.database_backup_days,
            password_generation=settings.password_generation,
            as_url=settings.database_as == "url",
        )
    )
    database.publish(stack)
    identifier = ssm.Parameter(
        f"{DATABASE}IdentifierParameter",
        Type="String",
        Name=identifier_path(settings),
        Value=database.identifier,
    )
    stack.add(because("A dashboard is one text, which another stack's output cannot stand in; this can.", identifier))
    for name in settings.secrets:
        stack.add(Secret(secret_id(name), description=f"Value of the variable {name}")).publish(stack)
    keep_access_logs(stack, settings)
    return stack


def identifier_path(settings: ApplicationSettings) -> str:
    """Where the database's identifier stands, for templates that have to put it into a text."""
    return f"/{settings.project}/{settings.environment}/database-identifier"


def ask_for_identifier(stack: Stack, settings: ApplicationSettings) -> StackParameter:
    """The database's identifier as a parameter of *stack*, which CloudFormation reads where the data stack wrote it."""
    return stack.add(
        StackParameter(
            "DatabaseIdentifier",
            group="Other stacks",
            label="Path of the database's identifier",
            description="SSM parameter in which the stack data says what metrics call the database",
            type="AWS::SSM::Parameter::Value<String>",
            default=identifier_path(settings),
        )
    )
