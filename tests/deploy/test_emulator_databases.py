"""A cluster of databases, a cache and the secrets that open them, as the services show them."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.emulator_fixtures import LocalAccount

DATA = """
Parameters:
  Excluded: {Type: String, Default: '"@/\\'}
  Days: {Type: Number, Default: 7}
  Secret: {Type: String, Default: dev/app/db-credentials}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/28, AvailabilityZone: us-east-1a}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.16/28, AvailabilityZone: us-east-1b}}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: database, VpcId: !Ref Vpc}}
  Subnets:
    Type: AWS::RDS::DBSubnetGroup
    Properties: {DBSubnetGroupDescription: database, SubnetIds: [!Ref A, !Ref B]}
  ClusterParameters:
    Type: AWS::RDS::DBClusterParameterGroup
    Properties: {Description: ours, Family: aurora-postgresql16, Parameters: {rds.force_ssl: "1"}}
  InstanceParameters:
    Type: AWS::RDS::DBParameterGroup
    Properties: {Description: ours, Family: aurora-postgresql16, Parameters: {log_min_duration_statement: "1000"}}
  Credentials:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: !Ref Secret
      GenerateSecretString:
        SecretStringTemplate: '{"username": "meals"}'
        GenerateStringKey: password
        PasswordLength: 32
        ExcludeCharacters: !Ref Excluded
  Cluster:
    Type: AWS::RDS::DBCluster
    DeletionPolicy: Delete
    Properties:
      Engine: aurora-postgresql
      EngineVersion: "16.6"
      DatabaseName: meals
      MasterUsername: !Sub "{{resolve:secretsmanager:${Credentials}:SecretString:username}}"
      MasterUserPassword: !Sub "{{resolve:secretsmanager:${Credentials}:SecretString:password}}"
      DBSubnetGroupName: !Ref Subnets
      DBClusterParameterGroupName: !Ref ClusterParameters
      VpcSecurityGroupIds: [!Ref Group]
      ServerlessV2ScalingConfiguration: {MinCapacity: 0.5, MaxCapacity: 4}
      StorageEncrypted: true
      BackupRetentionPeriod: !Ref Days
  First:
    Type: AWS::RDS::DBInstance
    Properties:
      DBClusterIdentifier: !Ref Cluster
      Engine: aurora-postgresql
      DBInstanceClass: db.serverless
      DBParameterGroupName: !Ref InstanceParameters
  Second:
    Type: AWS::RDS::DBInstance
    DependsOn: First
    Properties: {DBClusterIdentifier: !Ref Cluster, Engine: aurora-postgresql, DBInstanceClass: db.serverless}
  Attachment:
    Type: AWS::SecretsManager::SecretTargetAttachment
    Properties: {SecretId: !Ref Credentials, TargetId: !Ref Cluster, TargetType: AWS::RDS::DBCluster}
  Connection:
    Type: AWS::SecretsManager::Secret
    Properties:
      SecretString: !Sub
      - "Host=${Cluster.Endpoint.Address};Username=${Word}:username}};Password=${Word}:password}}"
      - Word: !Sub "{{resolve:secretsmanager:${Credentials}:SecretString"
  Token:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {PasswordLength: 64, ExcludePunctuation: true}}
  CacheSubnets:
    Type: AWS::ElastiCache::SubnetGroup
    Properties: {Description: cache, SubnetIds: [!Ref A, !Ref B]}
  Cache:
    Type: AWS::ElastiCache::ReplicationGroup
    Properties:
      ReplicationGroupDescription: sessions
      Engine: valkey
      EngineVersion: "8.0"
      CacheNodeType: cache.t4g.micro
      NumCacheClusters: 2
      AutomaticFailoverEnabled: true
      MultiAZEnabled: true
      TransitEncryptionEnabled: true
      AtRestEncryptionEnabled: true
      AuthToken: !Sub "{{resolve:secretsmanager:${Token}}}"
      CacheSubnetGroupName: !Ref CacheSubnets
      SecurityGroupIds: [!Ref Group]
Outputs:
  Credentials: {Value: !Ref Credentials}
  Connection: {Value: !Ref Connection}
  Token: {Value: !Ref Token}
  Host: {Value: !GetAtt Cluster.Endpoint.Address}
  Port: {Value: !GetAtt Cluster.Endpoint.Port}
  CachePort: {Value: !GetAtt Cache.PrimaryEndPoint.Port}
  ClusterParameters: {Value: !Ref ClusterParameters}
  Subnets: {Value: !Ref Subnets}
"""


def value(local: LocalAccount, secret: str) -> str:
    answer = local.aws("secretsmanager", "get-secret-value", "--secret-id", local.outputs("data")[secret])
    return str(answer["SecretString"])


def cluster(local: LocalAccount) -> dict[str, Any]:
    return dict(local.aws("rds", "describe-db-clusters")["DBClusters"][0])


def test_a_cluster_is_opened_by_a_generated_password_and_the_secret_learns_where_it_is(local: LocalAccount) -> None:
    assert local.create("data", DATA) == "CREATE_COMPLETE", local.failures("data")
    outputs = local.outputs("data")
    credentials = json.loads(value(local, "Credentials"))
    assert (credentials["username"], credentials["host"]) == ("meals", outputs["Host"])
    assert (str(credentials["port"]), outputs["Port"], outputs["CachePort"]) == ("5432", "5432", "6379")
    assert len(credentials["password"]) == 32
    assert not set(credentials["password"]) & set('"@/\\')
    written = f"Host={outputs['Host']};Username=meals;Password={credentials['password']}"
    assert value(local, "Connection") == written
    token = value(local, "Token")
    assert (len(token), token.isalnum()) == (64, True)

    shown = cluster(local)
    assert shown["MasterUsername"] == "meals"
    assert shown["DBClusterParameterGroup"] == outputs["ClusterParameters"]
    assert shown["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 4.0}
    assert [member["IsClusterWriter"] for member in shown["DBClusterMembers"]] == [True, False]
    for instance in local.aws("rds", "describe-db-instances")["DBInstances"]:
        assert instance["StorageEncrypted"] is True
        assert instance["DBSubnetGroup"]["DBSubnetGroupName"] == outputs["Subnets"]
    (cache,) = local.aws("elasticache", "describe-replication-groups")["ReplicationGroups"]
    assert (cache["AuthTokenEnabled"], cache["TransitEncryptionEnabled"], cache["MultiAZ"]) == (True, True, "enabled")
    blocks = local.aws("ec2", "describe-subnets", "--filters", "Name=cidr-block,Values=10.0.0.0/28")["Subnets"]
    assert blocks[0]["AvailableIpAddressCount"] == 11


def test_an_update_leaves_generated_values_alone_and_a_delete_leaves_nothing(local: LocalAccount) -> None:
    local.create("data", DATA)
    before = [value(local, name) for name in ("Credentials", "Connection", "Token")]
    assert local.update("data", DATA, Days="14") == "UPDATE_COMPLETE", local.failures("data")
    assert cluster(local)["BackupRetentionPeriod"] == 14
    assert [value(local, name) for name in ("Credentials", "Connection", "Token")] == before

    local.delete("data")
    assert not local.aws("rds", "describe-db-clusters")["DBClusters"]
    assert not local.aws("rds", "describe-db-instances")["DBInstances"]
    assert not local.aws("elasticache", "describe-replication-groups")["ReplicationGroups"]
    assert not local.aws("secretsmanager", "list-secrets")["SecretList"]


def test_what_a_generated_password_must_not_hold_is_refused(local: LocalAccount) -> None:
    plain = DATA.replace("ExcludeCharacters: !Ref Excluded", "IncludeSpace: true").replace(
        "PasswordLength: 32", "PasswordLength: 99"
    )
    assert local.create("data", plain, Excluded="none") == "ROLLBACK_COMPLETE"
    assert "MasterUserPassword is not a valid password" in local.failures("data")["Cluster"]


def test_a_cache_takes_no_token_with_other_signs(local: LocalAccount) -> None:
    odd = DATA.replace('!Sub "{{resolve:secretsmanager:${Token}}}"', "sixteen.or.more.characters")
    local.create("data", odd)
    assert "Invalid AuthToken provided" in local.failures("data")["Cache"]


def test_a_subnet_must_fit_between_the_others(local: LocalAccount) -> None:
    local.create("net", DATA.replace("10.0.0.16/28", "10.0.0.8/29"))
    assert "The CIDR '10.0.0.8/29' is invalid" in local.failures("net")["B"]
    local.create("other", DATA.replace("10.0.0.16/28", "10.0.0.0/24"))
    assert "conflicts with another subnet" in " ".join(local.failures("other").values())
