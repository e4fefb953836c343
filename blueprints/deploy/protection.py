"""Termination protection and stack policy, as the manifest says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.deploy.stacks import StackState
    from blueprints.render.manifest import StackEntry

# A policy cannot be taken away, only be replaced by one that allows everything.
_ALLOW_ALL = {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}


def protect(cli: AwsCli, entry: StackEntry, state: StackState, report: Reporter) -> None:
    """Switch termination protection when it is not as the manifest says."""
    if entry.termination_protection == state.protected:
        return
    switch = "--enable-termination-protection" if entry.termination_protection else "--no-enable-termination-protection"
    cli.run("cloudformation", "update-termination-protection", "--stack-name", entry.stack_name, switch)
    report.protected(entry, enabled=entry.termination_protection)


def set_policy(cli: AwsCli, entry: StackEntry, report: Reporter) -> None:
    """Set the manifest's stack policy, where it has one and the stack another."""
    if entry.stack_policy is None or _current(cli, entry) == entry.stack_policy:
        return
    put_policy(cli, entry, entry.stack_policy, report)


def lift_policy(cli: AwsCli, entry: StackEntry, allowed: tuple[str, ...], report: Reporter) -> Any:
    """Allow everything for one update: a change set takes no policy of its own, and Deny wins over any Allow.

    What may be lost is already settled by then: the plan was refused unless all of it is allowed by name. Returns the
    policy that was in place, None where nothing had to be lifted.
    """
    former = _current(cli, entry)
    if former in (None, _ALLOW_ALL):
        return None
    _put(cli, entry, _ALLOW_ALL)
    report.policy_set(entry, lifted_for=allowed)
    return former


def put_policy(cli: AwsCli, entry: StackEntry, policy: dict[str, Any], report: Reporter) -> None:
    """Set a stack policy, such as the one that was lifted for an update that then failed."""
    _put(cli, entry, policy)
    report.policy_set(entry)


def untouchable(cli: AwsCli, entry: StackEntry) -> frozenset[str]:
    """Return the logical ids that the policy in place denies every update of, as a stack's own policy does."""
    statements = (_current(cli, entry) or {}).get("Statement", [])
    denied = [each for each in statements if (each.get("Effect"), each.get("Action")) == ("Deny", "Update:*")]
    named = [each["Resource"] for each in denied if isinstance(each.get("Resource"), list)]
    return frozenset(str(name).removeprefix("LogicalResourceId/") for names in named for name in names)


def _current(cli: AwsCli, entry: StackEntry) -> Any:
    body = cli.run("cloudformation", "get-stack-policy", "--stack-name", entry.stack_name).get("StackPolicyBody")
    return json.loads(body) if body else None


def _put(cli: AwsCli, entry: StackEntry, policy: dict[str, Any]) -> None:
    request = {"StackName": entry.stack_name, "StackPolicyBody": json.dumps(policy)}
    cli.call("cloudformation", "set-stack-policy", request)
