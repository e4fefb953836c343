"""How a commit reaches the three runtimes: AWS CodePipeline as a stack, or a workflow of GitHub Actions and a role.

What has to be done is read from the stacks: those with an image get a change set, and their bundles, one-off tasks,
environments to look at and workloads (``blueprints.model.steps``) become steps before, after and at the end. Outputs
that the steps name have to come with the ARNs that IAM needs, in the same stack:

* ``OneOffTask.cluster`` ``<X>Name``: also ``<X>Arn``
* ``OneOffTask.task_definition`` ``<Y>TaskDefinitionArn``: also ``<Y>TaskDefinitions`` (all revisions),
  ``<Y>ExecutionRoleArn``, ``<Y>TaskRoleArn`` and ``<Y>LogGroupArn``
* ``Bundle.bucket`` ``<X>Name``: also ``<X>Objects``, the ARN of its objects (``${Bucket.Arn}/*``)
* ``EnvironmentCheck.environment`` ``<X>Name``: also ``<X>Arn``; ``EnvironmentCheck.log_group`` ``<Y>Name``: also
  ``<Y>Arn``, which stands for its streams
* ``Workload.cluster`` ``<X>Name``: also ``<X>Arn``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from awacs.aws import Statement
from troposphere import Sub, iam

from blueprints.access import delivery_policies, grants
from blueprints.catalog._web_backend.delivery_permissions import (
    access_entry,
    may_apply,
    may_check,
    may_read,
    may_run,
    may_upload,
)
from blueprints.components.bucket import Bucket
from blueprints.components.build_project import BuildProject, Commands
from blueprints.components.pipeline import (
    CHANGE_SET,
    ApprovalStep,
    BuildStep,
    Deployment,
    ExecuteStep,
    Pipeline,
    PrepareStep,
    SourceCode,
    Step,
    artifacts_bucket,
    as_text,
    deployment_role_arn,
    source_branch,
    source_repository,
)
from blueprints.model.context import because
from blueprints.model.parameters import StackParameter
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile

NAME = "Delivery"
PROGRAM = "delivery/deliver.py"
WORKFLOW = "workflows/deploy.yml"

# The environments of the workflow, in the order that a commit takes.
ENVIRONMENTS = ("dev", "prod")

May = Callable[[Stack, Sequence[Stack], Sequence[Stack]], list[Statement]]

# Longer than the 30 minutes that the program waits for a migration.
STEP_MINUTES = 45


def pipeline_stack(  # noqa: PLR0913 - each is a fact about the delivery
    settings: Settings,
    *,
    architecture: str,
    repository: str,
    stacks: Sequence[Stack],
    folder: str = ".",
    arm: bool = False,
) -> Stack:
    """The stack ``pipeline``: source, image, change sets, approval where data is kept, migration, new version.

    Args:
        settings: environment, retention, and with keep_data the approval.
        architecture: its folder below ``output``, where the source code holds templates and scripts.
        repository: the ECR repository that images are pushed to.
        stacks: the architecture's stacks in deploy order.
        folder: the folder with the Dockerfile, in the source code.
        arm: build the image for Graviton.

    Raises:
        TemplateError: an output that the steps need is not there.

    """
    stack = Stack(
        "pipeline",
        settings,
        description=f"Delivery of {settings.project} {settings.environment}",
        arch="Source by a connection -> CodeBuild builds and pushes the image -> change sets, migration, new version",
        must=[
            "The connection is confirmed once in the console before the first run",
            "The migration has succeeded before the new version takes traffic",
        ],
    )
    source = SourceCode(stack.add(source_repository()).ref(), stack.add(source_branch()).ref(), folder=folder)
    artifacts = artifacts_bucket(NAME)
    steps = _Steps(stack, settings, architecture, stacks, artifacts).all()
    stack.add(
        Pipeline(
            NAME,
            source=source,
            repository=repository,
            deployment=steps,
            log_retention_days=settings.log_retention_days,
            artifacts=artifacts,
            arm=arm,
        )
    )
    apply = [step.build for step in steps if isinstance(step, BuildStep) and step.name == "Apply"]
    stack.add([access_entry(stack, f"{NAME}Apply", build.role, stacks) for build in apply])
    return stack


class _Steps:
    """The steps of a pipeline's deployment, with what each of them may do."""

    def __init__(
        self, stack: Stack, settings: Settings, architecture: str, stacks: Sequence[Stack], artifacts: Bucket
    ) -> None:
        self._stack, self._settings, self._stacks, self._artifacts = stack, settings, stacks, artifacts
        self._folder = f"output/{architecture}"

    def all(self) -> list[Step]:
        """Show every change, ask, and only then change anything: a migration cannot be taken back."""
        with_image = [one for one in self._stacks if one.images]
        role = self._stack.add(deployment_role_arn()) if with_image else None
        deployments = {one.name: self._deployment(one, role) for one in with_image}
        steps: list[Step] = [PrepareStep(f"Prepare{_title(name)}", one) for name, one in deployments.items()]
        if self._settings.keep_data:
            steps.append(ApprovalStep(_question([one.stack_name for one in with_image])))
        for one in self._stacks:
            if one.bundles:
                steps.append(self._build("Upload", "Zips and uploads the source bundle.", one, may_upload))
            if one.name in deployments:
                steps.append(ExecuteStep(f"Execute{_title(one.name)}", deployments[one.name]))
            if one.tasks:
                steps.append(self._build("Run", "Runs the migration; its failure stops the pipeline.", one, may_run))
            if one.checks:
                why = "Waits until the environment runs the new version; if it does not, the pipeline stops."
                steps.append(self._build("Check", why, one, may_check))
        for one in self._stacks:
            if one.workloads:
                why = "Applies the manifests: the migration first, and the Deployment only if it succeeded."
                steps.append(self._build("Apply", why, one, may_apply))
        return steps

    def _deployment(self, one: Stack, role: StackParameter | None) -> Deployment:
        # What the stack asks for without a default, the pipeline's stack asks for and hands on.
        asked = [
            self._stack.parameters.get(str(needed.title)) or self._stack.add(as_text(needed))
            for needed in one.parameters.values()
            if "Default" not in needed.properties and needed.title != "ImageTag"
        ]
        return Deployment(
            stack_name=one.stack_name,
            template=f"{self._folder}/{self._settings.environment}/{one.name}.yaml",
            role_arn=role.ref() if role is not None else None,
            capabilities=",".join(one.capabilities),
            parameters={str(parameter.title): f"${{{parameter.title}}}" for parameter in asked},
        )

    def _build(self, name: str, why: str, one: Stack, may: May) -> BuildStep:
        command = f'python3 "$PROGRAM" {name.lower()} "$MANIFEST" "$IMAGE_TAG" --stack "$STACK"'
        commands = Commands(
            {
                "version": 0.2,
                "env": {"shell": "bash"},
                "phases": {"build": {"on-failure": "ABORT", "commands": [command]}},
            },
            {
                "PROGRAM": f"{self._folder}/{PROGRAM}",
                "MANIFEST": f"{self._folder}/{self._settings.environment}/manifest.json",
                "STACK": one.name,
            },
            [*may_read(self._stacks, [one], name), *may(self._stack, self._stacks, [one])],
            minutes=STEP_MINUTES,
        )
        return BuildStep(
            name,
            BuildProject(
                f"{NAME}{name}",
                why,
                commands=commands,
                artifacts=self._artifacts.bucket,
                log_retention_days=self._settings.log_retention_days,
                role=f"What the step {name} may do.",
            ),
        )


def github_stack(
    settings: Settings, *, repository: str, stacks: Sequence[Stack], github_repository: str | None = None
) -> Stack:
    """The stack ``delivery``: the role that a workflow of GitHub Actions takes on for this environment.

    It trusts the account's identity provider for GitHub, of which there can be one: `account` makes it with the setting
    ``github``, where somebody has not done so already.

    Args:
        settings: environment; also the name of GitHub's environment that the role trusts.
        repository: the ECR repository that images are pushed to.
        stacks: the architecture's stacks in deploy order.
        github_repository: owner and name at GitHub, the default of the parameter GitHubRepository.

    Raises:
        TemplateError: an output that the steps need is not there.

    """
    environment = settings.environment
    stack = Stack(
        "delivery",
        settings,
        description=f"What GitHub Actions may do for {settings.project} {environment}",
        arch="A workflow's token -> this role -> image, change sets, migration",
        must=["Only jobs of one environment of one repository take the role on"],
    )
    provider_arn = Sub(
        f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{delivery_policies.GITHUB_ISSUER}"
    )
    asked = stack.add(_github_repository(github_repository))
    subject = Sub(f"repo:${{{asked.title}}}:environment:{environment}")
    role = stack.add(
        because(
            "What a workflow may do: push to one repository, deploy and migrate what the new image changes.",
            iam.Role(
                f"{NAME}Role",
                AssumeRolePolicyDocument=delivery_policies.trust_github(provider_arn, subject),
                Policies=[grants.policy("Deliver", *_github_may(stack, repository, stacks))],
            ),
            must=["The environment at GitHub lets the main branch in and no other"],
        )
    )
    if any(one.workloads for one in stacks):
        stack.add(access_entry(stack, NAME, role, stacks))
    stack.output("DeliveryRoleArn", role.get_att("Arn"), "AWS_ROLE_ARN of the environment at GitHub")
    return stack


def workflow_files(architecture: str, *, folder: str = ".", arm: bool = False) -> list[TextFile]:
    """The workflow of GitHub Actions for all environments, and the program that it runs.

    Args:
        architecture: its folder below ``output``.
        folder: the folder with the Dockerfile, in the source code.
        arm: build the image for Graviton, on Graviton.

    """
    values = {
        "architecture": architecture,
        "environments": ENVIRONMENTS,
        "program": f"output/{architecture}/{PROGRAM}",
        "folder": folder,
        "platform": "linux/arm64" if arm else "linux/amd64",
        "runner": "ubuntu-24.04-arm" if arm else "ubuntu-24.04",
    }
    about = "Workflow of GitHub Actions, to be copied to .github/workflows"
    return [TextFile(WORKFLOW, f"{WORKFLOW}.jinja", values, about=about), *script_files()]


def script_files() -> list[TextFile]:
    """The program that pipeline and workflow run; `workflow_files` has it already."""
    return [TextFile(PROGRAM, PROGRAM, about="Takes a new image to the service, as the manifest says", executable=True)]


def _github_may(stack: Stack, repository: str, stacks: Sequence[Stack]) -> list[Statement]:
    may = [grants.log_in_to_registry(), grants.push_image(repository)]
    with_image = [one.stack_name for one in stacks if one.images]
    if with_image:
        role = stack.add(deployment_role_arn())
        may += [grants.deploy_by_change_set(*with_image), grants.hand_role_to("cloudformation", role.ref())]
    return [
        *may,
        *may_read(stacks, stacks, "Upload", "Run", "Check", "Apply"),
        *may_upload(stack, stacks, stacks),
        *may_run(stack, stacks, stacks),
        *may_check(stack, stacks, stacks),
        *may_apply(stack, stacks, stacks),
    ]


def _title(name: str) -> str:
    return name.title().replace("-", "")


def _question(stack_names: Sequence[str]) -> str:
    if not stack_names:
        return "Commit #{Source.CommitId} is built; look at its manifests before they are applied"
    return f"Look at the change sets {CHANGE_SET} of {' and '.join(stack_names)} in CloudFormation"


def _github_repository(default: str | None) -> StackParameter:
    """The repository as tokens name it: with ids, if it was made, renamed or transferred after 18 June 2026.

    GitHub changelog of 23 April 2026, "Immutable subject claims for GitHub Actions OIDC tokens".
    """
    return StackParameter(
        "GitHubRepository",
        group="GitHub",
        label="Repository",
        description="Owner and name as GitHub's tokens write them: example/backend, or with ids example-1/backend-2",
        default=default,
        pattern=r"^[\w.-]+/[\w.-]+$",
        constraint="Owner and name with a slash between them",
    )
