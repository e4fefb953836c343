"""A running stack operation: watched event by event until the stack has come to rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blueprints.deploy import root_cause
from blueprints.deploy.stacks import StackEvent, events_after
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.deploy.waiting import Clock
    from blueprints.render.manifest import StackEntry


@dataclass
class Operation:
    """What happens in one stack from now on; ``last_seen`` is the last event before it."""

    cli: AwsCli
    entry: StackEntry
    stack_id: str
    last_seen: str
    events: list[StackEvent] = field(default_factory=list)

    def wait(self, wanted: frozenset[str], report: Reporter, clock: Clock) -> str:
        """Report every event until the stack rests; raise with the root cause when it rests in the wrong state."""
        last = clock.until(lambda: self._look(report), waiting_for=f"stack {self.entry.stack_name}")
        if last.status in wanted:
            return last.status
        cause = root_cause.find(self.cli, self.events)
        logs = root_cause.log_groups(self.cli, self.stack_id)
        raise DeployError(root_cause.message(self.cli, self.entry, last.status, cause, last.reason, logs=logs))

    def _look(self, report: Reporter) -> StackEvent | None:
        for event in events_after(self.cli, self.stack_id, self.last_seen):
            self.events.append(event)
            self.last_seen = event.event_id
            report.event(event)
        last = next((event for event in reversed(self.events) if event.is_stack), None)
        return last if last and not last.status.endswith("_IN_PROGRESS") else None
