"""ECS services with Service Connect and blue/green deployments, as ECS shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.emulator_fixtures import LocalAccount

CHAT = """
Parameters: {Bake: {Type: Number, Default: 5}, Idle: {Type: Number, Default: 300}}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Names: {Type: AWS::ServiceDiscovery::HttpNamespace, Properties: {Name: chat}}
  Cluster:
    Type: AWS::ECS::Cluster
    Properties: {ServiceConnectDefaults: {Namespace: !GetAtt Names.Arn}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref A, !Ref B]}}
  Blue:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref Vpc, Port: 80, Protocol: HTTP, TargetType: ip}
  Green:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref Vpc, Port: 80, Protocol: HTTP, TargetType: ip}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 1
      Conditions: [{Field: path-pattern, PathPatternConfig: {Values: [/*]}}]
      Actions:
      - Type: forward
        ForwardConfig:
          TargetGroups: [{TargetGroupArn: !Ref Blue, Weight: 1}, {TargetGroupArn: !Ref Green, Weight: 0}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}]
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: chat
      NetworkMode: awsvpc
      ContainerDefinitions:
      - Name: app
        Image: app
        PortMappings: [{ContainerPort: 8000, Name: http, AppProtocol: http}]
        DependsOn: [{ContainerName: collector, Condition: START}]
        DockerLabels: {team: chat}
        HealthCheck: {Command: [CMD, /check], StartPeriod: 60}
        LinuxParameters: {Tmpfs: [{ContainerPath: /scratch, Size: 64}]}
      - {Name: collector, Image: otel, Essential: false, Environment: [{Name: CONFIG, Value: "receivers: {}"}]}
  Service:
    Type: AWS::ECS::Service
    DependsOn: Rule
    Properties:
      Cluster: !Ref Cluster
      ServiceName: backend
      TaskDefinition: !Ref Task
      AvailabilityZoneRebalancing: ENABLED
      DeploymentConfiguration:
        Strategy: BLUE_GREEN
        BakeTimeInMinutes: !Ref Bake
        Alarms: {AlarmNames: [errors], Enable: true, Rollback: true}
        LifecycleHooks:
        - HookTargetArn: arn:aws:lambda:us-east-1:000000000000:function:check
          RoleArn: !GetAtt Role.Arn
          LifecycleStages: [POST_TEST_TRAFFIC_SHIFT]
      LoadBalancers:
      - TargetGroupArn: !Ref Blue
        ContainerName: app
        ContainerPort: 8000
        AdvancedConfiguration:
          AlternateTargetGroupArn: !Ref Green
          ProductionListenerRule: !Ref Rule
          RoleArn: !GetAtt Role.Arn
      ServiceConnectConfiguration:
        Enabled: true
        Namespace: !GetAtt Names.Arn
        Services:
        - PortName: http
          ClientAliases: [{DnsName: backend, Port: 8000}]
          Timeout: {PerRequestTimeoutSeconds: 120, IdleTimeoutSeconds: !Ref Idle}
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [!Ref A]}}
  Scaling:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: ecs
      ScalableDimension: ecs:service:DesiredCount
      ResourceId: !Sub "service/${Cluster}/${Service.Name}"
      MinCapacity: 1
      MaxCapacity: 4
      ScheduledActions:
      - ScheduledActionName: night
        Schedule: cron(0 20 * * ? *)
        ScalableTargetAction: {MinCapacity: 0, MaxCapacity: 0}
  Backlog:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyName: backlog
      PolicyType: TargetTrackingScaling
      ScalingTargetId: !Ref Scaling
      TargetTrackingScalingPolicyConfiguration:
        TargetValue: 10
        CustomizedMetricSpecification:
          Metrics:
          - {Id: each, Expression: depth / tasks}
          - {Id: depth, ReturnData: false, MetricStat: {Stat: Sum, Metric: {Namespace: Chat, MetricName: Depth}}}
          - {Id: tasks, ReturnData: false, MetricStat: {Stat: Sum, Metric: {Namespace: Chat, MetricName: Tasks}}}
"""


@pytest.fixture
def ids(local: LocalAccount) -> dict[str, str]:
    assert local.create("chat", CHAT) == "CREATE_COMPLETE", local.failures("chat")
    return local.physical_ids("chat")


def _service(local: LocalAccount, ids: dict[str, str]) -> dict[str, Any]:
    asked = ("describe-services", "--cluster", ids["Cluster"], "--services", ids["Service"])
    found: dict[str, Any] = local.aws("ecs", *asked)["services"][0]
    return found


def test_a_blue_green_service_keeps_its_strategy_hooks_and_alarms(local: LocalAccount, ids: dict[str, str]) -> None:
    deployment = _service(local, ids)["deploymentConfiguration"]
    assert (deployment["strategy"], deployment["bakeTimeInMinutes"]) == ("BLUE_GREEN", 5)
    assert deployment["alarms"] == {"alarmNames": ["errors"], "enable": True, "rollback": True}
    assert deployment["lifecycleHooks"][0]["lifecycleStages"] == ["POST_TEST_TRAFFIC_SHIFT"]


def test_a_blue_green_service_names_both_groups_and_its_rule(local: LocalAccount, ids: dict[str, str]) -> None:
    [balancer] = _service(local, ids)["loadBalancers"]
    advanced = balancer["advancedConfiguration"]
    assert (balancer["targetGroupArn"], advanced["alternateTargetGroupArn"]) == (ids["Blue"], ids["Green"])
    assert advanced["productionListenerRule"] == ids["Rule"]


def test_service_connect_is_in_the_namespace_of_the_cluster(local: LocalAccount, ids: dict[str, str]) -> None:
    [namespace] = local.aws("servicediscovery", "list-namespaces")["Namespaces"]
    [cluster] = local.aws("ecs", "describe-clusters", "--clusters", ids["Cluster"])["clusters"]
    connect = _service(local, ids)["deployments"][0]["serviceConnectConfiguration"]
    assert (namespace["Name"], namespace["Type"]) == ("chat", "HTTP")
    assert cluster["serviceConnectDefaults"]["namespace"] == connect["namespace"] == namespace["Arn"]
    assert connect["services"][0]["clientAliases"] == [{"port": 8000, "dnsName": "backend"}]
    assert connect["services"][0]["timeout"] == {"idleTimeoutSeconds": 300, "perRequestTimeoutSeconds": 120}


def test_an_update_of_a_service_is_shown(local: LocalAccount, ids: dict[str, str]) -> None:
    assert local.update("chat", CHAT, Bake="6", Idle="400") == "UPDATE_COMPLETE"
    service = _service(local, ids)
    connect = service["deployments"][0]["serviceConnectConfiguration"]
    assert service["deploymentConfiguration"]["bakeTimeInMinutes"] == 6
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert connect["services"][0]["timeout"]["idleTimeoutSeconds"] == 400


def test_both_containers_of_a_task_read_back(local: LocalAccount, ids: dict[str, str]) -> None:
    named = ("--task-definition", ids["Task"])
    app, collector = local.aws("ecs", "describe-task-definition", *named)["taskDefinition"]["containerDefinitions"]
    assert app["dependsOn"] == [{"containerName": "collector", "condition": "START"}]
    assert (app["dockerLabels"], app["healthCheck"]["startPeriod"]) == ({"team": "chat"}, 60)
    assert app["linuxParameters"]["tmpfs"] == [{"containerPath": "/scratch", "size": 64}]
    assert app["portMappings"][0]["appProtocol"] == "http"
    assert (collector["essential"], collector["environment"][0]["value"]) == (False, "receivers: {}")


def test_scaling_is_a_stand_in_and_says_so(local: LocalAccount, ids: dict[str, str]) -> None:
    realities = local.emulator.realities()
    kinds = ("ScalableTarget", "ScalingPolicy")
    assert [realities[f"AWS::ApplicationAutoScaling::{kind}"] for kind in kinds] == ["stand-in", "stand-in"]
    assert ids["Scaling"] == f"service/{ids['Cluster']}/backend|ecs:service:DesiredCount|ecs"
    assert ids["Backlog"].startswith("arn:aws:")


def test_a_service_before_its_rule_is_refused_as_by_ecs(local: LocalAccount) -> None:
    advanced = CHAT.index("        AdvancedConfiguration:")
    early = CHAT[:advanced] + CHAT[CHAT.index("      ServiceConnectConfiguration:") :]
    without_rule = early.replace("    DependsOn: Rule\n", "").replace("  Rule:", "  Zrule:\n    DependsOn: Service")
    assert local.create("chat", without_rule) == "ROLLBACK_COMPLETE"
    assert "does not have an associated load balancer" in local.failures("chat")["Service"]
