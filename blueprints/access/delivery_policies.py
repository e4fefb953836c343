"""What a delivery may do: run one-off tasks, upload bundles, reach a cluster; and whom GitHub's tokens stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import cloudformation as cloudformation_actions
from awacs import ecs as ecs_actions
from awacs import eks as eks_actions
from awacs import elasticbeanstalk as elasticbeanstalk_actions
from awacs import iam as iam_actions
from awacs import logs as logs_actions
from awacs.aws import Allow, ArnEquals, Condition, PolicyDocument, Principal, Statement, StringEquals
from awacs.sts import AssumeRoleWithWebIdentity
from troposphere import Sub

from blueprints.access.grants import allow, document

# GitHub's issuer of tokens for workflows (GitHub documentation, "Configuring OpenID Connect in Amazon Web Services").
GITHUB_ISSUER = "token.actions.githubusercontent.com"

# What aws-actions/configure-aws-credentials asks the token for.
GITHUB_AUDIENCE = "sts.amazonaws.com"


def stack_arn(stack_name: str) -> Sub:
    """The ARN of a stack of this account and Region; what follows its name is made anew with the stack."""
    return Sub(f"arn:${{AWS::Partition}}:cloudformation:${{AWS::Region}}:${{AWS::AccountId}}:stack/{stack_name}/*")


def read_outputs(stack_names: Sequence[str]) -> Statement:
    """Read what these stacks publish; AWS gives outputs with everything else that describes a stack."""
    return allow("ReadOutputs", cloudformation_actions.DescribeStacks, on=[stack_arn(name) for name in stack_names])


def run_one_off_task(task_definitions: Any, cluster_arn: Any) -> Statement:
    """Start tasks on one cluster.

    Args:
        task_definitions: ARN of all revisions of one task definition (it ends in ``:*``): a new image is a new one.
        cluster_arn: the cluster.

    """
    return allow(
        "RunOneOffTask",
        ecs_actions.RunTask,
        on=[task_definitions],
        when=Condition([ArnEquals("ecs:cluster", cluster_arn)]),
    )


def watch_tasks(cluster_arn: Any) -> Statement:
    """Ask how tasks on one cluster ended; their ids are known only when they run."""
    return allow(
        "WatchTasks",
        ecs_actions.DescribeTasks,
        on=[Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/*")],
        when=Condition([ArnEquals("ecs:cluster", cluster_arn)]),
    )


def hand_roles_to_tasks(role_arns: Sequence[Any]) -> Statement:
    """Pass these roles to tasks, and to nothing else that they may trust."""
    return allow(
        "HandRolesToTasks",
        iam_actions.PassRole,
        on=role_arns,
        when=Condition([StringEquals("iam:PassedToService", "ecs-tasks.amazonaws.com")]),
    )


def read_log(log_group_arn: Any) -> Statement:
    """Read one log group; its ARN ends in ``:*``, which stands for its streams."""
    return allow("ReadLog", logs_actions.FilterLogEvents, on=[log_group_arn])


def look_at_environment(environment_arn: Any) -> Statement:
    """Ask what an environment of Elastic Beanstalk runs, how it is and what happened to it.

    Both actions take an environment as their resource (Service Authorization Reference, "AWS Elastic Beanstalk");
    environments that may not be seen are left out of the answer.
    """
    return allow(
        "LookAtEnvironment",
        elasticbeanstalk_actions.DescribeEnvironments,
        elasticbeanstalk_actions.DescribeEvents,
        on=[environment_arn],
    )


def find_cluster(cluster_arn: Any) -> Statement:
    """Ask where a cluster's API is; what may be done there its access entries say."""
    return allow("FindCluster", eks_actions.DescribeCluster, on=[cluster_arn])


def trust_github(provider_arn: Any, subject: Any) -> PolicyDocument:
    """Let workflows take on a role, with a token for exactly this subject.

    Args:
        provider_arn: GitHub as an identity provider of the account.
        subject: the token's whole ``sub``, such as ``repo:example/backend:environment:prod``. The environment's rules
            at GitHub decide which branches get such a token, and who has to agree.

    """
    claims = StringEquals({f"{GITHUB_ISSUER}:aud": GITHUB_AUDIENCE, f"{GITHUB_ISSUER}:sub": subject})
    return document(
        Statement(
            Effect=Allow,
            Action=[AssumeRoleWithWebIdentity],
            Principal=Principal("Federated", [provider_arn]),
            Condition=Condition([claims]),
        )
    )
