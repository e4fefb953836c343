"""The ``blueprints`` command: the only place that prints and exits.

Data goes to stdout, talk to stderr. What a command needs is imported when it runs: ``--help`` waits for none of it.
"""

from __future__ import annotations

import sys

import click

from blueprints import __version__
from blueprints.cli.apply import apply
from blueprints.cli.catalog import list_, settings
from blueprints.cli.deploy import delete, deploy
from blueprints.cli.lint import lint
from blueprints.cli.migrate import migrate
from blueprints.cli.put_secret import put_secret
from blueprints.cli.render import render
from blueprints.cli.terminal import complain
from blueprints.model.errors import BlueprintsError

__all__ = ["blueprints", "main"]


class InOrder(click.Group):
    """Commands in the order in which they are used, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="blueprints")
def blueprints() -> None:
    """Container architectures on AWS as plain CloudFormation that you own.

    \b
    blueprints list                      what there is
    blueprints render facerec dev        write its templates to output/
    blueprints lint                      check them
    blueprints deploy facerec dev        deploy them through the AWS CLI
    blueprints put-secret facerec dev    put the keys that no template holds
    """


for command in (list_, settings, render, lint, deploy, put_secret, migrate, apply, delete):
    blueprints.add_command(command)


def main() -> None:
    """Run the command line; an error that is meant for a person becomes a message and an exit code."""
    try:
        blueprints(prog_name="blueprints")
    except BlueprintsError as error:
        complain(error)
        sys.exit(error.exit_code)
