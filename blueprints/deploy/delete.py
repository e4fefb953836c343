"""The way back: the stacks of a manifest deleted in reverse order, with a list of what would stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blueprints.deploy.deletion_protection import lifted_by
from blueprints.deploy.emptied import bundle_buckets, empty
from blueprints.deploy.operations import Operation
from blueprints.deploy.preflight import busy
from blueprints.deploy.selection import select
from blueprints.deploy.stacks import StackResource, StackState, deletion_policies, describe, newest_events, resources
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.render.manifest import Manifest, StackEntry

_DELETING = "DELETE_IN_PROGRESS"


@dataclass(frozen=True)
class StackDeletion:
    """One stack that would go: what is deleted, what stays behind, what stays as a snapshot."""

    entry: StackEntry
    stack_id: str
    deleted: tuple[StackResource, ...]
    retained: tuple[StackResource, ...]
    snapshots: tuple[StackResource, ...]
    emptied: frozenset[str] = frozenset()
    """Buckets of bundles, whose content goes as well."""


@dataclass(frozen=True)
class DeletionPlan:
    """The stacks that would go, in the order in which they go."""

    stacks: tuple[StackDeletion, ...]


@dataclass(frozen=True)
class DeleteResult:
    """The stacks that are gone."""

    deleted: tuple[StackEntry, ...]
    declined: bool = False


def delete(  # noqa: PLR0913 - the answers a person can give, each by name
    cli_factory: Callable[[str], AwsCli],
    manifest: Manifest,
    *,
    confirm: Callable[[DeletionPlan], bool],
    report: Reporter,
    include_shared: bool = False,
    only: Collection[str] = (),
    clock: Clock | None = None,
) -> DeleteResult:
    """Delete the stacks of a manifest, last first. Nothing is deleted while one of them is protected or at work."""
    plan = plan_deletion(cli_factory, manifest, include_shared=include_shared, only=only, report=report)
    if not plan.stacks:
        return DeleteResult(())
    if not confirm(plan):
        return DeleteResult((), declined=True)
    gone = []
    for position, stack in enumerate(plan.stacks, start=1):
        report.stack_started(stack.entry, position, len(plan.stacks))
        _delete(cli_factory(stack.entry.region), stack, report, clock or Clock())
        gone.append(stack.entry)
    return DeleteResult(tuple(gone))


def plan_deletion(
    cli_factory: Callable[[str], AwsCli],
    manifest: Manifest,
    *,
    report: Reporter,
    include_shared: bool = False,
    only: Collection[str] = (),
) -> DeletionPlan:
    """Return what would go and what would stay; refuse when a stack is protected."""
    found: list[tuple[AwsCli, StackEntry, StackState]] = []
    for entry in reversed(select(manifest, only)):
        if entry.shared and not include_shared:
            _leave_shared(entry, only, report)
            continue
        cli = cli_factory(entry.region)
        state = describe(cli, entry.stack_name)
        if state is None:
            report.kept(entry, "there is no such stack")
            continue
        found.append((cli, entry, state))
    for cli, _, state in found:
        if state.status.endswith("_IN_PROGRESS") and state.status not in {_DELETING, "REVIEW_IN_PROGRESS"}:
            raise DeployError(busy(cli, state))
    deletions = [_deletion(cli, manifest, entry, state) for cli, entry, state in found]
    _refuse_protected(found, deletions)
    return DeletionPlan(tuple(deletions))


def _leave_shared(entry: StackEntry, only: Collection[str], report: Reporter) -> None:
    if entry.name in only:
        raise DeployError(
            f"stack {entry.stack_name} is shared by all environments: add --include-shared when none of them needs it"
        )
    report.kept(entry, "environments share it (--include-shared deletes it too)")


def _refuse_protected(found: list[tuple[AwsCli, StackEntry, StackState]], deletions: list[StackDeletion]) -> None:
    lines = []
    for (cli, entry, state), deletion in zip(found, deletions, strict=True):
        if state.protected:
            lift = ("--no-enable-termination-protection", "--stack-name", entry.stack_name)
            lines.append(
                f"  {entry.stack_name}: {cli.command('cloudformation', 'update-termination-protection', *lift)}"
            )
        held = (*deletion.deleted, *deletion.snapshots)
        lines += [f"  {item.logical_id}: {command}" for item, command in lifted_by(cli, held)]
    if lines:
        first = (
            "Nothing was deleted: these are protected against deletion. When they are really to go, lift it, then "
            "run the same command again:"
        )
        raise DeployError("\n".join([first, *lines]))


def _deletion(cli: AwsCli, manifest: Manifest, entry: StackEntry, state: StackState) -> StackDeletion:
    held = resources(cli, state.stack_id)
    policies = deletion_policies(cli, state.stack_id) if held else {}
    kind = {item.logical_id: policies.get(item.logical_id, "Delete") for item in held}
    deleted = tuple(item for item in held if kind[item.logical_id] == "Delete")
    return StackDeletion(
        entry,
        state.stack_id,
        deleted=deleted,
        retained=tuple(item for item in held if kind[item.logical_id].startswith("Retain")),
        snapshots=tuple(item for item in held if kind[item.logical_id] == "Snapshot"),
        emptied=bundle_buckets(manifest, entry, state) & {item.physical_id for item in deleted},
    )


def _delete(cli: AwsCli, stack: StackDeletion, report: Reporter, clock: Clock) -> None:
    events = newest_events(cli, stack.stack_id, 1)
    operation = Operation(cli, stack.entry, stack.stack_id, events[0].event_id if events else "")
    state = describe(cli, stack.stack_id)
    status = state.status if state else "DELETE_COMPLETE"
    try:
        if status != "DELETE_COMPLETE":
            if status != _DELETING:
                empty(cli, stack.emptied)
                cli.run("cloudformation", "delete-stack", "--stack-name", stack.stack_id)
            status = operation.wait(frozenset({"DELETE_COMPLETE"}), report, clock)
    except KeyboardInterrupt:
        report.interrupted(stack.entry)
        raise
    report.stack_done(stack.entry, status, {})
