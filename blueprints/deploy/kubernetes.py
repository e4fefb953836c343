"""Workloads into their Kubernetes cluster: Helm charts, then everything up to the migration's Job, then the rest.

The Deployment follows only where the Job has succeeded. Nothing is deleted: `kubectl apply --prune` is an alpha feature
that finds by label and kind what it deletes, and ConfigMaps of earlier versions are what a rollout goes back to. What
still acts and is in no file any more is named.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from blueprints.deploy.kubectl import KubectlError
from blueprints.deploy.workloads import named
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from blueprints.deploy.kubectl import Kubectl
    from blueprints.deploy.waiting import Clock
    from blueprints.deploy.workloads import Filled, Prepared, Release

    Report = Callable[[str], None]

# Seconds. The Deployment's own progressDeadlineSeconds comes before the rollout's.
_CHART = 600
_DELETION = 120
_ROLLOUT = 3600
_UNDO = 600
_TRIES = 5
_LOG_LINES = 30
_PODS = 2
_WARNINGS = 5
# Reasons of a Deployment's condition Progressing.
_RUNS = "NewReplicaSetAvailable"
_GIVEN_UP = "ProgressDeadlineExceeded"
_REVISION = "deployment.kubernetes.io/revision"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What goes on doing something when no file holds it any more; the last is asked for by itself, as a cluster without the
# AWS Load Balancer Controller does not know it.
_KINDS = (
    "deployments.apps",
    "services",
    "ingresses.networking.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
)
_ACTING = (",".join(_KINDS), "targetgroupbindings.elbv2.k8s.aws")


def apply(prepared: Prepared, kubectl: Kubectl, report: Report, clock: Clock) -> None:
    """Install the charts, migrate, and roll the Deployment out.

    Raises:
        DeployError: a step failed; the steps after it were not begun.
    """
    for release in prepared.releases:
        _install(release, kubectl, report)
    if prepared.job:
        _migrate(prepared, kubectl, report, clock)
    _roll_out(prepared, kubectl, report)
    for line in _left_over(prepared, kubectl):
        report(line)


def _install(release: Release, kubectl: Kubectl, report: Report) -> None:
    chart = release.chart
    report(f"Helm chart {chart.name} {chart.version} in {chart.namespace}")
    # Helm installs the definitions in a chart's crds/ once and never updates them (helm.sh/docs, "Custom Resource
    # Definitions"); it owns their fields when they are new, so that a later apply has to take them over.
    definitions = kubectl.helm("show", "crds", *release.source)
    if definitions.strip():
        kubectl.run("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=definitions)
    named = ("--namespace", chart.namespace, "--create-namespace")
    wait = ("--wait", "--timeout", f"{_CHART}s", "--values", "-")
    arguments = ("upgrade", "--install", chart.name, *release.source, *named, *wait)
    kubectl.helm(*arguments, stdin=release.values, waits=_CHART)


def _apply(files: Iterable[Filled], kubectl: Kubectl, report: Report) -> None:
    for file in files:
        try:
            said = kubectl.run("apply", "--filename=-", stdin=file.text)
        except KubectlError as error:
            raise DeployError(f"{file.path}: {error}") from None
        for line in said.splitlines():
            report(line)


def _migrate(prepared: Prepared, kubectl: Kubectl, report: Report, clock: Clock) -> None:
    """Run the Job to its end; one of this name that has ended before is deleted, as it would not run again."""
    earlier = kubectl.found("job", prepared.job)
    if earlier is not None and _ended(earlier):
        kubectl.run("delete", "job", prepared.job, "--cascade=foreground", f"--timeout={_DELETION}s", waits=_DELETION)
    _apply(prepared.first, kubectl, report)
    report(f"Waiting for the Job {prepared.job}")
    condition = _wait(prepared, kubectl, clock)
    if condition["type"] == "Complete":
        report(f"The Job {prepared.job} succeeded")
        return
    log = kubectl.tried("logs", f"job/{prepared.job}", "--all-containers", f"--tail={_LOG_LINES}")
    shown = ["Last lines of its log:", *_indented(log)] if log else ["Its pod is gone or has logged nothing"]
    said = ": ".join(each for each in (condition.get("reason"), condition.get("message")) if each)
    raise DeployError(
        "\n".join([f"the Job {prepared.job} failed ({said or 'without a reason'}).", *shown, _untouched(prepared)])
    )


def _wait(prepared: Prepared, kubectl: Kubectl, clock: Clock) -> Mapping[str, Any]:
    """Return the condition with which the Job ended.

    `kubectl wait` waits for one condition, and for Complete would wait until its time-out when the Job has failed
    (kubernetes/kubectl#1629), so the Job is looked at again and again.
    """
    end = clock.now() + prepared.job_limit
    while clock.now() < end:
        job = _patiently(lambda: kubectl.found("job", prepared.job), clock)
        if job is None:
            raise DeployError(f"the Job {prepared.job} is gone, nobody knows how it ended. {_untouched(prepared)}")
        condition = _ended(job)
        if condition:
            return condition
        clock.sleep(clock.interval)
    seen = [line for pod in _pods(kubectl, f"batch.kubernetes.io/job-name={prepared.job}") for line in _state(pod)]
    raise DeployError(
        "\n".join([f"the Job {prepared.job} has not ended in time.", *_indented("\n".join(seen)), _untouched(prepared)])
    )


def _patiently(look: Callable[[], dict[str, Any] | None], clock: Clock) -> dict[str, Any] | None:
    """Look again when the way to the cluster was the trouble: a migration may take long."""
    for _ in range(_TRIES - 1):
        try:
            return look()
        except KubectlError:
            clock.sleep(clock.interval)
    return look()


def _ended(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    conditions = job.get("status", {}).get("conditions") or ()
    ends = [each for each in conditions if each["type"] in {"Complete", "Failed"} and each["status"] == "True"]
    return ends[0] if ends else None


def _untouched(prepared: Prepared) -> str:
    return (
        f"The Deployment {prepared.workload.deployment} was not touched: what ran before still runs. Put it right, "
        "then run the same command again: it starts the Job anew. To look: "
        f"{prepared.by_hand('describe', 'job', prepared.job)}"
    )


def _roll_out(prepared: Prepared, kubectl: Kubectl, report: Report) -> None:
    name = prepared.workload.deployment
    before = kubectl.found("deployment", name)
    _apply(prepared.rest, kubectl, report)
    _restart(name, before, kubectl, report)
    try:
        kubectl.followed("rollout", "status", f"deployment/{name}", f"--timeout={_ROLLOUT}s", report=report)
    except KubectlError as error:
        raise DeployError(_not_rolled_out(prepared, kubectl, before, str(error), report)) from None


def _restart(name: str, before: Mapping[str, Any] | None, kubectl: Kubectl, report: Report) -> None:
    """Start anew what Kubernetes has given up, unless the files changed it: its status would be the old failure."""
    if before is None or _progress(before) != _GIVEN_UP:
        return
    now = kubectl.found("deployment", name)
    if now is not None and now["spec"]["template"] == before["spec"]["template"]:
        report(kubectl.run("rollout", "restart", f"deployment/{name}").rstrip())


def _not_rolled_out(
    prepared: Prepared, kubectl: Kubectl, before: Mapping[str, Any] | None, said: str, report: Report
) -> str:
    """Go back where Kubernetes has given up, and return what to tell."""
    name = prepared.workload.deployment
    now = kubectl.found("deployment", name)
    if now is None or _progress(now) != _GIVEN_UP:
        look = prepared.by_hand("rollout", "status", f"deployment/{name}")
        return f"{said}\nThe rollout goes on without this program. To look: {look}"
    for line in _why(kubectl, now):
        report(line)
    failed = f"the Deployment {name} did not get ready: {said}"
    if before is None or _progress(before) != _RUNS or _revision(before) == _revision(now):
        look = prepared.by_hand("get", "pods")
        return f"{failed}\nNo revision that ran well is there to go back to: it was left as it is. To look: {look}"
    try:
        _undo(name, _revision(before), kubectl, report)
    except KubectlError as error:
        look = prepared.by_hand("rollout", "history", f"deployment/{name}")
        return f"{failed}\nSetting it back to revision {_revision(before)} failed too: {error}\nTo look: {look}"
    stays = ", and the migration stays" if prepared.job else ""
    return (
        f"{failed}\nIt was set back to revision {_revision(before)}, which runs. The other objects are as the new "
        f"files say{stays}. Put it right, then run the same command again"
    )


def _undo(name: str, revision: str, kubectl: Kubectl, report: Report) -> None:
    """Set a Deployment back: old pods have served all along (maxUnavailable 0), new ones would be tried for ever."""
    target = f"deployment/{name}"
    kubectl.run("rollout", "undo", target, f"--to-revision={revision}")
    kubectl.followed("rollout", "status", target, f"--timeout={_UNDO}s", report=report)


def _progress(deployment: Mapping[str, Any]) -> str:
    conditions = deployment.get("status", {}).get("conditions") or ()
    return next((str(each.get("reason")) for each in conditions if each["type"] == "Progressing"), "")


def _revision(deployment: Mapping[str, Any]) -> str:
    return str((deployment["metadata"].get("annotations") or {}).get(_REVISION, ""))


def _why(kubectl: Kubectl, deployment: Mapping[str, Any]) -> Iterator[str]:
    """Tell what keeps the newest pods of a Deployment from getting ready: state, warnings, log."""
    labels = deployment["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    waiting = [pod for pod in _pods(kubectl, selector) if _state(pod)]
    for pod in waiting[:_PODS]:
        name = pod["metadata"]["name"]
        yield f"Pod {name}:"
        yield from _indented("\n".join([*_state(pod), *_warnings(kubectl, name)]))
        yield from _indented(kubectl.tried("logs", name, "--all-containers", f"--tail={_LOG_LINES}"))


def _pods(kubectl: Kubectl, selector: str) -> list[dict[str, Any]]:
    """Return the pods, newest first."""
    found = _items(kubectl.tried("get", "pods", f"--selector={selector}", "--output=json"))
    return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)


def _state(pod: Mapping[str, Any]) -> list[str]:
    """Return what is not as it should be; nothing for a pod that is ready or has done its work."""
    status = pod.get("status", {})
    unmet = [each for each in status.get("conditions") or () if each["status"] != "True"]
    if status.get("phase") == "Succeeded" or not unmet:
        return []
    lines = [f"{each['type']}: {each['message']}" for each in unmet if each.get("message")]
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            for each in (state.get("waiting"), state.get("terminated")):
                if each:
                    ended = f" (exit code {each['exitCode']})" if "exitCode" in each else ""
                    lines.append(f"{container['name']}: {each.get('reason', 'ended')}{ended} {each.get('message', '')}")
    return [line.rstrip() for line in lines] or ["not ready"]


def _warnings(kubectl: Kubectl, pod: str) -> list[str]:
    chosen = f"--field-selector=involvedObject.name={pod},type=Warning"
    events = _items(kubectl.tried("get", "events", chosen, "--output=json"))
    return [f"{each.get('reason')}: {each.get('message')}" for each in events[-_WARNINGS:]]


def _items(text: str) -> list[dict[str, Any]]:
    return list(json.loads(text).get("items", ())) if text else []


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _left_over(prepared: Prepared, kubectl: Kubectl) -> list[str]:
    """Return what was once applied to the namespace, still acts, and is in no file."""
    ours = {named(each) for file in prepared.files for each in file.objects}
    found = [
        named(each)
        for kinds in _ACTING
        for each in _items(kubectl.tried("get", kinds, "--output=json"))
        if _APPLIED in (each["metadata"].get("annotations") or {})
    ]
    names = " ".join(f"{kind.lower()}/{name}" for kind, name in found if (kind, name) not in ours)
    if not names:
        return []
    return [
        f"Applied to {prepared.workload.namespace} once, and in no file any more: {names}",
        f"Nothing deletes them. If they are not needed: {prepared.by_hand('delete', names)}",
    ]
