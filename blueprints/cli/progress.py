"""A deploy as a person at a terminal sees it; a log or a pipe gets the plain lines of the deployer's own reporter."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from blueprints.cli.terminal import console
from blueprints.deploy.progress import (
    OF_ECS,
    PlainReporter,
    environment_line,
    rule_line,
    step_lines,
    summary,
    task_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from blueprints.deploy.plan import Action, Change, StackPlan
    from blueprints.deploy.progress import Reporter
    from blueprints.deploy.stacks import StackEvent
    from blueprints.deploy.traffic import RuleTraffic
    from blueprints.render.manifest import StackEntry

_STYLES: Mapping[Action, tuple[str, str]] = {
    "add": ("+ add", "green"),
    "modify": ("~ change", "yellow"),
    "replace": ("± replace", "bold red"),
    "conditional-replace": ("± perhaps replace", "red"),
    "remove": ("- remove", "bold red"),
}


@contextmanager
def reporter(stream: TextIO | None = None) -> Iterator[Reporter]:
    """Tell on stderr; whatever still moves there stops with the block."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield PlainReporter(stream)
        return
    report = TerminalReporter(stream)
    try:
        yield report
    finally:
        report.close()


class TerminalReporter:
    """Plans as tables, finished resources as lines, the resources at work in one line that moves."""

    def __init__(self, stream: TextIO) -> None:
        self._console = console(stream)
        self._status = self._console.status("")
        self._at_work: dict[str, str] = {}

    def close(self) -> None:
        """Take the moving line away."""
        self._at_work.clear()
        self._status.stop()

    def stack_started(self, entry: StackEntry, position: int, total: int) -> None:
        self._say(f"[{position}/{total}] {entry.stack_name}", "bold", f" in {entry.region}")

    def plan(self, plan: StackPlan) -> None:
        shown = Table("", "Resource", "Type", "Because of", box=SIMPLE_HEAD)
        for change in plan.changes:
            word, style = _STYLES[change.action]
            what = (Text(word, style), Text(change.logical_id), Text(change.resource_type, "dim"))
            shown.add_row(*what, Text(_because(plan, change)))
        if plan.changes:
            self._console.print(shown)
        verb = "create" if plan.change_set_type == "CREATE" else "update"
        self._say(f"  Would {verb} it: ", "", summary(plan))
        for line in step_lines(plan.entry):
            self._say("  ", "", f"{line[0].upper()}{line[1:]}")

    def rule_checked(self, rule: RuleTraffic) -> None:
        mark, style = ("  ! ", "yellow") if rule.moves else ("  ✓ ", "green")
        self._say(mark, style, rule_line(rule))

    def nothing_to_do(self, entry: StackEntry) -> None:
        self._say("  ✓ ", "green", f"{entry.stack_name} is up to date")

    def declined(self, entry: StackEntry) -> None:
        self._say("  ", "", f"{entry.stack_name} was left as it is")

    def event(self, event: StackEvent) -> None:
        if event.is_stack:
            return
        if event.status.endswith("_IN_PROGRESS"):
            self._at_work[event.logical_id] = event.status.removesuffix("_IN_PROGRESS").lower()
        else:
            self._at_work.pop(event.logical_id, None)
            self._finished(event)
        self._show_work()

    def stack_done(self, entry: StackEntry, status: str, outputs: Mapping[str, str]) -> None:
        self.close()
        self._say("  ✓ ", "green", f"{entry.stack_name}: {status}")
        for name, value in outputs.items():
            self._say(f"    {name} ", "dim", value)

    def protected(self, entry: StackEntry, *, enabled: bool) -> None:
        self._say("  ", "", f"termination protection of {entry.stack_name} is {'on' if enabled else 'off'}")

    def policy_set(self, entry: StackEntry, *, lifted_for: tuple[str, ...] = ()) -> None:
        if lifted_for:
            self._say("  ! ", "yellow", f"stack policy of {entry.stack_name} lifted for {', '.join(lifted_for)}")
        else:
            self._say("  ", "", f"stack policy of {entry.stack_name} set")

    def replacing_failed(self, entry: StackEntry, status: str) -> None:
        self._say("  ! ", "yellow", f"{entry.stack_name} is in {status}: deleting it, to create it anew")

    def interrupted(self, entry: StackEntry) -> None:
        self.close()
        self._say("  ! ", "yellow", f"CloudFormation goes on with {entry.stack_name}: run this again once it rests")

    def kept(self, entry: StackEntry, reason: str) -> None:
        self._say("  ", "", f"{entry.stack_name} stays: {reason}")

    def bundle_uploaded(self, entry: StackEntry, address: str) -> None:  # noqa: ARG002 - its stack was named before
        self._say("  ✓ ", "green", f"uploaded {address}")

    def task_started(self, entry: StackEntry, name: str, task_id: str, *, joined: bool) -> None:
        self._say("  ", "", task_line(entry, name, task_id, joined=joined))
        self._at_work[f"task {name}"] = "runs"
        self._show_work()

    def task_done(self, entry: StackEntry, name: str) -> None:
        self.close()
        self._say("  ✓ ", "green", f"task {name} of {entry.stack_name} succeeded")

    def task_left(self, entry: StackEntry, name: str) -> None:
        self.close()
        self._say("  ! ", "yellow", f"task {name} of {entry.stack_name} goes on: the same command waits for it")

    def environment_awaited(self, entry: StackEntry, name: str) -> None:  # noqa: ARG002 - its stack was named before
        self._say("  ", "", environment_line(name))
        self._at_work[f"environment {name}"] = "is at work"
        self._show_work()

    def environment_checked(self, entry: StackEntry, name: str, version: str) -> None:  # noqa: ARG002
        self.close()
        self._say("  ✓ ", "green", f"environment {name} runs {version}")

    def environment_left(self, entry: StackEntry, name: str) -> None:  # noqa: ARG002
        self.close()
        self._say("  ! ", "yellow", f"environment {name} goes on: the same command waits for it")

    def _finished(self, event: StackEvent) -> None:
        failed = event.status.endswith("_FAILED")
        sign, style = ("✗", "bold red") if failed else ("✓", "green")
        reason = f": {event.reason}" if failed and event.reason else ""
        self._say(f"  {sign} ", style, f"{event.logical_id} {event.status.lower().replace('_', ' ')}{reason}")

    def _show_work(self) -> None:
        if not self._at_work:
            self._status.stop()
            return
        words = ", ".join(f"{name} ({verb})" for name, verb in self._at_work.items())
        self._status.update(Text(words, overflow="ellipsis", no_wrap=True))
        self._status.start()

    def _say(self, mark: str, style: str, text: str) -> None:
        self._console.print(Text.assemble((mark, style), text), soft_wrap=True)


def _because(plan: StackPlan, change: Change) -> str:
    properties = "" if change.action == "add" else ", ".join(change.properties)
    mark = f"({OF_ECS})" if plan.is_left_to_ecs(change) else ""
    return f"{properties} {mark}".strip()
