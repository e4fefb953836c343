"""``blueprints deploy`` and ``blueprints delete``."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

import click

from blueprints.cli import rendered
from blueprints.cli.local import deploy_locally
from blueprints.cli.names import ASSIGNMENT
from blueprints.cli.terminal import outputs_table, say
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.delete import DeletionPlan
    from blueprints.render.manifest import Manifest

only_option = click.option("--only", multiple=True, metavar="STACK", help="Only this stack, by its short name.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
endpoint_option = click.option("--endpoint-url", metavar="URL", help="Endpoint for every service, such as an emulator.")
profile_option = click.option("--profile", metavar="NAME", help="Profile of the AWS CLI.")


@click.command(short_help="Deploy stacks through the AWS CLI.")
@click.argument("architecture")
@click.argument("environment")
@rendered.output_option
@click.option("-p", "--parameter", "given", type=ASSIGNMENT, multiple=True, help="Value of a template parameter.")
@click.option("--image-tag", metavar="TAG", help="Short for -p with every parameter that is an image's tag.")
@only_option
@yes_option
@click.option("--allow-replace", multiple=True, metavar="ID", help="Logical id that may be replaced and lose its data.")
@click.option(
    "--allow-traffic-shift",
    multiple=True,
    metavar="ID",
    help="Listener rule, by logical id, whose live traffic may move from where ECS has sent it.",
)
@click.option("--bucket", metavar="NAME", help="S3 bucket for templates over 51,200 bytes.")
@click.option("--replace-failed", is_flag=True, help="Delete a stack whose creation failed, and create it anew.")
@endpoint_option
@profile_option
@click.option("--local", is_flag=True, help="Deploy to an emulator that this command starts and stops; asks nothing.")
def deploy(  # noqa: PLR0913 - the options of the command
    *,
    architecture: str,
    environment: str,
    output: Path,
    given: tuple[tuple[str, str], ...],
    image_tag: str | None,
    only: tuple[str, ...],
    yes: bool,
    allow_replace: tuple[str, ...],
    allow_traffic_shift: tuple[str, ...],
    bucket: str | None,
    replace_failed: bool,
    endpoint_url: str | None,
    profile: str | None,
    local: bool,
) -> None:
    """Deploy rendered stacks through the AWS CLI.

    For each stack: a change set, what it would do, a question, progress, and on failure the first cause. Run the same
    command again to continue after an error.
    """
    manifest = rendered.load(output, architecture, environment)
    parameters = _image_tags(manifest, image_tag) | dict(given)
    if local:
        if endpoint_url or profile:
            raise click.UsageError(
                "--local brings its own endpoint and credentials: leave out --endpoint-url, --profile"
            )
        deploy_locally(manifest, parameters, only)
        return
    from blueprints.cli.progress import reporter
    from blueprints.deploy.execute import deploy as run

    with reporter() as report:
        result = run(
            clis(profile, endpoint_url),
            manifest,
            parameters=parameters,
            confirm=lambda _: yes or agreed("Deploy this?"),
            report=report,
            only=only,
            allow_replace=allow_replace,
            allow_traffic_shift=allow_traffic_shift,
            bucket=bucket,
            replace_failed=replace_failed,
        )
    outputs_table(result)
    if result.declined is not None:
        raise SystemExit(1)


@click.command(short_help="Delete the stacks of an environment.")
@click.argument("architecture")
@click.argument("environment")
@rendered.output_option
@only_option
@yes_option
@click.option("--include-shared", is_flag=True, help="Also the stacks that environments share, such as the registry.")
@endpoint_option
@profile_option
def delete(  # noqa: PLR0913 - the options of the command
    *,
    architecture: str,
    environment: str,
    output: Path,
    only: tuple[str, ...],
    yes: bool,
    include_shared: bool,
    endpoint_url: str | None,
    profile: str | None,
) -> None:
    """Delete the stacks of an environment, last first, after saying what goes and what stays."""
    from blueprints.cli.progress import reporter
    from blueprints.deploy.delete import delete as run

    def confirm(plan: DeletionPlan) -> bool:
        _show_deletion(plan)
        return yes or agreed("Delete this?")

    with reporter() as report:
        result = run(
            clis(profile, endpoint_url),
            rendered.load(output, architecture, environment),
            confirm=confirm,
            report=report,
            include_shared=include_shared,
            only=only,
        )
    if result.declined:
        say("Nothing was deleted.")
        raise SystemExit(1)


def clis(profile: str | None, endpoint_url: str | None) -> Callable[[str], AwsCli]:
    """Return what makes the AWS CLI of a Region, each once."""
    from blueprints.deploy.aws import AwsCli

    @cache
    def cli(region: str) -> AwsCli:
        return AwsCli(region, profile, endpoint_url)

    return cli


def _image_tags(manifest: Manifest, tag: str | None) -> dict[str, str]:
    """Return the tag as value of each parameter that takes an image's tag."""
    if tag is None:
        return {}
    names = {image.parameter for entry in manifest.stacks for image in entry.images}
    if not names:
        raise DeployError(
            f"--image-tag {tag}: no stack of {manifest.architecture}/{manifest.environment} takes an image tag; "
            "leave the option out, or give a parameter by name with --parameter"
        )
    return dict.fromkeys(sorted(names), tag)


def agreed(question: str) -> bool:
    """Ask a person; without one that is an error, not an answer."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise DeployError("nobody is there to answer: add --yes to go on without asking") from None


def _show_deletion(plan: DeletionPlan) -> None:
    for stack in plan.stacks:
        say(f"{stack.entry.stack_name}: {len(stack.deleted)} resources would be deleted")
        for bucket in sorted(stack.emptied):
            say(f"  with all bundles in it: {bucket}")
        for item in stack.retained:
            say(f"  stays: {item.logical_id} ({item.resource_type}) {item.physical_id}")
        for item in stack.snapshots:
            say(f"  leaves a snapshot: {item.logical_id} ({item.resource_type}) {item.physical_id}")
