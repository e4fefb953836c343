"""Reading stacks: their state, events, resources and deployed template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from blueprints.deploy.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blueprints.deploy.aws import AwsCli

FAILED_TO_CREATE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
STACK_TYPE = "AWS::CloudFormation::Stack"
_PAGE = "100"


@dataclass(frozen=True)
class StackState:
    """A stack as describe-stacks shows it."""

    stack_name: str
    stack_id: str
    status: str
    reason: str = ""
    since: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @property
    def exists(self) -> bool:
        """Return whether it ever came to life; REVIEW_IN_PROGRESS is an empty shell around a change set."""
        return self.status != "REVIEW_IN_PROGRESS" and self.status not in FAILED_TO_CREATE


@dataclass(frozen=True)
class StackEvent:
    """One line of what happens in a stack."""

    event_id: str
    stack_id: str
    time: str
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    token: str = ""

    @property
    def is_stack(self) -> bool:
        """Return whether it tells of the stack itself, not of a resource in it."""
        return self.resource_type == STACK_TYPE and self.physical_id == self.stack_id


@dataclass(frozen=True)
class StackResource:
    """A resource that the stack has or had."""

    logical_id: str
    physical_id: str
    resource_type: str
    status: str


def describe(cli: AwsCli, stack: str) -> StackState | None:
    """Return the stack of this name or id, None when there is none."""
    try:
        answer = cli.run("cloudformation", "describe-stacks", "--stack-name", stack)
    except NotFoundError:
        return None
    return _state(answer["Stacks"][0])


def _state(data: Mapping[str, Any]) -> StackState:
    return StackState(
        stack_name=data["StackName"],
        stack_id=data["StackId"],
        status=data["StackStatus"],
        reason=data.get("StackStatusReason") or "",
        since=str(data.get("LastUpdatedTime") or data.get("CreationTime") or ""),
        # A parameter that is an SSM path shows the path as its value; "use the previous value" keeps it.
        parameters={item["ParameterKey"]: item.get("ParameterValue", "") for item in data.get("Parameters") or ()},
        outputs={item["OutputKey"]: item.get("OutputValue", "") for item in data.get("Outputs") or ()},
        protected=bool(data.get("EnableTerminationProtection")),
    )


def newest_events(cli: AwsCli, stack_id: str, count: int) -> list[StackEvent]:
    """Return the last events so far, newest first."""
    return _page(cli, stack_id, size=str(count))[0]


def events_after(cli: AwsCli, stack_id: str, last_seen: str) -> list[StackEvent]:
    """Return the events after the one last seen, oldest first."""
    fresh: list[StackEvent] = []
    token = ""
    while True:
        events, token = _page(cli, stack_id, start=token)
        for event in events:
            if event.event_id == last_seen:
                return fresh[::-1]
            fresh.append(event)
        if not token:
            return fresh[::-1]


def _page(cli: AwsCli, stack_id: str, *, size: str = _PAGE, start: str = "") -> tuple[list[StackEvent], str]:
    """Return one page, newest first: a stack of years has thousands of events and the CLI would fetch them all."""
    following = ("--starting-token", start) if start else ()
    answer = cli.run(
        "cloudformation", "describe-stack-events", "--stack-name", stack_id, "--max-items", size, *following
    )
    return [_event(item) for item in answer.get("StackEvents", ())], answer.get("NextToken") or ""


def _event(data: Mapping[str, Any]) -> StackEvent:
    return StackEvent(
        event_id=data["EventId"],
        stack_id=data["StackId"],
        time=str(data.get("Timestamp", "")),
        logical_id=data.get("LogicalResourceId", ""),
        physical_id=data.get("PhysicalResourceId") or "",
        resource_type=data.get("ResourceType", ""),
        status=data.get("ResourceStatus", ""),
        reason=data.get("ResourceStatusReason") or "",
        token=data.get("ClientRequestToken") or "",
    )


def resources(cli: AwsCli, stack_id: str) -> list[StackResource]:
    """Return everything the stack has, and what it left behind (DELETE_SKIPPED)."""
    answer = cli.run("cloudformation", "list-stack-resources", "--stack-name", stack_id)
    found = [
        StackResource(
            logical_id=item["LogicalResourceId"],
            physical_id=item.get("PhysicalResourceId") or "",
            resource_type=item["ResourceType"],
            status=item["ResourceStatus"],
        )
        for item in answer.get("StackResourceSummaries", ())
    ]
    return [resource for resource in found if resource.status != "DELETE_COMPLETE"]


def deletion_policies(cli: AwsCli, stack_id: str) -> dict[str, str]:
    """Return the DeletionPolicy of each resource as deployed: it decides, not the one of the new template."""
    return {
        logical_id: str(resource["DeletionPolicy"])
        for logical_id, resource in _deployed(cli, stack_id, "Resources").items()
        if "DeletionPolicy" in resource
    }


def parameter_defaults(cli: AwsCli, stack_id: str) -> dict[str, str]:
    """Return the default of each parameter that has one, as deployed."""
    return {
        name: str(parameter["Default"])
        for name, parameter in _deployed(cli, stack_id, "Parameters").items()
        if "Default" in parameter
    }


def _deployed(cli: AwsCli, stack_id: str, section: str) -> dict[str, Any]:
    answer = cli.run("cloudformation", "get-template", "--stack-name", stack_id, "--template-stage", "Original")
    body = answer.get("TemplateBody") or {}
    template = yaml.load(body, Loader=_Template) if isinstance(body, str) else body  # noqa: S506 - a SafeLoader
    return dict(template.get(section) or {})


class _Template(yaml.SafeLoader):
    """Reads past the short forms (!Ref, !Sub, ...): only the plain parts of a template matter here."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Template.add_multi_constructor("!", _plain)
