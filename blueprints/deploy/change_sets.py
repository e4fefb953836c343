"""The life of a change set: made, waited for, executed or thrown away."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from blueprints.deploy.errors import AwsError, ValidationFailedError
from blueprints.deploy.stacks import StackState, describe
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.waiting import Clock

ChangeSetType = Literal["CREATE", "UPDATE"]

_NOTHING = ("didn't contain changes", "No updates are to be performed", "There are no changes")


@dataclass(frozen=True)
class ChangeSet:
    """Which change set of which stack."""

    stack_name: str
    name: str
    type: ChangeSetType
    makes_stack: bool  # creating it makes an empty stack (REVIEW_IN_PROGRESS) that was not there before

    @classmethod
    def new(cls, stack_name: str, state: StackState | None) -> ChangeSet:
        """Return one of a new name; a stack in REVIEW_IN_PROGRESS is an empty shell and still has to be created."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        kind: ChangeSetType = "CREATE" if state is None or state.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        return cls(stack_name, f"blueprints-{moment}-{secrets.token_hex(3)}", kind, makes_stack=state is None)


def create(cli: AwsCli, change_set: ChangeSet, request: Mapping[str, Any], clock: Clock) -> Mapping[str, Any] | None:
    """Make it, wait until CloudFormation has worked it out, return its description; None when nothing would change.

    Whatever goes wrong (Ctrl-C too), neither the change set nor an empty stack stays behind.
    """
    try:
        answer = _created(cli, change_set, request, clock)
    except BaseException:
        discard(cli, change_set)
        raise
    if answer is None:
        discard(cli, change_set)
    return answer


def _created(cli: AwsCli, change_set: ChangeSet, request: Mapping[str, Any], clock: Clock) -> Mapping[str, Any] | None:
    try:
        cli.call("cloudformation", "create-change-set", _full(change_set, request))
    except ValidationFailedError as error:
        if _is_nothing(str(error)):
            return None
        raise
    answer = clock.until(lambda: _finished(cli, change_set), waiting_for=f"the change set of {change_set.stack_name}")
    if answer["Status"] != "FAILED":
        return answer
    reason = str(answer.get("StatusReason") or "no reason given")
    if _is_nothing(reason):
        return None
    raise DeployError(
        "\n".join(
            [
                f"CloudFormation refuses the change set of stack {change_set.stack_name}: {reason}",
                *_validation_failures(cli, answer),
                "Nothing was changed. Correct the setting or the parameter, render, and run the same command again",
            ]
        )
    )


def _full(change_set: ChangeSet, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "StackName": change_set.stack_name,
        "ChangeSetName": change_set.name,
        "ChangeSetType": change_set.type,
        "ClientToken": change_set.name,  # a retry after a lost answer must not find the name taken
        **request,
    }


def _finished(cli: AwsCli, change_set: ChangeSet) -> dict[str, Any] | None:
    answer = cli.run("cloudformation", "describe-change-set", *_named(change_set))
    return answer if answer["Status"] in {"CREATE_COMPLETE", "FAILED"} else None


def _validation_failures(cli: AwsCli, answer: Mapping[str, Any]) -> list[str]:
    """Return what CloudFormation's early validation found; only describe-events tells, and only newer CLIs have it."""
    with suppress(AwsError):
        events = cli.run("cloudformation", "describe-events", "--change-set-name", str(answer["ChangeSetId"]))
        return [
            f"  {event.get('LogicalResourceId')} {event.get('ValidationPath', '')}: {event['ValidationStatusReason']}"
            for event in events.get("OperationEvents", ())
            if event.get("ValidationStatus") == "FAILED" and event.get("ValidationStatusReason")
        ]
    return []


def _is_nothing(reason: str) -> bool:
    return any(text in reason for text in _NOTHING)


def _named(change_set: ChangeSet) -> tuple[str, ...]:
    return ("--stack-name", change_set.stack_name, "--change-set-name", change_set.name)


def execute(cli: AwsCli, change_set: ChangeSet) -> None:
    """Start it. The change set's name becomes the token in every event, so that others see who is at work."""
    cli.run("cloudformation", "execute-change-set", *_named(change_set), "--client-request-token", change_set.name)


def discard(cli: AwsCli, change_set: ChangeSet) -> None:
    """Throw it away, and the empty stack with it that was made for it. Never an error: it runs after others."""
    with suppress(AwsError):
        if change_set.makes_stack:
            _delete_shell(cli, change_set.stack_name)
        else:
            cli.run("cloudformation", "delete-change-set", *_named(change_set))


def _delete_shell(cli: AwsCli, stack_name: str) -> None:
    """Delete the stack only while it is empty: somebody else may have created it in the meantime."""
    state = describe(cli, stack_name)
    if state is not None and state.status == "REVIEW_IN_PROGRESS":
        cli.run("cloudformation", "delete-stack", "--stack-name", state.stack_id)
