"""The web backend on EKS in the emulated account: prod and dev beside each other, and dev's pods on Fargate as well.

Each stage is deployed once, and what AWS's APIs answer then is kept, so that the tests can run in any order. Stages of
dev: created, its manifests applied, Kubernetes updated, an update that EKS refuses. There is no Kubernetes behind the
emulator's clusters: kubectl and helm are stand-ins that remember what they are given, and no pod runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import botocore.config
import botocore.session
import pytest
import yaml

from blueprints import render
from blueprints.catalog import web_backend_eks
from blueprints.cli.local import tell_what_was_real
from blueprints.deploy.delete import DeleteResult, delete
from blueprints.deploy.execute import DeployResult
from blueprints.deploy.local import Emulator
from blueprints.deploy.plan import StackPlan
from blueprints.deploy.progress import PlainReporter
from blueprints.deploy.workloads import Prepared, prepare
from blueprints.model.errors import DeployError
from blueprints.model.settings import Settings
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import NO_WAIT, Lived, Target, dependents
from tests.support.cluster import SUCCEEDED, Cluster

pytestmark = pytest.mark.xdist_group("web-backend-eks")

ARCHITECTURE = "web-backend-eks"
REGION = "us-east-1"
ACCOUNT = "000000000000"
STACKS = ["registry", "network", "data", "platform", "cluster", "monitoring"]
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/local"
TAG = "4f6cf92"
ON_NODES = {
    *("eks-pod-identity-agent", "kube-proxy", "vpc-cni"),
    *("amazon-cloudwatch-observability", "aws-secrets-store-csi-driver-provider", "coredns", "metrics-server"),
}


class Apis:
    """AWS's APIs without the AWS CLI: what is only read back takes milliseconds so."""

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = botocore.session.get_session().create_client(
                service,
                region_name=REGION,
                endpoint_url=self._endpoint_url,
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="local",
                config=botocore.config.Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[service]


_apis = cache(Apis)


@dataclass(frozen=True)
class Life(Lived):
    """A cluster as it was once, and the stacks around it."""

    target: Target
    result: DeployResult
    cluster: dict[str, Any]
    entries: dict[str, dict[str, Any]]
    """By principal."""
    add_ons: dict[str, dict[str, Any]]
    groups: list[dict[str, Any]]
    identities: dict[tuple[str, str], dict[str, Any]]
    """By namespace and service account."""
    plans: dict[str, StackPlan] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.cluster["name"])

    @property
    def apis(self) -> Apis:
        return _apis(self.target.emulator.endpoint_url)

    def subnets(self, kind: str) -> set[str]:
        return {self.outputs["network"][f"{kind}Subnet{zone}"] for zone in (1, 2)}

    def role(self, logical_id: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
        """ARN, trust and statements of a role of the cluster's stack."""
        name = self.resource(logical_id)["PhysicalResourceId"]
        role = self.apis.iam.get_role(RoleName=name)["Role"]
        policies = self.apis.iam.list_role_policies(RoleName=name)["PolicyNames"]
        found = [self.apis.iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in policies]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        return str(role["Arn"]), trust, [each for document in found for each in document["Statement"]]

    def resource(self, logical_id: str) -> dict[str, str]:
        name = self.target.manifest.stack("cluster").stack_name
        asked = {"StackName": name, "LogicalResourceId": logical_id}
        return dict(self.apis.cloudformation.describe_stack_resource(**asked)["StackResourceDetail"])


def _look(target: Target, result: DeployResult) -> Life:
    """Ask EKS for the cluster that the result's stack made."""
    eks = _apis(target.emulator.endpoint_url).eks
    outputs = next(stack.outputs for stack in result.stacks if stack.entry.name == "cluster")
    named = {"clusterName": outputs["MainClusterName"]}
    entries = eks.list_access_entries(**named)["accessEntries"]
    groups = eks.list_nodegroups(**named)["nodegroups"]
    associations = [
        eks.describe_pod_identity_association(**named, associationId=each["associationId"])["association"]
        for each in eks.list_pod_identity_associations(**named)["associations"]
    ]
    return Life(
        target=target,
        result=result,
        cluster=eks.describe_cluster(name=named["clusterName"])["cluster"],
        entries={each: _entry(eks, {**named, "principalArn": each}) for each in entries},
        add_ons={
            each: eks.describe_addon(**named, addonName=each)["addon"] for each in eks.list_addons(**named)["addons"]
        },
        groups=[eks.describe_nodegroup(**named, nodegroupName=each)["nodegroup"] for each in groups],
        identities={(each["namespace"], each["serviceAccount"]): each for each in associations},
        plans=dict(target.plans),
    )


def _entry(eks: Any, named: dict[str, str]) -> dict[str, Any]:
    found = dict(eks.describe_access_entry(**named)["accessEntry"])
    return {**found, "policies": eks.list_associated_access_policies(**named)["associatedAccessPolicies"]}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output")
    environments: list[Settings] = [web_backend_eks.Settings(environment=each) for each in ("dev", "prod")]
    render.write_all(ARCHITECTURE, environments, folder)
    render.write_page(ARCHITECTURE, environments, folder)
    return folder


@pytest.fixture(scope="module")
def prod(emulator_server: Emulator, forked_cli: Path, rendered: Path) -> Life:
    """Prod, deployed into an empty account."""
    emulator_server.reset()
    target = Target(emulator_server, forked_cli, Manifest.load(rendered / ARCHITECTURE / "prod"))
    return _look(target, target.deploy(target.seed()))


@pytest.fixture(scope="module")
def dev(prod: Life, rendered: Path) -> Life:
    """Dev, deployed beside prod."""
    manifest = Manifest.load(rendered / ARCHITECTURE / "dev")
    target = Target(prod.target.emulator, prod.target.cli_folder, manifest)
    return _look(target, target.deploy(target.seed()))


@pytest.fixture(scope="module", params=["prod", "dev"])
def life(request: pytest.FixtureRequest, prod: Life, dev: Life) -> Life:
    return {"prod": prod, "dev": dev}[request.param]


def test_every_stack_is_created_in_the_order_of_the_manifest(life: Life) -> None:
    outcomes = [(stack.entry.name, stack.outcome) for stack in life.result.stacks]
    assert outcomes == [
        (name, "unchanged" if name == "registry" and not life.is_prod else "created") for name in STACKS
    ]
    for stack in life.result.stacks:
        assert list(stack.outputs) == list(stack.entry.outputs)
        assert all(stack.outputs.values())


def test_every_resource_of_the_cluster_and_its_way_in_exists(life: Life) -> None:
    for name in ("platform", "cluster"):
        found = life.target.resources(name)
        assert set(found) == set(life.target.template(name)["Resources"])
        assert {each["ResourceStatus"] for each in found.values()} == {"CREATE_COMPLETE"}


@pytest.mark.row("WB-02")
def test_the_control_plane_is_in_private_subnets_opens_by_access_entries_and_logs(life: Life) -> None:
    cluster, network = life.cluster, life.cluster["resourcesVpcConfig"]
    assert (cluster["status"], cluster["version"]) == ("ACTIVE", "1.36")
    assert set(network["subnetIds"]) == life.subnets("Private")
    assert network["vpcId"] == life.outputs["network"]["VpcId"]
    assert (network["endpointPrivateAccess"], network["publicAccessCidrs"]) == (True, ["0.0.0.0/0"])
    assert cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    (logged,) = [each for each in cluster["logging"]["clusterLogging"] if each["enabled"]]
    assert logged["types"] == ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster["deletionProtection"] is life.is_prod


@pytest.mark.row("WB-08")
def test_logs_of_the_cluster_and_its_containers_are_in_groups_that_expire(life: Life) -> None:
    asked = {"logGroupNamePrefix": "/aws/"}
    groups = {each["logGroupName"]: each for each in life.apis.logs.describe_log_groups(**asked)["logGroups"]}
    own = {name: each["retentionInDays"] for name, each in groups.items() if life.name in name}
    kinds = ("application", "dataplane", "host", "performance")
    names = {f"/aws/eks/{life.name}/cluster", *(f"/aws/containerinsights/{life.name}/{kind}" for kind in kinds)}
    assert set(own) == names
    assert len(set(own.values())) == 1
    assert life.outputs["cluster"]["LogGroupName"] in own


@pytest.mark.row("WB-02")
def test_only_the_administrator_and_the_nodes_get_in(life: Life) -> None:
    administrator = life.entries[ADMINISTRATOR]
    (nodes,) = [each for name, each in life.entries.items() if name != ADMINISTRATOR]
    (policy,) = administrator["policies"]
    assert policy["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert policy["accessScope"] == {"type": "cluster", "namespaces": []}
    assert (administrator["type"], nodes["type"]) == ("STANDARD", "EC2_LINUX")
    assert nodes["principalArn"] == life.groups[0]["nodeRole"]


@pytest.mark.row("WB-02")
def test_nodes_are_private_run_the_clusters_version_and_hide_their_credentials_from_pods(life: Life) -> None:
    (group,) = life.groups
    assert (group["status"], group["version"], group["capacityType"]) == ("ACTIVE", "1.36", "ON_DEMAND")
    assert set(group["subnets"]) == life.subnets("Private")
    assert group["scalingConfig"] == {"minSize": 2, "maxSize": 4, "desiredSize": 2}
    assert group["nodeRepairConfig"] == {"enabled": True}
    launched = group["launchTemplate"]
    asked = {"LaunchTemplateId": launched["id"], "Versions": [launched["version"]]}
    (version,) = life.apis.ec2.describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    metadata = version["LaunchTemplateData"]["MetadataOptions"]
    assert (metadata["HttpTokens"], metadata["HttpPutResponseHopLimit"]) == ("required", 1)


@pytest.mark.row("WB-02", "WB-08")
def test_add_ons_have_their_configuration_and_roles_of_their_own(life: Life) -> None:
    assert set(life.add_ons) == ON_NODES
    assert {each["status"] for each in life.add_ons.values()} == {"ACTIVE"}
    configured = {name: json.loads(each.get("configurationValues") or "{}") for name, each in life.add_ons.items()}
    assert configured["vpc-cni"] == {"enableNetworkPolicy": "true"}
    driver = configured["aws-secrets-store-csi-driver-provider"]["secrets-store-csi-driver"]
    assert driver["syncSecret"] == {"enabled": True}
    assert driver["tokenRequests"] == [{"audience": "pods.eks.amazonaws.com"}]
    owned = {("kube-system", "aws-node"): "vpc-cni"}
    owned[("amazon-cloudwatch", "cloudwatch-agent")] = "amazon-cloudwatch-observability"
    for account, name in owned.items():
        association = life.identities[account]
        assert life.add_ons[name]["podIdentityAssociations"] == [association["associationArn"]]
        assert association["ownerArn"] == life.add_ons[name]["addonArn"]
    others = {name for name, each in life.add_ons.items() if each["podIdentityAssociations"]}
    assert others == set(owned.values())


@pytest.mark.row("WB-02", "WB-05")
def test_the_applications_pods_may_read_their_secrets_and_the_controller_may_bind_their_target_group(
    life: Life,
) -> None:
    namespace = f"{ARCHITECTURE}-{life.target.manifest.environment}"
    application, controller = (namespace, "api"), ("kube-system", "aws-load-balancer-controller")
    assert {application, controller} < set(life.identities)
    may = {}
    for account, role in {application: "ApplicationRole", controller: "ControllerRole"}.items():
        arn, trust, may[role] = life.role(role)
        assert life.identities[account]["roleArn"] == arn
        asked = trust["Condition"]["StringEquals"]
        assert asked["aws:RequestTag/eks-cluster-arn"] == life.cluster["arn"]
        assert asked["aws:RequestTag/kubernetes-namespace"] == account[0]
        assert asked["aws:RequestTag/kubernetes-service-account"] == account[1]
        assert trust["Principal"] == {"Service": ["pods.eks.amazonaws.com"]}
    (secrets,) = may["ApplicationRole"]
    assert secrets["Resource"] == [life.outputs["data"]["DatabasePasswordArn"]]
    (changes,) = [each for each in may["ControllerRole"] if "elasticloadbalancing:RegisterTargets" in each["Action"]]
    assert changes["Resource"] == [life.outputs["platform"]["ApiTargetGroup1Arn"]]


@pytest.mark.row("WB-02", "WB-05")
def test_pods_reach_the_database_and_the_load_balancer_reaches_pods(life: Life) -> None:
    pods = life.cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    database = life.outputs["data"]["DatabaseSecurityGroupId"]
    balancer = life.outputs["platform"]["LoadBalancerSecurityGroupId"]
    groups = life.apis.ec2.describe_security_groups(GroupIds=[pods, database, balancer])["SecurityGroups"]
    sources = {
        (group["GroupId"], rule.get("FromPort"), pair["GroupId"])
        for group in groups
        for rule in group["IpPermissions"]
        for pair in rule["UserIdGroupPairs"]
    }
    # EKS lets the wearers of its group talk to each other.
    assert sources == {(database, 5432, pods), (pods, 8000, balancer), (pods, None, pods)}


def test_a_local_deploy_says_which_parts_of_the_cluster_only_pretend(
    prod: Life, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_what_was_real(prod.target.emulator, prod.target.manifest, ("cluster",))
    said = capsys.readouterr()
    rows = {words[0]: " ".join(words[2:]) for words in map(str.split, said.out.splitlines()) if len(words) > 2}
    assert {rows[name] for name in ("MainCluster", "MainNodeGroup")} == {"real in the emulator"}
    ours = ("AdministratorAccessEntry", "ApplicationPodIdentity", "MainVpcCniAddOn")
    assert {rows[name] for name in ours} == {"real in the emulator, by a handler of ours"}
    assert "there is no Kubernetes behind it, no node starts" in said.err


# Dev's stacks know the cluster; what is in it comes with the manifests.


@dataclass(frozen=True)
class Applied:
    finished: subprocess.CompletedProcess[str]
    objects: dict[tuple[str, str], dict[str, Any]]
    """By kind and name, as kubectl was given them."""
    chart: dict[str, Any]
    """The values that helm was given."""
    kubeconfig: dict[str, Any]
    texts: list[str]


@pytest.fixture(scope="module")
def applied(dev: Life, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """`blueprints apply`, with a kubectl and a helm that remember."""
    _push(dev)
    programs = Cluster(tmp_path_factory.mktemp("programs"))
    programs.install("kubectl", "helm", answers={"kubectl get job": ["", SUCCEEDED]})
    target = dev.target
    path = os.pathsep.join([str(programs.folder / "bin"), target.environment["PATH"]])
    words = [ARCHITECTURE, "dev", "-o", str(rendered), "--image-tag", TAG, "--yes"]
    finished = subprocess.run(
        [sys.executable, "-m", "blueprints", "apply", *words, "--endpoint-url", target.emulator.endpoint_url],
        env={**target.environment, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    calls = [each for each in programs.record() if each[2]]
    given = [text for program, arguments, text, *_ in calls if program == "kubectl" and arguments[0] == "apply"]
    # Helm's definitions are the first that kubectl is given.
    found = [each for text in given[1:] for each in yaml.safe_load_all(text)]
    (chart,) = [text for program, _, text, *_ in calls if program == "helm"]
    return Applied(
        finished,
        {(each["kind"], each["metadata"]["name"]): each for each in found},
        json.loads(chart),
        json.loads(calls[0][4][0]),
        [*given, chart],
    )


def _push(life: Life) -> None:
    image = '{"schemaVersion": 2, "config": {"digest": "sha256:' + "a" * 64 + '"}, "layers": []}'
    life.apis.ecr.put_image(repositoryName=ARCHITECTURE, imageTag=TAG, imageManifest=image)


@pytest.mark.row("WB-02")
def test_applied_manifests_have_no_mark_left_and_go_to_the_deployed_cluster(dev: Life, applied: Applied) -> None:
    assert applied.finished.returncode == 0, applied.finished.stderr
    assert applied.finished.stderr.endswith(f"api runs in web-backend-eks-dev of the cluster {dev.name}\n")
    assert not [text for text in applied.texts if "${" in text]
    (server,) = applied.kubeconfig["clusters"]
    assert server["cluster"]["server"] == dev.cluster["endpoint"]
    assert server["cluster"]["certificate-authority-data"] == dev.cluster["certificateAuthority"]["data"]
    assert applied.chart["clusterName"] == dev.name
    assert applied.chart["vpcId"] == dev.outputs["network"]["VpcId"]


@pytest.mark.row("WB-02", "WB-05", "WB-06")
def test_the_applied_application_has_the_deployed_database_secret_image_and_target_group(
    dev: Life, applied: Applied
) -> None:
    apis, objects = dev.apis, applied.objects
    (group,) = [
        each
        for each in apis.elbv2.describe_target_groups()["TargetGroups"]
        if each["VpcId"] == dev.outputs["network"]["VpcId"]
    ]
    binding = objects[("TargetGroupBinding", "api")]["spec"]
    assert (binding["targetGroupARN"], binding["targetType"]) == (group["TargetGroupArn"], group["TargetType"])
    (configuration,) = [each["data"] for (kind, _), each in objects.items() if kind == "ConfigMap"]
    named = {"DBInstanceIdentifier": dev.outputs["data"]["DatabaseIdentifier"]}
    (database,) = apis.rds.describe_db_instances(**named)["DBInstances"]
    assert configuration["DATABASE_HOST"] == database["Endpoint"]["Address"]
    assert configuration["CORS_ORIGINS"] == dev.outputs["platform"]["FrontendUrl"]
    provided = yaml.safe_load(
        next(made for (kind, _), made in objects.items() if kind == "SecretProviderClass")["spec"]["parameters"][
            "objects"
        ]
    )
    (secret,) = [each["objectName"] for each in provided]
    assert apis.secretsmanager.describe_secret(SecretId=secret)["ARN"] == secret
    (repository,) = apis.ecr.describe_repositories()["repositories"]
    for kind, name in (("Job", f"api-migration-{TAG}"), ("Deployment", "api")):
        (container,) = objects[(kind, name)]["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"{repository['repositoryUri']}:{TAG}"
        assert objects[(kind, name)]["metadata"]["namespace"] == "web-backend-eks-dev"


# The same environment with its pods on Fargate: another cluster stack beside dev's, on the same network and data.


@dataclass(frozen=True)
class OnFargate:
    life: Life
    profile: dict[str, Any]
    prepared: Prepared
    deleted: DeleteResult
    clusters: list[str]
    """What was left after it was deleted."""


@pytest.fixture(scope="module")
def fargate(dev: Life, applied: Applied, tmp_path_factory: pytest.TempPathFactory) -> OnFargate:
    settings = web_backend_eks.Settings(environment="dev", compute="fargate")
    folder = tmp_path_factory.mktemp("fargate")
    whole = render.write(ARCHITECTURE, settings, folder)
    render.write_page(ARCHITECTURE, [settings], folder)
    stacks = tuple(
        each.model_copy(update={"stack_name": f"{each.stack_name}-on-fargate"}) if each.name == "cluster" else each
        for each in whole.stacks
    )
    manifest = whole.model_copy(update={"stacks": stacks}).placed_in(whole.folder)
    target = Target(dev.target.emulator, dev.target.cli_folder, manifest)
    life = _look(target, target.deploy(target.seed(), only=("cluster",)))
    named = ("--type-name", "AWS::EKS::FargateProfile")
    identifier = life.resource("MainFargateProfile")["PhysicalResourceId"]
    answer = target.aws("cloudcontrol", "get-resource", *named, "--identifier", identifier)
    profile = json.loads(answer["ResourceDescription"]["Properties"])
    roles = {name: life.role(name) for name in ("ApplicationRole", "ControllerRole")}
    providers = life.apis.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    (prepared,) = prepare(target.cli, manifest, TAG)
    deleted = delete(
        target.cli,
        manifest,
        confirm=lambda _: True,
        report=PlainReporter(target.told),
        only=("cluster",),
        clock=NO_WAIT,
    )
    profile |= {"roles": roles, "providers": [each["Arn"] for each in providers]}
    return OnFargate(life, profile, prepared, deleted, life.apis.eks.list_clusters()["clusters"])


@pytest.mark.row("WB-02")
def test_on_fargate_there_are_no_nodes_and_only_add_ons_that_run_without_them(dev: Life, fargate: OnFargate) -> None:
    life, profile = fargate.life, fargate.profile
    assert life.groups == []
    assert set(life.add_ons) == {"coredns", "metrics-server"}
    assert json.loads(life.add_ons["coredns"]["configurationValues"]) == {"computeType": "Fargate"}
    assert life.identities == {}
    assert {each["Namespace"] for each in profile["Selectors"]} >= {"kube-system", "web-backend-eks-dev"}
    assert set(profile["Subnets"]) == dev.subnets("Private")


@pytest.mark.row("WB-02")
def test_on_fargate_pods_take_roles_that_trust_the_clusters_issuer(fargate: OnFargate) -> None:
    issuer = fargate.life.cluster["identity"]["oidc"]["issuer"].removeprefix("https://")
    (provider,) = fargate.profile["providers"]
    assert provider == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    accounts = {
        "ApplicationRole": "system:serviceaccount:web-backend-eks-dev:api",
        "ControllerRole": "system:serviceaccount:kube-system:aws-load-balancer-controller",
    }
    for name, subject in accounts.items():
        _, trust, _ = fargate.profile["roles"][name]
        assert trust["Principal"] == {"Federated": provider}
        assert trust["Condition"]["StringEquals"] == {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": subject,
        }


@pytest.mark.row("WB-02")
def test_on_fargate_service_accounts_name_the_deployed_roles(fargate: OnFargate) -> None:
    (controller,) = [each for each in fargate.prepared.releases if "load-balancer" in each.chart.name]
    annotation = "eks.amazonaws.com/role-arn"
    accounts = [each for file in fargate.prepared.files for each in file.objects if each["kind"] == "ServiceAccount"]
    (account,) = [each for each in accounts if each["metadata"]["name"] == "api"]
    application, _, _ = fargate.profile["roles"]["ApplicationRole"]
    manager, _, _ = fargate.profile["roles"]["ControllerRole"]
    assert account["metadata"]["annotations"][annotation] == application
    assert json.loads(controller.values)["serviceAccount"]["annotations"][annotation] == manager


def test_the_cluster_on_fargate_goes_and_leaves_the_others(prod: Life, dev: Life, fargate: OnFargate) -> None:
    assert [entry.name for entry in fargate.deleted.deleted] == ["cluster"]
    assert sorted(fargate.clusters) == sorted([prod.name, dev.name])


# From here on dev moves: a new version of Kubernetes, and the way back that EKS does not have.


@pytest.fixture(scope="module")
def updated(dev: Life, fargate: OnFargate) -> Life:
    return _look(dev.target, dev.target.deploy({"KubernetesVersion": "1.37"}, only=("cluster",)))


@dataclass(frozen=True)
class Refused:
    message: str
    status: str
    cluster: dict[str, Any]


@pytest.fixture(scope="module")
def refused(updated: Life) -> Refused:
    with pytest.raises(DeployError) as error:
        updated.target.deploy({"KubernetesVersion": "1.36"}, only=("cluster",))
    cluster = updated.apis.eks.describe_cluster(name=updated.name)["cluster"]
    return Refused(str(error.value), updated.target.status("cluster"), cluster)


def test_kubernetes_is_updated_in_place_first_the_control_plane_then_the_nodes(dev: Life, updated: Life) -> None:
    changes = {each.logical_id: each.action for each in updated.plans["cluster"].changes}
    assert changes["MainCluster"] == "modify"
    assert "replace" not in changes.values()
    # CloudFormation cannot know beforehand that the cluster's ARN and group stay what they are.
    template = updated.target.template("cluster")
    assert "MainNodeGroup" in changes
    assert set(changes) <= {"MainCluster", *dependents(template, "MainCluster")}
    for before, now in ((dev.cluster, updated.cluster), (dev.groups[0], updated.groups[0])):
        assert (before["version"], now["version"]) == ("1.36", "1.37")
        assert before["createdAt"] == now["createdAt"]
    assert updated.cluster["arn"] == dev.cluster["arn"]
    assert updated.cluster["identity"] == dev.cluster["identity"]
    assert updated.groups[0]["nodegroupArn"] == dev.groups[0]["nodegroupArn"]
    assert updated.identities == dev.identities


def test_going_back_to_an_older_kubernetes_is_refused_by_eks_and_changes_nothing(refused: Refused) -> None:
    first, cause, reason, *_ = refused.message.splitlines()
    assert first == "Stack web-backend-eks-dev-cluster failed and is now in UPDATE_ROLLBACK_COMPLETE."
    assert cause == "Root cause: MainCluster (AWS::EKS::Cluster) UPDATE_FAILED:"
    assert "Unsupported Kubernetes minor version update from 1.37 to 1.36" in reason
    assert (refused.status, refused.cluster["version"]) == ("UPDATE_ROLLBACK_COMPLETE", "1.37")


@dataclass(frozen=True)
class Ended:
    """What is left when an environment is deleted."""

    refusals: list[str]
    result: DeleteResult
    retained: dict[str, set[str]]
    """Logical ids by stack."""
    clusters: list[str]
    groups: list[str]
    """Security groups that EKS made."""
    left: dict[str, set[str]]


@pytest.fixture(scope="module")
def dev_gone(dev: Life, refused: Refused) -> Ended:
    return _end(dev)


@pytest.fixture(scope="module")
def prod_gone(prod: Life, dev_gone: Ended) -> Ended:
    return _end(prod)


def _end(life: Life) -> Ended:
    target, apis = life.target, life.apis
    refusals: list[str] = []
    result = target.delete_as_told(refusals)
    stacks = target.deletions[-1].stacks
    retained = {each.entry.name: {item.logical_id for item in each.retained} for each in stacks if each.retained}
    groups = apis.ec2.describe_security_groups()["SecurityGroups"]
    return Ended(
        refusals,
        result,
        retained,
        apis.eks.list_clusters()["clusters"],
        [each["GroupName"] for each in groups if each["GroupName"].startswith("eks-cluster-sg-")],
        target.left(),
    )


def test_dev_goes_in_reverse_order_and_leaves_the_images_and_prod(prod: Life, dev_gone: Ended) -> None:
    assert dev_gone.refusals == []
    assert dev_gone.retained == {}
    assert [entry.name for entry in dev_gone.result.deleted] == [*reversed(STACKS[1:])]
    assert dev_gone.clusters == [prod.name]
    assert dev_gone.groups == [f"eks-cluster-sg-{prod.name}"]
    assert dev_gone.left["repositories"] == {ARCHITECTURE}
    assert len(dev_gone.left["networks"]) == 1


def test_prod_goes_only_after_all_of_its_protection_is_lifted(prod: Life, prod_gone: Ended) -> None:
    (refusal,) = prod_gone.refusals
    own = [entry.stack_name for entry in prod.target.manifest.stacks if not entry.shared]
    for name in [*own, "MainCluster", "DatabaseInstance"]:
        assert f"  {name}: aws " in refusal
    assert [entry.name for entry in prod_gone.result.deleted] == [*reversed(STACKS[1:])]


def test_prod_keeps_its_logs_and_no_cluster(prod: Life, prod_gone: Ended) -> None:
    kinds = ("ControlPlane", "Application", "Dataplane", "Host", "Performance")
    assert prod_gone.retained["cluster"] == {f"Main{kind}LogGroup" for kind in kinds}
    assert (prod_gone.clusters, prod_gone.groups) == ([], [])
    assert prod_gone.left["stacks"] == {"web-backend-eks-registry"}
    assert {name for name in prod_gone.left["log groups"] if prod.name in name} == {
        f"/aws/eks/{prod.name}/cluster",
        *(f"/aws/containerinsights/{prod.name}/{kind.lower()}" for kind in kinds[1:]),
    }
