"""Which handler serves which type: ours over MiniStack's state, and MiniStack's own with a repair around it."""

from collections.abc import Callable, Mapping

from blueprints.deploy.emulator.handlers import (
    beanstalk,
    databases,
    ec2,
    ecs,
    eks,
    functions,
    ipv6,
    natives,
    services,
    stores,
)
from blueprints.deploy.emulator.handlers.security_groups import SecurityGroupRule
from blueprints.deploy.emulator.resources import Handler

EXTENSIONS: Mapping[str, Handler] = {
    "AWS::Backup::BackupSelection": services.BACKUP_SELECTION,
    "AWS::Budgets::Budget": services.BUDGET,
    "AWS::CloudTrail::Trail": services.Trail(),
    "AWS::CloudWatch::CompositeAlarm": services.COMPOSITE_ALARM,
    "AWS::EC2::EIP": ec2.Address(),
    "AWS::EC2::EgressOnlyInternetGateway": ipv6.EgressOnlyGateway(),
    "AWS::EC2::FlowLog": ec2.FlowLog(),
    "AWS::EC2::NatGateway": ec2.NatGateway(),
    "AWS::EC2::NetworkAcl": ec2.NetworkAcl(),
    "AWS::EC2::NetworkAclEntry": ec2.NetworkAclEntry(),
    "AWS::EC2::SecurityGroupEgress": SecurityGroupRule("Egress"),
    "AWS::EC2::SecurityGroupIngress": SecurityGroupRule("Ingress"),
    "AWS::EC2::SubnetNetworkAclAssociation": ec2.SubnetNetworkAclAssociation(),
    "AWS::EC2::VPCCidrBlock": ipv6.VpcCidrBlock(),
    "AWS::ECS::CapacityProvider": ecs.CapacityProvider(),
    "AWS::ECS::ClusterCapacityProviderAssociations": ecs.ClusterCapacityProviderAssociations(),
    "AWS::ECS::Service": ecs.Service(),
    "AWS::ECS::TaskDefinition": ecs.TaskDefinition(),
    "AWS::EKS::AccessEntry": eks.AccessEntry(),
    "AWS::EKS::Addon": eks.AddOn(),
    "AWS::EKS::PodIdentityAssociation": eks.POD_IDENTITY_ASSOCIATION,
    "AWS::IAM::OIDCProvider": services.OIDC_PROVIDER,
    "AWS::Logs::Delivery": services.DELIVERY,
    "AWS::Logs::DeliveryDestination": services.DELIVERY_DESTINATION,
    "AWS::Logs::DeliverySource": services.DELIVERY_SOURCE,
    "AWS::Route53::HealthCheck": services.HealthCheck(),
    "AWS::Route53::RecordSetGroup": services.RecordSetGroup(),
    "AWS::SecretsManager::ResourcePolicy": services.SECRET_POLICY,
    "AWS::SecretsManager::RotationSchedule": services.RotationSchedule(),
    "AWS::WAFv2::IPSet": services.IP_SET,
    "AWS::WAFv2::LoggingConfiguration": services.WEB_ACL_LOGGING,
    "AWS::WAFv2::WebACLAssociation": services.WEB_ACL_ASSOCIATION,
}

REPAIRED: Mapping[str, Callable[[Handler], Handler]] = {
    "AWS::CloudWatch::Alarm": natives.Alarm,
    "AWS::DynamoDB::Table": stores.Table,
    "AWS::EC2::Subnet": ipv6.Subnet,
    "AWS::ECS::Cluster": natives.Cluster,
    "AWS::EKS::Cluster": eks.Cluster,
    "AWS::EKS::Nodegroup": eks.NodeGroup,
    "AWS::ElastiCache::ReplicationGroup": databases.ReplicationGroup,
    "AWS::ElasticBeanstalk::ApplicationVersion": beanstalk.ApplicationVersion,
    "AWS::ElasticBeanstalk::Environment": beanstalk.Environment,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": natives.LoadBalancer,
    "AWS::IAM::InstanceProfile": natives.InstanceProfile,
    "AWS::Lambda::Function": functions.Function,
    "AWS::RDS::DBCluster": databases.DatabaseCluster,
    "AWS::RDS::DBInstance": databases.DatabaseInstance,
    "AWS::S3::Bucket": stores.Bucket,
    "AWS::SNS::Topic": natives.Topic,
    "AWS::SecretsManager::Secret": natives.Secret,
}
