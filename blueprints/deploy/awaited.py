"""What a stack waits for beside other stacks: the images it asks for, and the values of secrets that its tasks read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import NotFoundError
from blueprints.deploy.parameters import what_comes_before
from blueprints.deploy.stacks import StackState, describe
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from blueprints.render.manifest import ImageEntry, Manifest, SecretEntry, StackEntry

CliFactory = Callable[[str], AwsCli]

_NEWEST_TAGS = 5
_REPOSITORY = "AWS::ECR::Repository"


def check_all(
    factory: CliFactory,
    manifest: Manifest,
    entries: Sequence[StackEntry],
    given: Mapping[str, str],
    states: Mapping[str, StackState | None],
) -> None:
    """Refuse to touch the first stack while a later one would stop; all that is missing is in one message.

    What a stack of this run is still to make, a repository or a secret, is left to the check before its reader.
    """
    found: dict[str, list[str]] = {}
    for position, entry in enumerate(entries):
        before = entries[:position]
        coming = any(_REPOSITORY in _text(each, manifest) for each in before) if entry.images else False
        images = _images(factory(entry.region), entry, given, states[entry.name], coming=coming)
        secrets = _secrets(factory, entry, manifest, coming={each.name for each in before})
        if images or secrets:
            found[entry.name] = [*images, *secrets]
    if found:
        lines = [line for missing in found.values() for line in missing]
        raise DeployError("\n".join([*lines, *what_comes_before(entries, found)]))


def _text(entry: StackEntry, manifest: Manifest) -> str:
    return entry.template_path(manifest.folder).read_text("utf-8")


def check_one(
    factory: CliFactory, manifest: Manifest, entry: StackEntry, given: Mapping[str, str], state: StackState | None
) -> None:
    """Refuse a stack that would wait: a service waits for an image for hours, and for a secret's value in vain."""
    missing = [
        *_images(factory(entry.region), entry, given, state, coming=False),
        *_secrets(factory, entry, manifest, coming=()),
    ]
    if missing:
        raise DeployError("\n".join(missing))


def _images(
    cli: AwsCli, entry: StackEntry, given: Mapping[str, str], state: StackState | None, *, coming: bool
) -> list[str]:
    tags = [(image, _value(entry, image.parameter, given, state)) for image in entry.images]
    problems = [_image(cli, entry, image, tag, coming=coming) for image, tag in tags if tag]
    return [problem for problem in problems if problem]


def _value(entry: StackEntry, name: str, given: Mapping[str, str], state: StackState | None) -> str | None:
    """Return the value the stack will get: given, kept, or the default."""
    if name in given:
        return given[name]
    if state is not None and state.exists and name in state.parameters:
        return state.parameters[name]
    parameter = entry.parameter(name)
    return parameter.default if parameter else None


def _image(cli: AwsCli, entry: StackEntry, image: ImageEntry, tag: str, *, coming: bool) -> str | None:
    """Return what is wrong with an image; nothing where a stack before this one may make its repository."""
    repository = ("--repository-name", image.repository)
    try:
        found = cli.run("ecr", "describe-images", *repository, "--image-ids", f"imageTag={tag}")
    except NotFoundError as error:
        if error.code == "RepositoryNotFoundException":
            return None if coming else _no_repository(cli, image)
        found = {}
    if found.get("imageDetails"):
        return None
    answer = cli.run("ecr", "describe-images", *repository, "--filter", "tagStatus=TAGGED")
    return (
        f"image {image.repository}:{tag} is not in ECR ({cli.region}), and stack {entry.name} would wait for it: "
        f"{_tags_to_choose(answer.get('imageDetails', []), image)}"
    )


def _no_repository(cli: AwsCli, image: ImageEntry) -> str:
    return (
        f"there is no ECR repository {image.repository} in {cli.region}: deploy the stack that makes it first "
        "(--only registry), push an image, then run the same command again"
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


def _secrets(factory: CliFactory, entry: StackEntry, manifest: Manifest, *, coming: Collection[str]) -> list[str]:
    """Return the secrets without a value, each with the command that puts it, under a line that says what they are."""
    cli = factory(entry.region)
    found = [
        _ssm(cli, manifest, secret) if secret.kind == "ssm" else _secret(factory, manifest, secret, coming=coming)
        for secret in entry.secrets
    ]
    missing = [problem for problem in found if problem]
    if not missing:
        return []
    first = f"Stack {entry.stack_name} reads secrets that have no value yet:"
    return [first, *missing, "Put them, then run the same command again: it continues"]


def _ssm(cli: AwsCli, manifest: Manifest, secret: SecretEntry) -> str | None:
    name = str(secret.parameter_name)
    # describe-, not get-parameter: whether it is there can be seen without reading it.
    answer = cli.run("ssm", "describe-parameters", "--parameter-filters", f"Key=Name,Values={name}")
    if any(item.get("Name") == name for item in answer.get("Parameters", ())):
        return None
    return f"  {secret.name} ({name}): {_put(manifest, secret)}"


def _secret(factory: CliFactory, manifest: Manifest, secret: SecretEntry, *, coming: Collection[str]) -> str | None:
    owner = manifest.stack(str(secret.stack))
    cli = factory(owner.region)
    state = describe(cli, owner.stack_name)
    arn = state.outputs.get(str(secret.output)) if state else None
    if arn is None and owner.name in coming:
        return None
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
