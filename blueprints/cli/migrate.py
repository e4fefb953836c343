"""``blueprints migrate``: the tasks that run once, run once more by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blueprints.cli import rendered
from blueprints.cli.deploy import clis, endpoint_option, profile_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Run the migration, or another task that runs once, once more.")
@click.argument("architecture")
@click.argument("environment")
@rendered.output_option
@click.option("--task", "name", metavar="NAME", help="Only this task; there is mostly one.")
@endpoint_option
@profile_option
def migrate(  # noqa: PLR0913 - the options of the command
    *,
    architecture: str,
    environment: str,
    output: Path,
    name: str | None,
    endpoint_url: str | None,
    profile: str | None,
) -> None:
    """Run the tasks that run once, such as the migration of a database, and wait for their end.

    A deployment runs them by itself. By hand they run as they were deployed last: the same image, the same command.
    One that still runs is waited for and not started twice.
    """
    from blueprints.cli.progress import reporter
    from blueprints.deploy import tasks
    from blueprints.deploy.waiting import Clock

    manifest = rendered.load(output, architecture, environment)
    factory = clis(profile, endpoint_url)
    with reporter() as report:
        for entry, task in tasks.find(manifest, name):
            tasks.run(factory, manifest, entry, task, report=report, clock=Clock())
