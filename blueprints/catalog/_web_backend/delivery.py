"""How a commit reaches the three runtimes: AWS CodePipeline as a stack, or workflows of GitHub Actions and a role.

What has to be done is read from the stacks: those with an image get a change set, and their bundles, one-off tasks and
workloads (``blueprints.model.steps``) become steps before, after and at the end. Outputs that the steps name have to
come with the ARNs that IAM needs, in the same stack:

* ``OneOffTask.cluster`` ``<X>Name``: also ``<X>Arn``; and, in the stack of a task called ``migration``,
  ``MigrationExecutionRoleArn`` and ``MigrationTaskRoleArn``
* ``Bundle.bucket`` ``<X>Name``: also ``<X>Objects``, the ARN of its objects (``${Bucket.Arn}/*``)
* ``Workload.cluster`` ``<X>Name``: also ``<X>Arn``
"""

from __future__ import annotations

from collections.abc import Sequence

from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile


def pipeline_stack(settings: Settings, *, architecture: str, repository: str, stacks: Sequence[Stack]) -> Stack:
    """The stack ``pipeline``: source, image, change sets, approval where data is kept, migration, new version.

    Args:
        settings: environment, retention, and with keep_data the approval.
        architecture: its folder below ``output``, where the source code holds templates and scripts.
        repository: the ECR repository that images are pushed to.
        stacks: the architecture's stacks in deploy order.

    Raises:
        TemplateError: an output that the steps need is not there.

    """
    raise NotImplementedError


def provider_stack(settings: Settings) -> Stack:
    """The stack ``github``, shared by environments: GitHub as an identity provider, of which an account has one."""
    raise NotImplementedError


def github_stack(settings: Settings, *, repository: str, stacks: Sequence[Stack], provider: Stack | None) -> Stack:
    """The stack ``delivery``: the role that a workflow of GitHub Actions takes on for this environment.

    Args:
        settings: environment; also the name of GitHub's environment that the role trusts.
        repository: the ECR repository that images are pushed to.
        stacks: the architecture's stacks in deploy order.
        provider: what `provider_stack` made, or None for a provider that the account has: then its ARN is a parameter.

    Raises:
        TemplateError: an output that the steps need is not there.

    """
    raise NotImplementedError


def workflow_files(architecture: str, *, repository: str, stacks: Sequence[Stack]) -> list[TextFile]:
    """Text files of the delivery by GitHub Actions: ``workflows/deploy.yml`` and the scripts that it runs.

    They are the same for every environment. Project and Region are variables of GitHub's environments.
    """
    raise NotImplementedError


def script_files(stacks: Sequence[Stack]) -> list[TextFile]:
    """The scripts ``delivery/*.py`` that pipeline and workflow run; `workflow_files` has them already."""
    raise NotImplementedError
