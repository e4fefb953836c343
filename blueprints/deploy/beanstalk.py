"""Whether an environment of Elastic Beanstalk runs what its stack says, which CloudFormation does not ask.

CloudFormation reports a stack as updated although the deployment failed on the instances
(github.com/theserverlessway/formica issue 90). Elastic Beanstalk then expects the version of the last deployment that
succeeded again (AWS Elastic Beanstalk Developer Guide, "Notifications and troubleshooting"), and its events
of severity ERROR say what failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import AwsError
from blueprints.deploy.outputs import read_outputs
from blueprints.deploy.stacks import describe
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.deploy.waiting import Clock
    from blueprints.model.steps import EnvironmentCheck
    from blueprints.render.manifest import Manifest, StackEntry

_EVENTS = 10
_LOG_LINES = 20
# What migrate.sh of the source bundle gives the log driver as tag, which is the name of the stream.
_MIGRATION = "migration"
# A red environment may be about to recover, because its health looks back; how long it is given is a choice of ours.
_SETTLING_SECONDS = 300.0
_STATE = (
    "The stacks after {stack} were not touched. The environment is {health} with version {version}; instances that a "
    "rolling deployment had reached may run another one"
)
_CLOSING = (
    "Put it right and deploy another image tag: for the same one CloudFormation has nothing to do. To deploy this "
    "version once more, `{again}`, then run the same command again: it looks again and continues"
)


def check(  # noqa: PLR0913 - what to look at, and the deployment that it is a part of
    factory: Callable[[str], AwsCli],
    manifest: Manifest,
    entry: StackEntry,
    step: EnvironmentCheck,
    *,
    changed: bool,
    report: Reporter,
    clock: Clock,
) -> None:
    """Wait until the environment is at rest, and look whether it runs its stack's version, and well.

    Args:
        factory: gives the AWS CLI for a Region.
        manifest: where the outputs are that the step names.
        entry: the stack that was deployed.
        step: the environment and its version.
        changed: whether the stack was created or updated just now; errors since then count. Those of an older
            deployment do not, once the environment runs the stack's version.
        report: told of the waiting and its end.
        clock: how long and how often to look.

    Raises:
        DeployError: it runs another version, it is red, there were errors, or it did not come to rest in time.

    """
    values = read_outputs(factory, manifest, (step.environment, step.version, step.log_group))
    name, version, log_group = values[step.environment], values[step.version], values[step.log_group]
    _Check(factory(entry.region), entry, name, version, log_group, report, clock).run(changed=changed)


@dataclass(frozen=True)
class _Check:
    cli: AwsCli
    entry: StackEntry
    name: str
    version: str
    log_group: str
    report: Reporter
    clock: Clock

    def run(self, *, changed: bool) -> None:
        self.report.environment_awaited(self.entry, self.name)
        try:
            seen = self._rested()
        except KeyboardInterrupt:
            self.report.environment_left(self.entry, self.name)
            raise
        problem = self._problem(seen)
        since = self._since() if changed or problem else ""
        errors = self._errors(since) if since else []
        if problem is None and errors and changed:
            problem = "had errors while it was deployed to"
        if problem is not None:
            raise DeployError("\n".join(self._failure(seen, problem, errors, since)))
        self.report.environment_checked(self.entry, self.name, self.version)

    def _rested(self) -> dict[str, Any]:
        """Return the environment once nothing is done to it, and it is not red or has been for a while."""
        now = self.clock.now
        end, settled = now() + self.clock.limit, None
        while True:
            seen = self.clock.patiently(self._look)
            if seen["Status"] == "Ready":
                if self._problem(seen) is None or seen.get("VersionLabel") != self.version:
                    return seen
                settled = settled or now() + min(_SETTLING_SECONDS, self.clock.limit)
                if now() >= settled:
                    return seen
            elif now() >= end:
                raise DeployError(self._still_at_work(seen))
            self.clock.sleep(self.clock.interval)

    def _look(self) -> dict[str, Any]:
        answer = self.cli.run("elasticbeanstalk", "describe-environments", "--environment-names", self.name)
        for seen in answer.get("Environments", ()):
            if seen["Status"] not in {"Terminating", "Terminated"}:
                return dict(seen)
        raise DeployError(
            f"there is no environment {self.name} in {self.cli.region} that these credentials may see "
            "(elasticbeanstalk:DescribeEnvironments): without it nobody knows whether the deployment succeeded. The "
            f"stacks after {self.entry.name} were not touched. Allow it, then run the same command again"
        )

    def _problem(self, seen: dict[str, Any]) -> str | None:
        """Return what is wrong with an environment that rests."""
        if seen.get("VersionLabel") != self.version:
            return f"runs version {seen.get('VersionLabel')}, not {self.version} as the stack says"
        # Degraded or severe (Developer Guide, "Health colors and statuses"); grey is not known yet.
        return f"runs {self.version} and is {_health(seen)}" if seen.get("Health") == "Red" else None

    def _since(self) -> str:
        """Return when the stack's last operation began, by the clock of AWS."""
        state = describe(self.cli, self.entry.stack_name)
        return state.since if state else ""

    def _errors(self, since: str) -> list[str]:
        """Return what failed, oldest first."""
        answer = self.cli.run("elasticbeanstalk", "describe-events", *self._events(since))
        return [str(event["Message"]) for event in reversed(answer.get("Events", ())[:_EVENTS])]

    def _events(self, since: str) -> tuple[str, ...]:
        return ("--environment-name", self.name, "--severity", "ERROR", *(("--start-time", since) if since else ()))

    def _still_at_work(self, seen: dict[str, Any]) -> str:
        events = self.cli.command("elasticbeanstalk", "describe-events", "--environment-name", self.name)
        return (
            f"the environment {self.name} of stack {self.entry.stack_name} is still {seen['Status'].lower()} after "
            f"{self.clock.limit / 60:.0f} minutes: Elastic Beanstalk goes on without this program, and the stacks "
            f"after {self.entry.name} were not touched. Run the same command again: it waits on. What happens: "
            f"`{events}`"
        )

    def _failure(self, seen: dict[str, Any], problem: str, errors: list[str], since: str) -> list[str]:
        label = ("--environment-name", self.name, "--version-label", self.version)
        events = self.cli.command("elasticbeanstalk", "describe-events", *self._events(since))
        again = self.cli.command("elasticbeanstalk", "update-environment", *label)
        return [
            f"the environment {self.name} of stack {self.entry.stack_name} {problem}; CloudFormation does not tell",
            *(["What Elastic Beanstalk says:"] if errors else []),
            *(f"  {line}" for line in errors),
            *self._migration(since),
            f"All events: `{events}`. What the instances logged besides: `eb logs {self.name}`",
            _STATE.format(stack=self.entry.name, health=_health(seen), version=seen.get("VersionLabel")),
            _CLOSING.format(again=again),
        ]

    def _migration(self, since: str) -> list[str]:
        """Return the end of what the migration said, and where all of it is; never an error: it explains one."""
        named = ("--log-group-name", self.log_group, "--log-stream-name-prefix", _MIGRATION)
        asked = (*named, "--start-time", str(_milliseconds(since)))
        try:
            answer = self.cli.run("logs", "filter-log-events", *asked)
        except AwsError as error:
            return [f"The log of the migration cannot be read: {error}"]
        lines = [f"  {event['message'].rstrip()}" for event in answer.get("events", ())[-_LOG_LINES:]]
        if not lines:
            return ["The migration wrote no log."]
        shown = ("--query", "events[].[message]", "--output", "text")
        command = self.cli.command("logs", "filter-log-events", *asked, *shown)
        return ["The end of the migration's log:", *lines, f"All of it: `{command}`"]


def _health(seen: dict[str, Any]) -> str:
    """Return how the environment is in Elastic Beanstalk's own words, such as ``Red (Severe)``."""
    status = seen.get("HealthStatus")
    return f"{seen.get('Health', 'Grey')} ({status})" if status else str(seen.get("Health", "Grey"))


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000) if time else 0
