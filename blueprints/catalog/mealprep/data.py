"""What MealPrep must not lose: the database, the uploads, its secrets; and the cache beside it."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, ssm

from blueprints.catalog._web_service import place
from blueprints.catalog.mealprep.settings import Settings
from blueprints.components.aurora import Aurora, Backups, ServerlessCapacity
from blueprints.components.bucket import Bucket
from blueprints.components.cache import Cache
from blueprints.components.generated_secret import GeneratedSecret
from blueprints.components.image_processing import RESULTS, UPLOADS
from blueprints.components.secret import Secret
from blueprints.model import parameters
from blueprints.model.context import because
from blueprints.model.stack import Stack

DATABASE, CACHE = "Database", "Lookups"
DATABASE_NAME = "mealprep"
MASTER_USER = "mealprepadmin"

# The folder for what may go after a while; what people upload stays.
TEMPORARY, TEMPORARY_DAYS = "temporary/", 90


def data_stack(settings: Settings, network_stack: Stack | None) -> Stack:
    """Aurora in subnets without a way out, the cache in private ones, the uploads, and the secrets."""
    stack = Stack(
        "data",
        settings,
        description=f"What {settings.project} {settings.environment} must not lose, and its cache",
        arch="Aurora PostgreSQL in isolated subnets, Valkey in private ones, uploads in S3, secrets in Secrets Manager",
        must=[
            "Nothing here is reachable from the internet",
            "No value of a secret is ever written into this template",
        ],
    )
    network = place(stack, settings, network_stack, "database", "data")
    database = stack.add(
        Aurora(
            DATABASE,
            network=network,
            keep=settings.keep_data,
            database=DATABASE_NAME,
            user=MASTER_USER,
            master_secret=settings.master_secret,
            secret_name=settings.secret_name("db-credentials") if settings.master_secret == "generated" else None,
            pool_size=settings.pool_size if settings.master_secret == "generated" else None,
            instance_class=settings.database_instance_class,
            serverless=_capacity(settings),
            readers=settings.database_readers,
            zones=settings.availability_zones,
            backups=Backups(days=settings.database_backup_days),
            identifier=settings.name("cluster"),
            log_retention_days=settings.log_retention_days,
        )
    )
    database.publish(stack)
    stack.output("DatabaseEndpoint", database.server.writer.host, "Host name of the database")
    _tell_dashboards(stack, settings, database)
    cache = stack.add(
        Cache(
            CACHE,
            network=network,
            keep=settings.keep_data,
            node_type=settings.cache_node_type,
            replicas=settings.cache_replicas,
        )
    )
    cache.publish(stack)
    cache.publish_nodes(stack)
    _add_uploads(stack, settings)
    _add_secrets(stack, settings)
    return stack


def _capacity(settings: Settings) -> ServerlessCapacity | None:
    if settings.database == "provisioned":
        return None
    return ServerlessCapacity(settings.database_minimum_capacity, settings.database_maximum_capacity)


def identifier_path(settings: Settings) -> str:
    """Where the database's identifier stands, for templates that have to put it into a text."""
    return f"/{settings.project}/{settings.environment}/database-identifier"


def _tell_dashboards(stack: Stack, settings: Settings, database: Aurora) -> None:
    parameter = ssm.Parameter(
        "DatabaseIdentifierParameter",
        Type="String",
        Name=identifier_path(settings),
        Value=database.server.cluster_identifier,
    )
    stack.add(because("A dashboard is one text, which another stack's output cannot stand in; this can.", parameter))


def _add_uploads(stack: Stack, settings: Settings) -> None:
    """People's uploads, apart from the application's own files."""
    name = f"{settings.project}-{settings.environment}-storage-${{AWS::AccountId}}"
    uploads = stack.add(
        Bucket(
            "Storage",
            why="Holds what people upload, and what was seen in their images.",
            physical_name=Sub(name) if settings.documented_names else None,
            versioned=settings.keep_data,
            intelligent_tiering=settings.intelligent_tiering,
            expire_after_days=TEMPORARY_DAYS,
            expire_below=TEMPORARY,
            upload_origins=_origins(stack, settings),
        )
    ).bucket
    stack.output("StorageBucketName", uploads.ref(), "The bucket with uploads")
    for part, prefix in {"Storage": "", "Uploads": UPLOADS, "Results": RESULTS}.items():
        stack.output(f"{part}Objects", Sub(f"${{{uploads.title}.Arn}}/{prefix}*"), f"ARN of objects below /{prefix}")


def _origins(stack: Stack, settings: Settings) -> list[Any]:
    """Whose pages may upload with presigned URLs: those that are named, or the public name's where there is one."""
    if settings.upload_origins or settings.https == "off":
        return list(settings.upload_origins)
    return [Sub(f"https://${{{stack.add(parameters.domain_name(settings.domain_name)).title}}}")]


def _add_secrets(stack: Stack, settings: Settings) -> None:
    secrets = GeneratedSecret(
        "AppSecrets",
        description=f"Application secrets of {settings.project} {settings.environment}",
        physical_name=settings.secret_name("app-secrets"),
    )
    stack.add(secrets).publish(stack)
    if settings.email_key:
        name = settings.secret_name("email-api-key")
        stack.add(Secret("EmailApiKey", description="Key of the mail service", physical_name=name)).publish(stack)
