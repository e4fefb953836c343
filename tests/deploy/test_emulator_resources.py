"""What a deploy made can be read back from the service it belongs to."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.emulator_fixtures import LocalAccount

NETWORK = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
"""
EGRESS = """
  Address: {Type: AWS::EC2::EIP, Properties: {Domain: vpc, Tags: [{Key: Name, Value: way-out}]}}
  Nat: {Type: AWS::EC2::NatGateway, Properties: {SubnetId: !Ref A, AllocationId: !GetAtt Address.AllocationId}}
  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}
  Entry:
    Type: AWS::EC2::NetworkAclEntry
    Properties: {NetworkAclId: !Ref Acl, RuleNumber: 100, Protocol: 6, RuleAction: deny, CidrBlock: 10.9.0.0/16}
  Place: {Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: {NetworkAclId: !Ref Acl, SubnetId: !Ref A}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 30}}
  Flow:
    Type: AWS::EC2::FlowLog
    Properties: {ResourceId: !Ref Vpc, ResourceType: VPC, TrafficType: REJECT, LogGroupName: !Ref Logs}
"""
RULES = """
  Front: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: front, VpcId: !Ref Vpc}}
  Back: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: back, VpcId: !Ref Vpc}}
  In:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      GroupId: !GetAtt Back.GroupId
      IpProtocol: tcp
      FromPort: 80
      ToPort: 80
      SourceSecurityGroupId: !GetAtt Front.GroupId
      Description: %s
  Out:
    Type: AWS::EC2::SecurityGroupEgress
    Properties: {GroupId: !GetAtt Front.GroupId, IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.0.0/16}
"""
SERVICE = """
  Cluster: {Type: AWS::ECS::Cluster}
  Spot:
    Type: AWS::ECS::ClusterCapacityProviderAssociations
    Properties:
      Cluster: !Ref Cluster
      CapacityProviders: [FARGATE, FARGATE_SPOT]
      DefaultCapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT, Weight: 1}]
  Key: {Type: AWS::SecretsManager::Secret, Properties: {Description: a key}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: app
      Cpu: 256
      Memory: 512
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      RuntimePlatform: {CpuArchitecture: ARM64, OperatingSystemFamily: LINUX}
      EphemeralStorage: {SizeInGiB: 30}
      Volumes: [{Name: scratch}]
      ContainerDefinitions:
      - Name: app
        Image: !Sub "app:${Tag}"
        PortMappings: [{ContainerPort: 80, Name: http}]
        Secrets: [{Name: KEY, ValueFrom: !Ref Key}]
        HealthCheck: {Command: [CMD, /check], Interval: 10}
        LinuxParameters: {InitProcessEnabled: true, Capabilities: {Drop: [ALL]}}
        MountPoints: [{ContainerPath: /scratch, SourceVolume: scratch, ReadOnly: false}]
        Ulimits: [{Name: nofile, SoftLimit: 1, HardLimit: 2}]
        LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: app}}
      - Name: side
        Image: side
        DependsOn: [{ContainerName: app, Condition: HEALTHY}]
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref A, !Ref B]}}
  Target:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref Vpc, Port: 80, Protocol: HTTP, TargetType: ip, HealthCheckPath: /health}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: 404}}]
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 1
      Conditions: [{Field: path-pattern, PathPatternConfig: {Values: [/*]}}]
      Actions: [{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Target, Weight: 90}]}}]
  Service:
    Type: AWS::ECS::Service
    DependsOn: Rule
    Properties:
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: !Ref Tasks
      EnableExecuteCommand: true
      PropagateTags: SERVICE
      HealthCheckGracePeriodSeconds: 60
      CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT, Weight: 1}]
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
      LoadBalancers: [{TargetGroupArn: !Ref Target, ContainerName: app, ContainerPort: 80}]
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [!Ref A]}}
  Scaling:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: ecs
      ScalableDimension: ecs:service:DesiredCount
      ResourceId: !Sub "service/${Cluster}/${Service.Name}"
      MinCapacity: 1
      MaxCapacity: 4
Parameters: {Tag: {Type: String, Default: one}, Tasks: {Type: Number, Default: 2}}
Outputs: {Scaling: {Value: !Ref Scaling}, Key: {Value: !Ref Key}}
"""
STORES = """
Resources:
  Files:
    Type: AWS::S3::Bucket
    Properties:
      BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: aws:kms}}]}
      LifecycleConfiguration: {Rules: [{Id: old, Status: Enabled, NoncurrentVersionExpiration: {NoncurrentDays: 30}}]}
      Tags: [{Key: Project, Value: test}]
  Faces:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      TimeToLiveSpecification: {AttributeName: until, Enabled: true}
"""
WATCH = """
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Failures:
    Type: AWS::CloudWatch::Alarm
    Properties:
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      Threshold: 5
      Metrics:
      - {Id: rate, Expression: 100*errors/all}
      - Id: errors
        ReturnData: false
        MetricStat: {Metric: {Namespace: App, MetricName: Errors}, Period: 60, Stat: Sum}
  Any: {Type: AWS::CloudWatch::CompositeAlarm, Properties: {AlarmRule: !Sub 'ALARM("${Failures}")'}}
  Oidc:
    Type: AWS::IAM::OIDCProvider
    Properties: {Url: "https://token.actions.githubusercontent.com", ClientIdList: [sts.amazonaws.com]}
  Trail: {Type: AWS::CloudTrail::Trail, Properties: {S3BucketName: logs, IsLogging: true}}
  Budget:
    Type: AWS::Budgets::Budget
    Properties: {Budget: {BudgetType: COST, TimeUnit: MONTHLY, BudgetLimit: {Amount: 5, Unit: USD}}}
  Check:
    Type: AWS::Route53::HealthCheck
    Properties: {HealthCheckConfig: {Type: HTTPS, FullyQualifiedDomainName: app.example.com}}
Outputs: {Trail: {Value: !GetAtt Trail.Arn}}
"""
STAND_INS = """
Parameters: {Name: {Type: String, Default: first}}
Resources:
  Watch: {Type: AWS::GuardDuty::Detector, Properties: {Enable: "true", Tags: [{Key: Name, Value: !Ref Name}]}}
  Cache: {Type: AWS::ElastiCache::ServerlessCache, Properties: {ServerlessCacheName: !Ref Name, Engine: valkey}}
Outputs:
  Watch: {Value: !Ref Watch}
  Cache: {Value: !Ref Cache}
  Arn: {Value: !GetAtt Cache.ARN}
  Host: {Value: !GetAtt Cache.Endpoint.Address}
  Port: {Value: !GetAtt Cache.Endpoint.Port}
"""


def test_a_nat_gateway_and_its_address_are_visible(local: LocalAccount) -> None:
    assert local.create("net", NETWORK + EGRESS) == "CREATE_COMPLETE"
    address = local.aws("ec2", "describe-addresses")["Addresses"][0]
    gateway = local.aws("ec2", "describe-nat-gateways")["NatGateways"][0]
    assert address["PublicIp"] == local.physical_ids("net")["Address"]
    assert {"Key": "Name", "Value": "way-out"} in address["Tags"]
    assert gateway["NatGatewayAddresses"][0]["AllocationId"] == address["AllocationId"]
    local.delete("net")
    assert local.aws("ec2", "describe-addresses")["Addresses"] == []


def test_network_acls_and_flow_logs_are_visible(local: LocalAccount) -> None:
    local.create("net", NETWORK + EGRESS)
    ids = local.physical_ids("net")
    acl = local.aws("ec2", "describe-network-acls", "--network-acl-ids", ids["Acl"])["NetworkAcls"][0]
    assert [entry["RuleAction"] for entry in acl["Entries"]] == ["deny"]
    assert [each["SubnetId"] for each in acl["Associations"]] == [ids["A"]]
    flow_log = local.aws("ec2", "describe-flow-logs")["FlowLogs"][0]
    assert (flow_log["ResourceId"], flow_log["TrafficType"]) == (ids["Vpc"], "REJECT")


def test_separate_security_group_rules_are_in_their_groups(local: LocalAccount) -> None:
    local.create("net", NETWORK + RULES % "before")
    ids = local.physical_ids("net")
    local.update("net", NETWORK + RULES % "after")
    asked = ("describe-security-groups", "--group-ids", ids["Back"], ids["Front"])
    groups = {group["GroupId"]: group for group in local.aws("ec2", *asked)["SecurityGroups"]}
    [ingress] = groups[ids["Back"]]["IpPermissions"]
    [source] = ingress["UserIdGroupPairs"]
    assert (ingress["FromPort"], source["GroupId"], source["Description"]) == (80, ids["Front"], "after")
    assert 80 in [rule.get("ToPort") for rule in groups[ids["Front"]]["IpPermissionsEgress"]]


def _task(local: LocalAccount) -> dict[str, Any]:
    found: dict[str, Any] = local.aws("ecs", "describe-task-definition", "--task-definition", "app")["taskDefinition"]
    return found


def _service(local: LocalAccount) -> dict[str, Any]:
    ids = local.physical_ids("app")
    asked = ("describe-services", "--cluster", ids["Cluster"], "--services", ids["Service"])
    found: dict[str, Any] = local.aws("ecs", *asked)["services"][0]
    return found


def test_a_task_definition_reads_back_whole(local: LocalAccount) -> None:
    assert local.create("app", NETWORK + SERVICE) == "CREATE_COMPLETE"
    task = _task(local)
    app, side = task["containerDefinitions"]
    assert app["secrets"] == [{"name": "KEY", "valueFrom": local.outputs("app")["Key"]}]
    assert app["healthCheck"]["command"] == ["CMD", "/check"]
    assert app["linuxParameters"] == {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True}
    assert app["mountPoints"] == [{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": False}]
    assert app["logConfiguration"]["options"] == {"awslogs-group": "app"}
    assert side["dependsOn"] == [{"containerName": "app", "condition": "HEALTHY"}]
    assert task["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert (task["cpu"], task["memory"], task["ephemeralStorage"]) == ("256", "512", {"sizeInGiB": 30})


def test_a_service_keeps_what_the_template_says(local: LocalAccount) -> None:
    local.create("app", NETWORK + SERVICE)
    service = _service(local)
    assert (service["desiredCount"], service["enableExecuteCommand"]) == (2, True)
    assert (service["healthCheckGracePeriodSeconds"], service["propagateTags"]) == (60, "SERVICE")
    assert service["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_a_new_image_makes_a_new_revision_and_the_service_follows(local: LocalAccount) -> None:
    local.create("app", NETWORK + SERVICE)
    before = _service(local)["taskDefinition"]
    assert local.changes("app", NETWORK + SERVICE, Tag="two")["Task"] == ("Modify", "True")
    assert local.update("app", NETWORK + SERVICE, Tag="two") == "UPDATE_COMPLETE"
    after = _service(local)["taskDefinition"]
    assert (before.rsplit(":", 1)[-1], after.rsplit(":", 1)[-1]) == ("1", "2")
    assert _task(local)["containerDefinitions"][0]["image"] == "app:two"


def test_a_listener_rule_keeps_its_weights_and_a_balancer_its_network(local: LocalAccount) -> None:
    local.create("app", NETWORK + SERVICE)
    ids = local.physical_ids("app")
    rules = local.aws("elbv2", "describe-rules", "--rule-arns", ids["Rule"])["Rules"]
    assert rules[0]["Actions"][0]["ForwardConfig"]["TargetGroups"][0]["Weight"] == 90
    [balancer] = local.aws("elbv2", "describe-load-balancers")["LoadBalancers"]
    [target] = local.aws("elbv2", "describe-target-groups")["TargetGroups"]
    assert balancer["VpcId"] == target["VpcId"] == ids["Vpc"]
    assert target["HealthCheckPath"] == "/health"


def test_a_scalable_target_is_a_stand_in_that_can_be_read(local: LocalAccount) -> None:
    local.create("app", NETWORK + SERVICE)
    identifier = local.outputs("app")["Scaling"]
    assert identifier.endswith("|ecs:service:DesiredCount|ecs")
    named = ("--type-name", "AWS::ApplicationAutoScaling::ScalableTarget", "--identifier", identifier)
    description = local.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]
    assert json.loads(description["Properties"])["MaxCapacity"] == 4


def test_a_bucket_reads_back_its_encryption_lifecycle_and_tags(local: LocalAccount) -> None:
    local.create("data", STORES)
    named = ("--bucket", local.physical_ids("data")["Files"])
    encryption = local.aws("s3api", "get-bucket-encryption", *named)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    lifecycle = local.aws("s3api", "get-bucket-lifecycle-configuration", *named)
    assert lifecycle["Rules"][0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert {"Key": "Project", "Value": "test"} in local.aws("s3api", "get-bucket-tagging", *named)["TagSet"]


def test_a_table_reads_back_its_recovery_and_expiry(local: LocalAccount) -> None:
    local.create("data", STORES)
    named = ("--table-name", local.physical_ids("data")["Faces"])
    backups = local.aws("dynamodb", "describe-continuous-backups", *named)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    expiry = local.aws("dynamodb", "describe-time-to-live", *named)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}


def test_a_bucket_with_objects_is_not_deleted(local: LocalAccount) -> None:
    local.create("data", STORES)
    local.aws("s3api", "put-object", "--bucket", local.physical_ids("data")["Files"], "--key", "face")
    local.delete("data")
    assert local.stack("data")["StackStatus"] == "DELETE_FAILED"
    assert "is not empty" in local.failures("data")["Files"]


def test_a_protected_table_is_not_deleted(local: LocalAccount) -> None:
    protected = STORES.replace("BillingMode: PAY", "DeletionProtectionEnabled: true\n      BillingMode: PAY")
    local.create("data", protected)
    local.delete("data")
    assert "protected against deletion" in local.failures("data")["Faces"]


def test_what_watches_the_account_is_visible_and_goes_again(local: LocalAccount) -> None:
    assert local.create("watch", WATCH) == "CREATE_COMPLETE", local.failures("watch")
    ids = local.physical_ids("watch")
    [alarm] = local.aws("cloudwatch", "describe-alarms")["MetricAlarms"]
    assert [metric["Id"] for metric in alarm["Metrics"]] == ["rate", "errors"]
    trail = local.outputs("watch")["Trail"]
    local.update("watch", WATCH.replace("IsLogging: true", "IsLogging: false"))
    assert local.outputs("watch")["Trail"] == trail
    [composite] = local.aws("cloudwatch", "describe-alarms", "--alarm-types", "CompositeAlarm")["CompositeAlarms"]
    assert composite["AlarmName"] == ids["Any"]
    providers = local.aws("iam", "list-open-id-connect-providers")["OpenIDConnectProviderList"]
    assert [each["Arn"] for each in providers] == [ids["Oidc"]]
    assert local.aws("cloudtrail", "get-trail-status", "--name", ids["Trail"])["IsLogging"] is False
    local.delete("watch")
    assert local.aws("cloudwatch", "describe-alarms")["MetricAlarms"] == []


def test_a_stand_in_answers_ref_and_getatt_as_its_schema_says(local: LocalAccount) -> None:
    assert local.create("one", STAND_INS) == "CREATE_COMPLETE"
    outputs = local.outputs("one")
    assert outputs["Cache"] == "first"
    assert outputs["Watch"].startswith("detector-")
    assert outputs["Arn"].startswith("arn:aws:elasticache:us-east-1:000000000000:serverlesscache/")
    assert outputs["Host"].endswith(".amazonaws.com")


def test_a_stand_in_is_updated_in_place_or_replaced_as_its_schema_says(local: LocalAccount) -> None:
    local.create("one", STAND_INS)
    before = local.outputs("one")
    assert local.changes("one", STAND_INS, Name="second") == {"Watch": ("Modify", "False"), "Cache": ("Modify", "True")}
    assert local.update("one", STAND_INS, Name="second") == "UPDATE_COMPLETE"
    after = local.outputs("one")
    assert (after["Watch"], after["Cache"]) == (before["Watch"], "second")
    kept = local.aws("cloudcontrol", "list-resources", "--type-name", "AWS::ElastiCache::ServerlessCache")
    assert [each["Identifier"] for each in kept["ResourceDescriptions"]] == ["second"]


def test_a_name_can_be_taken_only_once(local: LocalAccount) -> None:
    local.create("one", STAND_INS)
    assert local.create("two", STAND_INS) == "ROLLBACK_COMPLETE"
    assert "with identifier 'first' already exists" in local.failures("two")["Cache"]


def test_an_attribute_outside_the_schema_fails_the_deploy(local: LocalAccount) -> None:
    local.create("one", STAND_INS.replace("Cache.ARN", "Cache.Arn"))
    assert "Requested attribute Arn does not exist in schema" in local.failures("one")["one"]
