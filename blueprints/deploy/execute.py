"""A manifest into an account: each stack checked, planned, shown, agreed to, executed, watched, protected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from blueprints.deploy import awaited, beanstalk, bundles, change_sets, preflight, tasks, traffic
from blueprints.deploy.operations import Operation
from blueprints.deploy.parameters import check_given, check_names, check_values
from blueprints.deploy.plan import StackPlan, plan_from, refuse_data_loss
from blueprints.deploy.protection import lift_policy, protect, put_policy, set_policy
from blueprints.deploy.selection import select
from blueprints.deploy.stacks import FAILED_TO_CREATE, StackState, describe, newest_events
from blueprints.deploy.templates import check_template
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.render.manifest import Manifest, StackEntry

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class StackResult:
    """What became of one stack, and its outputs."""

    entry: StackEntry
    outcome: Outcome
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class DeployResult:
    """What became of the stacks, in deploy order; ``declined`` is the one a person said no to."""

    stacks: tuple[StackResult, ...]
    declined: StackEntry | None = None


def deploy(  # noqa: PLR0913 - the answers a person can give, each by name
    cli_factory: Callable[[str], AwsCli],
    manifest: Manifest,
    *,
    parameters: Mapping[str, str],
    confirm: Callable[[StackPlan], bool],
    report: Reporter,
    only: Collection[str] = (),
    allow_replace: Collection[str] = (),
    allow_traffic_shift: Collection[str] = (),
    bucket: str | None = None,
    replace_failed: bool = False,
    before_stack: Callable[[StackEntry], None] | None = None,
    clock: Clock | None = None,
) -> DeployResult:
    """Deploy the stacks of a manifest in order.

    Whatever can be known beforehand is checked for all stacks before the first is touched; with ``before_stack``,
    which puts images and values of secrets just before a stack, those are looked for only then. A stack's bundles are
    uploaded once its plan is agreed to; its one-off tasks run to their end, and its environments run their version,
    before the next stack is touched. An error leaves what was deployed, and nothing half made, so that the same
    command continues.
    """
    run = _Run(
        cli_factory,
        manifest,
        parameters,
        confirm,
        report,
        frozenset(allow_replace),
        frozenset(allow_traffic_shift),
        bucket,
        clock or Clock(),
    )
    entries = select(manifest, only)
    states = run.check(entries, replace_failed=replace_failed, seeded=before_stack is not None)
    results: list[StackResult] = []
    for position, entry in enumerate(entries, start=1):
        report.stack_started(entry, position, len(entries))
        if before_stack is not None:
            before_stack(entry)
        result = run.deploy(entry, states[entry.name])
        if result is None:
            return DeployResult(tuple(results), declined=entry)
        results.append(result)
    return DeployResult(tuple(results))


@dataclass(frozen=True)
class _Run:
    factory: Callable[[str], AwsCli]
    manifest: Manifest
    parameters: Mapping[str, str]
    confirm: Callable[[StackPlan], bool]
    report: Reporter
    allow_replace: frozenset[str]
    allow_traffic_shift: frozenset[str]
    bucket: str | None
    clock: Clock

    def check(self, entries: list[StackEntry], *, replace_failed: bool, seeded: bool) -> dict[str, StackState | None]:
        """Return the state of each stack, once everything that can be known now has been checked."""
        check_names(self.manifest, self.parameters)
        check_values(entries, self.parameters)
        for entry in entries:
            check_template(entry, self.manifest.folder, self.bucket)
        states = {entry.name: describe(self.factory(entry.region), entry.stack_name) for entry in entries}
        for entry in entries:
            cli = self.factory(entry.region)
            preflight.check_state(cli, entry, states[entry.name], replace_failed=replace_failed)
        check_given(entries, self.parameters, states)
        if not seeded:
            awaited.check_all(self.factory, self.manifest, entries, self.parameters, states)
        return states

    def deploy(self, entry: StackEntry, state: StackState | None) -> StackResult | None:
        """Deploy one stack; None when the person said no."""
        cli = self.factory(entry.region)
        awaited.check_one(self.factory, self.manifest, entry, self.parameters, state)
        if state is not None and state.status in FAILED_TO_CREATE:
            self._delete_failed(cli, entry, state)
            state = None
        plan = plan_from(cli, entry, self.manifest, self.parameters, state, bucket=self.bucket, clock=self.clock)
        if plan.is_empty:
            self.report.nothing_to_do(entry)
            self._put_bundles(entry, state.parameters if state else {}, state)
            result = self._settled(cli, entry, "unchanged")
        elif self._agreed(cli, plan, state):
            status = self._execute(cli, plan)
            result = self._settled(cli, entry, "created" if plan.change_set_type == "CREATE" else "updated")
            self.report.stack_done(entry, status, result.outputs)
        else:
            self.report.declined(entry)
            return None
        for task in entry.tasks:
            tasks.run(self.factory, self.manifest, entry, task, report=self.report, clock=self.clock)
        for step in entry.checks:
            changed = result.outcome != "unchanged"
            beanstalk.check(
                self.factory, self.manifest, entry, step, changed=changed, report=self.report, clock=self.clock
            )
        return result

    def _put_bundles(self, entry: StackEntry, parameters: Mapping[str, str], state: StackState | None) -> None:
        ready = bundles.prepare(self.factory, self.manifest, entry, parameters, state)
        bundles.upload(self.factory, entry, ready, self.report)

    def _agreed(self, cli: AwsCli, plan: StackPlan, state: StackState | None) -> bool:
        """Show the plan and ask; a plan that is not agreed to leaves nothing, on Ctrl-C neither."""
        agreed = False
        try:
            self.report.plan(plan)
            refuse_data_loss(plan, self.allow_replace)
            for rule in self._traffic(cli, plan):
                self.report.rule_checked(rule)
            ready = bundles.prepare(self.factory, self.manifest, plan.entry, plan.parameters, state)
            if self.confirm(plan):
                # ECS may have moved the traffic while the question stood.
                self._traffic(cli, plan)
                bundles.upload(self.factory, plan.entry, ready, self.report)
                agreed = True
        finally:
            if not agreed:
                change_sets.discard(cli, plan.change_set)
        return agreed

    def _traffic(self, cli: AwsCli, plan: StackPlan) -> tuple[traffic.RuleTraffic, ...]:
        """Return where the requests of rules go that ECS rewrites; refuse to move them where nobody allowed it."""
        rules = traffic.read(cli, plan, self.manifest.folder)
        traffic.refuse_shift(plan, rules, self.allow_traffic_shift)
        return rules

    def _execute(self, cli: AwsCli, plan: StackPlan) -> str:
        entry = plan.entry
        data = [change for change in plan.data_replacements if change.logical_id in self.allow_replace]
        allowed = tuple(change.logical_id for change in (*data, *plan.rules_of_ecs))
        lifted = None
        if plan.change_set_type == "UPDATE" and allowed:
            lifted = lift_policy(cli, entry, allowed, self.report)
        elif plan.change_set_type == "UPDATE":
            set_policy(cli, entry, self.report)
        try:
            events = newest_events(cli, plan.stack_id, 1)
            operation = Operation(cli, entry, plan.stack_id, events[0].event_id if events else "")
            change_sets.execute(cli, plan.change_set)
            return operation.wait(frozenset({f"{plan.change_set_type}_COMPLETE"}), self.report, self.clock)
        except DeployError:
            if lifted is not None:
                put_policy(cli, entry, lifted, self.report)
            raise
        except KeyboardInterrupt:
            self.report.interrupted(entry)
            raise

    def _settled(self, cli: AwsCli, entry: StackEntry, outcome: Outcome) -> StackResult:
        """Make policy and protection as the manifest says, also when the template did not change."""
        set_policy(cli, entry, self.report)
        state = describe(cli, entry.stack_name)
        if state is None:
            raise DeployError(f"stack {entry.stack_name} is gone: somebody deleted it meanwhile; run the command again")
        protect(cli, entry, state, self.report)
        return StackResult(entry, outcome, dict(state.outputs))

    def _delete_failed(self, cli: AwsCli, entry: StackEntry, state: StackState) -> None:
        self.report.replacing_failed(entry, state.status)
        events = newest_events(cli, state.stack_id, 1)
        operation = Operation(cli, entry, state.stack_id, events[0].event_id if events else "")
        cli.run("cloudformation", "delete-stack", "--stack-name", state.stack_id)
        operation.wait(frozenset({"DELETE_COMPLETE"}), self.report, self.clock)
