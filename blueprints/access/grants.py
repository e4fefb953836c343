"""Every IAM statement of the library: a verb of the domain over plain resources, written with awacs.

A grant returns one Statement with a Sid. It names its actions and its resources; ``allow`` refuses anything broader.
Actions that AWS scopes to no resource stand in ``UNSCOPED`` (Service Authorization Reference, column "Resource types").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import awslambda as lambda_actions
from awacs import cloudformation as cloudformation_actions
from awacs import cloudwatch as cloudwatch_actions
from awacs import codebuild as codebuild_actions
from awacs import codeconnections as codeconnections_actions
from awacs import dynamodb as dynamodb_actions
from awacs import ecr as ecr_actions
from awacs import iam as iam_actions
from awacs import kms as kms_actions
from awacs import logs as logs_actions
from awacs import s3 as s3_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import ssm as ssm_actions
from awacs import ssmmessages as ssmmessages_actions
from awacs import xray as xray_actions
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Condition,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from awacs.sts import AssumeRole
from troposphere import AccountId, Sub, iam, logs

from blueprints.model.errors import TooBroadError

UNSCOPED = frozenset(
    {
        # Since 2026 a data set, but an account has exactly one, called default: the namespace is what narrows it.
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)


def allow(sid: str, *actions: Action, on: Sequence[Any], when: Condition | None = None) -> Statement:
    """Allow *actions* on the resources *on*, under the condition *when*.

    Raises:
        TooBroadError: an action has a wildcard, or the resource is ``*`` for an action that takes a resource.

    """
    names = [str(action.JSONrepr()) for action in actions]
    unnamed = not names or any(wildcard in name for name in names for wildcard in "*?")
    unplaced = not on or isinstance(on, str) or ("*" in on and not UNSCOPED.issuperset(names))
    if unnamed or unplaced:
        raise TooBroadError(f"{sid}: name the actions and the resources, got {names} on {list(on)}")
    condition = {} if when is None else {"Condition": when}
    return Statement(Sid=sid, Effect=Allow, Action=list(actions), Resource=list(on), **condition)


def policy(name: str, *statements: Statement) -> iam.Policy:
    """An inline policy: part of its role, so that nobody can use the role before it holds."""
    return iam.Policy(PolicyName=name, PolicyDocument=document(*statements))


def document(*statements: Statement) -> PolicyDocument:
    """A policy document in the current policy language; without Version, IAM reads the rules of 2008."""
    return PolicyDocument(Version="2012-10-17", Statement=list(statements))


def trust(*services: str, source_arn: Any | None = None) -> PolicyDocument:
    """Let AWS services take on a role, for this account's resources only where they say for whom they act.

    Args:
        services: service principals without their suffix, for example ``ecs-tasks``.
        source_arn: the resources on whose behalf the service may act (aws:SourceArn).

    """
    condition = {}
    if source_arn is not None:
        condition = {
            "Condition": Condition([StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", source_arn)])
        }
    # Service principals end in amazonaws.com in every partition (IAM User Guide, "AWS service principals").
    principals = Principal("Service", [f"{service}.amazonaws.com" for service in services])
    return document(Statement(Effect=Allow, Action=[AssumeRole], Principal=principals, **condition))


# Container images


def log_in_to_registry() -> Statement:
    """Get a token for the account's registry; AWS scopes this to no repository."""
    return allow("LogInToRegistry", ecr_actions.GetAuthorizationToken, on=["*"])


def repository_arn(repository: str) -> Sub:
    """The ARN of an ECR repository of this account and Region."""
    return Sub(f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:${{AWS::AccountId}}:repository/{repository}")


def pull_image(repository: str) -> Statement:
    """Pull images of one repository."""
    return allow(
        "PullImage",
        ecr_actions.BatchCheckLayerAvailability,
        ecr_actions.BatchGetImage,
        ecr_actions.GetDownloadUrlForLayer,
        on=[repository_arn(repository)],
    )


def push_image(repository: str) -> Statement:
    """Push images to one repository, and pull what a build caches there."""
    return allow(
        "PushImage",
        ecr_actions.BatchCheckLayerAvailability,
        ecr_actions.BatchGetImage,
        ecr_actions.CompleteLayerUpload,
        ecr_actions.DescribeImages,
        ecr_actions.GetDownloadUrlForLayer,
        ecr_actions.InitiateLayerUpload,
        ecr_actions.PutImage,
        ecr_actions.UploadLayerPart,
        on=[repository_arn(repository)],
    )


# Logs


def write_logs(log_group: logs.LogGroup) -> Statement:
    """Write to one log group; its ARN ends in ``:*``, which stands for its streams."""
    return allow(
        f"WriteTo{log_group.title}",
        logs_actions.CreateLogStream,
        logs_actions.PutLogEvents,
        on=[log_group.get_att("Arn")],
    )


def write_flow_logs(log_group: logs.LogGroup) -> Statement:
    """What VPC Flow Logs needs on its log group."""
    return allow(
        "WriteFlowLogs",
        logs_actions.CreateLogStream,
        logs_actions.DescribeLogStreams,
        logs_actions.PutLogEvents,
        on=[log_group.get_att("Arn")],
    )


# Traces and metrics


def send_traces() -> Statement:
    """Send traces to X-Ray, say how that went, and ask which requests to trace; AWS scopes this to no resource."""
    return allow(
        "SendTraces",
        xray_actions.GetSamplingRules,
        xray_actions.GetSamplingTargets,
        xray_actions.PutTelemetryRecords,
        xray_actions.PutTraceSegments,
        on=["*"],
    )


def put_metrics(namespace: str) -> Statement:
    """Publish metrics in one CloudWatch namespace.

    Raises:
        TooBroadError: the namespace has a wildcard, which StringEquals takes literally, so nothing would be allowed.

    """
    if not namespace or any(wildcard in namespace for wildcard in "*?"):
        raise TooBroadError(f"PutMetrics: name one namespace in full, such as RecipeChatbot/LLM, got {namespace!r}")
    return allow(
        "PutMetrics",
        cloudwatch_actions.PutMetricData,
        on=["*"],
        when=Condition([StringEquals("cloudwatch:namespace", namespace)]),
    )


# Secrets and configuration


def read_secrets(arns: Sequence[Any]) -> Statement:
    """Read the values of these Secrets Manager secrets."""
    return allow("ReadSecrets", secretsmanager_actions.GetSecretValue, on=arns)


def parameter_arn(path: str) -> Sub:
    """The ARN of an SSM parameter, or of all below a path that ends in ``/*``."""
    return Sub(f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/{path.lstrip('/')}")


def read_parameters(arns: Sequence[Any]) -> Statement:
    """Read these SSM parameters, the way ECS does it for a task's secrets."""
    return allow("ReadParameters", ssm_actions.GetParameters, on=arns)


def decrypt_parameters() -> Statement:
    """Decrypt SecureString parameters that use a key of the account's own, and only through Systems Manager."""
    through_ssm = StringEquals("kms:ViaService", Sub("ssm.${AWS::Region}.${AWS::URLSuffix}"))
    return allow(
        "DecryptParameters",
        kms_actions.Decrypt,
        on=[Sub("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*")],
        when=Condition([through_ssm]),
    )


# Data


def read_write_objects(objects: Any) -> Statement:
    """Get, put and delete objects under an ARN that ends in ``/*``; not list, not configure the bucket."""
    return allow(
        "ReadAndWriteObjects",
        s3_actions.DeleteObject,
        s3_actions.GetObject,
        s3_actions.PutObject,
        on=[objects],
    )


def read_write_items(table_arn: Any) -> Statement:
    """Read and write the items of one table; not scan it, not configure it."""
    return allow(
        "ReadAndWriteItems",
        dynamodb_actions.DeleteItem,
        dynamodb_actions.GetItem,
        dynamodb_actions.PutItem,
        dynamodb_actions.Query,
        dynamodb_actions.UpdateItem,
        on=[table_arn],
    )


# Functions


def invoke_function(function_arn: Any) -> Statement:
    """Call one Lambda function."""
    return allow("InvokeFunction", lambda_actions.InvokeFunction, on=[function_arn])


# People and operations


def open_shell() -> Statement:
    """What ECS Exec needs in a task: four channels of Systems Manager that AWS scopes to no resource."""
    return allow(
        "OpenShell",
        ssmmessages_actions.CreateControlChannel,
        ssmmessages_actions.CreateDataChannel,
        ssmmessages_actions.OpenControlChannel,
        ssmmessages_actions.OpenDataChannel,
        on=["*"],
    )


# Delivery


def use_connection(connection_arn: Any) -> Statement:
    """Fetch source code through a connection to where it is kept."""
    return allow("UseConnection", codeconnections_actions.UseConnection, on=[connection_arn])


def run_builds(project_arn: Any) -> Statement:
    """Start builds of one project and ask how they went."""
    return allow("RunBuilds", codebuild_actions.BatchGetBuilds, codebuild_actions.StartBuild, on=[project_arn])


def exchange_artifacts(bucket_arn: Any) -> Statement:
    """Hand files from one step of a pipeline to the next; versions tell runs apart."""
    return allow(
        "ExchangeArtifacts",
        s3_actions.GetBucketVersioning,
        s3_actions.GetObject,
        s3_actions.GetObjectVersion,
        s3_actions.PutObject,
        on=[bucket_arn, Sub("${Bucket}/*", Bucket=bucket_arn)],
    )


def read_artifacts(bucket_arn: Any) -> Statement:
    """Read what another step of a pipeline left."""
    return allow(
        "ReadArtifacts",
        s3_actions.GetObject,
        s3_actions.GetObjectVersion,
        on=[Sub("${Bucket}/*", Bucket=bucket_arn)],
    )


def deploy_by_change_set(stack_name: str) -> Statement:
    """Make, read, execute and drop change sets of one stack; what they may change is its deployment role's affair."""
    return allow(
        "DeployByChangeSet",
        cloudformation_actions.CreateChangeSet,
        cloudformation_actions.DeleteChangeSet,
        cloudformation_actions.DescribeChangeSet,
        cloudformation_actions.DescribeStacks,
        cloudformation_actions.ExecuteChangeSet,
        on=[Sub(f"arn:${{AWS::Partition}}:cloudformation:${{AWS::Region}}:${{AWS::AccountId}}:stack/{stack_name}/*")],
    )


def hand_role_to(service: str, role_arn: Any) -> Statement:
    """Pass one role to one service, and to no other that the role may trust."""
    return allow(
        "HandRoleOver",
        iam_actions.PassRole,
        on=[role_arn],
        when=Condition([StringEquals("iam:PassedToService", f"{service}.amazonaws.com")]),
    )
