"""Tasks that no service keeps running come to their end, which MiniStack leaves to the containers that it has not."""

from collections.abc import Callable
from typing import Any

from blueprints.deploy.emulator import internals

_Answer = tuple[int, dict[str, str], bytes]
_Action = Callable[[dict[str, Any]], _Answer]


def install() -> None:
    internals.ECS_ACTIONS["DescribeTasks"] = _ending(internals.ECS_ACTIONS["DescribeTasks"])


def _ending(original: _Action) -> _Action:
    """Who looks for the first time sees a task that runs, and one that has stopped ever after."""

    def describe_tasks(asked: dict[str, Any]) -> _Answer:
        answer = original(asked)
        names = {str(name).rsplit("/", 1)[-1] for name in asked.get("tasks", ())}
        for arn, task in list(internals.ECS_TASKS.items()):
            of_service = str(task.get("group", "")).startswith("service:")
            if arn.rsplit("/", 1)[-1] in names and task["lastStatus"] == "RUNNING" and not of_service:
                _end(task)
        return answer

    return describe_tasks


def _end(task: dict[str, Any]) -> None:
    """The command `false` ends with 1, as everywhere; every other command is taken to succeed."""
    containers = internals.containers_of(task)
    unread = next(filter(None, map(internals.why_secrets_fail, containers)), None)
    if unread is not None:
        reason = f"ResourceInitializationError: unable to pull secrets or registry auth: {unread}"
        internals.stop_task(task, reason, "TaskFailedToStart")
        return
    failed = any(container.get("command") == ["false"] for container in containers)
    for container in containers:
        command = " ".join(container.get("command") or ["the image's own command"])
        words = f"The emulator starts no container; {command} counts as {'failed' if failed else 'done'}"
        internals.say_in_log(task, container, words)
    internals.stop_task(task, "Essential container in task exited", "EssentialContainerExited", int(failed))
