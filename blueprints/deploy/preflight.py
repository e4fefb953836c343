"""What must hold before a stack is touched: its state, the image it asks for, the secrets its tasks read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import NotFoundError
from blueprints.deploy.plan import holds_data
from blueprints.deploy.stacks import FAILED_TO_CREATE, StackState, describe, newest_events, resources
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from blueprints.render.manifest import ImageEntry, Manifest, SecretEntry, StackEntry

CliFactory = Callable[[str], AwsCli]

_NEWEST_TAGS = 5


def check_state(cli: AwsCli, entry: StackEntry, state: StackState | None, *, replace_failed: bool) -> None:
    """Refuse a stack that no change set can help, with the way out."""
    if state is None or state.status == "REVIEW_IN_PROGRESS":
        return
    if state.status in FAILED_TO_CREATE:
        _check_replaceable(cli, entry, state, replace_failed=replace_failed)
    elif state.status.endswith("_IN_PROGRESS"):
        raise DeployError(busy(cli, state))
    elif state.status in _STUCK:
        name = entry.stack_name
        raise DeployError(
            _STUCK[state.status].format(
                stack=name,
                reason=f" ({state.reason})" if state.reason else "",
                finish=cli.command("cloudformation", "continue-update-rollback", "--stack-name", name),
                roll_back=cli.command("cloudformation", "rollback-stack", "--stack-name", name),
                delete=cli.command("cloudformation", "delete-stack", "--stack-name", name),
            )
        )


_STUCK = {
    "UPDATE_ROLLBACK_FAILED": (
        "Stack {stack} is in UPDATE_ROLLBACK_FAILED{reason}: mend what the rollback stumbled over, finish it with "
        "`{finish}` (--resources-to-skip LOGICAL_ID leaves one out), then run the same command again"
    ),
    "UPDATE_FAILED": (
        "Stack {stack} is in UPDATE_FAILED{reason}, stopped half way without a rollback: go back with `{roll_back}`, "
        "then run the same command again"
    ),
    "DELETE_FAILED": (
        "Stack {stack} is in DELETE_FAILED{reason}, half deleted: mend what it stumbled over, finish with `{delete}`, "
        "then run the same command again"
    ),
    "IMPORT_ROLLBACK_FAILED": (
        "Stack {stack} is in IMPORT_ROLLBACK_FAILED{reason}: finish the import's rollback in the console, then run the "
        "same command again"
    ),
}


def _check_replaceable(cli: AwsCli, entry: StackEntry, state: StackState, *, replace_failed: bool) -> None:
    if not replace_failed:
        raise DeployError(
            f"Stack {entry.stack_name} is in {state.status}: it failed while it was created and can only be deleted. "
            "Run the same command with --replace-failed to delete and create it anew, or delete it yourself with "
            f"`{cli.command('cloudformation', 'delete-stack', '--stack-name', entry.stack_name)}`"
        )
    held = [item for item in resources(cli, state.stack_id) if holds_data(entry, item.logical_id, item.resource_type)]
    if held:
        delete = cli.command("cloudformation", "delete-stack", "--stack-name", entry.stack_name)
        first = f"Stack {entry.stack_name} is in {state.status} and still holds data, so --replace-failed leaves it:"
        lines = [f"  {item.logical_id} ({item.resource_type}, {item.physical_id}) {item.status}" for item in held]
        last = f"Save or delete these by hand, delete the stack with `{delete}`, then run the same command again"
        raise DeployError("\n".join([first, *lines, last]))


def busy(cli: AwsCli, state: StackState) -> str:
    events = newest_events(cli, state.stack_id, 1)
    last = events[0] if events else None
    watch = cli.command("cloudformation", "describe-stack-events", "--stack-name", state.stack_name, "--max-items 10")
    lines = [f"Stack {state.stack_name} is in {state.status}, since {state.since}: {_who(last.token if last else '')}."]
    if last:
        seen = f"{last.time} {last.logical_id} ({last.resource_type}) {last.status} {last.reason}"
        lines.append(f"Last event: {seen.rstrip()}")
    return "\n".join([*lines, f"Wait until it has come to rest (`{watch}`), then run the same command again"])


def _who(token: str) -> str:
    if token.startswith("blueprints-"):
        return f"an earlier run of this program is at work, or was interrupted ({token})"
    if token.startswith("Console-"):
        return f"somebody is at work in the AWS console ({token})"
    return f"somebody else is at work ({token})" if token else "somebody is at work"


def check_images(cli: AwsCli, entry: StackEntry, given: Mapping[str, str], state: StackState | None) -> None:
    """Refuse an image tag that is not in its repository: the service would wait for it for hours."""
    for image in entry.images:
        tag = _value(entry, image.parameter, given, state)
        if tag:
            _check_image(cli, entry, image, tag)


def _value(entry: StackEntry, name: str, given: Mapping[str, str], state: StackState | None) -> str | None:
    """Return the value the stack will get: given, kept, or the default."""
    if name in given:
        return given[name]
    if state is not None and state.exists and name in state.parameters:
        return state.parameters[name]
    parameter = entry.parameter(name)
    return parameter.default if parameter else None


def _check_image(cli: AwsCli, entry: StackEntry, image: ImageEntry, tag: str) -> None:
    repository = ("--repository-name", image.repository)
    try:
        found = cli.run("ecr", "describe-images", *repository, "--image-ids", f"imageTag={tag}")
    except NotFoundError as error:
        if error.code == "RepositoryNotFoundException":
            raise DeployError(
                f"there is no ECR repository {image.repository} in {cli.region}: deploy the stack that makes it first "
                f"(--only registry), push an image, then run the same command again"
            ) from None
        found = {}
    if found.get("imageDetails"):
        return
    answer = cli.run("ecr", "describe-images", *repository, "--filter", "tagStatus=TAGGED")
    raise DeployError(
        f"image {image.repository}:{tag} is not in ECR ({cli.region}), and stack {entry.name} would wait for it: "
        f"{_tags_to_choose(answer.get('imageDetails', []), image)}"
    )


def _tags_to_choose(images: list[dict[str, object]], image: ImageEntry) -> str:
    if not images:
        return f"the repository is empty. Push an image, then give its tag with --parameter {image.parameter}=TAG"
    newest = sorted(images, key=lambda item: str(item.get("imagePushedAt", "")), reverse=True)[:_NEWEST_TAGS]
    tags = [str(tag) for item in newest for tag in _strings(item.get("imageTags"))]
    return (
        f"push it, or choose another with --parameter {image.parameter}=TAG. Newest tags: "
        f"{', '.join(tags[: _NEWEST_TAGS * 2])}"
    )


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def check_secrets(cli: AwsCli, entry: StackEntry, manifest: Manifest, factory: CliFactory) -> None:
    """Refuse to start tasks that cannot read a secret, all of them in one message with the command that puts each."""
    missing = [
        problem
        for secret in entry.secrets
        if (problem := _ssm(cli, manifest, secret) if secret.kind == "ssm" else _secret(factory, manifest, secret))
    ]
    if missing:
        first = f"Stack {entry.stack_name} reads secrets that have no value yet:"
        raise DeployError("\n".join([first, *missing, "Put them, then run the same command again: it continues"]))


def _ssm(cli: AwsCli, manifest: Manifest, secret: SecretEntry) -> str | None:
    name = str(secret.parameter_name)
    # describe-, not get-parameter: whether it is there can be seen without reading it.
    answer = cli.run("ssm", "describe-parameters", "--parameter-filters", f"Key=Name,Values={name}")
    if any(item.get("Name") == name for item in answer.get("Parameters", ())):
        return None
    return f"  {secret.name} ({name}): {_put(manifest, secret)}"


def _secret(factory: CliFactory, manifest: Manifest, secret: SecretEntry) -> str | None:
    owner = manifest.stack(str(secret.stack))
    cli = factory(owner.region)
    state = describe(cli, owner.stack_name)
    arn = state.outputs.get(str(secret.output)) if state else None
    if arn is None:
        return (
            f"  {secret.name}: its secret is made by stack {owner.name}, which has no output {secret.output} yet: "
            f"deploy it first (--only {owner.name})"
        )
    try:
        answer = cli.run("secretsmanager", "describe-secret", "--secret-id", arn)
    except NotFoundError:
        return f"  {secret.name}: {arn} is gone, though stack {owner.name} made it: restore or recreate it"
    stages = [stage for stages in (answer.get("VersionIdsToStages") or {}).values() for stage in stages]
    return None if "AWSCURRENT" in stages else f"  {secret.name} ({arn}): {_put(manifest, secret)}"


def _put(manifest: Manifest, secret: SecretEntry) -> str:
    """The command that asks for the value; one of the AWS CLI's would have it in the shell's history."""
    return f"blueprints put-secret {manifest.architecture} {manifest.environment} {secret.name}"
