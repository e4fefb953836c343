"""The web backend on EKS: the rows WB-02 and WB-04 to WB-10, on what its stacks and its manifests say together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from blueprints.catalog.web_backend_eks import Settings
from blueprints.deploy.marks import marks
from blueprints.model.steps import Workload
from blueprints.render.writing import manifest_of
from tests.catalog.rendered import Rendered, text
from tests.catalog.web_backend import (
    EGRESS,
    EKS,
    INGRESS,
    LISTENER,
    LOAD_BALANCER,
    LOG_GROUP,
    SECURITY_GROUP,
    TARGET_GROUP,
    as_written,
    attribute,
    connections,
    dimensions,
    ref,
    texts,
    web_backend,
)

both = pytest.mark.parametrize("environment", ["dev", "prod"])

ADD_ON = "AWS::EKS::Addon"
ASSOCIATION = "AWS::EKS::PodIdentityAssociation"
NODES = "AWS::EKS::Nodegroup"
PROFILE = "AWS::EKS::FargateProfile"
PROVIDER = "AWS::IAM::OIDCProvider"

# CloudFront is before the API in dev unless told otherwise, and an Ingress's load balancer is none of the stack's.
BY_INGRESS: dict[str, Any] = {"load_balancer": "ingress", "api_through_cloudfront": False}

# The shapes that settings give it.
SHAPES: dict[str, dict[str, Any]] = {
    "nodes": {},
    "prod": {"environment": "prod"},
    "fargate": {"compute": "fargate"},
    "ingress": {**BY_INGRESS, "access_logs": True},
    "ingress on fargate": {
        "environment": "prod",
        "load_balancer": "ingress",
        "compute": "fargate",
        "https": "certificate",
        "secrets": ["STRIPE_API_KEY"],
    },
    "a VPC that exists": {**BY_INGRESS, "existing_vpc": True, "frontend": False},
    "url": {"database_as": "url", "migration": [], "variables": {"GREETING": "${NAME} and {{ other }}"}},
}
every = pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES.keys())


def eks(environment: str = "dev", **settings: Any) -> Rendered:
    return web_backend(EKS, environment, **settings)


def workload(rendered: Rendered) -> Workload:
    (found,) = [one for stack in rendered.stacks for one in stack.workloads]
    return found


def objects(**settings: Any) -> Iterator[dict[str, Any]]:
    """The Kubernetes objects, in the order of the files that they are in."""
    yield from _objects(json.dumps(settings, sort_keys=True))


@cache
def _objects(settings: str) -> list[dict[str, Any]]:
    written = texts(EKS, **json.loads(settings))
    manifests = [written[path] for path in sorted(written) if path.startswith("kubernetes/")]
    return [each for one in manifests for each in yaml.safe_load_all(one)]


def one(kind: str, **settings: Any) -> dict[str, Any]:
    (found,) = [each for each in objects(**settings) if each["kind"] == kind]
    return found


def statements(rendered: Rendered, role: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for name, statement in rendered.statements() if name == role}


# WB-02: the cluster


@pytest.mark.row("WB-02")
@both
def test_stacks_come_in_deploy_order(environment):
    names = [stack.name for stack in eks(environment).stacks]
    assert names == ["registry", "network", "data", "platform", "cluster", "monitoring"]


@pytest.mark.row("WB-02")
@both
def test_one_principal_gets_in_by_an_access_entry_and_nobody_by_having_made_the_cluster(environment):
    rendered = eks(environment)
    access = rendered.one("AWS::EKS::Cluster")["AccessConfig"]
    assert access == {"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False}
    entry = rendered.one("AWS::EKS::AccessEntry")
    assert (entry["PrincipalArn"], entry["ClusterName"]) == (ref("AdministratorArn"), ref("MainCluster"))
    (policy,) = entry["AccessPolicies"]
    assert text(policy["PolicyArn"]).endswith("/AmazonEKSClusterAdminPolicy")
    assert "Default" not in rendered.templates["cluster"]["Parameters"]["AdministratorArn"]


@pytest.mark.row("WB-02")
def test_the_administrator_can_be_named_in_the_settings():
    administrator = "arn:aws:iam::111122223333:role/Platform"
    parameters = eks(administrator_arn=administrator).templates["cluster"]["Parameters"]
    assert parameters["AdministratorArn"]["Default"] == administrator


@pytest.mark.row("WB-02")
@both
def test_control_plane_and_nodes_stand_in_private_subnets(environment):
    rendered = eks(environment)
    private = [ref("MainPrivateSubnet1"), ref("MainPrivateSubnet2")]
    assert rendered.one("AWS::EKS::Cluster")["ResourcesVpcConfig"]["SubnetIds"] == private
    assert rendered.one(NODES)["Subnets"] == private
    assert rendered.one(LOAD_BALANCER)["Subnets"] == [ref("MainPublicSubnet1"), ref("MainPublicSubnet2")]


@pytest.mark.row("WB-02")
@pytest.mark.parametrize(
    ("settings", "zones"),
    [
        ({}, ["use1-az1", "use1-az2"]),
        ({"availability_zones": 3}, ["use1-az1", "use1-az2", "use1-az4"]),
        ({"zone_ids": ["use1-az5", "use1-az6"]}, ["use1-az5", "use1-az6"]),
        ({"region": "eu-west-1"}, None),
    ],
    ids=["two", "three", "named", "elsewhere"],
)
def test_subnets_stand_in_zones_that_take_a_cluster(settings, zones):
    """EKS makes none in use1-az3, and which letter that zone has differs between accounts."""
    subnets = eks(**settings).all("AWS::EC2::Subnet")
    ids = {subnet.get("AvailabilityZoneId") for subnet in subnets}
    assert ids == (set(zones) if zones else {None})
    assert all(("AvailabilityZone" in subnet) is (zones is None) for subnet in subnets)


@pytest.mark.row("WB-02")
@pytest.mark.parametrize(
    ("settings", "public", "ranges"),
    [
        ({}, True, ["0.0.0.0/0"]),
        ({"endpoint_clients": ["203.0.113.0/24"]}, True, ["203.0.113.0/24"]),
        ({"public_endpoint": False}, False, None),
    ],
)
def test_the_kubernetes_api_is_reached_from_the_vpc_and_from_where_settings_say(settings, public, ranges):
    access = eks(**settings).one("AWS::EKS::Cluster")["ResourcesVpcConfig"]
    assert (access["EndpointPrivateAccess"], access["EndpointPublicAccess"]) == (True, public)
    assert access.get("PublicAccessCidrs") == ranges


@pytest.mark.row("WB-02")
@both
def test_nodes_wait_for_what_makes_them_ready_and_everything_else_waits_for_nodes(environment):
    rendered = eks(environment)
    add_ons = rendered.resources(ADD_ON)
    after = {add_on["Properties"]["AddonName"]: set(add_on.get("DependsOn", [])) for add_on in add_ons.values()}
    assert after.keys() == {
        "eks-pod-identity-agent",
        "kube-proxy",
        "vpc-cni",
        "coredns",
        "metrics-server",
        "aws-secrets-store-csi-driver-provider",
        "amazon-cloudwatch-observability",
    }
    before = {"MainPodIdentityAgentAddOn", "MainKubeProxyAddOn", "MainVpcCniAddOn"}
    assert set(rendered.resources(NODES)["MainNodeGroup"]["DependsOn"]) == before
    for name, add_on in add_ons.items():
        waits = "MainNodeGroup" in add_on.get("DependsOn", [])
        assert waits is (name not in before), name
    assert after["vpc-cni"] == {"MainPodIdentityAgentAddOn"}


@pytest.mark.row("WB-02")
@pytest.mark.parametrize(
    ("arm", "image", "instances", "architecture"),
    [
        (False, "AL2023_x86_64_STANDARD", ["t3.medium"], "amd64"),
        (True, "AL2023_ARM_64_STANDARD", ["t4g.medium"], "arm64"),
    ],
)
def test_nodes_and_pods_are_of_the_processor_that_the_image_is_built_for(arm, image, instances, architecture):
    nodes = eks(arm=arm).one(NODES)
    assert (nodes["AmiType"], nodes["InstanceTypes"]) == (image, instances)
    assert one("Deployment", arm=arm)["spec"]["template"]["spec"]["nodeSelector"] == {
        "kubernetes.io/arch": architecture
    }


@pytest.mark.row("WB-02")
def test_spot_nodes_choose_among_instance_types():
    nodes = eks(node_capacity="spot", instance_types=["t3.medium", "t3a.medium"], maximum_nodes=6).one(NODES)
    assert (nodes["CapacityType"], nodes["InstanceTypes"]) == ("SPOT", ["t3.medium", "t3a.medium"])
    assert (nodes["ScalingConfig"]["MinSize"], nodes["ScalingConfig"]["MaxSize"]) == (2, 6)


@pytest.mark.row("WB-02")
@both
def test_a_pod_asks_for_half_a_vcpu_and_a_gibibyte(environment):
    (container,) = one("Deployment", environment=environment)["spec"]["template"]["spec"]["containers"]
    asked = container["resources"]["requests"]
    assert (asked["cpu"], asked["memory"]) == ("500m", "1024Mi")


# WB-02: who may do what


@pytest.mark.row("WB-02")
@both
def test_on_nodes_pods_get_their_roles_by_pod_identity(environment):
    rendered = eks(environment)
    namespace = f"web-backend-eks-{environment}"
    associated = {
        one["RoleArn"]["Fn::GetAtt"][0]: (one["Namespace"], one["ServiceAccount"]) for one in rendered.all(ASSOCIATION)
    }
    assert associated == {
        "ApplicationRole": (namespace, "api"),
        "ControllerRole": ("kube-system", "aws-load-balancer-controller"),
    }
    for role, (where, account) in associated.items():
        (trust,) = rendered.resources("AWS::IAM::Role")[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": ["pods.eks.amazonaws.com"]}
        tags = trust["Condition"]["StringEquals"]
        assert tags["aws:RequestTag/kubernetes-namespace"] == where
        assert tags["aws:RequestTag/kubernetes-service-account"] == account
        assert tags["aws:RequestTag/eks-cluster-arn"] == attribute("MainCluster", "Arn")
    assert not rendered.all(PROVIDER)
    account = one("ServiceAccount", environment=environment)["metadata"]
    assert (account["name"], account["namespace"]) == ("api", namespace)
    assert "annotations" not in account


@pytest.mark.row("WB-02")
@pytest.mark.parametrize("settings", [{}, {"compute": "fargate"}], ids=["nodes", "fargate"])
def test_the_controller_may_change_the_targets_of_this_target_group_and_nothing_else(settings):
    allowed = statements(eks(**settings), "ControllerRole")
    assert allowed.keys() == {"FindTargets", "RegisterTargets"}
    assert all(":Describe" in action for action in allowed["FindTargets"]["Action"])
    assert allowed["RegisterTargets"]["Resource"] == [ref("ApiTargetGroup")]
    assert sorted(allowed["RegisterTargets"]["Action"]) == [
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:RegisterTargets",
    ]


@pytest.mark.row("WB-02", "WB-05")
@pytest.mark.parametrize("settings", [{}, {"compute": "fargate"}], ids=["nodes", "fargate"])
def test_the_application_reads_its_own_secrets_and_may_do_nothing_else(settings):
    secrets = {**settings, "secrets": ["STRIPE_API_KEY"]}
    (allowed,) = statements(eks(**secrets), "ApplicationRole").values()
    assert allowed["Resource"] == [ref("DatabasePassword"), ref("StripeApiKeySecret")]
    assert sorted(allowed["Action"]) == ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]


@pytest.mark.row("WB-02")
@both
def test_load_balancer_pods_and_database_are_connected_and_nothing_else_is(environment):
    """The cluster's own security group, which its pods wear, lets out by itself."""
    rendered = eks(environment)
    assert set(rendered.resources(SECURITY_GROUP)) == {"PublicSecurityGroup", "DatabaseSecurityGroup"}
    inside = {
        ("PublicSecurityGroup", "MainCluster", 8000),
        ("MainCluster", "DatabaseSecurityGroup", 5432),
    }
    found = connections(rendered, INGRESS)
    assert {each for each in found if each[1] != "PublicSecurityGroup"} == inside
    assert set(connections(rendered, EGRESS)) == inside
    entrance = {(source, port) for source, group, port in found if group == "PublicSecurityGroup"}
    assert entrance == (
        {("0.0.0.0/0", 80), ("0.0.0.0/0", 443)} if environment == "prod" else {("CloudFrontPrefixListId", 80)}
    )


# WB-02: on Fargate


@pytest.mark.row("WB-02")
def test_on_fargate_a_profile_takes_the_place_of_nodes_and_tokens_that_of_pod_identity():
    rendered = eks(compute="fargate")
    assert not rendered.all(NODES)
    assert not rendered.all(ASSOCIATION)
    assert rendered.one(PROVIDER)["Url"] == attribute("MainCluster", "OpenIdConnectIssuerUrl")
    profile = rendered.one(PROFILE)
    assert profile["Subnets"] == [ref("MainPrivateSubnet1"), ref("MainPrivateSubnet2")]
    assert {one["Namespace"] for one in profile["Selectors"]} == {
        "kube-system",
        "external-secrets",
        "web-backend-eks-dev",
    }
    for role, account in (
        ("ApplicationRole", "web-backend-eks-dev:api"),
        ("ControllerRole", "kube-system:aws-load-balancer-controller"),
    ):
        trust = rendered.resources("AWS::IAM::Role")[role]["Properties"]["AssumeRolePolicyDocument"]
        assert f"system:serviceaccount:{account}" in text(trust)
        assert "MainOidcProvider" in text(trust)


@pytest.mark.row("WB-02")
def test_on_fargate_there_are_only_add_ons_that_run_there():
    """DaemonSets do not: the Pod Identity agent, the Secrets Store driver and the CloudWatch agent are some."""
    add_ons = eks(compute="fargate").resources(ADD_ON)
    assert {add_on["Properties"]["AddonName"] for add_on in add_ons.values()} == {"coredns", "metrics-server"}
    assert {tuple(add_on["DependsOn"]) for add_on in add_ons.values()} == {("MainFargateProfile",)}
    kinds = {each["kind"] for each in objects(compute="fargate")}
    assert {"SecretStore", "ExternalSecret"} <= kinds
    assert not {"SecretProviderClass", "NetworkPolicy"} & kinds


# WB-02: who makes the load balancer


@pytest.mark.row("WB-02")
@both
def test_the_stack_has_the_load_balancer_and_pods_join_its_target_group(environment):
    binding = one("TargetGroupBinding", environment=environment)["spec"]
    assert binding["targetGroupARN"] == "${TARGET_GROUP_ARN}"
    assert (binding["targetType"], "networking" in binding) == ("ip", False)
    wanted = workload(eks(environment)).values["TARGET_GROUP_ARN"]
    output = eks(environment).templates[wanted.stack]["Outputs"][wanted.output]
    assert output["Value"] == ref("ApiTargetGroup")
    assert not [each for each in objects(environment=environment) if each["kind"] == "Ingress"]


@pytest.mark.row("WB-02")
def test_the_controller_can_make_the_load_balancer_instead():
    rendered = eks(**BY_INGRESS)
    for type_ in (LOAD_BALANCER, TARGET_GROUP, LISTENER):
        assert not rendered.all(type_)
    assert "PublicSecurityGroup" not in rendered.resources(SECURITY_GROUP)
    assert connections(rendered, INGRESS) == [("MainCluster", "DatabaseSecurityGroup", 5432)]
    allowed = statements(rendered, "ControllerRole")
    assert "MakeLoadBalancers" in allowed
    assert "RegisterTargets" not in allowed
    for sid in ("MakeLoadBalancers", "ChangeLoadBalancers", "ChangeSecurityGroups"):
        assert ref("MainCluster") in allowed[sid]["Condition"]["StringEquals"].values(), sid
    ingress = one("Ingress", **BY_INGRESS)
    assert ingress["spec"]["ingressClassName"] == "alb"
    assert not [each for each in objects(**BY_INGRESS) if each["kind"] == "TargetGroupBinding"]


@pytest.mark.row("WB-02")
def test_an_ingress_is_told_the_public_subnets_as_one_text():
    rendered = eks(**BY_INGRESS)
    value = rendered.templates["network"]["Outputs"]["PublicSubnetIds"]["Value"]
    assert value == {"Fn::Join": [",", [ref("MainPublicSubnet1"), ref("MainPublicSubnet2")]]}
    annotations = one("Ingress", **BY_INGRESS)["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/subnets"] == "${PUBLIC_SUBNETS}"


# WB-02: manifests and stacks fit together


@pytest.mark.row("WB-02")
@every
def test_every_value_that_the_manifests_need_is_an_output_of_a_stack(settings):
    rendered = as_written(EKS, **{"environment": "dev", **settings})
    asked = workload(rendered)
    for name, wanted in [("cluster", asked.cluster), *asked.values.items()]:
        assert wanted.output in rendered.templates[wanted.stack]["Outputs"], name


@pytest.mark.row("WB-02")
@every
def test_every_mark_of_manifests_and_charts_has_a_value_and_every_value_a_mark(settings):
    chosen = {"environment": "dev", **settings}
    asked = workload(as_written(EKS, **chosen))
    written = [value for path, value in texts(EKS, **chosen).items() if path.startswith(f"{asked.folder}/")]
    assert written
    of_charts = json.dumps([chart.values for chart in asked.charts])
    named = set().union(*(marks(each) for each in [*written, of_charts]))
    assert named == {*asked.values, "IMAGE_TAG"}


@pytest.mark.row("WB-02")
@every
def test_manifest_and_workload_name_the_same_deployment_job_and_namespace(settings):
    rendered = as_written(EKS, **{"environment": "dev", **settings})
    asked = workload(rendered)
    deployment = one("Deployment", **settings)["metadata"]
    assert (deployment["name"], deployment["namespace"]) == (asked.deployment, asked.namespace)
    jobs = [each["metadata"]["name"] for each in objects(**settings) if each["kind"] == "Job"]
    assert jobs == ([asked.job] if asked.job else [])
    assert asked.repository == "web-backend-eks"


@pytest.mark.row("WB-02")
def test_the_manifest_of_a_deployment_has_the_workload_with_its_cluster():
    manifest = manifest_of(EKS, Settings(), list(as_written(EKS).stacks))
    (entry,) = [entry for entry in manifest.stacks if entry.workloads]
    assert entry.name == "cluster"
    (asked,) = entry.workloads
    assert (asked.cluster.stack, asked.cluster.output) == ("cluster", "MainClusterName")
    assert asked.folder == "kubernetes/dev"


@pytest.mark.row("WB-02")
def test_a_variable_that_looks_like_a_mark_stays_what_it_is():
    greeting = "${NAME} and {{ other }}"
    data = one("ConfigMap", variables={"GREETING": greeting})["data"]
    assert data["GREETING"] == "${!NAME} and {{ other }}"
    assert marks(data["GREETING"]) == set()


# WB-04: health


@pytest.mark.row("WB-04")
@every
def test_neither_load_balancer_nor_kubelet_asks_for_the_database(settings):
    rendered = eks(**{"environment": "dev", **settings})
    assert all(group["HealthCheckPath"] == "/health" for group in rendered.all(TARGET_GROUP))
    assert "/health/db" not in json.dumps(list(objects(**settings)))
    (container,) = one("Deployment", **settings)["spec"]["template"]["spec"]["containers"]
    probes = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert {"readinessProbe", "livenessProbe"} <= probes.keys()
    assert set(probes.values()) == {"/health"}


# WB-05, WB-06: what the application is told


@pytest.mark.row("WB-05", "WB-06")
@both
def test_pods_are_told_the_contract_with_host_and_origins_from_the_stacks(environment):
    data = one("ConfigMap", environment=environment)["data"]
    assert data["DATABASE_HOST"] == "${DATABASE_HOST}"
    assert data["CORS_ORIGINS"] == "${CORS_ORIGINS}"
    assert (data["DATABASE_POOL_MIN"], data["DATABASE_POOL_MAX"]) == ("2", "10")
    assert data["DATABASE_SSLMODE"] == "verify-full"
    assert (data["LOG_LEVEL"], data["ENVIRONMENT"]) == ("INFO", environment)
    assert not [name for name in data if "PASSWORD" in name or "URL" in name]
    rendered = eks(environment)
    values = workload(rendered).values
    found = {name: rendered.templates[values[name].stack]["Outputs"][values[name].output]["Value"] for name in values}
    assert found["DATABASE_HOST"] == attribute("DatabaseInstance", "Endpoint.Address")
    assert found["DATABASE_PASSWORD_ARN"] == ref("DatabasePassword")
    assert found["CORS_ORIGINS"] == {"Fn::Sub": "https://${FrontendDistribution.DomainName}"}


@pytest.mark.row("WB-06")
def test_without_a_frontend_origins_are_those_of_the_settings():
    data = one("ConfigMap", frontend=False, cors_origins=["https://app.example.com"], log_level="DEBUG")["data"]
    assert (data["CORS_ORIGINS"], data["LOG_LEVEL"]) == ("https://app.example.com", "DEBUG")


# WB-07: migrations


@pytest.mark.row("WB-07")
@both
def test_a_job_migrates_with_the_new_image_before_the_deployment_gets_it(environment):
    kinds = [each["kind"] for each in objects(environment=environment)]
    assert kinds.index("Job") < kinds.index("Deployment")
    (migration,) = one("Job", environment=environment)["spec"]["template"]["spec"]["containers"]
    (api,) = one("Deployment", environment=environment)["spec"]["template"]["spec"]["containers"]
    assert migration["args"] == ["alembic", "upgrade", "head"]
    assert migration["image"] == api["image"] == "${REPOSITORY_URI}:${IMAGE_TAG}"
    assert migration["envFrom"] == api["envFrom"]
    assert one("Job", environment=environment)["spec"]["backoffLimit"] == 0


@pytest.mark.row("WB-07")
def test_without_a_command_no_job_is_waited_for():
    assert not [each for each in objects(migration=[]) if each["kind"] == "Job"]
    assert not workload(as_written(EKS, migration=[])).job


# WB-08: logs, alarms, dashboard


@pytest.mark.row("WB-08")
@pytest.mark.parametrize("settings", [{}, {"environment": "prod"}, {"compute": "fargate"}], ids=str)
def test_logs_of_the_control_plane_and_of_containers_forget(settings):
    rendered = eks(**settings)
    groups = rendered.resources(LOG_GROUP)
    assert {"MainControlPlaneLogGroup"} < set(groups)
    assert {one["Properties"]["RetentionInDays"] for one in groups.values()} == {30}
    kept = rendered.templates["cluster"]["Outputs"]["LogGroupName"]["Value"]
    assert re.search("|".join(groups), text(kept))


@pytest.mark.row("WB-08")
@both
def test_the_way_in_and_the_database_are_watched(environment):
    watched = dimensions(eks(environment))
    balancer = attribute("PublicLoadBalancer", "LoadBalancerFullName")
    hosts = {"LoadBalancer": balancer, "TargetGroup": attribute("ApiTargetGroup", "TargetGroupFullName")}
    assert watched["ApiUnhealthyHostsAlarm"] == {"UnHealthyHostCount": hosts}
    assert watched["ApiHealthyHostsAlarm"] == {"HealthyHostCount": hosts}
    assert watched["ApiLatencyAlarm"] == {"TargetResponseTime": {"LoadBalancer": balancer}}
    assert "ApiErrorRateAlarm" in watched
    assert "DatabaseConnectionsAlarm" in watched


@pytest.mark.row("WB-08")
@pytest.mark.parametrize("settings", [{}, BY_INGRESS], ids=["stack", "ingress"])
def test_the_dashboard_finds_pods_by_the_namespace_that_they_run_in(settings):
    rendered = eks(**settings)
    body, _ = rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    assert 'Namespace=\\"web-backend-eks-dev\\"' in body
    assert "DatabaseConnections" in body
    assert ("RequestCount" in body) is (settings != BY_INGRESS)


# WB-10: rolling


@pytest.mark.row("WB-10")
@both
def test_a_rollout_adds_pods_before_it_takes_any_away(environment):
    strategy = one("Deployment", environment=environment)["spec"]["strategy"]
    assert strategy["type"] == "RollingUpdate"
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0
