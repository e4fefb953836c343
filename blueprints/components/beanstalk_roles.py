"""The two roles of an Elastic Beanstalk environment, with what each of them needs and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs.aws import Statement
from troposphere import iam

from blueprints.access import beanstalk_policies, grants
from blueprints.model.component import Component
from blueprints.model.context import because


class BeanstalkRoles(Component):
    """The service's role and the instances', which Elastic Beanstalk makes for nobody who uses CloudFormation.

    A container can take the instance's credentials where IMDSv2 answers across one hop more, as AMIs of Amazon Linux
    2023 ask for (Amazon EC2 User Guide, "Configure the Instance Metadata Service options"), so what an instance may do
    the application may as well.

    Args:
        name: first part of the logical ids.
        application: name of the Elastic Beanstalk application.
        repository: ECR repository of the image; the only one that instances can pull from.
        secrets: ARNs of the secrets that become variables.
        log_statement: lets the Docker daemon write the containers' output.
        may: what the application itself is allowed to do.

    """

    def __init__(  # noqa: PLR0913 - each is a permission of its own
        self,
        name: str,
        *,
        application: Any,
        repository: str,
        secrets: Sequence[Any],
        log_statement: Statement,
        may: Sequence[Statement] = (),
    ) -> None:
        self.service_role = because(
            "What Elastic Beanstalk looks at to tell how the environment is.",
            iam.Role(
                f"{name}ServiceRole",
                AssumeRolePolicyDocument=beanstalk_policies.trust_service(),
                Policies=[grants.policy("WatchEnvironment", *beanstalk_policies.watch_environment())],
            ),
            must=["Changes nothing: managed updates have the service-linked role"],
        )
        statements = beanstalk_policies.run_instance(application, repository=repository, secrets=secrets)
        application_policy = [grants.policy("Application", *may)] if may else []
        self.instance_role = because(
            "What instances do: pull the image, read the secrets, write logs, say how they are.",
            iam.Role(
                f"{name}InstanceRole",
                AssumeRolePolicyDocument=grants.trust("ec2"),
                Policies=[grants.policy("RunInstance", *statements, log_statement), *application_policy],
            ),
            must=["Names its repository, its secrets and its log group, and no others"],
        )
        self.instance_profile = because(
            "Hands the role to the instances.",
            iam.InstanceProfile(f"{name}InstanceProfile", Roles=[self.instance_role.ref()]),
        )
