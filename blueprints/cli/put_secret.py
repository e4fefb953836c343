"""``blueprints put-secret``: a value from a terminal or a pipe into its secret, and new tasks that read it."""

from __future__ import annotations

import getpass
import sys
import warnings
from typing import TYPE_CHECKING

import click

from blueprints.cli import rendered
from blueprints.cli.deploy import clis, endpoint_option, profile_option, yes_option
from blueprints.cli.terminal import complain, say, table
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.secrets import Secret, Service
    from blueprints.render.manifest import Manifest

    Clis = Callable[[str], AwsCli]


@click.command(
    "put-secret",
    short_help="Put the value of a secret and roll the services that read it.",
    # A value that was typed as an argument would be quoted in click's own message.
    context_settings={"allow_extra_args": True},
)
@click.argument("architecture")
@click.argument("environment")
@click.argument("name", required=False)
@rendered.output_option
@yes_option
@click.option("--no-roll", is_flag=True, help="Leave the services alone: tasks that run keep the old value.")
@click.option("--wait/--no-wait", default=False, help="Wait until the rollout has completed or failed.")
@endpoint_option
@profile_option
@click.pass_context
def put_secret(  # noqa: PLR0913 - the options of the command
    context: click.Context,
    *,
    architecture: str,
    environment: str,
    name: str | None,
    output: Path,
    yes: bool,
    no_roll: bool,
    wait: bool,
    endpoint_url: str | None,
    profile: str | None,
) -> None:
    """Put the value of a secret, then roll the services that read it.

    The value is asked for without showing it, or read from a pipe; it is never an argument. Without NAME every secret
    of the environment is asked for, and an empty answer leaves one as it is.

    \b
    blueprints put-secret cooking-assistant dev ANTHROPIC_API_KEY
    pass show anthropic | blueprints put-secret cooking-assistant dev ANTHROPIC_API_KEY
    """
    if context.args:
        raise click.UsageError(
            "a value is no argument: it would stay in the shell's history and show in the process list. If you have "
            "typed one, have a new one issued, then leave it out here: it is asked for, or read from a pipe"
        )
    if no_roll and wait:
        raise click.UsageError("--wait waits for the rollout that --no-roll leaves out: give one of them")
    from blueprints.deploy import secrets

    manifest = rendered.load(output, architecture, environment)
    factory = clis(profile, endpoint_url)
    values = _ask(secrets.find(factory, manifest, name), named=name is not None, sure=yes)
    if not values:
        say("Nothing was put.")
        raise SystemExit(1)
    rows = []
    for secret, value in values:
        rows.append([secret.name, secret.where, secrets.put(factory(secret.region), secret, value)])
        say(f"{secret.name}: put into {secret.where}")
    table(["Secret", "Where", "Version"], rows)
    if no_roll:
        say("No service was rolled: tasks that run keep the old value, those that start from now on read the new one.")
    else:
        _roll(factory, manifest, [secret for secret, _ in values], wait=wait)


def _ask(found: list[Secret], *, named: bool, sure: bool) -> list[tuple[Secret, str]]:
    """Return what is to be stored in each secret; one that was answered with nothing is left out."""
    from blueprints.deploy.secrets import stored

    if not sys.stdin.isatty():
        if len(found) > 1:
            names = ", ".join(f"{secret.name} ({secret.where})" for secret in found)
            raise DeployError(f"standard input holds one value, and there are {len(found)} places for it: {names}")
        return [(found[0], stored(found[0], _piped(found[0])))]
    answers = [(secret, _typed(secret, may_skip=not named, sure=sure)) for secret in found]
    return [(secret, value) for secret, value in answers if value is not None]


def _piped(secret: Secret) -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        # Its message would quote the value.
        raise DeployError(f"{secret.name}: standard input is not UTF-8 text: put binary data in base64") from None


def _typed(secret: Secret, *, may_skip: bool, sure: bool) -> str | None:
    """Ask until there is a value that can be stored; None for an answer that is empty, or not agreed to."""
    from blueprints.deploy.secrets import stored

    what = "replaces its value" if secret.has_value else "has none yet"
    say(f"{secret.name} in {secret.where} ({secret.region}; {what}){'; Enter leaves it' if may_skip else ''}")
    while True:
        typed = _hidden(f"{secret.name} (not shown): ")
        if not typed and may_skip:
            return None
        try:
            value = stored(secret, typed)
        except DeployError as error:
            complain(error)
            continue
        length = f"{len(typed):,} characters"
        return value if sure or click.confirm(f"Put these {length}?", default=True, err=True) else None


def _hidden(prompt: str) -> str:
    with warnings.catch_warnings():
        # getpass would go on and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt, sys.stderr)
        except getpass.GetPassWarning:
            raise DeployError("this terminal would show what is typed: pipe the value in") from None


def _roll(factory: Clis, manifest: Manifest, found: list[Secret], *, wait: bool) -> None:
    from blueprints.deploy import secrets

    rolled: list[tuple[Service, frozenset[str]]] = []
    for reader in secrets.readers_of(factory, manifest, found):
        if reader.service is None:
            say(f"{reader.entry.stack_name} {reader.reason}")
            if not reader.deployed:
                say(f"Next: {secrets.deploy_command(manifest, reader.entry)}")
            continue
        service = reader.service
        rolled.append((service, secrets.roll(factory(service.region), service)))
        say(f"{service.stack_name}: rolling the service {service.name} of the cluster {service.cluster}")
    if rolled and not wait:
        say("New tasks read the new value; the old ones run until those are well. --wait waits for it.")
    if wait:
        _wait(factory, rolled)


def _wait(factory: Clis, rolled: list[tuple[Service, frozenset[str]]]) -> None:
    from blueprints.deploy import secrets
    from blueprints.deploy.waiting import Clock

    # The longest that is usual: two hours of a blue/green deployment with its bake time.
    clock = Clock(interval=5.0, limit=2 * 3600.0)
    failed = []
    for service, before in rolled:
        rollout = secrets.wait(factory(service.region), service, before, clock)
        if rollout.completed:
            say(f"{service.stack_name}: the rollout of {service.name} completed, every task has the new value")
        else:
            failed.append(f"the rollout of {service.name} ({service.stack_name}) failed: {rollout.reason}")
    if failed:
        raise DeployError(
            "\n".join(
                [*failed, "The value is put. Look at the tasks that stopped and at their logs, then put it right"]
            )
        )
