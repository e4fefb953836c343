"""An application of Elastic Beanstalk, a version of it, and the platform that runs it."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, elasticbeanstalk

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.parameters import StackParameter

BRANCH = "Docker running on 64bit Amazon Linux 2023"


def latest_platform() -> Sub:
    """The latest version of the Docker platform on Amazon Linux 2023, whenever an environment is told.

    A platform's ARN without a version is its branch (the AWS action aws-elasticbeanstalk-deploy, "Platform branch
    ARNs"; AWS Elastic Beanstalk Developer Guide, "Fetching secrets and parameters to Elastic Beanstalk environment
    variables", creates and updates environments with one). Managed updates move an environment on behind its template,
    and a branch stays true then.
    """
    return Sub(f"arn:${{AWS::Partition}}:elasticbeanstalk:::platform/{BRANCH}")


def platform_arn() -> StackParameter:
    """One version of the platform, for who wants to say when it changes; no default, because versions age in weeks.

    CloudFormation changes PlatformArn in place, and replaces an environment whose SolutionStackName changes. Once a
    managed update has moved the environment on, the version named here is the older one, and an update of the stack can
    ask for it again: give the version that runs (``aws elasticbeanstalk describe-environments``), or switch managed
    updates off.
    """
    return StackParameter(
        "PlatformArn",
        group="Platform",
        label="Platform",
        description=(
            "ARN of a version of the Docker platform. They are listed by: aws elasticbeanstalk list-platform-versions "
            f"--filters Type=PlatformBranchName,Operator==,Values='{BRANCH}'"
        ),
        pattern=rf"^arn:aws[a-z-]*:elasticbeanstalk:[a-z0-9-]+::platform/{BRANCH}/\d+\.\d+\.\d+$",
        constraint=f"The ARN of a platform {BRANCH}, with its version",
    )


class BeanstalkApplication(Component):
    """What versions and environments belong to; it costs nothing and does nothing by itself."""

    def __init__(self, name: str, *, description: str) -> None:
        self.application = because(
            "What versions and environments belong to.",
            elasticbeanstalk.Application(f"{name}Application", Description=description),
            mutable="must-never-change",
        )

    @property
    def application_name(self) -> Any:
        """The name that CloudFormation gave it."""
        return self.application.ref()


class BeanstalkVersion(Component):
    """A version: a source bundle that lies in a bucket before the stack is made or updated.

    Its source cannot be changed, so another key makes another version, the environment goes there, and CloudFormation
    deletes the former one when all is well. Without another key nothing is deployed, whatever the bucket holds by then.
    A stack can be complete although the deployment failed on the instances (github.com/theserverlessway/formica issue
    90): the environment's events say so, and instances that run the former version go on.

    Args:
        name: first part of the logical ids.
        application: what it is a version of.
        bucket: name of the bucket, in the stack's Region.
        key: key of the zip file, which names what it runs: ``Sub("${ImageTag}.zip")``.

    """

    def __init__(self, name: str, *, application: BeanstalkApplication, bucket: Any, key: Any) -> None:
        self.version = because(
            "What runs: a source bundle that names one image.",
            elasticbeanstalk.ApplicationVersion(
                f"{name}Version",
                ApplicationName=application.application_name,
                SourceBundle=elasticbeanstalk.SourceBundle(S3Bucket=bucket, S3Key=key),
            ),
            must=["The bundle is in the bucket before the stack is touched"],
            mutable="free-to-tune",
        )

    @property
    def label(self) -> Any:
        """The label that CloudFormation gave it."""
        return self.version.ref()
