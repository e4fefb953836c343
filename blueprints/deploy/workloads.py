"""Kubernetes workloads of an environment, made ready: manifests and Helm values filled with what the stacks gave.

This reads AWS and the files, and touches no cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from blueprints.deploy.errors import NotFoundError
from blueprints.deploy.marks import fill, fill_yaml, marks
from blueprints.deploy.outputs import read_outputs
from blueprints.model.errors import DeployError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blueprints.deploy.aws import AwsCli
    from blueprints.model.steps import Chart, Workload
    from blueprints.render.manifest import Manifest

IMAGE_TAG = "IMAGE_TAG"

# A Job's name is the value of a label of its pods too: at most 63 characters.
_JOB_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")
_NEWEST_TAGS = 5
# Seconds that a Job may take that sets itself no limit, and for Kubernetes to notice that a limit has passed.
_LONGEST_JOB = 3600
_MARGIN = 120


@dataclass(frozen=True)
class Filled:
    """One file of manifests, its marks filled."""

    path: str
    text: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [each for each in yaml.safe_load_all(self.text) if isinstance(each, dict)]

    def holds(self, kind: str, name: str) -> bool:
        return any(named(each) == (kind, name) for each in self.objects)


@dataclass(frozen=True)
class Release:
    """A Helm chart, with its values as JSON, which is YAML."""

    chart: Chart
    values: str

    @property
    def source(self) -> tuple[str, ...]:
        """Return the arguments that name the chart; a registry has no index to look a name up in."""
        chart = self.chart
        if chart.repository.startswith("oci://"):
            return (f"{chart.repository}/{chart.name}", "--version", chart.version)
        return (chart.name, "--repo", chart.repository, "--version", chart.version)


@dataclass(frozen=True)
class Prepared:
    """A workload, with everything that is known of it before the cluster is touched.

    ``first`` are the files up to the Job's, ``rest`` those that follow when it has succeeded.
    """

    workload: Workload
    region: str
    cluster: str
    job: str
    releases: tuple[Release, ...]
    first: tuple[Filled, ...]
    rest: tuple[Filled, ...]

    @property
    def job_limit(self) -> int:
        """Return the seconds after which the Job has ended or never will."""
        jobs = [each for file in self.first for each in file.objects if named(each) == ("Job", self.job)]
        return int(jobs[0]["spec"].get("activeDeadlineSeconds", _LONGEST_JOB)) + _MARGIN

    @property
    def files(self) -> tuple[Filled, ...]:
        return (*self.first, *self.rest)

    def by_hand(self, *words: str) -> str:
        """Return the commands with which a person can do something in the cluster."""
        access = f"aws eks update-kubeconfig --name {self.cluster} --region {self.region}"
        return f"`{access}`, then `kubectl --namespace {self.workload.namespace} {' '.join(words)}`"


def prepare(factory: Callable[[str], AwsCli], manifest: Manifest, image_tag: str | None) -> tuple[Prepared, ...]:
    """Return the workloads of an environment, filled and checked; this reads AWS and changes nothing.

    Raises:
        DeployError: there is no workload, a stack or an output is not there, the image is not in its repository, or a
            mark cannot be filled.
        ManifestError: the files are not what the manifest says.
    """
    found = [(entry, workload) for entry in manifest.stacks for workload in entry.workloads]
    if not found:
        raise DeployError(
            f"{manifest.architecture}/{manifest.environment} has nothing to apply: only architectures on Kubernetes "
            f"have. Its stacks are all there is: blueprints deploy {manifest.architecture} {manifest.environment}"
        )
    wanted = [value for _, each in found for value in (each.cluster, *each.values.values())]
    outputs = read_outputs(factory, manifest, wanted)
    prepared = []
    for entry, workload in found:
        texts = _read(manifest.folder.parent / workload.folder, workload)
        asked = any(IMAGE_TAG in marks(text) for text in texts.values())
        _check_image(factory(entry.region), workload, image_tag, asked=asked)
        values = {name: outputs[output] for name, output in workload.values.items()}
        values |= {} if image_tag is None else {IMAGE_TAG: image_tag}
        prepared.append(_prepared(workload, entry.region, outputs[workload.cluster], texts, values))
    return tuple(prepared)


def _prepared(
    workload: Workload, region: str, cluster: str, texts: Mapping[str, str], values: Mapping[str, str]
) -> Prepared:
    job = _job_name(workload, values)
    files = [Filled(path, fill_yaml(text, values, where=path)) for path, text in texts.items()]
    last = _place(files, "Job", job) if job else -1
    if _place(files, "Deployment", workload.deployment) <= last:
        raise ManifestError(
            f"{workload.folder}: the Deployment {workload.deployment} is not in a file after the Job {job}, which has "
            "to succeed before it: render again"
        )
    return Prepared(
        workload=workload,
        region=region,
        cluster=cluster,
        job=job,
        releases=tuple(Release(chart, _helm_values(chart, values)) for chart in workload.charts),
        first=tuple(files[: last + 1]),
        rest=tuple(files[last + 1 :]),
    )


def _read(folder: Path, workload: Workload) -> dict[str, str]:
    """Return the texts by their paths below the architecture's folder, in the order of their names."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ManifestError(f"there are no manifests in {folder}: run `blueprints render` again")
    return {f"{workload.folder}/{path.name}": path.read_text(encoding="utf-8") for path in paths}


def _place(files: list[Filled], kind: str, name: str) -> int:
    for position, file in enumerate(files):
        if file.holds(kind, name):
            return position
    paths = ", ".join(file.path for file in files)
    raise ManifestError(f"no file holds the {kind} {name} that manifest.json names ({paths}): run `blueprints render`")


def _job_name(workload: Workload, values: Mapping[str, str]) -> str:
    name = fill(workload.job, values, where="the name of the Job")
    if name and not _JOB_NAME.fullmatch(name):
        raise DeployError(
            f"{name} cannot be the name of a Job: Kubernetes takes at most 63 lower-case letters, digits, hyphens and "
            "dots, with a letter or digit at both ends. Push the image under such a tag, a commit's hash for instance"
        )
    return name


def _check_image(cli: AwsCli, workload: Workload, tag: str | None, *, asked: bool) -> None:
    """Refuse a tag that is not in ECR: its pods would wait for it, and so would the migration."""
    if not asked:
        if tag is not None:
            raise DeployError(f"--image-tag {tag}: no manifest in {workload.folder} takes a tag; leave the option out")
        return
    named = ("--repository-name", workload.repository)
    if tag is None:
        raise DeployError(f"which image? Give its tag with --image-tag TAG. {_tags_to_choose(cli, workload)}")
    try:
        found = cli.run("ecr", "describe-images", *named, "--image-ids", f"imageTag={tag}")
    except NotFoundError:
        found = {}
    if not found.get("imageDetails"):
        raise DeployError(
            f"image {workload.repository}:{tag} is not in ECR ({cli.region}), and the pods would wait for it: push it, "
            f"or choose another with --image-tag. {_tags_to_choose(cli, workload)}"
        )


def _tags_to_choose(cli: AwsCli, workload: Workload) -> str:
    try:
        answer = cli.run(
            "ecr", "describe-images", "--repository-name", workload.repository, "--filter", "tagStatus=TAGGED"
        )
    except NotFoundError:
        return f"There is no repository {workload.repository} in {cli.region} yet: deploy the stack that makes it"
    images = sorted(answer.get("imageDetails", []), key=lambda each: str(each.get("imagePushedAt", "")), reverse=True)
    tags = [str(tag) for each in images[:_NEWEST_TAGS] for tag in each.get("imageTags", ())]
    return f"Newest tags of {workload.repository}: {', '.join(tags)}" if tags else f"{workload.repository} is empty"


def _helm_values(chart: Chart, values: Mapping[str, str]) -> str:
    """Return the chart's values with the marks in their texts filled; numbers, true and false stay what they are."""
    where = f"the values of the chart {chart.name}"
    return json.dumps(_filled_tree(chart.values, values, where), indent=2, sort_keys=True)


def _filled_tree(node: object, values: Mapping[str, str], where: str) -> object:
    if isinstance(node, Mapping):
        return {key: _filled_tree(value, values, where) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_filled_tree(item, values, where) for item in node]
    return fill(node, values, where=where) if isinstance(node, str) else node


def named(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kind and the name of an object."""
    return str(found.get("kind")), str((found.get("metadata") or {}).get("name"))
