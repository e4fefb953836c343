"""The state that a stack must be in before it is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blueprints.deploy.plan import holds_data
from blueprints.deploy.stacks import FAILED_TO_CREATE, StackState, newest_events, resources
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from blueprints.deploy.aws import AwsCli
    from blueprints.render.manifest import StackEntry


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
