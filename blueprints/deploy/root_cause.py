"""Why a stack failed: the first resource that did, with what is known about such reasons.

The last line of a failed deploy only says that it was rolled back; the events have the cause, among its consequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blueprints.deploy.errors import AwsError
from blueprints.deploy.stacks import STACK_TYPE, StackEvent, events_after, resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blueprints.deploy.aws import AwsCli
    from blueprints.render.manifest import StackEntry

# Said of what was stopped because something else failed, and of a stack about its resources.
_CONSEQUENCES = ("cancelled", "The following resource(s) failed")
_DEEPEST = 5
# AWS WAF takes no other beginning of a log group's name.
_WEB_ACL_LOGS = "aws-waf-logs-"
_NO_LOGS = "nothing is left, its log group went with the rollback"


@dataclass(frozen=True)
class Cause:
    """The event at the root, and the nested stacks it lies in, outermost first."""

    event: StackEvent
    inside: tuple[str, ...] = ()


def find(cli: AwsCli, events: Sequence[StackEvent]) -> Cause | None:
    """Return the root cause among the events of one operation, oldest first."""
    event = _first_failure(events)
    inside: list[str] = []
    while event and _is_nested(event) and len(inside) < _DEEPEST:
        deeper = _first_failure(_events_of(cli, event.physical_id))
        if deeper is None:
            break
        inside.append(event.logical_id)
        event = deeper
    return Cause(event, tuple(inside)) if event else None


def _first_failure(events: Iterable[StackEvent]) -> StackEvent | None:
    failed = [event for event in events if event.status.endswith("_FAILED")]
    causes = [event for event in failed if not any(text in event.reason for text in _CONSEQUENCES)]
    of_resources = [event for event in causes if not event.is_stack]
    return next(iter([*of_resources, *causes, *failed]), None)


def _is_nested(event: StackEvent) -> bool:
    return event.resource_type == STACK_TYPE and not event.is_stack and event.physical_id.startswith("arn:")


def _events_of(cli: AwsCli, stack_id: str) -> list[StackEvent]:
    try:
        return events_after(cli, stack_id, "")
    except AwsError:
        return []


def log_groups(cli: AwsCli, stack_id: str) -> tuple[str, ...]:
    """Return the log groups that the stack still has; the web ACL's hold requests, nothing of a container."""
    try:
        held = resources(cli, stack_id)
    except AwsError:
        return ()
    names = (item.physical_id for item in held if item.resource_type == "AWS::Logs::LogGroup")
    return tuple(name for name in names if name and not name.startswith(_WEB_ACL_LOGS))


def message(  # noqa: PLR0913 - what is known of a failure, each by name
    cli: AwsCli,
    entry: StackEntry,
    status: str,
    cause: Cause | None,
    stack_reason: str,
    *,
    logs: Sequence[str] = (),
) -> str:
    """Return what a person reads: stack, resource, reason, and where to look; ``logs`` are the stack's log groups."""
    lines = [f"Stack {entry.stack_name} failed and is now in {status}."]
    if cause is None:
        lines.append(f"CloudFormation names no resource; it says: {stack_reason or 'nothing'}")
        reason = stack_reason
    else:
        reason = cause.event.reason
        inside = f" in nested stack {' > '.join(cause.inside)}" if cause.inside else ""
        lines.append(
            f"Root cause: {cause.event.logical_id} ({cause.event.resource_type}){inside} {cause.event.status}:"
        )
        lines.append(f"  {reason or 'no reason given'}")
    lines += [f"Hint: {hint}" for hint in _hints(cli, cause, reason, logs)]
    lines.append(_way_on(cli, entry, status))
    return "\n".join(lines)


@dataclass(frozen=True)
class _Hint:
    signs: tuple[str, ...]
    text: str


_HINTS = (
    _Hint(
        ("Circuit Breaker", "circuit breaker", "did not stabilize", "unable to place a task"),
        "the tasks did not become healthy.\n  What the service says: {service}\n  Why tasks stopped: {stopped}\n"
        "  What the container wrote: {logs}",
    ),
    _Hint(
        ("ResourceInitializationError",),
        "the task could not fetch its image, secret or log group before it started: check the route to ECR, Secrets "
        "Manager, SSM and CloudWatch Logs (NAT gateway or VPC endpoints), and the execution role",
    ),
    _Hint(
        ("CannotPullContainerError", "manifest unknown"),
        "the image cannot be pulled: check that the tag is in the repository and was built for the task's architecture",
    ),
    _Hint(
        ("already exists", "AlreadyExists", "already in use"),
        "something else has this name, perhaps kept by an earlier stack: delete or import it, or use another project "
        "or environment name",
    ),
    _Hint(
        ("is not authorized to perform", "AccessDenied", "Access Denied", "not authorized"),
        "the identity that deploys may not do this: allow the action named above, or deploy with another --profile",
    ),
    _Hint(
        ("service linked role", "service-linked role"),
        "the first use of a service in an account makes its role, which takes a moment: run the same command again",
    ),
    _Hint(
        ("LimitExceeded", "limit exceeded", "quota", "maximum number of"),
        "a quota of the account is reached: ask for more in Service Quotas, or delete what is not used",
    ),
    _Hint(
        ("not empty", "NotEmpty"),
        "it still holds something: empty it, then run the same command again",
    ),
    _Hint(
        ("has a dependent object", "DependencyViolation", "has dependencies"),
        "something outside the stack still uses it, often a network interface that AWS removes up to 40 minutes later: "
        "wait, then run the same command again",
    ),
    _Hint(
        ("Action denied by stack policy",),
        "the stack policy protects this resource: --allow-replace {logical_id} lifts it for one update, and "
        "--allow-traffic-shift {logical_id} does for a listener rule that ECS rewrites",
    ),
)


def _hints(cli: AwsCli, cause: Cause | None, reason: str, logs: Sequence[str]) -> list[str]:
    cluster, service = _ecs_names(cause)
    ecs = ("--cluster", cluster)
    tasks = cli.command("ecs", "list-tasks", *ecs, "--desired-status STOPPED --query 'taskArns[]' --output text")
    facts = {
        "service": cli.command(
            "ecs", "describe-services", *ecs, "--services", service, "--query 'services[].events[:9]'"
        ),
        "stopped": cli.command("ecs", "describe-tasks", *ecs, f"--tasks $({tasks})", "--query 'tasks[].stoppedReason'"),
        "logs": "; ".join(cli.command("logs", "tail", name, "--since", "30m") for name in logs) or _NO_LOGS,
        "logical_id": cause.event.logical_id if cause else "",
    }
    return [hint.text.format(**facts) for hint in _HINTS if any(sign in reason for sign in hint.signs)]


def _ecs_names(cause: Cause | None) -> tuple[str, str]:
    """Return cluster and service: the service's ARN names both (arn:...:service/CLUSTER/SERVICE)."""
    match (cause.event.physical_id if cause else "").split("/"):
        case [_, cluster, service]:
            return cluster, service
        case _:
            return "CLUSTER", "SERVICE"


def _way_on(cli: AwsCli, entry: StackEntry, status: str) -> str:
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        return (
            "Mend the cause, then run the same command again with --replace-failed: a stack that failed while it was "
            "created has to be deleted first"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        command = cli.command("cloudformation", "continue-update-rollback", "--stack-name", entry.stack_name)
        return f"Mend the cause, finish the rollback with `{command}`, then run the same command again"
    if status.startswith("DELETE"):
        return "Mend the cause, then run the same command again"
    return "The stack is back where it was. Mend the cause, then run the same command again"
