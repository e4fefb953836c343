"""Face Recognition API: the rows FR-01 to FR-14, on what is rendered."""

from __future__ import annotations

import pytest

from blueprints.catalog.facerec import Settings
from blueprints.model.errors import SettingsError
from tests.catalog.rendered import render, text, values

ENVIRONMENTS = ("dev", "prod")
both = pytest.mark.parametrize("environment", ENVIRONMENTS)


def facerec(environment, **settings):
    return render("facerec", environment, **settings)


@pytest.mark.row("FR-01")
@both
def test_images_live_in_the_repository_facerec_api(environment):
    repository = facerec(environment).one("AWS::ECR::Repository")
    assert repository["RepositoryName"] == "facerec-api"
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


@pytest.mark.row("FR-02")
@both
def test_the_cluster_has_fargate_and_fargate_spot(environment):
    rendered = facerec(environment)
    assert rendered.one("AWS::ECS::Cluster")["ClusterName"] == f"facerec-api-cluster-{environment}"
    providers = rendered.one("AWS::ECS::ClusterCapacityProviderAssociations")
    assert providers["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT"]


@pytest.mark.row("FR-02")
def test_a_launch_type_is_never_written_because_it_excludes_capacity_providers():
    for capacity in ("on-demand", "spot-above-first", "spot"):
        service = facerec("dev", capacity=capacity).one("AWS::ECS::Service")
        assert "LaunchType" not in service
        assert service["CapacityProviderStrategy"]


@pytest.mark.row("FR-03")
@both
def test_the_task_is_the_documented_one(environment):
    rendered = facerec(environment)
    task = rendered.one("AWS::ECS::TaskDefinition")
    assert task["Family"] == f"facerec-api-{environment}"
    assert task["RuntimePlatform"] == {"OperatingSystemFamily": "LINUX", "CpuArchitecture": "X86_64"}
    parameters = rendered.templates["service"]["Parameters"]
    assert (task["Cpu"], parameters["TaskCpu"]["Default"]) == ({"Ref": "TaskCpu"}, "1024")
    assert (task["Memory"], parameters["TaskMemory"]["Default"]) == ({"Ref": "TaskMemory"}, "4096")
    container = rendered.container()
    assert container["Name"] == "api"
    assert container["PortMappings"] == [{"ContainerPort": 8000, "Protocol": "tcp"}]
    assert values(container["Environment"])["ENVIRONMENT"] == "production"


@pytest.mark.row("FR-03")
def test_graviton_is_a_setting():
    task = facerec("dev", arm=True).one("AWS::ECS::TaskDefinition")
    assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


@pytest.mark.row("FR-04")
@both
def test_the_pinecone_key_comes_from_ssm_and_the_task_role_replaces_aws_keys(environment):
    secrets = values(facerec(environment).container()["Secrets"], value="ValueFrom")
    assert list(secrets) == ["PINECONE_API_KEY"]
    assert text(secrets["PINECONE_API_KEY"]).endswith(":parameter/facerec/PINECONE_API_KEY")


@pytest.mark.row("FR-04")
def test_aws_keys_can_be_kept_for_a_system_that_still_needs_them():
    rendered = facerec("dev", access_keys=True)
    secrets = values(rendered.container()["Secrets"], value="ValueFrom")
    assert list(secrets) == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PINECONE_API_KEY"]
    assert len(rendered.statement("ReadParameters")["Resource"]) == 3


@pytest.mark.row("FR-04")
def test_the_path_of_the_parameters_is_a_setting():
    source = values(facerec("dev", parameter_path="/other/").container()["Secrets"], value="ValueFrom")
    assert text(source["PINECONE_API_KEY"]).endswith(":parameter/other/PINECONE_API_KEY")


@pytest.mark.row("FR-05")
@both
def test_logs_go_to_the_documented_group_for_thirty_days(environment):
    rendered = facerec(environment)
    (group,) = [one for one in rendered.all("AWS::Logs::LogGroup") if "LogGroupName" in one]
    assert group["LogGroupName"] == f"/ecs/facerec-api-{environment}"
    assert group["RetentionInDays"] == 30
    logs = rendered.container()["LogConfiguration"]
    assert logs["LogDriver"] == "awslogs"
    assert logs["Options"]["awslogs-group"] == {"Ref": "ApiLogGroup"}
    assert logs["Options"]["awslogs-stream-prefix"] == "ecs"


@pytest.mark.row("FR-06")
@both
def test_one_task_that_becomes_two_above_70_and_one_below_30_percent(environment):
    rendered = facerec(environment)
    service = rendered.one("AWS::ECS::Service")
    assert service["ServiceName"] == f"facerec-api-{environment}"
    assert "DesiredCount" not in service, "every update would set it back: autoscaling owns it"
    parameters = rendered.templates["service"]["Parameters"]
    assert parameters["MinimumTasks"]["Default"] == 1
    assert parameters["MaximumTasks"]["Default"] == 2
    target = rendered.one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == ({"Ref": "MinimumTasks"}, {"Ref": "MaximumTasks"})
    alarms = rendered.resources("AWS::CloudWatch::Alarm")
    high, low = alarms["ApiCpuHigh"]["Properties"], alarms["ApiCpuLow"]["Properties"]
    assert (high["Threshold"], high["ComparisonOperator"]) == (70, "GreaterThanThreshold")
    assert (low["Threshold"], low["ComparisonOperator"]) == (30, "LessThanThreshold")
    policies = rendered.resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    assert high["AlarmActions"] == [{"Ref": "ApiScaleOut"}]
    assert low["AlarmActions"] == [{"Ref": "ApiScaleIn"}]
    changes = {
        name: policy["Properties"]["StepScalingPolicyConfiguration"]["StepAdjustments"][0]["ScalingAdjustment"]
        for name, policy in policies.items()
    }
    assert changes == {"ApiScaleOut": 1, "ApiScaleIn": -1}


@pytest.mark.row("FR-06")
def test_thresholds_that_would_fight_are_refused():
    with pytest.raises(SettingsError, match=r"scale_in_below: 80 has to be less than scale_out_above \(70\)"):
        Settings(scale_in_below=80)


@pytest.mark.row("FR-07")
def test_the_load_balancer_faces_the_internet_on_port_80_in_dev():
    rendered = facerec("dev")
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer["Name"], balancer["Scheme"]) == ("facerec-api-alb-dev", "internet-facing")
    listener = rendered.one("AWS::ElasticLoadBalancingV2::Listener")
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert listener["DefaultActions"][0]["Type"] == "forward"


@pytest.mark.row("FR-07")
def test_https_with_a_redirect_from_port_80_in_prod():
    listeners = facerec("prod").resources("AWS::ElasticLoadBalancingV2::Listener")
    https, http = (listeners[f"Public{kind}Listener"]["Properties"] for kind in ("Https", "Http"))
    assert (https["Port"], https["Protocol"]) == (443, "HTTPS")
    assert https["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert https["Certificates"] == [{"CertificateArn": {"Ref": "PublicCertificate"}}]
    assert http["DefaultActions"] == [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]


@pytest.mark.row("FR-07")
def test_a_certificate_of_ones_own_is_a_parameter():
    rendered = facerec("dev", https="certificate")
    assert "Default" not in rendered.templates["service"]["Parameters"]["CertificateArn"]
    listener = rendered.resources("AWS::ElasticLoadBalancingV2::Listener")["PublicHttpsListener"]["Properties"]
    assert listener["Certificates"] == [{"CertificateArn": {"Ref": "CertificateArn"}}]
    assert not rendered.all("AWS::Route53::RecordSet")


@pytest.mark.row("FR-08")
@both
def test_the_target_group_checks_health_as_documented(environment):
    group = facerec(environment).one("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["Name"] == f"facerec-api-tg-{environment}"
    documented = {
        "Protocol": "HTTP",
        "Port": 8000,
        "TargetType": "ip",
        "HealthCheckPath": "/health",
        "HealthCheckPort": "8000",
        "HealthCheckProtocol": "HTTP",
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "HealthCheckTimeoutSeconds": 5,
        "HealthCheckIntervalSeconds": 30,
    }
    assert {key: group[key] for key in documented} == documented


@pytest.mark.row("FR-08")
def test_a_target_group_on_another_port_has_no_name_because_it_must_be_replaceable():
    group = facerec("dev", container_port=9000).one("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["Port"] == 9000
    assert "Name" not in group


@pytest.mark.row("FR-09")
@both
def test_the_execution_role_reads_its_own_parameters_repository_and_log_group_only(environment):
    rendered = facerec(environment)
    execution = [one for role, one in rendered.statements() if role == "ApiExecutionRole"]
    resources = {one["Sid"]: text(one["Resource"]) for one in execution}
    assert set(resources) == {
        "LogInToRegistry",
        "PullImage",
        "WriteToApiLogGroup",
        "ReadParameters",
        "DecryptParameters",
    }
    assert resources["PullImage"].endswith(":repository/facerec-api")
    assert resources["WriteToApiLogGroup"] == "Fn::GetAtt ApiLogGroup Arn"
    assert ":parameter/facerec/" in resources["ReadParameters"]
    assert rendered.statement("ReadParameters")["Action"] == ["ssm:GetParameters"]
    decrypt = rendered.statement("DecryptParameters")
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert text(decrypt["Condition"]["StringEquals"]["kms:ViaService"]).startswith("Fn::Sub ssm.")


@pytest.mark.row("FR-10")
@both
def test_the_task_may_get_put_and_delete_objects_of_one_bucket(environment):
    rendered = facerec(environment)
    task = [one for role, one in rendered.statements() if role == "ApiTaskRole"]
    assert [one["Sid"] for one in task] == ["ReadAndWriteObjects"]
    assert task[0]["Action"] == ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    (resource,) = task[0]["Resource"]
    assert resource["Fn::GetStackOutput"]["OutputName"] == "FacesBucketObjects"
    objects = rendered.templates["data"]["Outputs"]["FacesBucketObjects"]["Value"]
    assert objects == {"Fn::Sub": "${FacesBucket.Arn}/*"}


@pytest.mark.row("FR-10")
def test_a_bucket_that_exists_is_named_by_a_parameter():
    rendered = facerec("dev", bucket="existing")
    assert not rendered.all("AWS::S3::Bucket")
    assert "data" not in rendered.templates
    assert rendered.statement("ReadAndWriteObjects")["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::${FacesBucketName}/*"}
    ]


@pytest.mark.row("FR-11")
@both
def test_the_load_balancer_takes_port_80_and_reaches_only_the_tasks(environment):
    rendered = facerec(environment)
    groups = rendered.resources("AWS::EC2::SecurityGroup")
    assert groups["PublicSecurityGroup"]["Properties"]["GroupName"] == f"facerec-api-alb-sg-{environment}"
    assert groups["ApiSecurityGroup"]["Properties"]["GroupName"] == f"facerec-api-ecs-sg-{environment}"
    of_balancer = {"Fn::GetAtt": ["PublicSecurityGroup", "GroupId"]}
    of_tasks = {"Fn::GetAtt": ["ApiSecurityGroup", "GroupId"]}
    ingress = rendered.all("AWS::EC2::SecurityGroupIngress")
    egress = rendered.all("AWS::EC2::SecurityGroupEgress")
    assert 80 in [rule["FromPort"] for rule in ingress if rule["GroupId"] == of_balancer]
    assert [rule["DestinationSecurityGroupId"] for rule in egress if rule["GroupId"] == of_balancer] == [of_tasks]
    (to_tasks,) = [rule for rule in ingress if rule["GroupId"] == of_tasks]
    assert (to_tasks["FromPort"], to_tasks["ToPort"]) == (8000, 8000)
    assert to_tasks["SourceSecurityGroupId"] == of_balancer
    (out,) = [rule for rule in egress if rule["GroupId"] == of_tasks]
    assert (out["IpProtocol"], out["CidrIp"]) == ("-1", "0.0.0.0/0")


@pytest.mark.row("FR-11")
def test_tasks_can_be_held_to_https():
    egress = facerec("dev", task_egress="https").resources("AWS::EC2::SecurityGroupEgress")
    out = egress["ApiToHttpsEgress"]["Properties"]
    assert (out["IpProtocol"], out["FromPort"], out["ToPort"]) == ("tcp", 443, 443)


@pytest.mark.row("FR-12")
@both
def test_tasks_run_in_private_subnets(environment):
    rendered = facerec(environment)
    place = rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    outputs = [subnet["Fn::GetStackOutput"]["OutputName"] for subnet in place["Subnets"]]
    assert outputs == ["PrivateSubnet1", "PrivateSubnet2"]
    assert place["AssignPublicIp"] == "DISABLED"
    routes = rendered.all("AWS::EC2::Route")
    private = [route for route in routes if "NatGatewayId" in route]
    assert len(private) == 2, "the service calls Pinecone, so each private subnet has a way out"


@pytest.mark.row("FR-12")
def test_a_vpc_that_exists_takes_the_place_of_ours():
    rendered = facerec("dev", existing_vpc=True)
    assert not rendered.all("AWS::EC2::VPC")
    place = rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert place["Subnets"] == {"Ref": "PrivateSubnetIds"}
    assert rendered.templates["service"]["Parameters"]["VpcId"]["Type"] == "AWS::EC2::VPC::Id"


@pytest.mark.row("FR-13")
@both
def test_the_dashboard_shows_what_the_document_lists(environment):
    body = text(facerec(environment).one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    for metric in (
        "CPUUtilization",
        "MemoryUtilization",
        "RequestCount",
        "TargetResponseTime",
        "HTTPCode_Target_5XX_Count",
        "error_rate",
    ):
        assert metric in body
    assert "PublicLoadBalancer LoadBalancerFullName" in body, "real dimensions, not names typed twice"


@pytest.mark.row("FR-14")
def test_prod_has_alarms_that_somebody_hears():
    rendered = facerec("prod", alert_email="ops@example.com")
    alarms = rendered.resources("AWS::CloudWatch::Alarm")
    watching = {name: alarm for name, alarm in alarms.items() if name not in {"ApiCpuHigh", "ApiCpuLow"}}
    assert {"ApiErrorRateAlarm", "ApiLatencyAlarm", "ApiUnhealthyHostsAlarm"} <= set(watching)
    topic = {"Ref": "AlertsTopic"}
    assert all(alarm["Properties"]["AlarmActions"] == [topic] for alarm in watching.values())
    assert rendered.one("AWS::SNS::Subscription")["Endpoint"] == "ops@example.com"
    assert not facerec("dev").all("AWS::SNS::Topic")


@pytest.mark.row("FR-14")
def test_a_certificate_and_a_record_in_route_53_come_with_a_domain():
    rendered = facerec("dev", domain_name="faces.example.com")
    assert rendered.templates["service"]["Parameters"]["DomainName"]["Default"] == "faces.example.com"
    certificate = rendered.one("AWS::CertificateManager::Certificate")
    assert certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"][0]["HostedZoneId"] == {"Ref": "HostedZoneId"}
    record = rendered.one("AWS::Route53::RecordSet")
    assert record["Type"] == "A"
    assert text(record["AliasTarget"]["DNSName"]) == "Fn::GetAtt PublicLoadBalancer DNSName"


@pytest.mark.row("FR-14")
def test_a_web_acl_stands_before_the_load_balancer_where_asked_for():
    rendered = facerec("dev", waf=True, waf_rate_limit=500)
    acl = rendered.one("AWS::WAFv2::WebACL")
    assert acl["Scope"] == "REGIONAL"
    assert "500" in text(acl["Rules"])
    association = rendered.one("AWS::WAFv2::WebACLAssociation")
    assert association["ResourceArn"] == {"Ref": "PublicLoadBalancer"}


@pytest.mark.row("FR-14")
def test_the_bucket_is_backed_up_where_asked_for():
    rendered = facerec("dev", backup=True, backup_days=60)
    assert "60" in text(rendered.one("AWS::Backup::BackupPlan"))
    assert "FacesBucket" in text(rendered.one("AWS::Backup::BackupSelection"))
    with pytest.raises(SettingsError, match="backup: needs bucket to be 'create'"):
        Settings(backup=True, bucket="existing")


@pytest.mark.row("FR-14")
def test_blue_green_has_two_target_groups_and_a_rule_between_them():
    rendered = facerec("dev", deployment="blue-green")
    assert len(rendered.all("AWS::ElasticLoadBalancingV2::TargetGroup")) == 2
    deployment = rendered.one("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["Strategy"] == "BLUE_GREEN"
    assert "DeploymentCircuitBreaker" in deployment, "tasks that never start are turned back"
    (entry,) = rendered.one("AWS::ECS::Service")["LoadBalancers"]
    assert entry["AdvancedConfiguration"]["ProductionListenerRule"] == {"Ref": "ApiProductionRule"}
    assert entry["AdvancedConfiguration"]["AlternateTargetGroupArn"] == {"Ref": "ApiGreenTargetGroup"}


@pytest.mark.row("FR-14")
def test_a_pipeline_is_a_stack_of_its_own_where_asked_for():
    rendered = facerec("dev", pipeline=True)
    assert list(rendered.templates) == ["registry", "network", "data", "service", "pipeline"]
    stages = [stage["Name"] for stage in rendered.one("AWS::CodePipeline::Pipeline")["Stages"]]
    assert stages[0] == "Source"
    assert "pipeline" not in facerec("dev").templates


def test_names_can_be_left_to_cloudformation():
    rendered = facerec("dev", documented_names=False)
    named = {
        "AWS::ECS::Cluster": "ClusterName",
        "AWS::ECS::Service": "ServiceName",
        "AWS::ECS::TaskDefinition": "Family",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
        "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    }
    for type_, name in named.items():
        assert name not in rendered.one(type_)


def test_names_too_long_for_elastic_load_balancing_are_refused_with_the_way_out():
    with pytest.raises(SettingsError, match=r"longer than the 32 characters .* turn documented_names off"):
        Settings(project="face-recognition", environment="acceptance")


def test_the_image_has_to_be_there_and_the_key_has_to_have_a_value_before_the_service():
    service = facerec("dev").stacks[-1]
    assert [(image.repository, image.parameter) for image in service.images] == [("facerec-api", "ImageTag")]
    assert [secret.parameter_name for secret in service.secrets] == ["/facerec/PINECONE_API_KEY"]


def test_no_task_starts_before_its_way_out_exists():
    service = facerec("dev").resources("AWS::ECS::Service")["ApiService"]
    assert {"ApiToEverythingEgress", "PublicToApiIngress", "PublicHttpListener"} <= set(service["DependsOn"])


def test_a_shell_needs_a_writable_root_and_brings_its_permission():
    rendered = facerec("dev", shell=True)
    assert rendered.one("AWS::ECS::Service")["EnableExecuteCommand"] is True
    assert rendered.container()["ReadonlyRootFilesystem"] is False
    assert "ssmmessages:OpenDataChannel" in rendered.statement("OpenShell")["Action"]


@pytest.mark.row("FR-14")
def test_the_pipeline_asks_for_what_the_service_needs_and_hands_it_on():
    rendered = facerec("dev", pipeline=True, existing_vpc=True, https="domain")
    asked = rendered.templates["pipeline"]["Parameters"]
    assert {"VpcId", "PublicSubnetIds", "PrivateSubnetIds", "DomainName", "HostedZoneId"} <= set(asked)
    assert asked["PublicSubnetIds"]["Type"] == "String", "a list cannot stand in the text of the overrides"
    overrides = text(rendered.one("AWS::CodePipeline::Pipeline"))
    assert '"PublicSubnetIds": "${PublicSubnetIds}"' in overrides
    assert '"ImageTag": "#{Build.IMAGE_TAG}"' in overrides
