"""Tasks that run once, to their end, between the stack that brings them and those that need what they do.

Each deployment of their stack runs them, whether the stack changed or not: a run that succeeded leaves no trace in AWS
that lasts (ECS shows a stopped task for an hour), and a record of ours would not know of a database that was restored
since. So what they do has to be safe to repeat, as `alembic upgrade head` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import AwsError
from blueprints.deploy.outputs import read_outputs
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.deploy.waiting import Clock
    from blueprints.model.steps import OneOffTask
    from blueprints.render.manifest import Manifest, StackEntry

_LOG_LINES = 20
# RunTask takes up to 128 letters, digits, - _ and / here (Amazon ECS API Reference, RunTask, startedBy).
_LONGEST_STARTED_BY = 128
# What components/container.py gives the log driver; a stream is <prefix>/<container>/<task id>.
_STREAM_PREFIX = "ecs"
_CLOSING = (
    "The stacks after {stack} were not touched: the version that runs goes on running. Put it right, then run the same "
    "command again: it continues"
)
# What ECS says of every task whose container has ended, whatever it ended with.
_ORDINARY = "Essential container in task exited"


def find(manifest: Manifest, name: str | None = None) -> list[tuple[StackEntry, OneOffTask]]:
    """Return the tasks of this name, or all of the environment, in the order of the stacks.

    Raises:
        DeployError: there is none.

    """
    tasks = [(entry, task) for entry in manifest.stacks for task in entry.tasks]
    known = ", ".join(sorted({task.name for _, task in tasks}))
    where = f"{manifest.architecture}/{manifest.environment}"
    if not tasks:
        raise DeployError(f"no stack of {where} has a task that runs once, such as a migration. {_instead(manifest)}")
    if name is not None and all(task.name != name for _, task in tasks):
        raise DeployError(f"no stack of {where} has a task {name!r}: there is {known}")
    return [(entry, task) for entry, task in tasks if name in (None, task.name)]


def _instead(manifest: Manifest) -> str:
    """Return what runs a migration where no task does."""
    if any(workload.job for entry in manifest.stacks for workload in entry.workloads):
        again = f"blueprints apply {manifest.architecture} {manifest.environment} --image-tag TAG"
        return f"Here it is a Job in Kubernetes, which runs before the Deployment: {again}"
    if any(entry.bundles for entry in manifest.stacks):
        return "Here it is a command in the bundle, which runs with each version that is deployed"
    return "There is nothing to run"


def run(  # noqa: PLR0913 - what to run, and the deployment that it is a part of
    factory: Callable[[str], AwsCli],
    manifest: Manifest,
    entry: StackEntry,
    task: OneOffTask,
    *,
    report: Reporter,
    clock: Clock,
) -> None:
    """Run a task to its end. One that still runs, after Ctrl-C perhaps, is waited for and not started twice.

    Raises:
        DeployError: it was not started, did not end within the clock's limit, or ended with another code than 0.

    """
    _Run(factory(entry.region), entry, task, _place(factory, manifest, task), report, clock).run()


@dataclass(frozen=True)
class _Place:
    """Where a task runs: what the outputs that its step names say."""

    cluster: str
    task_definition: str
    subnets: list[str]
    security_group: str
    log_group: str


def _place(factory: Callable[[str], AwsCli], manifest: Manifest, task: OneOffTask) -> _Place:
    wanted = (task.cluster, task.task_definition, *task.subnets, task.security_group, task.log_group)
    values = read_outputs(factory, manifest, wanted)
    return _Place(
        cluster=values[task.cluster],
        task_definition=values[task.task_definition],
        subnets=[subnet for each in task.subnets for subnet in values[each].split(",")],
        security_group=values[task.security_group],
        log_group=values[task.log_group],
    )


@dataclass(frozen=True)
class _Run:
    cli: AwsCli
    entry: StackEntry
    task: OneOffTask
    place: _Place
    report: Reporter
    clock: Clock

    def run(self) -> None:
        ended = self._ended()
        container = self._container(ended)
        if container.get("exitCode") == 0:
            self.report.task_done(self.entry, self.task.name)
            return
        raise DeployError("\n".join(self._failure(ended, container)))

    def _ended(self) -> dict[str, Any]:
        """Return the task once it has stopped: one of this revision that was left running, or a new one."""
        for arn in self._left_running():
            ended = self._wait(arn, joined=True)
            if ended.get("taskDefinitionArn") == self.place.task_definition:
                return ended
        return self._wait(self._start(), joined=False)

    @property
    def _started_by(self) -> str:
        return f"blueprints/{self.entry.stack_name}/{self.task.name}"[-_LONGEST_STARTED_BY:]

    def _left_running(self) -> list[str]:
        # startedBy has to be the only filter (Amazon ECS API Reference, ListTasks); it shows tasks that shall run.
        answer = self.cli.run("ecs", "list-tasks", "--cluster", self.place.cluster, "--started-by", self._started_by)
        return [str(arn) for arn in answer.get("taskArns", ())]

    def _start(self) -> str:
        network = {
            "subnets": self.place.subnets,
            "securityGroups": [self.place.security_group],
            "assignPublicIp": "ENABLED" if self.task.public_address else "DISABLED",
        }
        request = {
            "cluster": self.place.cluster,
            "taskDefinition": self.place.task_definition,
            "count": 1,
            # On demand: Spot may end a migration in its middle.
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": network},
            "startedBy": self._started_by,
            "enableECSManagedTags": True,
            "propagateTags": "TASK_DEFINITION",
        }
        answer = self.cli.call("ecs", "run-task", request)
        if not answer.get("tasks"):
            raise DeployError(self._not_started(answer))
        return str(answer["tasks"][0]["taskArn"])

    def _not_started(self, answer: dict[str, Any]) -> str:
        reasons = [
            " ".join(str(each[key]) for key in ("reason", "detail") if each.get(key)) for each in answer["failures"]
        ]
        return (
            f"ECS did not start the task {self.task.name} of stack {self.entry.stack_name}: "
            f"{'; '.join(reasons) or 'it gives no reason'}. It was not run, and the stacks after it were not touched. "
            "Where capacity is missing, run the same command again in some minutes: it continues"
        )

    def _wait(self, arn: str, *, joined: bool) -> dict[str, Any]:
        self.report.task_started(self.entry, self.task.name, _id(arn), joined=joined)
        end = self.clock.now() + self.clock.limit
        try:
            while True:
                seen = self.clock.patiently(lambda: self._look(arn))
                if seen.get("lastStatus") == "STOPPED":
                    return seen
                if self.clock.now() >= end:
                    raise DeployError(self._still_running(arn))
                self.clock.sleep(self.clock.interval)
        except KeyboardInterrupt:
            self.report.task_left(self.entry, self.task.name)
            raise

    def _look(self, arn: str) -> dict[str, Any]:
        """Return the task as it is; nothing while ECS does not show it yet."""
        answer = self.cli.run("ecs", "describe-tasks", "--cluster", self.place.cluster, "--tasks", arn)
        return dict(next(iter(answer.get("tasks", ())), {}))

    def _still_running(self, arn: str) -> str:
        stop = self.cli.command("ecs", "stop-task", "--cluster", self.place.cluster, "--task", arn)
        return (
            f"the task {self.task.name} of stack {self.entry.stack_name} still runs after "
            f"{self.clock.limit / 60:.0f} minutes: ECS goes on without this program, and the stacks after it were not "
            f"touched. Run the same command again: it waits on. What it says: `{self._log_command(arn)}`. "
            f"Stop it with `{stop}`"
        )

    def _container(self, ended: dict[str, Any]) -> dict[str, Any]:
        """Return the container whose exit code counts."""
        found = (each for each in ended.get("containers", ()) if each.get("name") == self.task.container)
        return dict(next(found, {}))

    def _failure(self, ended: dict[str, Any], container: dict[str, Any]) -> list[str]:
        what = f"the task {self.task.name} of stack {self.entry.stack_name} ({_id(ended['taskArn'])})"
        code = container.get("exitCode")
        said = dict.fromkeys(filter(None, (container.get("reason"), ended.get("stoppedReason"))))
        reasons = [str(each) for each in said if each != _ORDINARY]
        return [
            f"{what} did not start" if code is None else f"{what} ended with exit code {code}",
            *(f"  {each}" for each in reasons),
            *self._log(ended["taskArn"]),
            _CLOSING.format(stack=self.entry.name),
        ]

    def _log(self, arn: str) -> list[str]:
        """Return the end of what it said, and the command that shows all of it; never an error: it explains one."""
        named = ("--log-group-name", self.place.log_group, "--log-stream-name", self._stream(arn))
        try:
            answer = self.cli.run("logs", "get-log-events", *named, "--limit", str(_LOG_LINES))
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return ["It wrote no log."]
            return [f"Its log cannot be read: {error}"]
        lines = [f"  {each['message'].rstrip()}" for each in answer.get("events", ())]
        if not lines:
            return ["It wrote no log."]
        return ["The end of its log:", *lines, f"All of it: `{self._log_command(arn)}`"]

    def _log_command(self, arn: str) -> str:
        named = ("--log-group-name", self.place.log_group, "--log-stream-name", self._stream(arn))
        shown = ("--start-from-head", "--query", "events[].[message]", "--output", "text")
        return self.cli.command("logs", "get-log-events", *named, *shown)

    def _stream(self, arn: str) -> str:
        return f"{_STREAM_PREFIX}/{self.task.container}/{_id(arn)}"


def _id(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
