"""A stack: a troposphere Template that stamps what every resource must have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from troposphere import (
    MAX_OUTPUTS,
    MAX_PARAMETERS,
    MAX_RESOURCES,
    AWSObject,
    AWSProperty,
    GetStackOutput,
    Output,
    Parameter,
    Tags,
    Template,
)

from blueprints.model import parameters
from blueprints.model.component import Component, owned
from blueprints.model.context import KEY
from blueprints.model.errors import TemplateError
from blueprints.model.retention import holds_data, stamp_retention
from blueprints.model.settings import Settings
from blueprints.model.steps import Bundle, EnvironmentCheck, OneOffTask, Workload

Thing = TypeVar("Thing", bound=AWSObject | Parameter | Component | Iterable[Any])

# Properties that take tags; the rest of a name such as CopyTagsToSnapshot or PropagateTags is no list of tags.
TAG_PROPERTIES = (
    "Tags",
    "UserPoolTags",
    "BackupVaultTags",
    "BackupPlanTags",
    "HostedZoneTags",
    "HealthCheckTags",
    "ResourceTags",
)

LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"

NAMED_IAM = frozenset({"RoleName", "PolicyName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName"})


@dataclass(frozen=True)
class ImageSource:
    """A parameter that names a tag in an ECR repository: the image has to be there before the stack is."""

    repository: str
    parameter: str


@dataclass(frozen=True)
class SecretSource:
    """A value that CloudFormation never sees and that has to be put before a task can start.

    Either an SSM parameter by its name, or a Secrets Manager secret by the output that holds its ARN; with a
    ``json_key`` the secret holds a JSON object, and the value is one of its members.
    """

    name: str
    parameter_name: str | None = None
    stack: str | None = None
    output: str | None = None
    json_key: str | None = None


class Stack(Template):
    """One CloudFormation stack of an architecture.

    Args:
        name: its short name (``network``, ``service``); also the name of its files.
        settings: decides tags, Region, names and retention.
        description: CloudFormation's Description, at most 1,024 bytes.
        arch: one line on how the parts work together.
        must: what has to stay true of the whole stack.
        shared: environments share this stack; it is named without an environment and always keeps its data.

    """

    def __init__(  # noqa: PLR0913 - each is a fact about the stack
        self,
        name: str,
        settings: Settings,
        *,
        description: str,
        arch: str,
        must: Sequence[str] = (),
        shared: bool = False,
        region: str | None = None,
    ) -> None:
        context: dict[str, Any] = {"arch": arch} | ({"must": list(must)} if must else {})
        super().__init__(Description=description, Metadata={KEY: context})
        self.set_version("2010-09-09")
        self.name = name
        self.settings = settings
        self.shared = shared
        self.region = region or settings.region
        self.stack_name = settings.stack_name(name, shared=shared)
        self.keep_data = settings.keep_data or shared
        self._stamps = settings.stamped_tags | ({"Environment": "shared"} if shared else {})
        self.tags = self._stamps | dict(sorted(settings.tags.items()))
        self.images: list[ImageSource] = []
        self.secrets: list[SecretSource] = []
        self.owned_by_ecs: list[str] = []
        self.bundles: list[Bundle] = []
        self.tasks: list[OneOffTask] = []
        self.checks: list[EnvironmentCheck] = []
        self.workloads: list[Workload] = []
        self._data: list[str] = []

    def add(self, thing: Thing) -> Thing:
        """Register a resource, a parameter, a component or several of these, stamped; hand it back.

        Raises:
            TemplateError: another resource or parameter has the same logical id, or there are too many of them.

        """
        for part in owned(list(thing) if isinstance(thing, Iterable) and not isinstance(thing, Mapping) else thing):
            if isinstance(part, Parameter):
                self._register(self.parameters, part, MAX_PARAMETERS)
            else:
                self._stamp(part)
                self._register(self.resources, part, MAX_RESOURCES)
        return thing

    def _register(self, section: dict[str, Any], part: AWSObject | Parameter, most: int) -> None:
        title = str(part.title)
        # Ref means a parameter or a resource, so both share one set of names.
        there = self.resources.get(title) or self.parameters.get(title)
        if there is not None and there is not part:
            raise TemplateError(
                f"{self.name}: two things are called {title}; give one of them another name when you make it"
            )
        section[title] = part
        if len(section) > most:
            raise TemplateError(
                f"{self.name}: {title} is one more than the {most} that CloudFormation takes; split the stack"
            )

    def _stamp(self, resource: AWSObject) -> None:
        # A component that says Delete by itself says that nothing is lost with the resource.
        if holds_data(resource) and resource.resource.get("DeletionPolicy") != "Delete":
            self._data.append(str(resource.title))
        stamp_retention(resource, keep=self.keep_data)
        for name in TAG_PROPERTIES:
            if name in resource.props:
                _stamp_tags(resource, name, self._stamps)

    def output(self, name: str, value: Any, description: str) -> None:
        """Publish a value under a logical id that other stacks, scripts and people can rely on.

        Raises:
            TemplateError: there is such an output, there are too many, or the value is read from another stack.

        """
        if name in self.outputs:
            raise TemplateError(f"{self.name}: two outputs are called {name}; give one of them another name")
        if len(self.outputs) >= MAX_OUTPUTS:
            raise TemplateError(f"{self.name}: output {name} is one more than the {MAX_OUTPUTS} that there can be")
        if isinstance(value, GetStackOutput):
            raise TemplateError(f"{self.name}: output {name} cannot hand on another stack's output; read that one")
        self.add_output(Output(name, Value=value, Description=description))

    def from_stack(self, producer: Stack, output: str) -> GetStackOutput:
        """Refer to an output of another stack, weakly: it is read whenever this stack is created or updated.

        The producer's name is a parameter with a default, so that stacks can be deployed under names of your own.
        Fn::GetStackOutput is not allowed inside Fn::Sub nor as an output's value.

        Raises:
            TemplateError: the producer has no such output.

        """
        if output not in producer.outputs:
            known = ", ".join(producer.outputs) or "none"
            raise TemplateError(f"{self.name}: stack {producer.name} has no output {output}; its outputs: {known}")
        parameter = parameters.stack_name(producer.name, producer.stack_name)
        name = self.parameters.setdefault(str(parameter.title), parameter)
        elsewhere = {"Region": producer.region} if producer.region != self.region else {}
        return GetStackOutput(StackName=name.ref(), OutputName=output, **elsewhere)

    def override(self, logical_id: str, **properties: Any) -> None:
        """Change properties of a resource that a blueprint or a component made, checked as troposphere checks.

        Raises:
            TemplateError: no such resource, no such property, or a value of the wrong type.

        """
        resource = self.resources.get(logical_id)
        if resource is None:
            close = difflib.get_close_matches(logical_id, self.resources, n=3) or sorted(self.resources)
            raise TemplateError(f"{self.name}: no resource {logical_id}; there are {', '.join(close)}")
        for name, value in properties.items():
            if name not in {*resource.props, *resource.attributes}:
                close = difflib.get_close_matches(name, resource.props, n=3) or sorted(resource.props)
                raise TemplateError(
                    f"{logical_id}: {resource.resource_type} has no property {name}; there are {', '.join(close)}"
                )
            try:
                setattr(resource, name, value)
            except (TypeError, ValueError) as error:
                raise TemplateError(f"{logical_id}.{name}: {value!r} is not allowed: {error}") from None

    def leave_to_ecs(self, rule: AWSObject) -> None:
        """Say that ECS rewrites the weights of this listener rule with each blue/green deployment.

        An update that touches the rule would set the template's weights again and send requests to target groups
        without tasks (github.com/aws/aws-cdk issue 36649), so the stack policy denies it.

        Raises:
            TemplateError: it is no listener rule, or it is not in this stack.

        """
        title = str(rule.title)
        if rule.resource_type != LISTENER_RULE:
            raise TemplateError(
                f"{self.name}: {title} is of type {rule.resource_type}; ECS rewrites {LISTENER_RULE} only, so name "
                "the rule in front of the target groups"
            )
        if self.resources.get(title) is not rule:
            raise TemplateError(f"{self.name}: {title} is not in this stack; add it here before it is left to ECS")
        if title not in self.owned_by_ecs:
            self.owned_by_ecs.append(title)

    @property
    def capabilities(self) -> list[str]:
        """What a deployment has to acknowledge: that the stack makes IAM resources, under names of its own or not."""
        iam = [r for r in self.resources.values() if str(r.resource_type).startswith("AWS::IAM::")]
        if any(NAMED_IAM & r.properties.keys() for r in iam if r.resource_type != "AWS::IAM::Policy"):
            return ["CAPABILITY_NAMED_IAM"]
        return ["CAPABILITY_IAM"] if iam else []

    @property
    def retained(self) -> list[str]:
        """Logical ids of what holds data."""
        return [title for title in self._data if title in self.resources]

    @property
    def termination_protection(self) -> bool:
        """Whether the stack refuses to be deleted."""
        return self.keep_data

    @property
    def stack_policy(self) -> dict[str, Any] | None:
        """Updates may do everything but replace or delete kept data, and touch rules that ECS rewrites.

        None where there is neither.
        """
        kept = self.retained if self.keep_data else []
        denied = [
            *([_deny(["Update:Replace", "Update:Delete"], kept)] if kept else []),
            *([_deny("Update:*", self.owned_by_ecs)] if self.owned_by_ecs else []),
        ]
        if not denied:
            return None
        return {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}, *denied]}


def _deny(action: str | list[str], logical_ids: list[str]) -> dict[str, Any]:
    resources = [f"LogicalResourceId/{logical_id}" for logical_id in logical_ids]
    return {"Effect": "Deny", "Action": action, "Principal": "*", "Resource": resources}


def _stamp_tags(resource: AWSObject, name: str, tags: dict[str, str]) -> None:
    own: Any = resource.properties.get(name)
    if resource.props[name][0] is dict:
        resource.properties[name] = {**tags, **(own or {})}
        return
    listed = own.tags if isinstance(own, Tags) else list(own or [])
    keys = {key for tag in listed if (key := _key(tag)) is not None}
    # A new Tags each time: adding two Tags with + changes the right one in place.
    stamped = [{"Key": key, "Value": value} for key, value in tags.items() if key not in keys]
    result = Tags()
    result.tags = [*listed, *stamped]
    resource.properties[name] = result


def _key(tag: Any) -> Any:
    """Return a tag's key; some types (AWS::GuardDuty::Detector) have a class of their own for a tag."""
    given = tag.properties if isinstance(tag, AWSProperty) else tag
    return given.get("Key") if isinstance(given, dict) else None
