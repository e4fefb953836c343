from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.eks_add_ons import NodeAddOns
from blueprints.components.eks_cluster import EksCluster, kubernetes_version
from blueprints.components.eks_nodes import NodeGroup
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-02")

PARAMETERS = [
    Parameter("PrivateSubnetIds", Type="List<AWS::EC2::Subnet::Id>", Description="Private subnets"),
    Parameter("VpcCniRoleArn", Type="String", Description="A role"),
    Parameter("NodeCount", Type="Number", Default=3, Description="Nodes"),
]


def nodes(network, **options):
    cluster = EksCluster("Main", network=network, version=Ref("KubernetesVersion"), keep=False)
    add_ons = NodeAddOns("Main", cluster=cluster, vpc_cni_role=Ref("VpcCniRoleArn"))
    given = {"version": Ref("KubernetesVersion"), "repository": "web-backend", "after": add_ons.before_nodes}
    return cluster, add_ons, NodeGroup("Main", cluster=cluster, network=network, **(given | options))


@pytest.fixture
def resources(stack_of, network):
    return to_dict(stack_of(nodes(network)))["Resources"]


def test_logical_ids_are_a_promise(network):
    assert [resource.title for resource in nodes(network)[2].resources()] == [
        "MainNodeRole",
        "MainLaunchTemplate",
        "MainNodeGroup",
    ]


OPTIONS = {
    "plain": {},
    "spot-on-arm": {
        "arm": True,
        "capacity": "spot",
        "instance_types": ["t4g.medium", "m7g.medium"],
        "desired": Ref("NodeCount"),
        "tags": {"Project": "sample"},
    },
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_no_linter_finds_anything(stack_of, findings, network, options):
    used = PARAMETERS if "desired" in options else PARAMETERS[:2]
    assert findings(stack_of(used, kubernetes_version(), nodes(network, **options))) == []


def test_nodes_wait_for_what_makes_them_ready(resources):
    assert resources["MainNodeGroup"]["DependsOn"] == [
        "MainPodIdentityAgentAddOn",
        "MainKubeProxyAddOn",
        "MainVpcCniAddOn",
    ]


def test_pods_cannot_take_the_role_of_their_node_from_its_metadata(resources):
    metadata = resources["MainLaunchTemplate"]["Properties"]["LaunchTemplateData"]["MetadataOptions"]
    assert metadata == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_the_disk_is_encrypted_and_large_enough(resources):
    (root,) = resources["MainLaunchTemplate"]["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"]
    assert root["DeviceName"] == "/dev/xvda"
    assert (root["Ebs"]["Encrypted"], root["Ebs"]["VolumeType"], root["Ebs"]["VolumeSize"]) == (True, "gp3", 20)


def test_the_launch_template_leaves_to_eks_what_eks_brings(resources):
    data = resources["MainLaunchTemplate"]["Properties"]["LaunchTemplateData"]
    assert not data.keys() & {"ImageId", "InstanceType", "SecurityGroupIds", "IamInstanceProfile", "UserData"}
    assert "DiskSize" not in resources["MainNodeGroup"]["Properties"]


def test_instances_and_disks_carry_the_tags_because_a_node_group_hands_on_none(stack_of, properties_of, network):
    made = nodes(network, tags={"Project": "sample", "Environment": "dev"})
    specified = properties_of(stack_of(made), "MainLaunchTemplate")["LaunchTemplateData"]["TagSpecifications"]
    assert [each["ResourceType"] for each in specified] == ["instance", "volume"]
    for each in specified:
        assert {tag["Key"]: tag["Value"] for tag in each["Tags"]} == {
            "Name": "Main",
            "Project": "sample",
            "Environment": "dev",
        }


def test_nodes_stand_in_private_subnets_and_run_the_version_of_the_cluster(resources):
    made = resources["MainNodeGroup"]["Properties"]
    assert made["Subnets"] == {"Ref": "PrivateSubnetIds"}
    assert made["Version"] == resources["MainCluster"]["Properties"]["Version"] == {"Ref": "KubernetesVersion"}
    assert "ReleaseVersion" not in made


def test_nodes_are_replaced_one_at_a_time_and_repaired(resources):
    made = resources["MainNodeGroup"]["Properties"]
    assert made["UpdateConfig"] == {"MaxUnavailable": 1}
    assert made["NodeRepairConfig"] == {"Enabled": True}
    assert made["ScalingConfig"] == {"MinSize": 2, "MaxSize": 4, "DesiredSize": 2}


@pytest.mark.row("XX-03")
def test_the_role_names_its_cluster_and_its_repository(resources):
    role = resources["MainNodeRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    by_sid = {each["Sid"]: each for each in role["Policies"][0]["PolicyDocument"]["Statement"]}
    # By the name that the cluster will have: another version of it changes nothing about the nodes' role.
    (cluster,) = by_sid["JoinCluster"]["Resource"]
    assert cluster["Fn::Sub"][0].endswith(":cluster/${AWS::StackName}-${OwnId}")
    assert "eks-auth:AssumeRoleForPodIdentity" in by_sid["JoinCluster"]["Action"]
    assert by_sid["PullImage"]["Resource"][0]["Fn::Sub"].endswith(":${AWS::AccountId}:repository/web-backend")
    assert by_sid["PullImagesOfAws"]["Condition"] == {
        "StringNotEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
    }
    assert not {action for each in by_sid.values() for action in each["Action"] if "NetworkInterface" in action}


def test_image_and_instances_are_for_the_same_processor(stack_of, properties_of, network, resources):
    x86, arm = (
        resources["MainNodeGroup"]["Properties"],
        properties_of(stack_of(nodes(network, arm=True)), "MainNodeGroup"),
    )
    assert (x86["AmiType"], x86["InstanceTypes"]) == ("AL2023_x86_64_STANDARD", ["t3.medium"])
    assert (arm["AmiType"], arm["InstanceTypes"]) == ("AL2023_ARM_64_STANDARD", ["t4g.medium"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instance_types": ["m7g.large"]}, r"has 'm7g\.large', but arm is False; give x86"),
        ({"instance_types": ["g4dn.xlarge"], "arm": True}, r"has 'g4dn\.xlarge', but arm is True; give Graviton"),
        ({"instance_types": ["t3.medium"] * 21}, "has 21; EKS takes 20 at most"),
        ({"minimum": 3, "maximum": 2}, "nodes are 3 of 3 to 2"),
        ({"desired": 5}, "nodes are 5 of 2 to 4"),
        ({"minimum": 0, "maximum": 0}, "maximum is 1 at least"),
        ({"disk_gib": 8}, "disk_gib is 8; give 20 or more"),
    ],
)
def test_what_eks_would_refuse_is_refused(network, options, message):
    with pytest.raises(SettingsError, match=message):
        nodes(network, **options)


@pytest.mark.parametrize("graviton", ["c8gn.large", "m6gd.medium", "im4gn.large", "x2gd.medium", "g5g.xlarge"])
def test_every_family_of_graviton_is_known_by_its_name(network, graviton):
    assert nodes(network, instance_types=[graviton], arm=True)[2].node_group.InstanceTypes == [graviton]


def test_capacity_is_on_demand_unless_spot_is_asked_for(stack_of, properties_of, network, resources):
    assert resources["MainNodeGroup"]["Properties"]["CapacityType"] == "ON_DEMAND"
    assert properties_of(stack_of(nodes(network, capacity="spot")), "MainNodeGroup")["CapacityType"] == "SPOT"
