"""What a deploy would do to a stack: a change set, read back as frozen data that a person can judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from blueprints.deploy import change_sets
from blueprints.deploy.change_sets import ChangeSet, ChangeSetType
from blueprints.deploy.protection import untouchable
from blueprints.deploy.stacks import StackState, deletion_policies, describe, parameter_defaults
from blueprints.deploy.templates import template_argument
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from blueprints.deploy.aws import AwsCli
    from blueprints.render.manifest import Manifest, StackEntry

Action = Literal["add", "modify", "replace", "conditional-replace", "remove"]

_ACTIONS: Mapping[str, Action] = {"Add": "add", "Import": "add", "Remove": "remove"}
_REPLACEMENTS: Mapping[str, Action] = {"True": "replace", "Conditional": "conditional-replace"}
_WORDS: Mapping[Action, str] = {
    "replace": "would be replaced by an empty one",
    "conditional-replace": "might be replaced by an empty one",
    "remove": "would be deleted",
}
_LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
_DATA_TYPES = frozenset(
    {
        "AWS::Backup::BackupVault",
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::ServerlessCache",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::RDS::DBShardGroup",
        "AWS::RDS::GlobalCluster",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
    }
)


@dataclass(frozen=True)
class Change:
    """One resource: what happens to it, and because of which properties."""

    action: Action
    logical_id: str
    resource_type: str
    physical_id: str = ""
    properties: tuple[str, ...] = ()
    policy: str = ""  # what becomes of the old resource: Delete, Retain, Snapshot, ReplaceAndDelete, ...
    reads: tuple[str, ...] = ()  # logical ids whose ARN it reads with Fn::GetAtt, where nothing else of it changes


@dataclass(frozen=True)
class StackPlan:
    """A change set that waits to be executed, or the news that there is nothing to do.

    Outputs and tags can change without any resource, so a plan without changes need not be empty.
    """

    entry: StackEntry
    change_set: ChangeSet
    stack_id: str = ""
    changes: tuple[Change, ...] = ()
    data_replacements: tuple[Change, ...] = ()
    is_empty: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)  # the values that the change set has
    left_to_ecs: frozenset[str] = frozenset()  # logical ids of listener rules whose weights ECS rewrites

    @property
    def change_set_name(self) -> str:
        return self.change_set.name

    @property
    def change_set_type(self) -> ChangeSetType:
        return self.change_set.type

    @property
    def rules_of_ecs(self) -> tuple[Change, ...]:
        """Return what happens to rules whose weights ECS has rewritten since they were made."""
        happens = (change for change in self.changes if change.action != "add" and not self._comes_to_nothing(change))
        return tuple(change for change in happens if self.is_left_to_ecs(change))

    def is_left_to_ecs(self, change: Change) -> bool:
        return change.resource_type == _LISTENER_RULE and change.logical_id in self.left_to_ecs

    def _comes_to_nothing(self, change: Change) -> bool:
        """Return whether a change set lists a resource only because it reads the ARN of one that changes.

        What is not replaced keeps its ARN, so nothing is done to the reader once the value is known.
        """
        kept = {other.logical_id for other in self.changes if other.action == "modify"}
        return change.action == "modify" and bool(change.reads) and kept.issuperset(change.reads)

    def count(self, action: Action) -> int:
        return sum(change.action == action for change in self.changes)


def holds_data(entry: StackEntry, logical_id: str, resource_type: str) -> bool:
    """Return whether losing this resource loses data."""
    return logical_id in entry.retained or resource_type in _DATA_TYPES


def plan_stack(  # noqa: PLR0913 - the four that make a plan, and two that have a default
    cli: AwsCli,
    entry: StackEntry,
    manifest: Manifest,
    parameters: Mapping[str, str],
    *,
    bucket: str | None = None,
    clock: Clock | None = None,
) -> StackPlan:
    """Make a change set for the stack as it is now, and read it."""
    state = describe(cli, entry.stack_name)
    return plan_from(cli, entry, manifest, parameters, state, bucket=bucket, clock=clock or Clock())


def plan_from(  # noqa: PLR0913 - plan_stack, for who has just looked at the stack
    cli: AwsCli,
    entry: StackEntry,
    manifest: Manifest,
    parameters: Mapping[str, str],
    state: StackState | None,
    *,
    bucket: str | None,
    clock: Clock,
) -> StackPlan:
    """Make a change set for the stack in this state, and read it."""
    change_set = ChangeSet.new(entry.stack_name, state)
    request = {
        **template_argument(cli, entry, manifest.folder, bucket),
        "Parameters": _parameters(cli, entry, parameters, state),
        "Capabilities": list(entry.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in entry.tags.items()],
    }
    answer = change_sets.create(cli, change_set, request, clock)
    if answer is None:
        return StackPlan(entry, change_set, is_empty=True)
    changes = tuple(_change(item["ResourceChange"]) for item in answer.get("Changes", ()) if "ResourceChange" in item)
    risky = tuple(change for change in changes if _risks_data(entry, change))
    return StackPlan(
        entry,
        change_set,
        answer["StackId"],
        changes,
        data_replacements=_not_kept(cli, answer["StackId"], risky),
        parameters=_values(answer),
        left_to_ecs=_left_to_ecs(cli, entry, changes),
    )


def refuse_data_loss(plan: StackPlan, allow_replace: Collection[str]) -> None:
    """Raise when data would be lost that nobody has given up by name."""
    refused = [change for change in plan.data_replacements if change.logical_id not in allow_replace]
    if not refused:
        return
    lines = [_loss(change) for change in refused]
    options = " ".join(f"--allow-replace {change.logical_id}" for change in refused)
    raise DeployError(
        "\n".join(
            [
                f"Stack {plan.entry.stack_name} would lose data:",
                *lines,
                "Nothing was changed. Take back what causes it; or make a backup, then allow it by name: " + options,
            ]
        )
    )


def _loss(change: Change) -> str:
    because = f", because of {', '.join(change.properties)}" if change.properties else ""
    physical_id = f", {change.physical_id}" if change.physical_id else ""
    return f"  {change.logical_id} ({change.resource_type}{physical_id}) {_WORDS[change.action]}{because}"


def _parameters(
    cli: AwsCli, entry: StackEntry, given: Mapping[str, str], state: StackState | None
) -> list[dict[str, str | bool]]:
    """Return the values given; an existing stack keeps its own for the rest, a new one takes the defaults."""
    previous = state.parameters if state is not None and state.exists else {}
    moved = _moved_defaults(cli, entry, given, state) if state is not None and state.exists else {}
    values = {**moved, **given}
    return [
        {"ParameterKey": parameter.name, "ParameterValue": values[parameter.name]}
        if parameter.name in values
        else {"ParameterKey": parameter.name, "UsePreviousValue": True}
        for parameter in entry.parameters
        if parameter.name in values or parameter.name in previous
    ]


def _moved_defaults(cli: AwsCli, entry: StackEntry, given: Mapping[str, str], state: StackState) -> dict[str, str]:
    """Return the new defaults of parameters that nobody ever gave another value.

    CloudFormation would keep the old default for ever, and a setting that is rendered as one would change nothing.
    """
    moved = {
        parameter.name: parameter.default
        for parameter in entry.parameters
        if parameter.default is not None
        and parameter.name not in given
        and not parameter.no_echo
        and state.parameters.get(parameter.name, parameter.default) != parameter.default
    }
    if not moved:
        return {}
    before = parameter_defaults(cli, state.stack_id)
    return {name: default for name, default in moved.items() if state.parameters[name] == before.get(name)}


def _change(data: Mapping[str, Any]) -> Change:
    action = _ACTIONS.get(data["Action"]) or _REPLACEMENTS.get(data.get("Replacement") or "", "modify")
    targets = [detail.get("Target") or {} for detail in data.get("Details") or ()]
    names = [str(target.get("Name") or target.get("Attribute") or "") for target in targets]
    return Change(
        action=action,
        logical_id=data["LogicalResourceId"],
        resource_type=data["ResourceType"],
        physical_id=data.get("PhysicalResourceId") or "",
        properties=tuple(dict.fromkeys(name for name in names if name)),
        policy=data.get("PolicyAction") or "",
        reads=_read_arns(data.get("Details") or ()),
    )


def _read_arns(details: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return whose ARNs may change a resource; nothing when there is any other reason."""
    entities = [str(detail.get("CausingEntity", "")) for detail in details]
    sources = {(detail.get("Evaluation"), detail.get("ChangeSource")) for detail in details}
    if sources != {("Dynamic", "ResourceAttribute")} or not all(entity.endswith("Arn") for entity in entities):
        return ()
    return tuple(dict.fromkeys(entity.partition(".")[0] for entity in entities))


def _values(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the value of each parameter, an SSM parameter's own in place of its name."""
    given = answer.get("Parameters") or ()
    return {each["ParameterKey"]: each.get("ResolvedValue") or each.get("ParameterValue", "") for each in given}


def _left_to_ecs(cli: AwsCli, entry: StackEntry, changes: tuple[Change, ...]) -> frozenset[str]:
    """Return the rules that ECS rewrites: by the manifest, or by the policy in place.

    The manifest no longer names a rule that its template has lost, or that blue/green deployments have left; live
    traffic goes through the rule all the same.
    """
    touched = any(change.resource_type == _LISTENER_RULE and change.action != "add" for change in changes)
    return frozenset(entry.owned_by_ecs) | (untouchable(cli, entry) if touched else frozenset())


def _risks_data(entry: StackEntry, change: Change) -> bool:
    return change.action in _WORDS and holds_data(entry, change.logical_id, change.resource_type)


def _not_kept(cli: AwsCli, stack_id: str, risky: tuple[Change, ...]) -> tuple[Change, ...]:
    """Leave out removals that keep the resource. A replacement starts empty, whatever becomes of the old one."""
    if not any(change.action == "remove" and not change.policy for change in risky):
        return tuple(change for change in risky if (change.action, change.policy) != ("remove", "Retain"))
    deployed = deletion_policies(cli, stack_id)
    return tuple(
        change
        for change in risky
        if change.action != "remove" or not (change.policy or deployed.get(change.logical_id, "")).startswith("Retain")
    )
