"""Every IAM statement of the library: a verb of the domain over plain resources, written with awacs.

A grant returns one Statement with a Sid. It names its actions and its resources; ``allow`` refuses anything broader.
Actions that AWS scopes to no resource stand in ``UNSCOPED`` (Service Authorization Reference, column "Resource types").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from awacs import awslambda as lambda_actions
from awacs import bedrock as bedrock_actions
from awacs import cloudformation as cloudformation_actions
from awacs import cloudwatch as cloudwatch_actions
from awacs import codebuild as codebuild_actions
from awacs import codeconnections as codeconnections_actions
from awacs import dynamodb as dynamodb_actions
from awacs import ec2 as ec2_actions
from awacs import ecr as ecr_actions
from awacs import iam as iam_actions
from awacs import kms as kms_actions
from awacs import logs as logs_actions
from awacs import rekognition as rekognition_actions
from awacs import s3 as s3_actions
from awacs import secretsmanager as secretsmanager_actions
from awacs import sqs as sqs_actions
from awacs import ssm as ssm_actions
from awacs import ssmmessages as ssmmessages_actions
from awacs import xray as xray_actions
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
    StringLike,
)
from awacs.sts import AssumeRole
from troposphere import AccountId, Sub, iam, logs

from blueprints.model.errors import TooBroadError

UNSCOPED = frozenset(
    {
        "acm:ListCertificates",
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeNotificationConfigurations",
        "autoscaling:DescribeScalingActivities",
        # Since 2026 a data set, but an account has exactly one, called default: the namespace is what narrows it.
        "cloudwatch:PutMetricData",
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTopology",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcPeeringConnections",
        "ec2:DescribeVpcs",
        "ecr:GetAuthorizationToken",
        "elasticloadbalancing:DescribeCapacityReservation",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeListenerAttributes",
        "elasticloadbalancing:DescribeListenerCertificates",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeSSLPolicies",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:SetWebAcl",
        "rekognition:DetectLabels",
        # Takes a version of an adapter of one's own; a call without an adapter has no resource.
        "rekognition:DetectModerationLabels",
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


def send_traces(*, sampling: bool = True) -> Statement:
    """Send traces to X-Ray and say how that went; AWS scopes this to no resource.

    Args:
        sampling: ask which requests to trace as well; for a Lambda function the service does that itself.

    """
    ask = (xray_actions.GetSamplingRules, xray_actions.GetSamplingTargets) if sampling else ()
    return allow(
        "SendTraces",
        *ask,
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


def list_objects(bucket_arn: Any, *, prefix: str | None = None) -> Statement:
    """List the objects of one bucket, or those below a prefix such as ``uploads/``."""
    below = None if prefix is None else Condition([StringLike("s3:prefix", f"{prefix}*")])
    return allow("ListObjects", s3_actions.ListBucket, on=[bucket_arn], when=below)


def read_objects(objects: Any) -> Statement:
    """Get objects under an ARN that ends in ``/*``, in the version that is asked for."""
    return allow("ReadObjects", s3_actions.GetObject, s3_actions.GetObjectVersion, on=[objects])


def write_objects(objects: Any) -> Statement:
    """Put objects under an ARN that ends in ``/*``; neither read nor delete them."""
    return allow("WriteObjects", s3_actions.PutObject, on=[objects])


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


def connect_function_to_vpc() -> tuple[Statement, ...]:
    """What Lambda needs in a function's role to place it in a VPC of this account, kept from the function's own code.

    The managed policy AWSLambdaVPCAccessExecutionRole allows the same on every resource, and writing to every log
    group besides. Lambda uses the role when the function is made and changed; the code uses it too, and has no business
    there (AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC").
    """
    return manage_interfaces(), find_interfaces(), keep_interfaces_from_code()


INTERFACE_CHANGES = (
    ec2_actions.AssignPrivateIpAddresses,
    ec2_actions.CreateNetworkInterface,
    ec2_actions.DeleteNetworkInterface,
    ec2_actions.UnassignPrivateIpAddresses,
)
INTERFACE_READS = (ec2_actions.DescribeNetworkInterfaces, ec2_actions.DescribeSubnets)


def manage_interfaces() -> Statement:
    """Make and drop network interfaces in this account and Region.

    Resources are as wide as the guide asks for: with less than all ids under DeleteNetworkInterface, a function "may
    not be able to access the VPC". Subnets that another account shares have that account's id and are left out.
    """
    resources = Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*")
    return allow("ManageInterfaces", *INTERFACE_CHANGES, on=[resources])


def find_interfaces() -> Statement:
    """Look up network interfaces and subnets; AWS scopes this to no resource."""
    return allow("FindInterfaces", *INTERFACE_READS, on=["*"])


def keep_interfaces_from_code() -> Statement:
    """Refuse a function's code what its role allows Lambda; only calls of the code carry lambda:SourceFunctionArn."""
    any_function = Sub("arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*")
    return Statement(
        Sid="KeepInterfacesFromCode",
        Effect=Deny,
        Action=[*INTERFACE_CHANGES, *INTERFACE_READS],
        Resource=["*"],
        Condition=Condition([ArnLike("lambda:SourceFunctionArn", any_function)]),
    )


# Queues


def send_to_queue(queue_arn: Any) -> Statement:
    """Send messages to one queue."""
    return allow("SendToQueue", sqs_actions.SendMessage, on=[queue_arn])


# Machine learning


# Where Bedrock takes a request to a profile of the geography ``us``, from each of these Regions. It differs by model
# and source Region; GetInferenceProfile lists it (Amazon Bedrock User Guide, "Supported Regions and models for
# inference profiles"). Where a model is not offered, its line of the policy has no effect.
US_REGIONS = ("us-east-1", "us-east-2", "us-west-2")

_MODEL = re.compile(r"[a-z0-9-]+(\.[a-zA-Z0-9-]+)+(:[a-zA-Z0-9]+)*")
_GEOGRAPHY = re.compile(r"[a-z]{2,4}(-gov)?\.(?=[a-z0-9-]+\.)")


def invoke_models(
    models: Sequence[str] = (), profiles: Sequence[str] = (), *, regions: Sequence[str] = US_REGIONS
) -> Statement:
    """Call these foundation models, and these inference profiles that AWS defines over several Regions.

    Whoever calls a profile needs its model in every Region that the profile leads to ("Geographic cross-Region
    inference"). Regions are listed, so that a profile leads nowhere else than this says.

    Args:
        models: ids of foundation models that are called in the stack's own Region, such as ``amazon.nova-lite-v1:0``.
        profiles: ids of geographic profiles: a geography and a model, such as ``us.amazon.nova-lite-v1:0``.
        regions: the Regions that the profiles lead to.

    Raises:
        TooBroadError: none is named, an id has a wildcard or is none, or a profile leads to every Region there is.

    """
    for name in (*models, *profiles):
        if not _MODEL.fullmatch(name):
            raise TooBroadError(f"InvokeModels: {name!r} is no id of a model or a profile; name one in full")
    for profile in profiles:
        if not _GEOGRAPHY.match(profile) or not regions or any("*" in region for region in regions):
            raise TooBroadError(
                f"InvokeModels: {profile!r} over {list(regions)}: name a profile of one geography, such as "
                "us.amazon.nova-lite-v1:0, and the Regions that it leads to"
            )
    bedrock = "arn:${AWS::Partition}:bedrock:"
    return allow(
        "InvokeModels",
        bedrock_actions.InvokeModel,
        bedrock_actions.InvokeModelWithResponseStream,
        on=[
            *(Sub(f"{bedrock}${{AWS::Region}}::foundation-model/{model}") for model in models),
            *(Sub(f"{bedrock}${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/{name}") for name in profiles),
            *(
                Sub(f"{bedrock}{region}::foundation-model/{_GEOGRAPHY.sub('', profile, count=1)}")
                for profile in profiles
                for region in regions
            ),
        ],
    )


def detect_in_images() -> Statement:
    """Have Rekognition name what an image shows and what should not be shown; AWS scopes this to no resource."""
    return allow(
        "DetectInImages",
        rekognition_actions.DetectLabels,
        rekognition_actions.DetectModerationLabels,
        on=["*"],
    )


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


def run_builds(*project_arns: Any) -> Statement:
    """Start builds of these projects and ask how they went."""
    return allow("RunBuilds", codebuild_actions.BatchGetBuilds, codebuild_actions.StartBuild, on=project_arns)


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


def deploy_by_change_set(*stack_names: str) -> Statement:
    """Make, read, execute and drop change sets of these stacks; what they may change is a deployment role's affair."""
    stacks = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/"
    return allow(
        "DeployByChangeSet",
        cloudformation_actions.CreateChangeSet,
        cloudformation_actions.DeleteChangeSet,
        cloudformation_actions.DescribeChangeSet,
        cloudformation_actions.DescribeStacks,
        cloudformation_actions.ExecuteChangeSet,
        on=[Sub(f"{stacks}{name}/*") for name in stack_names],
    )


def hand_role_to(service: str, role_arn: Any) -> Statement:
    """Pass one role to one service, and to no other that the role may trust."""
    return allow(
        "HandRoleOver",
        iam_actions.PassRole,
        on=[role_arn],
        when=Condition([StringEquals("iam:PassedToService", f"{service}.amazonaws.com")]),
    )
