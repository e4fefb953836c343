"""The options of an Elastic Beanstalk environment, by namespace.

Names, values and defaults are those of the AWS Elastic Beanstalk Developer Guide, "General options for all
environments". Elastic Beanstalk refuses an unknown one when it is deployed, and no linter knows them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from troposphere import GetStackOutput, Join, elasticbeanstalk

from blueprints.components.beanstalk_settings import HOST_PORT, Capacity, Entrance, Operations
from blueprints.components.load_balancer import TLS_POLICY
from blueprints.components.network import Network
from blueprints.components.secret import SecretValue
from blueprints.model.errors import SettingsError

Namespaces = Mapping[str, Mapping[str, Any]]

# Elastic Beanstalk makes it where the account has none; AWS keeps it as narrow as managed updates allow.
MANAGED_UPDATES_ROLE = "AWSServiceRoleForElasticBeanstalkManagedUpdates"
# Each published metric costs as a custom metric does; EnvironmentHealth is published at no charge.
METRICS = (
    "ApplicationRequestsTotal",
    "ApplicationRequests4xx",
    "ApplicationRequests5xx",
    "ApplicationLatencyP50",
    "ApplicationLatencyP99",
    "InstancesOk",
    "InstancesDegraded",
    "InstancesSevere",
)


def option_settings(namespaces: Namespaces) -> list[elasticbeanstalk.OptionSetting]:
    """The options as CloudFormation takes them: every value is a text."""
    return [
        elasticbeanstalk.OptionSetting(Namespace=namespace, OptionName=name, Value=value)
        for namespace, options in namespaces.items()
        for name, value in options.items()
    ]


def comma_separated(name: str, values: Any) -> Any:
    """Several ids in one text, as Elastic Beanstalk takes them.

    An output of another stack may not stand inside a function, so it has to be such a text already.

    Raises:
        SettingsError: the ids are single outputs of another stack.

    """
    if isinstance(values, GetStackOutput):
        return values
    if isinstance(values, list) and any(isinstance(value, GetStackOutput) for value in values):
        raise SettingsError(
            f"{name}: the subnets are outputs of another stack, one each, and Fn::GetStackOutput may not stand inside "
            "Fn::Join; let that stack publish them as one text with commas between them, and give that output"
        )
    return Join(",", values)


def placement(name: str, network: Network) -> Namespaces:
    """Instances where tasks would be, the load balancer in public subnets."""
    return {
        "aws:ec2:vpc": {
            "VPCId": network.vpc_id,
            "Subnets": comma_separated(name, network.task_subnets),
            "ELBSubnets": comma_separated(name, network.public_subnets),
            "ELBScheme": "public",
            "AssociatePublicIpAddress": str(network.tasks_are_public).lower(),
        }
    }


def instances(capacity: Capacity, *, profile: Any, security_group: Any) -> Namespaces:
    """Instances without IMDSv1, from a launch template: accounts since October 2024 cannot make launch configurations.

    DisableIMDSv1 and RootVolumeType each make Elastic Beanstalk take a launch template
    (github.com/aws/elastic-beanstalk-roadmap issue 271). No option encrypts the root volume: the account's default for
    Amazon EBS does (Amazon EBS User Guide, "Enable Amazon EBS encryption by default").
    """
    return {
        "aws:autoscaling:launchconfiguration": {
            "IamInstanceProfile": profile,
            "DisableDefaultEC2SecurityGroup": "true",
            "SecurityGroups": security_group,
            "DisableIMDSv1": "true",
            "RootVolumeType": "gp3",
            "RootVolumeSize": str(capacity.volume_gib),
            "LaunchTemplateTagPropagationEnabled": "true",
        },
        "aws:ec2:instances": {
            "InstanceTypes": capacity.instance_type,
            "SupportedArchitectures": capacity.architecture,
        },
    }


def scaling(capacity: Capacity) -> Namespaces:
    """How many instances there are, and what adds and removes them."""
    return {
        "aws:autoscaling:asg": {"MinSize": str(capacity.minimum), "MaxSize": str(capacity.maximum)},
        "aws:autoscaling:trigger": {
            "MeasureName": "CPUUtilization",
            "Statistic": "Average",
            "Unit": "Percent",
            "Period": "5",
            "EvaluationPeriods": "1",
            "BreachDuration": "5",
            "UpperThreshold": str(capacity.target_cpu),
            "UpperBreachScaleIncrement": "1",
            "LowerThreshold": str(capacity.target_cpu // 2),
            "LowerBreachScaleIncrement": "-1",
        },
    }


def load_balancer(entrance: Entrance, *, security_group: Any) -> Namespaces:
    """An Application Load Balancer's group, logs and listeners."""
    secure = {
        "aws:elbv2:listener:443": {
            "ListenerEnabled": "true",
            "Protocol": "HTTPS",
            "SSLCertificateArns": entrance.certificate,
            "SSLPolicy": TLS_POLICY,
        }
    }
    logs = {"AccessLogsS3Enabled": "true", "AccessLogsS3Bucket": entrance.log_bucket}
    return {
        "aws:elbv2:loadbalancer": {
            # Both, or Elastic Beanstalk makes one more that lets everybody in (Developer Guide, "General options",
            # aws:elbv2:loadbalancer, ManagedSecurityGroup).
            "ManagedSecurityGroup": security_group,
            "SecurityGroups": security_group,
            **(logs if entrance.log_bucket is not None else {}),
        },
        "aws:elbv2:listener:default": {
            "ListenerEnabled": str(entrance.certificate is None).lower(),
            "Protocol": "HTTP",
        },
        **(secure if entrance.certificate is not None else {}),
    }


def process(health_path: str) -> Namespaces:
    """What the load balancer sends requests to, and how it asks whether it is well."""
    return {
        "aws:elasticbeanstalk:environment:process:default": {
            "Port": str(HOST_PORT),
            "Protocol": "HTTP",
            "HealthCheckPath": health_path,
            "MatcherHTTPCode": "200",
            "HealthCheckInterval": "15",
            "HealthCheckTimeout": "5",
            "HealthyThresholdCount": "3",
            "UnhealthyThresholdCount": "5",
            "DeregistrationDelay": "30",
            "StickinessEnabled": "false",
        }
    }


def rollout(operations: Operations) -> Namespaces:
    """How a version and a configuration reach the instances; each waits for health, and turns back without it.

    Rolling adds instances first, so that as many take requests as before. Traffic splitting sends a tenth of the
    requests to new instances for ten minutes before it goes on.
    """
    command = {"Timeout": str(operations.command_seconds), "IgnoreHealthCheck": "false"}
    update = "aws:autoscaling:updatepolicy:rollingupdate"
    if operations.deployment == "rolling":
        batches = {"DeploymentPolicy": "RollingWithAdditionalBatch", "BatchSizeType": "Percentage", "BatchSize": "30"}
        return {
            "aws:elasticbeanstalk:command": batches | command,
            update: {"RollingUpdateEnabled": "true", "RollingUpdateType": "Health"},
        }
    new_instances = {update: {"RollingUpdateEnabled": "true", "RollingUpdateType": "Immutable"}}
    if operations.deployment == "immutable":
        return {"aws:elasticbeanstalk:command": {"DeploymentPolicy": "Immutable", **command}, **new_instances}
    return {
        "aws:elasticbeanstalk:command": {"DeploymentPolicy": "TrafficSplitting", **command},
        "aws:elasticbeanstalk:trafficsplitting": {"NewVersionPercent": "10", "EvaluationTime": "10"},
        **new_instances,
    }


def watching(operations: Operations, *, service_role: Any) -> Namespaces:
    """Enhanced health with metrics in CloudWatch; the instances' logs and the environment's health in log groups."""
    logs = {
        "DeleteOnTerminate": str(not operations.keep_logs).lower(),
        "RetentionInDays": str(operations.log_retention_days),
    }
    return {
        "aws:elasticbeanstalk:environment": {
            "EnvironmentType": "LoadBalanced",
            "LoadBalancerType": "application",
            "ServiceRole": service_role,
        },
        "aws:elasticbeanstalk:healthreporting:system": {
            "SystemType": "enhanced",
            "EnhancedHealthAuthEnabled": "true",
            "ConfigDocument": health_document(),
        },
        "aws:elasticbeanstalk:cloudwatch:logs": {"StreamLogs": "true", **logs},
        "aws:elasticbeanstalk:cloudwatch:logs:health": {"HealthStreamingEnabled": "true", **logs},
    }


def health_document() -> str:
    """Which metrics are published each minute, the only interval there is, and what counts as ill.

    An API answers 4xx to whoever asks for something wrong. Counted as errors, scanners could make the environment
    severe, and a deployment that waits for health would be turned back.
    """
    ignored = {"Enabled": False}
    rules = {"Application": {"ApplicationRequests4xx": ignored}, "ELB": {"ELBRequests4xx": ignored}}
    metrics = {"Environment": dict.fromkeys(METRICS, 60), "Instance": {}}
    parts = {"CloudWatchMetrics": metrics, "Rules": {"Environment": rules}, "Version": 1}
    return json.dumps(parts, separators=(",", ":"))


def managed_updates(window: str | None) -> Namespaces:
    """New platform versions, minor ones too, in a window of two hours; they come on new instances. None has none.

    A new version of Docker is a minor version (AWS Elastic Beanstalk Developer Guide, "Configuring managed updates for
    Docker environments").
    """
    if window is None:
        return {"aws:elasticbeanstalk:managedactions": {"ManagedActionsEnabled": "false"}}
    return {
        "aws:elasticbeanstalk:managedactions": {
            "ManagedActionsEnabled": "true",
            "PreferredStartTime": window,
            "ServiceRoleForManagedUpdates": MANAGED_UPDATES_ROLE,
        },
        "aws:elasticbeanstalk:managedactions:platformupdate": {"UpdateLevel": "minor"},
    }


def variables(plain: Mapping[str, Any], secrets: Mapping[str, SecretValue]) -> Namespaces:
    """What the application is told; instances read the secrets by themselves, and no configuration shows them.

    Platforms since March 26, 2025 know environmentsecrets (AWS Elastic Beanstalk Developer Guide, "Fetching secrets and
    parameters to Elastic Beanstalk environment variables").
    """
    return {
        "aws:elasticbeanstalk:application:environment": plain,
        "aws:elasticbeanstalk:application:environmentsecrets": {key: value.source for key, value in secrets.items()},
    }
