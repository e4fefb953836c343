"""What a deployment does besides deploying stacks: upload a bundle before one, run a task or look closer after one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class OutputOf:
    """A value that a stack of the same architecture publishes, by the stack's short name and the output's."""

    stack: str
    output: str


@dataclass(frozen=True)
class OneOffTask:
    """A task that runs once, to its end, when its stack was created or updated and before the next one is touched.

    Whatever it ends with but 0 stops the deployment.

    Args:
        name: what it does, in a word: ``migration``.
        container: the container whose exit code counts.
        cluster: name or ARN of the ECS cluster.
        task_definition: ARN of the task definition, with its revision.
        subnets: ids of subnets; each output holds one, or several with commas between them.
        security_group: id of the task's security group.
        log_group: name of its log group.
        public_address: whether it needs a public address to reach its registry.
    """

    name: str
    container: str
    cluster: OutputOf
    task_definition: OutputOf
    subnets: tuple[OutputOf, ...]
    security_group: OutputOf
    log_group: OutputOf
    public_address: bool = False


@dataclass(frozen=True)
class EnvironmentCheck:
    """An environment of Elastic Beanstalk that is looked at when its stack was created or updated.

    Where it does not run the stack's version, or not well, the deployment stops before the next stack: CloudFormation
    is content with a stack whose deployment failed on the instances.

    Args:
        environment: its name.
        version: label of the version that it has to run.
        log_group: name of the log group that its containers write to; streams of a migration begin with ``migration``.
    """

    environment: OutputOf
    version: OutputOf
    log_group: OutputOf


@dataclass(frozen=True)
class Bundle:
    """Text files that are zipped and uploaded before their stack is created or updated.

    In the files' texts and in the key, ``${Name}`` stands for a value of the stack's parameter of this name, and
    ``${NAME}`` for one of *values*.

    Args:
        folder: the files below this folder of ``output/<architecture>``, which is the bundle's root.
        bucket: name of the bucket.
        key: key of the object.
        values: further values that the files name.
    """

    folder: str
    bucket: OutputOf
    key: str
    values: Mapping[str, OutputOf] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """Kubernetes manifests that are applied once the stacks are there.

    In their texts ``${NAME}`` stands for one of *values*, and ``${IMAGE_TAG}`` for the tag that is asked for.

    Args:
        folder: the manifests lie in this folder of ``output/<architecture>``; they are applied in order of their names.
        cluster: name of the EKS cluster.
        namespace: where they belong.
        repository: ECR repository of the image that ``${IMAGE_TAG}`` is a tag of.
        deployment: name of the Deployment whose rollout is waited for.
        job: name of the Job that has to succeed before the Deployment is applied, or empty for none.
        values: values that the manifests name.
        charts: Helm charts that have to be installed before, in this order.
    """

    folder: str
    cluster: OutputOf
    namespace: str
    repository: str
    deployment: str
    job: str = ""
    values: Mapping[str, OutputOf] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A Helm chart that the manifests rely on.

    Args:
        name: the release's name and the chart's, for example ``aws-load-balancer-controller``.
        repository: URL of the chart repository.
        version: the chart's version; never a range.
        namespace: where it is installed.
        values: Helm values, nested as the chart has them; ``${NAME}`` stands for one of the workload's values.
    """

    name: str
    repository: str
    version: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
