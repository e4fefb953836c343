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
    _put(cli, entry, entry.stack_policy)
    report.policy_set(entry)


def lift_policy(cli: AwsCli, entry: StackEntry, allowed: tuple[str, ...], report: Reporter) -> None:
    """Allow everything for one update: a change set takes no policy of its own, and Deny wins over any Allow.

    What may be lost is already settled by then: the plan was refused unless all of it is allowed by name.
    """
    if _current(cli, entry) in (None, _ALLOW_ALL):
        return
    _put(cli, entry, _ALLOW_ALL)
    report.policy_set(entry, lifted_for=allowed)


def _current(cli: AwsCli, entry: StackEntry) -> Any:
    body = cli.run("cloudformation", "get-stack-policy", "--stack-name", entry.stack_name).get("StackPolicyBody")
    return json.loads(body) if body else None


def _put(cli: AwsCli, entry: StackEntry, policy: dict[str, Any]) -> None:
    request = {"StackName": entry.stack_name, "StackPolicyBody": json.dumps(policy)}
    cli.call("cloudformation", "set-stack-policy", request)
