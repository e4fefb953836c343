"""Logs, alarms, topics, secrets and protection, as their services show them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.emulator_fixtures import LocalAccount

LOGS = """
Parameters: {Default: {Type: Number, Default: 0}, Format: {Type: String, Default: json}}
Resources:
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /ecs/chat, RetentionInDays: 30}}
  Errors:
    Type: AWS::Logs::MetricFilter
    Properties:
      FilterName: errors
      LogGroupName: !Ref Group
      FilterPattern: '{ $.level = "ERROR" }'
      MetricTransformations:
      - {MetricName: Errors, MetricNamespace: Chat/App, MetricValue: "1", DefaultValue: !Ref Default, Unit: Count}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [subnet-1, subnet-2]}}
  Source:
    Type: AWS::Logs::DeliverySource
    Properties: {Name: access, ResourceArn: !Ref Balancer, LogType: ALB_ACCESS_LOGS}
  Destination:
    Type: AWS::Logs::DeliveryDestination
    Properties: {Name: group, DestinationResourceArn: !GetAtt Group.Arn, OutputFormat: !Ref Format}
  Delivery:
    Type: AWS::Logs::Delivery
    Properties: {DeliverySourceName: !Ref Source, DeliveryDestinationArn: !GetAtt Destination.Arn}
  Policy:
    Type: AWS::Logs::ResourcePolicy
    Properties:
      PolicyName: delivery
      PolicyDocument: !Sub |
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents",
         "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Resource": "${Group.Arn}"}]}
"""
ALARMS = """
Parameters: {Level: {Type: Number, Default: 5}, Width: {Type: Number, Default: 6}}
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {AWS: "*"}, Action: "kms:*", Resource: "*"}]
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: chat-alerts-dev
      KmsMasterKeyId: !Ref Key
      Subscription: [{Protocol: email, Endpoint: operations@example.com}]
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.ecs], detail-type: [ECS Deployment State Change]}
      Targets: [{Id: topic, Arn: !Ref Topic}]
  Rate:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: chat-error-rate-dev
      AlarmActions: [!Ref Topic]
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 3
      Threshold: !Ref Level
      Metrics:
      - {Id: rate, Expression: 100*errors/all}
      - {Id: errors, ReturnData: false, MetricStat: {Stat: Sum, Period: 60, Metric: {MetricName: E, Namespace: C}}}
      - {Id: all, ReturnData: false, MetricStat: {Stat: Sum, Period: 60, Metric: {MetricName: A, Namespace: C}}}
  Slow:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: chat-slow-dev
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      Threshold: 2
      Namespace: Chat
      MetricName: Seconds
      ExtendedStatistic: p95
      Period: 60
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: chat-dev
      DashboardBody: !Sub '{"widgets":[{"type":"text","width":${Width},"properties":{"markdown":"${AWS::Region}"}}]}'
"""
CHECKS = """
Parameters:
  Failures: {Type: Number, Default: 3}
  Interval: {Type: Number, Default: 30}
Resources:
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [subnet-1, subnet-2]}}
  Zone: {Type: AWS::Route53::HostedZone, Properties: {Name: example.com}}
  Six:
    Type: AWS::Route53::RecordSet
    Properties:
      HostedZoneId: !Ref Zone
      Name: chat.example.com
      Type: AAAA
      AliasTarget: {DNSName: !GetAtt Balancer.DNSName, HostedZoneId: !GetAtt Balancer.CanonicalHostedZoneID}
  Check:
    Type: AWS::Route53::HealthCheck
    Properties:
      HealthCheckConfig:
        Type: HTTPS
        FullyQualifiedDomainName: chat.example.com
        EnableSNI: true
        FailureThreshold: !Ref Failures
        RequestInterval: !Ref Interval
        Regions: [us-east-1, us-west-1, eu-west-1]
      HealthCheckTags: [{Key: Name, Value: chat}]
"""
SECRETS = """
Parameters: {Days: {Type: Number, Default: 90}}
Resources:
  Secret: {Type: AWS::SecretsManager::Secret, Properties: {Name: chat/openai}}
  Allowed:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: arn:aws:lambda:us-east-1:000000000000:function:elsewhere
      Action: lambda:InvokeFunction
      Principal: secretsmanager.amazonaws.com
  Rotation:
    Type: AWS::SecretsManager::RotationSchedule
    DependsOn: Allowed
    Properties:
      SecretId: !Ref Secret
      RotationLambdaARN: arn:aws:lambda:us-east-1:000000000000:function:elsewhere
      RotationRules: {AutomaticallyAfterDays: !Ref Days}
      RotateImmediatelyOnUpdate: false
  Model:
    Type: AWS::SSM::Parameter
    Properties: {Name: /chat/model, Type: String, Value: !Ref Days, Tags: {Project: chat}}
Outputs: {Rotation: {Value: !Ref Rotation}}
"""
WALL = """
Parameters: {Name: {Type: String, Default: aws-waf-logs-chat}, Kept: {Type: String, Default: BLOCK}}
Resources:
  Acl:
    Type: AWS::WAFv2::WebACL
    Properties:
      Name: chat
      Scope: REGIONAL
      DefaultAction: {Allow: {}}
      VisibilityConfig: {CloudWatchMetricsEnabled: true, MetricName: chat, SampledRequestsEnabled: true}
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref Name}}
  Logging:
    Type: AWS::WAFv2::LoggingConfiguration
    Properties:
      ResourceArn: !GetAtt Acl.Arn
      LogDestinationConfigs: [!GetAtt Group.Arn]
      LoggingFilter:
        DefaultBehavior: DROP
        Filters:
        - {Behavior: KEEP, Requirement: MEETS_ANY, Conditions: [{ActionCondition: {Action: !Ref Kept}}]}
"""


def test_metric_filters_are_visible_changed_and_gone(local: LocalAccount) -> None:
    assert local.create("logs", LOGS) == "CREATE_COMPLETE", local.failures("logs")
    local.update("logs", LOGS, Default="1")
    [found] = local.aws("logs", "describe-metric-filters")["metricFilters"]
    [transformation] = found["metricTransformations"]
    assert (found["filterName"], found["logGroupName"]) == ("errors", "/ecs/chat")
    assert (transformation["metricNamespace"], transformation["defaultValue"]) == ("Chat/App", 1.0)
    local.delete("logs")
    assert local.aws("logs", "describe-metric-filters")["metricFilters"] == []


def test_a_delivery_of_access_logs_to_a_log_group_is_visible(local: LocalAccount) -> None:
    local.create("logs", LOGS)
    assert local.update("logs", LOGS, Format="plain") == "UPDATE_COMPLETE"
    ids = local.physical_ids("logs")
    [source] = local.aws("logs", "describe-delivery-sources")["deliverySources"]
    [destination] = local.aws("logs", "describe-delivery-destinations")["deliveryDestinations"]
    [delivery] = local.aws("logs", "describe-deliveries")["deliveries"]
    assert (source["logType"], source["resourceArns"]) == ("ALB_ACCESS_LOGS", [ids["Balancer"]])
    assert (destination["deliveryDestinationType"], destination["outputFormat"]) == ("CWL", "plain")
    assert (delivery["deliverySourceName"], delivery["deliveryDestinationArn"]) == ("access", destination["arn"])
    [policy] = local.aws("logs", "describe-resource-policies")["resourcePolicies"]
    assert ":log-group:/ecs/chat" in json.loads(policy["policyDocument"])["Statement"][0]["Resource"]


def _alarms(local: LocalAccount) -> dict[str, dict[str, Any]]:
    return {each["AlarmName"]: each for each in local.aws("cloudwatch", "describe-alarms")["MetricAlarms"]}


def test_alarms_have_their_documented_names_and_metrics(local: LocalAccount) -> None:
    assert local.create("watch", ALARMS) == "CREATE_COMPLETE", local.failures("watch")
    assert local.update("watch", ALARMS, Level="6") == "UPDATE_COMPLETE"
    alarms = _alarms(local)
    rate, slow = alarms["chat-error-rate-dev"], alarms["chat-slow-dev"]
    assert [each["Id"] for each in rate["Metrics"]] == ["rate", "errors", "all"]
    assert (rate["Threshold"], rate["AlarmActions"]) == (6.0, [local.physical_ids("watch")["Topic"]])
    assert (slow["ExtendedStatistic"], "Statistic" in slow) == ("p95", False)


def test_a_topic_has_its_name_key_subscription_and_rule(local: LocalAccount) -> None:
    local.create("watch", ALARMS)
    ids = local.physical_ids("watch")
    attributes = local.aws("sns", "get-topic-attributes", "--topic-arn", ids["Topic"])["Attributes"]
    [subscription] = local.aws("sns", "list-subscriptions-by-topic", "--topic-arn", ids["Topic"])["Subscriptions"]
    [target] = local.aws("events", "list-targets-by-rule", "--rule", ids["Rule"])["Targets"]
    assert ids["Topic"].endswith(":chat-alerts-dev")
    assert attributes["KmsMasterKeyId"] == ids["Key"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "operations@example.com")
    assert target["Arn"] == ids["Topic"]


def test_a_dashboard_is_visible_and_changed(local: LocalAccount) -> None:
    local.create("watch", ALARMS)
    local.update("watch", ALARMS, Width="12")
    body = local.aws("cloudwatch", "get-dashboard", "--dashboard-name", "chat-dev")["DashboardBody"]
    assert json.loads(body)["widgets"][0] == {"type": "text", "width": 12, "properties": {"markdown": "us-east-1"}}


def test_a_health_check_reads_back_whole(local: LocalAccount) -> None:
    assert local.create("dns", CHECKS) == "CREATE_COMPLETE", local.failures("dns")
    before = local.physical_ids("dns")["Check"]
    local.update("dns", CHECKS, Failures="2")
    [check] = local.aws("route53", "list-health-checks")["HealthChecks"]
    config = check["HealthCheckConfig"]
    asked = ("list-tags-for-resource", "--resource-type", "healthcheck", "--resource-id", check["Id"])
    assert check["Id"] == before == local.physical_ids("dns")["Check"]
    assert (config["FailureThreshold"], config["EnableSNI"]) == (2, True)
    assert config["Regions"] == ["us-east-1", "us-west-1", "eu-west-1"]
    assert local.aws("route53", *asked)["ResourceTagSet"]["Tags"] == [{"Key": "Name", "Value": "chat"}]


def test_another_interval_replaces_a_health_check(local: LocalAccount) -> None:
    local.create("dns", CHECKS)
    before = local.physical_ids("dns")["Check"]
    assert local.update("dns", CHECKS, Interval="10") == "UPDATE_COMPLETE"
    [check] = local.aws("route53", "list-health-checks")["HealthChecks"]
    assert check["Id"] == local.physical_ids("dns")["Check"] != before


def test_an_alias_of_ipv6_is_visible(local: LocalAccount) -> None:
    local.create("dns", CHECKS)
    zone = local.physical_ids("dns")["Zone"]
    records = local.aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone)["ResourceRecordSets"]
    [alias] = [each["AliasTarget"] for each in records if each["Type"] == "AAAA"]
    assert ".elb.amazonaws.com" in alias["DNSName"]


def test_a_rotation_schedule_is_in_its_secret(local: LocalAccount) -> None:
    assert local.create("data", SECRETS) == "CREATE_COMPLETE", local.failures("data")
    local.update("data", SECRETS, Days="30")
    secret = local.aws("secretsmanager", "describe-secret", "--secret-id", "chat/openai")
    assert secret["ARN"] == local.outputs("data")["Rotation"]
    assert (secret["RotationEnabled"], secret["RotationRules"]) == (True, {"AutomaticallyAfterDays": 30})
    assert secret["RotationLambdaARN"].endswith(":function:elsewhere")
    local.update("data", SECRETS[: SECRETS.index("  Rotation:")])
    assert not local.aws("secretsmanager", "describe-secret", "--secret-id", "chat/openai").get("RotationEnabled")


def test_a_parameter_has_its_tags(local: LocalAccount) -> None:
    local.create("data", SECRETS)
    asked = ("list-tags-for-resource", "--resource-type", "Parameter", "--resource-id", "/chat/model")
    assert {"Key": "Project", "Value": "chat"} in local.aws("ssm", *asked)["TagList"]


def test_where_a_web_acl_logs_to_is_visible_and_changed(local: LocalAccount) -> None:
    assert local.create("wall", WALL) == "CREATE_COMPLETE", local.failures("wall")
    assert local.update("wall", WALL, Kept="COUNT") == "UPDATE_COMPLETE"
    arn = local.physical_ids("wall")["Logging"]
    logging = local.aws("wafv2", "get-logging-configuration", "--resource-arn", arn)["LoggingConfiguration"]
    assert ":log-group:aws-waf-logs-chat" in logging["LogDestinationConfigs"][0]
    assert logging["LoggingFilter"]["Filters"][0]["Conditions"] == [{"ActionCondition": {"Action": "COUNT"}}]
    listed = local.aws("wafv2", "list-logging-configurations", "--scope", "REGIONAL")["LoggingConfigurations"]
    assert listed == [logging]


def test_a_web_acl_does_not_log_to_a_group_of_another_name(local: LocalAccount) -> None:
    assert local.create("wall", WALL, Name="/chat/waf") == "ROLLBACK_COMPLETE"
    assert "field: LOG_DESTINATION" in local.failures("wall")["Logging"]


@pytest.mark.parametrize(
    "template", [LOGS, ALARMS, CHECKS, SECRETS, WALL], ids=["logs", "alarms", "dns", "data", "wall"]
)
def test_each_goes_with_its_stack(local: LocalAccount, template: str) -> None:
    assert local.create("all", template) == "CREATE_COMPLETE", local.failures("all")
    name = local.stack("all")["StackId"]
    local.delete("all")
    assert local.stack(name)["StackStatus"] == "DELETE_COMPLETE"
