"""The source bundle of Elastic Beanstalk: what an instance runs, and the migration before it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from blueprints.components.beanstalk_settings import HOST_PORT
from blueprints.components.container import TEMPORARY_MEBIBYTES
from blueprints.model.errors import SettingsError
from blueprints.model.steps import Bundle, OutputOf
from blueprints.model.text_file import TextFile

FOLDER = "bundle"
KEY = "${ImageTag}.zip"

# nginx as 101:101 on port 8080, from Amazon ECR Public, which limits pulls from AWS less than Docker Hub does. This is
# the stable branch of 2026; its tag moves with its fixes, and an instance that starts takes the newest.
PROXY_IMAGE = "public.ecr.aws/nginx/nginx-unprivileged:1.30-alpine"
# Bodies of requests and answers that do not fit into nginx's buffers lie there, in memory.
PROXY_MEBIBYTES = 128

MIGRATION = ("alembic", "upgrade", "head")

ABOUT = {
    "docker-compose.yml": "the application and the proxy before it",
    "proxy/nginx.conf": "what the proxy does",
    ".ebextensions/10-health-logs.config": "where the proxy logs for the health agent",
    "migrate.sh": "migrates the database",
    ".ebextensions/20-migration.config": "when the database is migrated",
}

OF_MIGRATION = ("migrate.sh", ".ebextensions/20-migration.config")

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def bundle(*, bucket: OutputOf, repository_uri: OutputOf, folder: str = FOLDER) -> Bundle:
    """The bundle as a step before the stack that has the application version.

    Args:
        bucket: name of the bucket that versions are made from.
        repository_uri: URI of the ECR repository, without a tag.
        folder: as in `bundle_files`.

    """
    return Bundle(folder=folder, bucket=bucket, key=KEY, values={"REPOSITORY_URI": repository_uri})


def bundle_files(  # noqa: PLR0913 - each is a fact about the application
    *,
    title: str,
    port: int,
    names: Collection[str],
    health_path: str = "/health",
    run_as: str | None = "1000:1000",
    writable: bool = False,
    stop_seconds: int = 30,
    migration: Sequence[str] = MIGRATION,
    migration_seconds: int = 900,
    body_mebibytes: int = 10,
    answer_seconds: int = 60,
    proxy_image: str = PROXY_IMAGE,
    folder: str = FOLDER,
) -> list[TextFile]:
    """The text files below *folder*, which is the root of the bundle.

    Marks that a deployment fills: ``${REPOSITORY_URI}`` and ``${ImageTag}``.

    Args:
        title: what the application is called.
        port: the TCP port that its container listens on.
        names: the variables and secrets of the environment, which the migration gets as well.
        health_path: path that answers 200 when it is well.
        run_as: user and group that it runs as; None leaves it to the image.
        writable: leave its root file system writable.
        stop_seconds: how long it may take to end after it was asked to.
        migration: what migrates the database, word by word; empty for nothing.
        migration_seconds: how long that may take; with the pull, less than the environment's ``command_seconds``.
        body_mebibytes: the largest request.
        answer_seconds: how long the proxy waits for an answer; the load balancer waits 60.
        proxy_image: nginx, unprivileged, on port 8080.
        folder: where the files go.

    Raises:
        SettingsError: a name is none that a shell knows.

    """
    _check(names)
    container = {
        "title": title,
        "user": run_as,
        "writable": writable,
        "temporary_mebibytes": TEMPORARY_MEBIBYTES,
    }
    served = {"title": title, "port": port, "health_path": health_path, "stop_seconds": stop_seconds}
    proxy = {"proxy_image": proxy_image, "proxy_mebibytes": PROXY_MEBIBYTES, "host_port": HOST_PORT}
    limits = {"body_mebibytes": body_mebibytes, "answer_seconds": answer_seconds}
    migrated = {"names": sorted(names), "seconds": migration_seconds, "command": shlex.join(migration)}
    files: dict[str, Mapping[str, Any]] = {
        "docker-compose.yml": {**container, **served, **proxy},
        "proxy/nginx.conf": {"title": title, "port": port, **limits},
        ".ebextensions/10-health-logs.config": {},
        "migrate.sh": {**container, **migrated},
        ".ebextensions/20-migration.config": {},
    }
    return [_file(folder, path, values) for path, values in files.items() if migration or path not in OF_MIGRATION]


def _check(names: Collection[str]) -> None:
    strange = sorted(name for name in names if not VARIABLE.fullmatch(name))
    if strange:
        raise SettingsError(
            f"variables: {', '.join(strange)} is no name of a variable; it takes letters, digits and underscores, "
            "first no digit"
        )


def _file(folder: str, path: str, values: Mapping[str, Any]) -> TextFile:
    return TextFile(
        path=f"{folder}/{path}",
        template=f"beanstalk/{PurePosixPath(path).name}.jinja",
        values=values,
        about=f"Source bundle of Elastic Beanstalk: {ABOUT[path]}",
        executable=path.endswith(".sh"),
    )
