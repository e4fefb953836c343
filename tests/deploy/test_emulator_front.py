"""What stands in front of an application and beside it: CloudFront, a web ACL, a load balancer, functions, copies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blueprints.deploy.local import reality_table
from tests.deploy.emulator_fixtures import LocalAccount

FRONT = """
Parameters: {Comment: {Type: String, Default: first}, HeaderSecret: {Type: String, Default: header}}
Resources:
  Pages: {Type: AWS::S3::Bucket}
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig:
        Name: !Sub "${AWS::StackName}-pages"
        OriginAccessControlOriginType: s3
        SigningBehavior: always
        SigningProtocol: sigv4
  Rewrite:
    Type: AWS::CloudFront::Function
    Properties:
      Name: !Sub "${AWS::StackName}-rewrite"
      AutoPublish: true
      FunctionCode: "function handler(event) { return event.request; }"
      FunctionConfig: {Comment: pages, Runtime: cloudfront-js-2.0}
  Headers:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        {Name: !Sub "${AWS::StackName}-headers", SecurityHeadersConfig: {ContentTypeOptions: {Override: true}}}
  Caching:
    Type: AWS::CloudFront::CachePolicy
    Properties:
      CachePolicyConfig:
        Name: !Sub "${AWS::StackName}-caching"
        DefaultTTL: 60
        MinTTL: 0
        MaxTTL: 3600
        ParametersInCacheKeyAndForwardedToOrigin:
          CookiesConfig: {CookieBehavior: none}
          HeadersConfig: {HeaderBehavior: none}
          QueryStringsConfig: {QueryStringBehavior: none}
          EnableAcceptEncodingGzip: true
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: !Ref HeaderSecret, GenerateSecretString: {PasswordLength: 40, ExcludePunctuation: true}}
  Distribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Comment: !Ref Comment
        DefaultRootObject: index.html
        Origins:
        - Id: pages
          DomainName: !GetAtt Pages.RegionalDomainName
          OriginAccessControlId: !GetAtt Access.Id
          S3OriginConfig: {OriginAccessIdentity: ""}
        - Id: api
          DomainName: api.example.com
          CustomOriginConfig: {OriginProtocolPolicy: http-only}
          OriginCustomHeaders:
          - {HeaderName: X-Origin, HeaderValue: !Sub "{{resolve:secretsmanager:${Secret}}}"}
        DefaultCacheBehavior:
          TargetOriginId: pages
          ViewerProtocolPolicy: redirect-to-https
          CachePolicyId: !Ref Caching
          ResponseHeadersPolicyId: !Ref Headers
          FunctionAssociations: [{EventType: viewer-request, FunctionARN: !GetAtt Rewrite.FunctionARN}]
        CacheBehaviors:
        - PathPattern: /api/*
          TargetOriginId: api
          ViewerProtocolPolicy: https-only
          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: balancer, VpcId: !Ref Vpc}}
  CloudFront:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      GroupId: !GetAtt Group.GroupId
      IpProtocol: tcp
      FromPort: 80
      ToPort: 80
      SourcePrefixListId: pl-3b927c52
      Description: in
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Subnets: [!Ref A, !Ref B], SecurityGroups: [!GetAtt Group.GroupId]}
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref Vpc, Port: 8080, Protocol: HTTP, TargetType: ip}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "403", ContentType: text/plain}}]
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 10
      Conditions:
      - Field: http-header
        HttpHeaderConfig:
          {HttpHeaderName: X-Origin, Values: [!Sub "{{resolve:secretsmanager:${Secret}}}"]}
      Actions: [{Type: forward, TargetGroupArn: !Ref Targets}]
Outputs:
  Distribution: {Value: !GetAtt Distribution.Id}
  Secret: {Value: !Ref Secret}
  Listener: {Value: !Ref Listener}
  Group: {Value: !GetAtt Group.GroupId}
"""
EDGE = """
Parameters: {About: {Type: String, Default: first}}
Resources:
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: aws-waf-logs-edge}}
  WebAcl:
    Type: AWS::WAFv2::WebACL
    Properties:
      Name: edge
      Scope: CLOUDFRONT
      Description: !Ref About
      DefaultAction: {Allow: {}}
      VisibilityConfig: &seen {SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: edge}
      Rules:
      - Name: rate
        Priority: 0
        Action: {Block: {}}
        Statement: {RateBasedStatement: {AggregateKeyType: IP, Limit: 2000}}
        VisibilityConfig: *seen
  Logging:
    Type: AWS::WAFv2::LoggingConfiguration
    Properties: {ResourceArn: !GetAtt WebAcl.Arn, LogDestinationConfigs: [!GetAtt Logs.Arn]}
"""
PROCESSING = """
Parameters: {Attempts: {Type: Number, Default: 2}}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: function, VpcId: !Ref Vpc}}
  Files:
    Type: AWS::S3::Bucket
    Properties: {NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}}
  Letters: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}
  LettersPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Letters]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
        - Effect: Allow
          Principal: {Service: events.amazonaws.com}
          Action: sqs:SendMessage
          Resource: !GetAtt Letters.Arn
  Resize:
    Type: AWS::Lambda::Function
    Properties:
      Role: arn:aws:iam::000000000000:role/resize
      Runtime: python3.13
      Handler: index.handler
      Code: {ZipFile: "def handler(event, context): pass"}
      ReservedConcurrentExecutions: 5
      VpcConfig: {SubnetIds: [!Ref A], SecurityGroupIds: [!GetAtt Group.GroupId]}
      DeadLetterConfig: {TargetArn: !GetAtt Letters.Arn}
  Retries:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Resize
      Qualifier: $LATEST
      MaximumRetryAttempts: !Ref Attempts
      DestinationConfig: {OnFailure: {Destination: !GetAtt Letters.Arn}}
  Uploads:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.s3], detail: {bucket: {name: [!Ref Files]}}}
      Targets:
      - {Id: resize, Arn: !GetAtt Resize.Arn, DeadLetterConfig: {Arn: !GetAtt Letters.Arn}}
  MayCall:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref Resize
      Action: lambda:InvokeFunction
      Principal: events.amazonaws.com
      SourceArn: !GetAtt Uploads.Arn
Outputs: {Resize: {Value: !Ref Resize}, Files: {Value: !Ref Files}, Uploads: {Value: !Ref Uploads}}
"""
REPLICA = """
Resources:
  Copies: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: %s}}}
  Vault: {Type: AWS::Backup::BackupVault, Properties: {BackupVaultName: copies}}
Outputs: {Copies: {Value: !GetAtt Copies.Arn}, Vault: {Value: !GetAtt Vault.BackupVaultArn}}
"""
BACKUP = """
Parameters: {Class: {Type: String, Default: STANDARD_IA}, Days: {Type: Number, Default: 30}}
Resources:
  Files:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {Status: Enabled}
      ObjectLockEnabled: true
      ObjectLockConfiguration:
        {ObjectLockEnabled: Enabled, Rule: {DefaultRetention: {Mode: GOVERNANCE, Days: !Ref Days}}}
      IntelligentTieringConfigurations:
      - {Id: all, Status: Enabled, Tierings: [{AccessTier: ARCHIVE_ACCESS, Days: 90}]}
      LifecycleConfiguration:
        Rules:
        - Id: old
          Status: Enabled
          ExpiredObjectDeleteMarker: true
          NoncurrentVersionTransitions: [{StorageClass: GLACIER, TransitionInDays: 30}]
      ReplicationConfiguration:
        Role: arn:aws:iam::000000000000:role/replication
        Rules:
        - Id: copies
          Status: Enabled
          Priority: 1
          Filter: {Prefix: ""}
          DeleteMarkerReplication: {Status: Enabled}
          Destination:
            Bucket: {"Fn::GetStackOutput": {StackName: replica, OutputName: Copies, Region: us-east-2}}
            StorageClass: !Ref Class
  Vault: {Type: AWS::Backup::BackupVault, Properties: {BackupVaultName: main}}
  Plan:
    Type: AWS::Backup::BackupPlan
    Properties:
      BackupPlan:
        BackupPlanName: daily
        BackupPlanRule:
        - RuleName: daily
          TargetBackupVault: !Ref Vault
          ScheduleExpression: cron(0 5 ? * * *)
          Lifecycle: {DeleteAfterDays: !Ref Days}
          CopyActions:
          - DestinationBackupVaultArn:
              {"Fn::GetStackOutput": {StackName: replica, OutputName: Vault, Region: us-east-2}}
            Lifecycle: {DeleteAfterDays: 90}
Outputs: {Files: {Value: !Ref Files}, Plan: {Value: !Ref Plan}}
"""
WATCHING = """
Parameters: {Share: {Type: Number, Default: 0.05}}
Resources:
  Traces: {Type: AWS::XRay::Group, Properties: {GroupName: meals, FilterExpression: 'service("api")'}}
  Sampling:
    Type: AWS::XRay::SamplingRule
    Properties:
      SamplingRule:
        {RuleName: meals, Priority: 100, FixedRate: !Ref Share, ReservoirSize: 1, ServiceName: api, ServiceType: "*",
         Host: "*", HTTPMethod: "*", URLPath: "*", ResourceARN: "*", Version: 1}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: ecs
      ScalableDimension: ecs:service:DesiredCount
      ResourceId: service/meals/api
      MinCapacity: 1
      MaxCapacity: 4
  Steps:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyName: steps
      PolicyType: StepScaling
      ScalingTargetId: !Ref Target
      StepScalingPolicyConfiguration:
        AdjustmentType: ChangeInCapacity
        StepAdjustments: [{MetricIntervalLowerBound: 0, ScalingAdjustment: 1}]
Outputs: {Steps: {Value: !Ref Steps}, Traces: {Value: !Ref Traces}}
"""
# Whose state the types have that the three stacks above and a data stack are made of.
REALITIES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "stand-in",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "stand-in",
    "AWS::Backup::BackupPlan": "native",
    "AWS::Backup::BackupSelection": "extended",
    "AWS::Backup::BackupVault": "native",
    "AWS::Budgets::Budget": "extended",
    "AWS::CloudFront::CachePolicy": "native",
    "AWS::CloudFront::Distribution": "native",
    "AWS::CloudFront::Function": "native",
    "AWS::CloudFront::OriginAccessControl": "native",
    "AWS::CloudFront::ResponseHeadersPolicy": "native",
    "AWS::CloudTrail::Trail": "extended",
    "AWS::EC2::SecurityGroupIngress": "extended",
    "AWS::ElastiCache::ReplicationGroup": "native",
    "AWS::Events::Rule": "native",
    "AWS::Lambda::EventInvokeConfig": "native",
    "AWS::Lambda::Function": "native",
    "AWS::Lambda::Permission": "native",
    "AWS::RDS::DBCluster": "native",
    "AWS::RDS::DBClusterParameterGroup": "native",
    "AWS::RDS::DBInstance": "native",
    "AWS::RDS::DBParameterGroup": "native",
    "AWS::S3::Bucket": "native",
    "AWS::SQS::QueuePolicy": "native",
    "AWS::SecretsManager::SecretTargetAttachment": "native",
    "AWS::WAFv2::LoggingConfiguration": "extended",
    "AWS::WAFv2::WebACL": "native",
    "AWS::XRay::Group": "stand-in",
    "AWS::XRay::SamplingRule": "stand-in",
}


def header_of_the_rule(local: LocalAccount) -> list[str]:
    named = ("--listener-arn", local.outputs("front")["Listener"])
    rules = local.aws("elbv2", "describe-rules", *named)["Rules"]
    (condition,) = next(rule["Conditions"] for rule in rules if rule["Priority"] == "10")
    return list(condition["HttpHeaderConfig"]["Values"])


def distribution(local: LocalAccount) -> dict[str, Any]:
    named = ("--id", local.outputs("front")["Distribution"])
    return dict(local.aws("cloudfront", "get-distribution", *named)["Distribution"]["DistributionConfig"])


def test_cloudfront_and_the_load_balancer_know_the_same_header(local: LocalAccount) -> None:
    assert local.create("front", FRONT) == "CREATE_COMPLETE", local.failures("front")
    named = ("--secret-id", local.outputs("front")["Secret"])
    value = local.aws("secretsmanager", "get-secret-value", *named)["SecretString"]
    assert (len(value), value.isalnum()) == (40, True)
    assert header_of_the_rule(local) == [value]
    api = distribution(local)["Origins"]["Items"][1]
    assert api["CustomHeaders"]["Items"] == [{"HeaderName": "X-Origin", "HeaderValue": value}]
    group = local.aws("ec2", "describe-security-groups", "--group-ids", local.outputs("front")["Group"])
    (allowed,) = group["SecurityGroups"][0]["IpPermissions"]
    assert allowed["PrefixListIds"] == [{"PrefixListId": "pl-3b927c52", "Description": "in"}]
    assert (allowed["FromPort"], allowed["IpRanges"]) == (80, [])


def test_a_distribution_is_updated_in_place_and_goes_with_its_stack(local: LocalAccount) -> None:
    local.create("front", FRONT)
    before, header = local.outputs("front"), header_of_the_rule(local)
    assert local.update("front", FRONT, Comment="second") == "UPDATE_COMPLETE", local.failures("front")
    assert (local.outputs("front"), header_of_the_rule(local)) == (before, header)
    assert distribution(local)["Comment"] == "second"
    local.delete("front")
    for operation, key in (
        ("list-distributions", "Distribution"),
        ("list-origin-access-controls", "OriginAccessControl"),
    ):
        assert not local.aws("cloudfront", operation).get(f"{key}List", {}).get("Items")


def test_a_web_acl_of_cloudfront_is_made_updated_and_logged(local: LocalAccount) -> None:
    assert local.create("edge", EDGE) == "CREATE_COMPLETE", local.failures("edge")
    assert local.update("edge", EDGE, About="second") == "UPDATE_COMPLETE", local.failures("edge")
    scope = ("--scope", "CLOUDFRONT")
    (acl,) = local.aws("wafv2", "list-web-acls", *scope)["WebACLs"]
    assert acl["Description"] == "second"
    assert ":global/webacl/edge/" in acl["ARN"]
    (logging,) = local.aws("wafv2", "list-logging-configurations", *scope)["LoggingConfigurations"]
    assert logging["ResourceArn"] == acl["ARN"]
    assert not local.aws("wafv2", "list-web-acls", "--scope", "REGIONAL")["WebACLs"]
    local.delete("edge")
    assert not local.aws("wafv2", "list-web-acls", *scope)["WebACLs"]


def test_a_function_in_a_network_is_called_by_a_rule_and_has_its_dead_letters(local: LocalAccount) -> None:
    assert local.create("processing", PROCESSING) == "CREATE_COMPLETE", local.failures("processing")
    assert local.update("processing", PROCESSING, Attempts="1") == "UPDATE_COMPLETE", local.failures("processing")
    outputs = local.outputs("processing")
    named = ("--function-name", outputs["Resize"])
    function = local.aws("lambda", "get-function", *named)
    configuration = function["Configuration"]
    assert configuration["VpcConfig"]["VpcId"].startswith("vpc-")
    assert len(configuration["VpcConfig"]["SubnetIds"]) == 1
    queue = configuration["DeadLetterConfig"]["TargetArn"]
    assert function["Concurrency"]["ReservedConcurrentExecutions"] == 5
    retries = local.aws("lambda", "get-function-event-invoke-config", *named)
    assert retries["MaximumRetryAttempts"] == 1
    assert retries["DestinationConfig"]["OnFailure"]["Destination"] == queue
    (target,) = local.aws("events", "list-targets-by-rule", "--rule", outputs["Uploads"])["Targets"]
    assert (target["Arn"], target["DeadLetterConfig"]["Arn"]) == (configuration["FunctionArn"], queue)
    (statement,) = json.loads(local.aws("lambda", "get-policy", *named)["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    notified = local.aws("s3api", "get-bucket-notification-configuration", "--bucket", outputs["Files"])
    assert notified["EventBridgeConfiguration"] == {}
    local.delete("processing")
    assert not local.aws("lambda", "list-functions")["Functions"]
    assert not local.aws("events", "list-rules")["Rules"]


def test_copies_go_to_another_region(local: LocalAccount) -> None:
    assert local.create("replica", REPLICA % "Enabled", region="us-east-2") == "CREATE_COMPLETE"
    assert local.create("backup", BACKUP) == "CREATE_COMPLETE", local.failures("backup")
    assert local.update("backup", BACKUP, Class="STANDARD", Days="60") == "UPDATE_COMPLETE", local.failures("backup")
    named = ("--bucket", local.outputs("backup")["Files"])
    replication = local.aws("s3api", "get-bucket-replication", *named)["ReplicationConfiguration"]
    (rule,) = replication["Rules"]
    assert (rule["ID"], rule["Destination"]["StorageClass"]) == ("copies", "STANDARD")
    lock = local.aws("s3api", "get-object-lock-configuration", *named)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 60}
    (old,) = local.aws("s3api", "get-bucket-lifecycle-configuration", *named)["Rules"]
    assert old["NoncurrentVersionTransitions"] == [{"NoncurrentDays": 30, "StorageClass": "GLACIER"}]
    assert old["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    plan = local.aws("backup", "get-backup-plan", "--backup-plan-id", local.outputs("backup")["Plan"])["BackupPlan"]
    (daily,) = plan["Rules"]
    assert daily["Lifecycle"] == {"DeleteAfterDays": 60}
    assert daily["CopyActions"][0]["DestinationBackupVaultArn"].startswith("arn:aws:backup:us-east-2:")

    without = BACKUP[: BACKUP.index("      ReplicationConfiguration")] + BACKUP[BACKUP.index("  Vault:") :]
    assert local.update("backup", without) == "UPDATE_COMPLETE", local.failures("backup")
    assert "replication" in local.refusal("aws", "s3api", "get-bucket-replication", *named).lower()
    local.delete("backup")
    assert not local.aws("backup", "list-backup-plans")["BackupPlansList"]


def test_a_bucket_is_only_copied_to_one_that_is_there_and_keeps_versions(local: LocalAccount) -> None:
    local.create("replica", REPLICA % "Suspended", region="us-east-2")
    assert local.create("backup", BACKUP) == "ROLLBACK_COMPLETE"
    assert "Destination bucket must have versioning enabled" in local.failures("backup")["Files"]
    # The bucket that could not be configured is gone again.
    (copies,) = local.aws("s3api", "list-buckets")["Buckets"]
    local.aws("s3api", "delete-bucket", "--bucket", copies["Name"])
    local.create("again", BACKUP)
    assert "Destination bucket must exist" in local.failures("again")["Files"]


def test_stand_ins_of_tracing_and_scaling_are_made_updated_and_deleted(local: LocalAccount) -> None:
    assert local.create("watching", WATCHING) == "CREATE_COMPLETE", local.failures("watching")
    assert local.update("watching", WATCHING, Share="0.1") == "UPDATE_COMPLETE", local.failures("watching")
    named = ("--type-name", "AWS::XRay::SamplingRule", "--identifier", local.physical_ids("watching")["Sampling"])
    model = local.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]["Properties"]
    assert json.loads(model)["SamplingRule"]["FixedRate"] == pytest.approx(0.1)
    local.delete("watching")
    assert local.create("watching", WATCHING) == "CREATE_COMPLETE"


def test_the_table_says_which_of_these_types_are_real(local: LocalAccount) -> None:
    told = reality_table(local.emulator, [("It", resource_type) for resource_type in REALITIES])
    assert {resource_type: reality for _, resource_type, reality in told} == REALITIES
