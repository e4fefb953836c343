"""The application's contract: what it is told, by the same names in all runtimes."""

from __future__ import annotations

from typing import Any

from blueprints.access.connections import Peer
from blueprints.catalog._web_backend.settings import ApplicationSettings, secret_id
from blueprints.components.generated_password import generation_suffix
from blueprints.components.postgres import PORT
from blueprints.components.postgres_instance import CERTIFICATE_BUNDLE, SSL_MODE
from blueprints.components.secret import SecretValue
from blueprints.model.stack import SecretSource, Stack

# First part of the logical ids of what serves the application, of the database, and the database's user.
API = "Api"
DATABASE = "Database"
DATABASE_USER = "app"
MIGRATION = "Migration"

# Ranges that a VPC has (RFC 1918, RFC 6598), where nobody says which.
PRIVATE_RANGES = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10"


def variables(settings: ApplicationSettings, *, database_host: Any, cors_origins: Any) -> dict[str, Any]:
    """The plain variables; host and origins come from where the runtime finds them.

    TLS with a checked certificate: ``verify-full`` is what libpq and asyncpg call it.
    """
    parts = {
        "DATABASE_HOST": database_host,
        "DATABASE_PORT": str(PORT),
        "DATABASE_NAME": settings.database_name,
        "DATABASE_USER": DATABASE_USER,
        "DATABASE_SSLMODE": SSL_MODE,
        "DATABASE_SSLROOTCERT": CERTIFICATE_BUNDLE,
    }
    return {
        "ENVIRONMENT": settings.environment,
        "LOG_LEVEL": settings.log_level,
        "CORS_ORIGINS": cors_origins,
        "WEB_CONCURRENCY": str(settings.workers),
        # Uvicorn believes the load balancer who asked, and how; from others it takes no such headers.
        "FORWARDED_ALLOW_IPS": f"127.0.0.1,{PRIVATE_RANGES if settings.existing_vpc else settings.vpc_cidr}",
        **(parts if settings.database_as == "parts" else {}),
        "DATABASE_POOL_MIN": str(settings.pool_min),
        "DATABASE_POOL_MAX": str(settings.pool_max),
        **settings.variables,
    }


def secret_outputs(settings: ApplicationSettings) -> dict[str, str]:
    """The secret variables, with the outputs of the data stack that hold their secrets' ARNs."""
    database = "DATABASE_URL" if settings.database_as == "url" else "DATABASE_PASSWORD"
    output = "Url" if settings.database_as == "url" else "Password"
    generation = generation_suffix(DATABASE, settings.password_generation)
    return {
        database: f"{DATABASE}{output}{generation}Arn",
        **{name: f"{secret_id(name)}Arn" for name in settings.secrets},
    }


def secret_values(stack: Stack, settings: ApplicationSettings, data: Stack) -> dict[str, SecretValue]:
    """The secret variables as CloudFormation hands them on; a deployment looks whether people put theirs."""
    stack.secrets += [SecretSource(name, stack=data.name, output=f"{secret_id(name)}Arn") for name in settings.secrets]
    return {name: SecretValue(stack.from_stack(data, output)) for name, output in secret_outputs(settings).items()}


def database(stack: Stack, data: Stack) -> Peer:
    """The database, for connections that *stack* owns."""
    return Peer(DATABASE, stack.from_stack(data, f"{DATABASE}SecurityGroupId"), PORT)


def database_host(stack: Stack, data: Stack) -> Any:
    """The database's name in DNS."""
    return stack.from_stack(data, f"{DATABASE}Host")
