"""What happens, told as it happens. The deployer never prints: it calls a Reporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TextIO

from blueprints.deploy.traffic import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blueprints.deploy.plan import Change, StackPlan
    from blueprints.deploy.stacks import StackEvent
    from blueprints.deploy.traffic import RuleTraffic
    from blueprints.render.manifest import StackEntry


class Reporter(Protocol):
    """Told of every step of a deploy or a delete; data in, nothing back."""

    def stack_started(self, entry: StackEntry, position: int, total: int) -> None:
        """Work on this stack begins."""

    def plan(self, plan: StackPlan) -> None:
        """Tell what would be done; confirmation comes next."""

    def rule_checked(self, rule: RuleTraffic) -> None:
        """Tell where the requests of a rule go that ECS rewrites, and that the update may touch it."""

    def nothing_to_do(self, entry: StackEntry) -> None:
        """Tell that the stack already is as the template says."""

    def declined(self, entry: StackEntry) -> None:
        """Tell that a person said no; nothing was changed and nothing follows."""

    def event(self, event: StackEvent) -> None:
        """One event of the running operation."""

    def stack_done(self, entry: StackEntry, status: str, outputs: Mapping[str, str]) -> None:
        """Tell that the stack has come to rest as wanted (deleted: DELETE_COMPLETE)."""

    def protected(self, entry: StackEntry, *, enabled: bool) -> None:
        """Termination protection was switched."""

    def policy_set(self, entry: StackEntry, *, lifted_for: tuple[str, ...] = ()) -> None:
        """Tell that the stack policy was set; or lifted for this update, because these may be replaced."""

    def replacing_failed(self, entry: StackEntry, status: str) -> None:
        """Tell that a stack that failed while it was created is deleted, to be created anew."""

    def interrupted(self, entry: StackEntry) -> None:
        """Ctrl-C while the operation runs: it goes on without us."""

    def kept(self, entry: StackEntry, reason: str) -> None:
        """Tell that a delete leaves this stack alone."""

    def bundle_uploaded(self, entry: StackEntry, address: str) -> None:
        """Tell that a bundle of this stack lies in its bucket now."""

    def task_started(self, entry: StackEntry, name: str, task_id: str, *, joined: bool) -> None:
        """Tell that a one-off task runs and is waited for; joined: it was there before."""

    def task_done(self, entry: StackEntry, name: str) -> None:
        """Tell that a one-off task has succeeded."""

    def task_left(self, entry: StackEntry, name: str) -> None:
        """Ctrl-C while a one-off task runs: it goes on without us."""

    def environment_awaited(self, entry: StackEntry, name: str) -> None:
        """Tell that an environment of Elastic Beanstalk is looked at, and waited for while it is at work."""

    def environment_checked(self, entry: StackEntry, name: str, version: str) -> None:
        """Tell that an environment runs the version of its stack, and runs well."""

    def environment_left(self, entry: StackEntry, name: str) -> None:
        """Ctrl-C while an environment is waited for: it goes on without us."""


OF_ECS = "weights owned by ECS"
_SIGNS = {"add": "+", "modify": "~", "replace": "-/+", "conditional-replace": "~?", "remove": "-"}


class PlainReporter:
    """Plain lines, for a log or a pipe."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def stack_started(self, entry: StackEntry, position: int, total: int) -> None:
        self._line(f"[{position}/{total}] {entry.name}: stack {entry.stack_name} in {entry.region}")

    def plan(self, plan: StackPlan) -> None:
        verb = "create" if plan.change_set_type == "CREATE" else "update"
        self._line(f"  would {verb} it: {summary(plan)}")
        for change in plan.changes:
            mark = f" ({OF_ECS})" if plan.is_left_to_ecs(change) else ""
            self._line(f"  {_change(change)}{mark}")
        for line in step_lines(plan.entry):
            self._line(f"  {line}")

    def rule_checked(self, rule: RuleTraffic) -> None:
        self._line(f"  {rule_line(rule)}")

    def nothing_to_do(self, entry: StackEntry) -> None:
        self._line(f"  {entry.stack_name} is up to date")

    def declined(self, entry: StackEntry) -> None:
        self._line(f"  declined: {entry.stack_name} was left as it is")

    def event(self, event: StackEvent) -> None:
        reason = f"  {event.reason}" if event.reason else ""
        self._line(f"  {event.status:<28} {event.logical_id} ({event.resource_type}){reason}")

    def stack_done(self, entry: StackEntry, status: str, outputs: Mapping[str, str]) -> None:
        self._line(f"  {entry.stack_name}: {status}")
        for name, value in outputs.items():
            self._line(f"    {name} = {value}")

    def protected(self, entry: StackEntry, *, enabled: bool) -> None:
        self._line(f"  termination protection of {entry.stack_name} is {'on' if enabled else 'off'}")

    def policy_set(self, entry: StackEntry, *, lifted_for: tuple[str, ...] = ()) -> None:
        if lifted_for:
            self._line(f"  stack policy of {entry.stack_name} lifted for this update, for {', '.join(lifted_for)}")
        else:
            self._line(f"  stack policy of {entry.stack_name} set")

    def replacing_failed(self, entry: StackEntry, status: str) -> None:
        self._line(f"  {entry.stack_name} is in {status}: deleting it, to create it anew")

    def interrupted(self, entry: StackEntry) -> None:
        self._line(
            f"  interrupted: CloudFormation goes on with {entry.stack_name}; "
            "run the same command again once it has come to rest"
        )

    def kept(self, entry: StackEntry, reason: str) -> None:
        self._line(f"  {entry.stack_name} stays: {reason}")

    def bundle_uploaded(self, entry: StackEntry, address: str) -> None:  # noqa: ARG002 - its stack was named before
        self._line(f"  uploaded {address}")

    def task_started(self, entry: StackEntry, name: str, task_id: str, *, joined: bool) -> None:
        self._line(f"  {task_line(entry, name, task_id, joined=joined)}")

    def task_done(self, entry: StackEntry, name: str) -> None:
        self._line(f"  task {name} of {entry.stack_name} succeeded")

    def task_left(self, entry: StackEntry, name: str) -> None:
        self._line(f"  interrupted: task {name} of {entry.stack_name} goes on; the same command waits for it")

    def environment_awaited(self, entry: StackEntry, name: str) -> None:  # noqa: ARG002 - its stack was named before
        self._line(f"  {environment_line(name)}")

    def environment_checked(self, entry: StackEntry, name: str, version: str) -> None:  # noqa: ARG002
        self._line(f"  environment {name} runs {version}")

    def environment_left(self, entry: StackEntry, name: str) -> None:  # noqa: ARG002
        self._line(f"  interrupted: environment {name} goes on; the same command waits for it")

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def summary(plan: StackPlan) -> str:
    """Return a plan in one line."""
    counts = (
        (plan.count("add"), "to add"),
        (plan.count("modify"), "to change"),
        (plan.count("replace"), "to replace"),
        (plan.count("conditional-replace"), "perhaps to replace"),
        (plan.count("remove"), "to remove"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "only outputs or tags"


def step_lines(entry: StackEntry) -> list[str]:
    """Return what comes before and after the changes of a stack."""
    return [
        *(f"would first upload the bundle {bundle.folder}, unless its bucket has it" for bundle in entry.bundles),
        *(f"would then run the task {task.name} to its end, before the next stack" for task in entry.tasks),
        *("would then wait until the environment runs the new version, before the next stack" for _ in entry.checks),
    ]


def task_line(entry: StackEntry, name: str, task_id: str, *, joined: bool) -> str:
    """Return in one line which task is waited for."""
    return (
        f"task {name} of {entry.stack_name} {'still runs' if joined else 'is started'} ({task_id}): waiting for its end"
    )


def environment_line(name: str) -> str:
    """Return in one line which environment is looked at."""
    return f"environment {name}: waiting until it runs the version of its stack"


def rule_line(rule: RuleTraffic) -> str:
    """Return in one line what an update that may touch a rule does to its live traffic."""
    name = rule.change.logical_id
    if not rule.moves:
        return f"no traffic moves at {name}: live are {shown(rule.live)}, and the update sets the same"
    return f"live traffic moves at {name}: from {shown(rule.live)} to {shown(rule.planned)}"


def _change(change: Change) -> str:
    because = f": {', '.join(change.properties)}" if change.properties and change.action != "add" else ""
    return f"{_SIGNS[change.action]:>3} {change.logical_id} ({change.resource_type}){because}"
