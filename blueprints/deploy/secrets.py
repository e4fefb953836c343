"""Values into the secrets of an environment, and new tasks for the services that read them.

A task reads its secrets once, when it starts: ECS does not hand a new value to tasks that run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from blueprints.deploy.errors import NotFoundError
from blueprints.deploy.stacks import StackState, describe
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.waiting import Clock
    from blueprints.render.manifest import Manifest, SecretEntry, StackEntry

# Bytes: Secrets Manager's PutSecretValue, and an advanced parameter of Parameter Store (a standard one takes 4,096).
_LIMITS = {"secretsmanager": 65_536, "ssm": 8_192}
_PRINTED = frozenset("\n\t")
# What an overwritten parameter would lose, by its option; without --key-id even its key.
_KEPT = {
    "KeyId": "--key-id",
    "Tier": "--tier",
    "Description": "--description",
    "AllowedPattern": "--allowed-pattern",
    "DataType": "--data-type",
}


@dataclass(frozen=True)
class Secret:
    """One place for one value.

    ``where`` is the ARN of a Secrets Manager secret or the name of an SSM parameter. ``keys`` are the keys that are
    read of a JSON secret: one is written around a plain value, several need the whole object.
    """

    name: str
    kind: Literal["ssm", "secretsmanager"]
    where: str
    region: str
    keys: tuple[str, ...]
    readers: tuple[StackEntry, ...]
    has_value: bool
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """An ECS service whose tasks read secrets."""

    stack_name: str
    region: str
    cluster: str
    name: str


@dataclass(frozen=True)
class Reader:
    """A stack that reads a secret: with its service, or why there is none to roll."""

    entry: StackEntry
    service: Service | None = None
    reason: str = ""
    deployed: bool = True


@dataclass(frozen=True)
class Rollout:
    """How a rollout ended, in the words of ECS where it failed."""

    completed: bool
    reason: str = ""


def find(factory: Callable[[str], AwsCli], manifest: Manifest, name: str | None = None) -> list[Secret]:
    """Return the places of this secret, or of every secret of the environment, in the order of the stacks.

    Raises:
        DeployError: no stack reads such a secret, or its place is not there yet.

    """
    readers = _readers(manifest)
    known = sorted({entry.name for entry, _ in readers})
    where = f"{manifest.architecture}/{manifest.environment}"
    if not known:
        raise DeployError(f"no stack of {where} reads a secret: there is nothing to put")
    if name is not None and name not in known:
        # It is not said again: it may be the value, in the wrong place.
        raise DeployError(f"no stack of {where} reads a secret of that name: there is {', '.join(known)}")
    return [
        _parameter(factory(region), entry, region, stacks)
        if entry.kind == "ssm"
        else _secret(factory(region), manifest, entry, stacks)
        for (entry, region), stacks in readers.items()
        if name in (None, entry.name)
    ]


def _readers(manifest: Manifest) -> dict[tuple[SecretEntry, str], tuple[StackEntry, ...]]:
    """Return the stacks that read each secret, by its entry and the region that it is in."""
    found: dict[tuple[SecretEntry, str], tuple[StackEntry, ...]] = {}
    for stack in manifest.stacks:
        for entry in stack.secrets:
            region = manifest.stack(entry.stack).region if entry.stack else stack.region
            found[entry, region] = (*found.get((entry, region), ()), stack)
    return found


def _parameter(cli: AwsCli, entry: SecretEntry, region: str, readers: tuple[StackEntry, ...]) -> Secret:
    name = str(entry.parameter_name)
    answer = cli.run("ssm", "describe-parameters", "--parameter-filters", f"Key=Name,Values={name}")
    there: dict[str, Any] = next((item for item in answer.get("Parameters", ()) if item.get("Name") == name), {})
    if there and there.get("Type") != "SecureString":
        delete = cli.command("ssm", "delete-parameter", "--name", name)
        raise DeployError(
            f"{entry.name}: the parameter {name} is a {there.get('Type')}, readable for everyone who may list it, and "
            f"Parameter Store does not change a type: delete it with `{delete}`, then run the same command again"
        )
    kept = tuple(f"{option}={there[key]}" for key, option in _KEPT.items() if there.get(key))
    return Secret(entry.name, "ssm", name, region, (), readers, has_value=bool(there), kept=kept)


def _secret(cli: AwsCli, manifest: Manifest, entry: SecretEntry, readers: tuple[StackEntry, ...]) -> Secret:
    owner = manifest.stack(str(entry.stack))
    state = describe(cli, owner.stack_name)
    arn = state.outputs.get(str(entry.output)) if state else None
    if arn is None:
        raise DeployError(
            f"{entry.name}: its secret is made by stack {owner.stack_name}, which has no output {entry.output} yet. "
            f"Deploy it first: {deploy_command(manifest, owner)}"
        )
    try:
        answer = cli.run("secretsmanager", "describe-secret", "--secret-id", arn)
    except NotFoundError:
        raise DeployError(
            f"{entry.name}: {arn} is gone, though stack {owner.stack_name} made it: restore or recreate it"
        ) from None
    if answer.get("DeletedDate"):
        restore = cli.command("secretsmanager", "restore-secret", "--secret-id", arn)
        raise DeployError(f"{entry.name}: {arn} is marked for deletion: take that back with `{restore}`")
    stages = [stage for stages in (answer.get("VersionIdsToStages") or {}).values() for stage in stages]
    keys = _keys(manifest, entry)
    return Secret(entry.name, "secretsmanager", arn, owner.region, keys, readers, has_value="AWSCURRENT" in stages)


def _keys(manifest: Manifest, entry: SecretEntry) -> tuple[str, ...]:
    """Return the JSON keys that any stack reads of the same secret."""
    entries = [each for stack in manifest.stacks for each in stack.secrets]
    same = [each for each in entries if (each.stack, each.output) == (entry.stack, entry.output)]
    return tuple(sorted({each.json_key for each in same if each.json_key}))


def deploy_command(manifest: Manifest, entry: StackEntry) -> str:
    """Return the command that deploys one stack."""
    return f"blueprints deploy {manifest.architecture} {manifest.environment} --only {entry.name}"


def stored(secret: Secret, typed: str) -> str:
    """Return what is stored for a value as it was typed: without line ends behind it, with its JSON around it.

    Raises:
        DeployError: the value is empty or cannot be meant; it is never quoted.

    """
    value = typed.rstrip("\r\n")
    problem = _problem(value)
    if problem:
        raise DeployError(f"{secret.name}: {problem}; nothing was put")
    if secret.keys:
        value = _as_json(secret, value)
    size, limit = len(value.encode()), _LIMITS[secret.kind]
    if size > limit:
        raise DeployError(f"{secret.name}: the value has {size:,} bytes, at most {limit:,} are allowed")
    return value


def _problem(value: str) -> str:
    if not value.strip():
        return "the value is empty"
    if not _is_text(value):
        return "the value is not UTF-8 text: put binary data in base64"
    if any(each not in _PRINTED and (each < " " or each == "\x7f") for each in value):
        return "the value holds a control character, such as an arrow key leaves: type or paste it once more"
    return ""


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_json(secret: Secret, value: str) -> str:
    found = _object(value)
    keys = ", ".join(secret.keys)
    if found is None:
        if len(secret.keys) == 1:
            return json.dumps({secret.keys[0]: value})
        raise DeployError(
            f"{secret.name}: its secret is JSON with several keys: put the whole object, with a text for each of {keys}"
        )
    if all(isinstance(found.get(key), str) and found[key] for key in secret.keys):
        return value
    raise DeployError(
        f"{secret.name}: the value is a JSON object without a text for {keys}: put the key's value alone, or an object "
        f"that has {keys}"
    )


def _object(value: str) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def put(cli: AwsCli, secret: Secret, value: str) -> str:
    """Put what :func:`stored` answered; answers the version that it became."""
    if secret.kind == "ssm":
        named = ("--name", secret.where, "--type", "SecureString", "--overwrite", *secret.kept)
        return str(cli.run_with_secret("ssm", "put-parameter", *named, option="--value", secret=value)["Version"])
    # put-secret-value, not update-secret: description, key and rotation stay as the stack made them.
    named = ("--secret-id", secret.where)
    answer = cli.run_with_secret("secretsmanager", "put-secret-value", *named, option="--secret-string", secret=value)
    return str(answer["VersionId"])


def readers_of(factory: Callable[[str], AwsCli], manifest: Manifest, secrets: Iterable[Secret]) -> list[Reader]:
    """Return the stacks that read any of these secrets, each once, in deploy order."""
    names = {entry.name for secret in secrets for entry in secret.readers}
    return [_reader(factory, manifest, entry) for entry in manifest.stacks if entry.name in names]


def _reader(factory: Callable[[str], AwsCli], manifest: Manifest, entry: StackEntry) -> Reader:
    state = describe(factory(entry.region), entry.stack_name)
    if state is None or not state.exists:
        return Reader(entry, deployed=False, reason="is not deployed yet")
    if state.status.endswith("_IN_PROGRESS"):
        return Reader(entry, reason=f"is at work ({state.status}): once it rests, put the value again to roll it")
    name, cluster = state.outputs.get("ServiceName"), _cluster(factory, manifest, state)
    if not (name and cluster):
        return Reader(entry, reason="has no outputs ClusterName and ServiceName: start its tasks anew yourself")
    return Reader(entry, Service(entry.stack_name, entry.region, cluster, name))


def _cluster(factory: Callable[[str], AwsCli], manifest: Manifest, state: StackState) -> str | None:
    """Return the cluster: an output of the stack itself, or of the one that makes it for several services."""
    if "ClusterName" in state.outputs:
        return state.outputs["ClusterName"]
    for entry in manifest.stacks:
        if "ClusterName" in entry.outputs:
            owner = describe(factory(entry.region), entry.stack_name)
            return owner.outputs.get("ClusterName") if owner else None
    return None


def roll(cli: AwsCli, service: Service) -> frozenset[str]:
    """Start new tasks for the old ones, as the service's deployment settings say; answers the deployments before."""
    named = ("--cluster", service.cluster, "--service", service.name)
    try:
        before = frozenset(str(each["id"]) for each in _deployments(cli, service))
        cli.run("ecs", "update-service", *named, "--force-new-deployment")
    except DeployError as error:
        again = cli.command("ecs", "update-service", *named, "--force-new-deployment")
        raise DeployError(
            f"the value is put, but {service.name} was not rolled: {error}\nRoll it with `{again}`"
        ) from None
    return before


def wait(cli: AwsCli, service: Service, before: frozenset[str], clock: Clock) -> Rollout:
    """Wait until the rollout has come to an end; *before* is what :func:`roll` answered.

    Raises:
        DeployError: it has not within the clock's limit.

    """
    end = clock.now() + clock.limit
    ours = ""
    while clock.now() < end:
        found = clock.patiently(lambda: _deployments(cli, service))
        # The first that is new: a rollback is a deployment as well, and later.
        new = [each for each in found if each["id"] not in before]
        ours = ours or min(((str(each.get("createdAt")), str(each["id"])) for each in new), default=("", ""))[1]
        rollout = _verdict(found, ours) if ours else None
        if rollout is not None:
            return rollout
        clock.sleep(clock.interval)
    watch = cli.command("ecs", "describe-services", "--cluster", service.cluster, "--services", service.name)
    raise DeployError(
        f"still waiting for the rollout of {service.name} after {clock.limit / 60:.0f} minutes: ECS goes on without "
        f"this program; look with `{watch}`"
    )


def _deployments(cli: AwsCli, service: Service) -> list[dict[str, Any]]:
    answer = cli.run("ecs", "describe-services", "--cluster", service.cluster, "--services", service.name)
    if not answer.get("services"):
        raise DeployError(f"there is no service {service.name} in the cluster {service.cluster}")
    return list(answer["services"][0].get("deployments", ()))


def _verdict(deployments: Collection[dict[str, Any]], deployment_id: str) -> Rollout | None:
    """Return how a deployment ended, None while it goes on."""
    ours = next((each for each in deployments if each["id"] == deployment_id), None)
    if ours is None:
        return Rollout(completed=False, reason="it was rolled back, or another deployment took its place")
    state = ours.get("rolloutState")
    if state == "FAILED":
        return Rollout(completed=False, reason=ours.get("rolloutStateReason") or "ECS gives no reason")
    # ECS gives a rolloutState for rolling updates only (ecs.Deployment in botocore's model); what `aws ecs wait
    # services-stable` takes for the end holds for every deployment.
    settled = state is None and len(deployments) == 1 and ours.get("runningCount") == ours.get("desiredCount")
    return Rollout(completed=True) if state == "COMPLETED" or settled else None
