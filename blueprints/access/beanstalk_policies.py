"""What Elastic Beanstalk's two roles may do: the service's own, which watches, and the instances', which runs images.

AWS's managed policies for them reach every environment and every bucket that begins with ``elasticbeanstalk-``, and the
web tier's lets an instance call Bedrock and AWS Marketplace since 2026. These are the parts that a load-balanced Docker
environment uses, narrowed where a name is known before the environment is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import autoscaling as autoscaling_actions
from awacs import ec2 as ec2_actions
from awacs import elasticbeanstalk as elasticbeanstalk_actions
from awacs import elasticloadbalancing as elasticloadbalancing_actions
from awacs import logs as logs_actions
from awacs import s3 as s3_actions
from awacs.aws import Allow, Condition, PolicyDocument, Principal, Statement, StringEquals
from awacs.sts import AssumeRole
from troposphere import Sub

from blueprints.access import grants
from blueprints.access.grants import allow, document

# The environment's name is part of its log groups, and CloudFormation makes the name only after the roles.
LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/elasticbeanstalk/*"
# Elastic Beanstalk has one bucket in each Region of an account, for all environments.
BUCKET = "arn:${AWS::Partition}:s3:::elasticbeanstalk-${AWS::Region}-${AWS::AccountId}"


def trust_service() -> PolicyDocument:
    """Let Elastic Beanstalk take the service role on, and only when it says that it is itself.

    It gives the external id ``elasticbeanstalk`` (AWS Elastic Beanstalk Developer Guide, "Managing Elastic Beanstalk
    service roles").
    """
    external_id = Condition([StringEquals("sts:ExternalId", "elasticbeanstalk")])
    principal = Principal("Service", ["elasticbeanstalk.amazonaws.com"])
    return document(Statement(Effect=Allow, Action=[AssumeRole], Principal=principal, Condition=external_id))


def watch_environment() -> tuple[Statement, ...]:
    """What enhanced health reporting needs of the service role.

    AWSElasticBeanstalkEnhancedHealth without its addresses of single instances, its queues of worker environments and
    its publishing to every topic. Managed updates run in the service-linked role of their own.
    """
    return (
        allow(
            "WatchInstances",
            autoscaling_actions.DescribeAutoScalingGroups,
            autoscaling_actions.DescribeAutoScalingInstances,
            autoscaling_actions.DescribeNotificationConfigurations,
            autoscaling_actions.DescribeScalingActivities,
            ec2_actions.DescribeInstanceStatus,
            ec2_actions.DescribeInstances,
            ec2_actions.DescribeSecurityGroups,
            on=["*"],
        ),
        allow(
            "WatchLoadBalancer",
            elasticloadbalancing_actions.DescribeInstanceHealth,
            elasticloadbalancing_actions.DescribeLoadBalancers,
            elasticloadbalancing_actions.DescribeTargetGroups,
            elasticloadbalancing_actions.DescribeTargetHealth,
            on=["*"],
        ),
        allow(
            "ReadConsole",
            ec2_actions.GetConsoleOutput,
            on=[Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")],
        ),
        write_environment_logs(),
    )


def run_instance(application: Any, *, repository: str, secrets: Sequence[Any]) -> tuple[Statement, ...]:
    """What an instance needs to deploy a version, run its image and say how it is.

    AWSElasticBeanstalkWebTier in this account, Region and application alone; without X-Ray, Bedrock, AWS Marketplace.

    Args:
        application: name of the Elastic Beanstalk application.
        repository: the ECR repository of the image.
        secrets: ARNs of the secrets that become variables.

    """
    return (
        grants.log_in_to_registry(),
        grants.pull_image(repository),
        *([grants.read_secrets(secrets)] if secrets else []),
        *exchange_with_beanstalk(),
        report_health(application),
        write_environment_logs(),
    )


def exchange_with_beanstalk() -> tuple[Statement, ...]:
    """Read versions and leave logs in Elastic Beanstalk's own bucket.

    The actions and paths of the bucket policy that Elastic Beanstalk writes for instances (AWS Elastic Beanstalk
    Developer Guide, "Using Elastic Beanstalk with Amazon S3").
    """
    return (
        allow("ListBeanstalkBucket", s3_actions.ListBucket, s3_actions.ListBucketVersions, on=[Sub(BUCKET)]),
        allow(
            "ReadVersions",
            s3_actions.GetObject,
            s3_actions.GetObjectVersion,
            on=[Sub(f"{BUCKET}/resources/environments/*")],
        ),
        allow("LeaveLogs", s3_actions.PutObject, on=[Sub(f"{BUCKET}/resources/environments/logs/*")]),
    )


def report_health(application: Any) -> Statement:
    """Let the health agent of an instance report on environments of one application."""
    beanstalk = "arn:${AWS::Partition}:elasticbeanstalk:${AWS::Region}:${AWS::AccountId}:"
    return allow(
        "ReportHealth",
        elasticbeanstalk_actions.PutInstanceStatistics,
        on=[
            Sub(f"{beanstalk}application/${{Application}}", Application=application),
            Sub(f"{beanstalk}environment/${{Application}}/*", Application=application),
        ],
    )


def write_environment_logs() -> Statement:
    """Write to log groups of Elastic Beanstalk environments."""
    return allow(
        "WriteEnvironmentLogs",
        logs_actions.CreateLogStream,
        logs_actions.DescribeLogStreams,
        logs_actions.PutLogEvents,
        on=[Sub(LOG_GROUPS)],
    )
