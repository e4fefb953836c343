"""A pipeline from a commit to a running service: build the image, show what would change, deploy it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import Parameter, Select, Split, StackId, Sub, codeconnections, codepipeline, iam

from blueprints.access import grants
from blueprints.components.bucket import Bucket
from blueprints.components.build_project import BuildProject
from blueprints.components.image_build import ImageBuild
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter

# A connection's name has 32 characters at most, of which the first part of a stack's own id and a dash take 9.
LONGEST_NAME = 32 - 9

CHANGE_SET = "pipeline"

# The tag that the build of the image hands on.
TAG = "#{Build.IMAGE_TAG}"


@dataclass(frozen=True)
class SourceCode:
    """Where commits come from.

    Args:
        repository: owner and name, as in ``owner/name``.
        branch: the branch whose commits are deployed.
        provider: GitHub, GitLab, Bitbucket or AzureDevOps.
        folder: the folder with the Dockerfile.

    """

    repository: Any
    branch: Any = "main"
    provider: str = "GitHub"
    folder: str = "."


@dataclass(frozen=True)
class Deployment:
    """What is deployed, and in whose name.

    Args:
        stack_name: the stack that is made or updated.
        template: the template's path in the source code.
        role_arn: the role that CloudFormation takes on; it alone decides what a deployment may change.
        approval: wait for a person between showing what would change and changing it.
        capabilities: what the template's IAM resources need to be acknowledged.
        parameters: values of further parameters that have no default; ``${Name}`` stands for a parameter of this stack.

    """

    stack_name: str
    template: str
    role_arn: Any
    approval: bool = False
    capabilities: str = "CAPABILITY_IAM"
    parameters: Mapping[str, str] = field(default_factory=dict)

    def steps(self) -> list[Step]:
        """Show what would change, ask where somebody has to agree, change it."""
        ask = [ApprovalStep(f"Look at the change set {CHANGE_SET} of {self.stack_name} in CloudFormation")]
        return [PrepareStep("Prepare", self), *(ask if self.approval else []), ExecuteStep("Execute", self)]


@dataclass(frozen=True)
class PrepareStep:
    """Make a change set with the new image's tag."""

    name: str
    deployment: Deployment


@dataclass(frozen=True)
class ExecuteStep:
    """Execute the change set that was made."""

    name: str
    deployment: Deployment


@dataclass(frozen=True)
class ApprovalStep:
    """Wait for a person, and say what to look at; at most 1,000 characters."""

    about: str
    name: str = "Approve"


@dataclass(frozen=True)
class BuildStep:
    """Run commands over the source code; they find the new image's tag in IMAGE_TAG."""

    name: str
    build: BuildProject


Step = PrepareStep | ExecuteStep | ApprovalStep | BuildStep


def source_repository(default: str | None = None) -> StackParameter:
    """Which repository the pipeline follows."""
    return StackParameter(
        "SourceRepository",
        group="Source code",
        label="Repository",
        description="Owner and name of the repository, for example example/facerec",
        default=default,
        pattern=r"^[\w.-]+(/[\w.-]+)+$",
        constraint="Owner and name with a slash between them",
    )


def source_branch(default: str = "main") -> StackParameter:
    """Which branch the pipeline follows."""
    return StackParameter(
        "SourceBranch",
        group="Source code",
        label="Branch",
        description="The branch whose commits are deployed",
        default=default,
        pattern=r"^[\w./-]+$",
        constraint="The name of a branch",
    )


def as_text(parameter: Parameter) -> Parameter:
    """A stack's parameter as the pipeline asks for it: overrides are text, so a list is asked for as text."""
    if not parameter.properties["Type"].startswith("List<"):
        return parameter
    return StackParameter(
        str(parameter.title),
        group="Deployment",
        label=getattr(parameter, "label", str(parameter.title)),
        description=f"{parameter.properties['Description']}; ids with commas between them",
        pattern=r"^[a-z]+-[0-9a-f]+(,[a-z]+-[0-9a-f]+)*$",
        constraint="Ids with commas between them and no spaces",
    )


def deployment_role_arn() -> StackParameter:
    """In whose name CloudFormation deploys; without a default, because it decides what a deployment may do."""
    return StackParameter(
        "DeploymentRoleArn",
        group="Deployment",
        label="Deployment role",
        description="ARN of a role that trusts CloudFormation and may change what the service's stack consists of",
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$",
        constraint="The ARN of an IAM role",
    )


class Pipeline(Component):
    """Source, build, and the steps of a deployment one after the other.

    The connection to the source code is made PENDING: somebody has to open it once in the console (Developer Tools,
    Settings, Connections) and let AWS in at the provider; before that every run fails at its first step.

    Args:
        name: first part of the logical ids.
        source: where commits come from.
        repository: the ECR repository that images are pushed to.
        deployment: what is deployed and in whose name, or the steps that this takes.
        log_retention_days: days that the build's log is kept.
        artifacts: where files are handed on, when the builds of steps know it already; or one is made.
        arm: build the image for Graviton.

    """

    def __init__(  # noqa: PLR0913 - each is a part of a delivery
        self,
        name: str,
        *,
        source: SourceCode,
        repository: str,
        deployment: Deployment | Sequence[Step],
        log_retention_days: int = 30,
        artifacts: Bucket | None = None,
        arm: bool = False,
    ) -> None:
        if len(name) > LONGEST_NAME:
            raise SettingsError(f"{name}: the connection's name starts with it and takes {LONGEST_NAME} characters")
        self._name, self._source = name, source
        self._steps = deployment.steps() if isinstance(deployment, Deployment) else list(deployment)
        self.connection = self._connection()
        self.artifacts = artifacts or artifacts_bucket(name)
        self.build = ImageBuild(
            name,
            repository=repository,
            folder=source.folder,
            artifacts=self.artifacts.bucket,
            log_retention_days=log_retention_days,
            arm=arm,
        )
        self.builds = [step.build for step in self._steps if isinstance(step, BuildStep)]
        self.role = self._role()
        self.pipeline = self._pipeline()

    def _connection(self) -> codeconnections.Connection:
        # A connection needs a name, unique in the account; the stack's own id makes it so.
        identity = Select(0, Split("-", Select(2, Split("/", StackId))))
        return because(
            "Lets the pipeline fetch commits without a token of a person; pending until somebody opens it once.",
            codeconnections.Connection(
                f"{self._name}Connection",
                ConnectionName=Sub(f"{self._name}-${{Id}}", Id=identity),
                ProviderType=self._source.provider,
            ),
        )

    def _role(self) -> iam.Role:
        statements = [
            grants.use_connection(self.connection.ref()),
            grants.exchange_artifacts(self.artifacts.bucket.get_att("Arn")),
            grants.run_builds(*(build.project.get_att("Arn") for build in (self.build, *self.builds))),
        ]
        deployments = [step.deployment for step in self._steps if isinstance(step, PrepareStep)]
        if deployments:
            statements.append(grants.deploy_by_change_set(*(one.stack_name for one in deployments)))
            statements.append(grants.hand_role_to("cloudformation", deployments[0].role_arn))
        what = {0: "fetch and build", 1: "fetch, build, and handle change sets of one stack"}
        may = what.get(len(deployments), f"fetch, build, and handle change sets of {len(deployments)} stacks")
        return because(
            f"What the pipeline itself may do: {may}.",
            iam.Role(
                f"{self._name}Role",
                AssumeRolePolicyDocument=grants.trust("codepipeline"),
                Policies=[grants.policy("Deliver", *statements)],
            ),
        )

    def _pipeline(self) -> codepipeline.Pipeline:
        return because(
            "Takes each commit of one branch to the service.",
            codepipeline.Pipeline(
                f"{self._name}Pipeline",
                PipelineType="V2",
                ExecutionMode="SUPERSEDED",  # a newer commit overtakes one that waits for approval
                RoleArn=self.role.get_att("Arn"),
                ArtifactStore=codepipeline.ArtifactStore(Type="S3", Location=self.artifacts.bucket.ref()),
                Stages=[
                    codepipeline.Stages(Name="Source", Actions=[self._fetch()]),
                    codepipeline.Stages(Name="Build", Actions=[self._build()]),
                    codepipeline.Stages(Name="Deploy", Actions=self._deploy()),
                ],
            ),
            must=["A change set is shown before it is executed"],
            mutable="review-required",
        )

    def _fetch(self) -> codepipeline.Actions:
        return codepipeline.Actions(
            Name="Fetch",
            Namespace="Source",
            ActionTypeId=_action("Source", "CodeStarSourceConnection"),  # the provider kept its older name
            Configuration={
                "ConnectionArn": self.connection.ref(),
                "FullRepositoryId": self._source.repository,
                "BranchName": self._source.branch,
                "DetectChanges": "true",
            },
            OutputArtifacts=[codepipeline.OutputArtifacts(Name="Source")],
        )

    def _build(self) -> codepipeline.Actions:
        return codepipeline.Actions(
            Name="Image",
            Namespace="Build",
            ActionTypeId=_action("Build", "CodeBuild"),
            Configuration={"ProjectName": self.build.project.ref()},
            InputArtifacts=[codepipeline.InputArtifacts(Name="Source")],
        )

    def _deploy(self) -> list[codepipeline.Actions]:
        actions = [_action_of(step) for step in self._steps]
        for order, action in enumerate(actions, start=1):
            action.RunOrder = order
        return actions


def artifacts_bucket(name: str) -> Bucket:
    """Where the steps of a pipeline of this name hand files on."""
    return Bucket(
        f"{name}Artifacts", why="Hands files from one step of the pipeline to the next.", expire_after_days=30
    )


def _action_of(step: Step) -> codepipeline.Actions:
    if isinstance(step, PrepareStep):
        return _prepare(step)
    if isinstance(step, ExecuteStep):
        return _change_set(step.name, "CHANGE_SET_EXECUTE", step.deployment)
    if isinstance(step, ApprovalStep):
        return codepipeline.Actions(
            Name=step.name, ActionTypeId=_action("Approval", "Manual"), Configuration={"CustomData": step.about}
        )
    variables = [{"name": "IMAGE_TAG", "value": TAG, "type": "PLAINTEXT"}]
    return codepipeline.Actions(
        Name=step.name,
        ActionTypeId=_action("Build", "CodeBuild"),
        Configuration={"ProjectName": step.build.project.ref(), "EnvironmentVariables": json.dumps(variables)},
        InputArtifacts=[codepipeline.InputArtifacts(Name="Source")],
    )


def _prepare(step: PrepareStep) -> codepipeline.Actions:
    deployment = step.deployment
    text = json.dumps({"ImageTag": TAG, **deployment.parameters})
    action = _change_set(step.name, "CHANGE_SET_REPLACE", deployment)
    # Without IAM resources there is nothing to acknowledge, and CodePipeline takes no empty value.
    capabilities = {"Capabilities": deployment.capabilities} if deployment.capabilities else {}
    action.Configuration |= {
        "TemplatePath": f"Source::{deployment.template}",
        "ParameterOverrides": Sub(text) if "${" in text else text,
        **capabilities,
        "RoleArn": deployment.role_arn,
    }
    action.InputArtifacts = [codepipeline.InputArtifacts(Name="Source")]
    return action


def _change_set(name: str, mode: str, deployment: Deployment) -> codepipeline.Actions:
    return codepipeline.Actions(
        Name=name,
        ActionTypeId=_action("Deploy", "CloudFormation"),
        Configuration={"ActionMode": mode, "StackName": deployment.stack_name, "ChangeSetName": CHANGE_SET},
    )


def _action(category: str, provider: str) -> codepipeline.ActionTypeId:
    return codepipeline.ActionTypeId(Category=category, Owner="AWS", Provider=provider, Version="1")
