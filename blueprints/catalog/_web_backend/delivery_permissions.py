"""What the steps of a delivery may do, read from the stacks that they belong to.

In each function, *stack* is where the permission stands, *stacks* are the architecture's, in which outputs are looked
up, and *chosen* are those whose steps count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from awacs.aws import Statement
from troposphere import Sub, eks, iam

from blueprints.access import delivery_policies, grants
from blueprints.model.context import because
from blueprints.model.stack import Stack
from blueprints.model.steps import OutputOf


def may_read(stacks: Sequence[Stack], chosen: Sequence[Stack], *steps: str) -> list[Statement]:
    """Read the outputs that these steps of the chosen stacks name."""
    named = dict.fromkeys(one.stack for step in steps for one in _outputs_of(chosen, step))
    names = [_named(stacks, name).stack_name for name in named]
    return [delivery_policies.read_outputs(names)] if names else []


def _outputs_of(chosen: Sequence[Stack], step: str) -> Iterable[OutputOf]:
    for one in chosen:
        if step == "Upload":
            for bundle in one.bundles:
                yield from (bundle.bucket, *bundle.values.values())
        elif step == "Run":
            for task in one.tasks:
                yield from (task.cluster, task.task_definition, *task.subnets, task.security_group, task.log_group)
        elif step == "Check":
            for check in one.checks:
                yield from (check.environment, check.version, check.log_group)
        else:
            for workload in one.workloads:
                yield from (workload.cluster, *workload.values.values())


def may_upload(stack: Stack, stacks: Sequence[Stack], chosen: Sequence[Stack]) -> list[Statement]:
    """Put source bundles into their bucket."""
    buckets = dict.fromkeys(bundle.bucket for one in chosen for bundle in one.bundles)
    return [grants.write_objects(_beside(stack, stacks, bucket, "Name", "Objects")) for bucket in buckets]


def may_run(stack: Stack, stacks: Sequence[Stack], chosen: Sequence[Stack]) -> list[Statement]:
    """Run one-off tasks to their end, and show their logs."""
    may: list[Statement] = []
    for task in (task for one in chosen for task in one.tasks):
        cluster = _beside(stack, stacks, task.cluster, "Name", "Arn")
        definitions, execution, role, log = (
            _beside(stack, stacks, task.task_definition, "TaskDefinitionArn", what)
            for what in ("TaskDefinitions", "ExecutionRoleArn", "TaskRoleArn", "LogGroupArn")
        )
        may += [
            delivery_policies.run_one_off_task(definitions, cluster),
            delivery_policies.watch_tasks(cluster),
            delivery_policies.hand_roles_to_tasks([execution, role]),
            delivery_policies.read_log(log),
        ]
    return may


def may_check(stack: Stack, stacks: Sequence[Stack], chosen: Sequence[Stack]) -> list[Statement]:
    """Look at environments of Elastic Beanstalk, and show the logs of their migrations."""
    may: list[Statement] = []
    for check in (check for one in chosen for check in one.checks):
        may += [
            delivery_policies.look_at_environment(_beside(stack, stacks, check.environment, "Name", "Arn")),
            delivery_policies.read_log(_beside(stack, stacks, check.log_group, "Name", "Arn")),
        ]
    return may


def may_apply(stack: Stack, stacks: Sequence[Stack], chosen: Sequence[Stack]) -> list[Statement]:
    """Find the cluster that manifests are applied to."""
    clusters = dict.fromkeys(workload.cluster for one in chosen for workload in one.workloads)
    return [delivery_policies.find_cluster(_beside(stack, stacks, cluster, "Name", "Arn")) for cluster in clusters]


def access_entry(stack: Stack, name: str, role: iam.Role, stacks: Sequence[Stack]) -> eks.AccessEntry:
    """What the role may do inside the cluster: everything in the application's namespace, nothing outside of it.

    The policies for admins and editors name Kubernetes' own resources, and the manifests have others, such as
    TargetGroupBinding (Amazon EKS User Guide, "Review access policy permissions"). A namespace narrows any policy.
    """
    workload = next(workload for one in stacks for workload in one.workloads)
    policy = "arn:${AWS::Partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    scope = eks.AccessScope(Type="namespace", Namespaces=[workload.namespace])
    return because(
        "Lets the delivery apply manifests in one namespace.",
        eks.AccessEntry(
            f"{name}Access",
            ClusterName=stack.from_stack(_named(stacks, workload.cluster.stack), workload.cluster.output),
            PrincipalArn=role.get_att("Arn"),
            AccessPolicies=[eks.AccessPolicy(PolicyArn=Sub(policy), AccessScope=scope)],
        ),
    )


def _beside(stack: Stack, stacks: Sequence[Stack], one: OutputOf, suffix: str, other: str) -> Any:
    """The output of the same stack that has another suffix."""
    return stack.from_stack(_named(stacks, one.stack), one.output.removesuffix(suffix) + other)


def _named(stacks: Sequence[Stack], name: str) -> Stack:
    return next(one for one in stacks if one.name == name)
