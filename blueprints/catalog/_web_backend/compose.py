"""A compose file: the application with the same variables, limits and migration, beside PostgreSQL, on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blueprints.catalog._web_backend.application import DATABASE_USER, secret_outputs, variables
from blueprints.catalog._web_backend.image import PYTHON
from blueprints.catalog._web_backend.kubernetes import quoted
from blueprints.catalog._web_backend.settings import ApplicationSettings, LoadBalancedSettings
from blueprints.components.container import TEMPORARY_MEBIBYTES
from blueprints.components.postgres import PORT
from blueprints.components.postgres_instance import (
    CERTIFICATE_BUNDLE,
    INSTANCE_MEMORY,
    MAJOR_VERSION,
    PARAMETERS,
    SSL_MODE,
    max_connections,
)
from blueprints.model.text_file import TextFile

DATABASE_HOST = "database"

# From Amazon ECR Public: Docker's own image, on Debian, whose user postgres is 999:999.
POSTGRES = f"public.ecr.aws/docker/library/postgres:{MAJOR_VERSION}-trixie"
DATABASE_GROUP = 999
# Since version 18 the volume of that image is the folder above (docker-library/docs, postgres, "PGDATA").
DATA_FOLDER = "/var/lib/postgresql/data"

# Where the frontend is while it is being developed.
FRONTEND_ORIGIN = "${FRONTEND_ORIGIN:-http://localhost:3000}"
PASSWORD = "${DATABASE_PASSWORD:?has to stand in .env, see the head of compose.yaml}"


def compose_files(settings: ApplicationSettings, *, repository: str) -> list[TextFile]:
    """The compose file of an environment, and what keeps its secrets out of Git."""
    folder = f"compose/{settings.environment}"
    values: dict[str, Any] = {
        "title": f"{settings.project} {settings.environment}",
        "project": f"{settings.project}-{settings.environment}",
        "repository": repository,
        "python": PYTHON,
        **_application(settings),
        **_database(settings),
    }
    return [
        TextFile(
            f"{folder}/compose.yaml", "compose/compose.yaml.jinja", values, about="The application on one machine"
        ),
        TextFile(
            f"{folder}/.gitignore", "compose/gitignore.jinja", about="Keeps .env beside the compose file out of Git"
        ),
    ]


def _application(settings: ApplicationSettings) -> dict[str, Any]:
    # An instance of Elastic Beanstalk is its copy's limit.
    cpu, memory = (settings.cpu, settings.memory) if isinstance(settings, LoadBalancedSettings) else (0, 0)
    url = f"http://127.0.0.1:{settings.container_port}{settings.health_check_path}"
    return {
        "port": settings.container_port,
        "health_path": settings.health_check_path,
        "health_command": _literal(f"import urllib.request as r; r.urlopen({url!r}, timeout=4)"),
        "start_seconds": settings.start_seconds,
        "user": settings.run_as,
        "environment": [*_plain(settings), *_secret(settings)],
        "asked": settings.secrets,
        "migration": f"[{', '.join(_literal(word) for word in settings.migration)}]" if settings.migration else "",
        "ca_bundle": CERTIFICATE_BUNDLE,
        "temporary_mebibytes": TEMPORARY_MEBIBYTES,
        "cpus": f"{cpu / 1024:g}" if cpu else "",
        "memory": memory,
    }


def _plain(settings: ApplicationSettings) -> Iterator[tuple[str, str]]:
    """The plain variables; CORS_ORIGINS names the frontend first, as on AWS."""
    origins = [FRONTEND_ORIGIN] if settings.frontend else []
    told = variables(settings, database_host=DATABASE_HOST, cors_origins="")
    for name, value in told.items():
        yield name, quoted(",".join([*origins, *settings.cors_origins])) if name == "CORS_ORIGINS" else _literal(value)


def _secret(settings: ApplicationSettings) -> Iterator[tuple[str, str]]:
    """The secrets, which Compose reads in .env and asks for where they are missing."""
    parts = f"{DATABASE_HOST}:{PORT}/{settings.database_name}?sslmode={SSL_MODE}&sslrootcert={CERTIFICATE_BUNDLE}"
    given = {"DATABASE_PASSWORD": PASSWORD, "DATABASE_URL": f"postgresql://{DATABASE_USER}:{PASSWORD}@{parts}"}
    for name in secret_outputs(settings):
        yield name, quoted(given.get(name, f"${{{name}:?has to stand in .env, see the head of compose.yaml}}"))


def _database(settings: ApplicationSettings) -> dict[str, Any]:
    """PostgreSQL with the connections of the instance class and the parameters of RDS that it knows itself."""
    parameters = {
        "ssl": "on",
        "ssl_cert_file": "/certificates/server.pem",
        "ssl_key_file": "/certificates/server.key",
        "hba_file": "/certificates/pg_hba.conf",
        "max_connections": str(max_connections(settings.database_class)),
        **{name: value for name, value in PARAMETERS.items() if not name.startswith("rds.")},
    }
    return {
        "postgres": POSTGRES,
        "database_group": DATABASE_GROUP,
        "database_name": settings.database_name,
        "database_user": DATABASE_USER,
        "database_gib": INSTANCE_MEMORY[settings.database_class],
        "data_folder": DATA_FOLDER,
        "password": quoted(PASSWORD),
        "parameters": list(parameters.items()),
    }


def _literal(text: str) -> str:
    """The text as one scalar of YAML, in which Compose finds nothing to fill in."""
    return quoted(text.replace("$", "$$"))
