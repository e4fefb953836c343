"""What holds for every architecture: the rows XX-01 to XX-14, on everything that is rendered."""

from __future__ import annotations

import json
import re
from typing import get_args

import pytest

from blueprints import catalog
from blueprints.catalog import (
    account,
    cooking_assistant,
    facerec,
    mealprep,
    recipe_chatbot,
    web_backend_beanstalk,
    web_backend_eks,
    web_backend_fargate,
)
from blueprints.components.guard_duty import AGENTS, PROTECTIONS
from blueprints.components.rollout import Stage
from blueprints.model.context import KEY
from blueprints.model.retention import STATEFUL
from blueprints.render import to_json, to_yaml
from blueprints.render.template import to_dict
from tests.catalog.rendered import render, text

# Everything that can be switched on, with values as long as settings take them.
LONGEST = {
    "owner": "o" * 32,
    "cost_center": "c" * 32,
    "project": "p" * 24,
    "environment": "e" * 16,
    "variables": {f"{'V' * 62}{number:02}": "v" * 128 for number in range(12)},
    "health_check_path": "/" + "h" * 63,
    "domain_name": f"{'a' * 63}.example.com",
    "hosted_zone_id": "Z" + "A" * 31,
    "alert_email": "somebody@example.com",
    "availability_zones": 3,
    "egress": "nat-per-zone",
    "flow_logs": True,
    "keep_data": True,
    "access_logs": True,
    "alarms": True,
    "waf": True,
    "shell": True,
    "dual_stack": True,
    "capacity": "spot-above-first",
}
# The same for what the three runtimes of the web backend have in common.
LONGEST_WEB_BACKEND = {
    **LONGEST,
    "database_health_path": "/" + "d" * 63,
    "cors_origins": [f"https://{'o' * 87}{number}.example.com" for number in range(10)],
    "secrets": [f"{'S' * 38}_{number}" for number in range(8)],
    "database_as": "url",
    "database_name": "d" * 63,
    "database_class": "db.m7g.large",
    "password_generation": 7,
    "frontend_domain_name": f"{'f' * 63}.example.com",
    "pipeline": "codepipeline",
}


def web_backend(kind, **further):
    chosen = {name: value for name, value in LONGEST_WEB_BACKEND.items() if name in kind.model_fields}
    return kind(**{**chosen, **further})


EVERYTHING = {
    "account": account.Settings(
        **{name: value for name, value in LONGEST.items() if name in account.Settings.model_fields},
        protections=PROTECTIONS,
        runtime_agents=AGENTS,
    ),
    "cooking-assistant": cooking_assistant.Settings(
        **LONGEST, storage="aurora", cache=True, autoscaling=True, sign_in="people-and-machines"
    ),
    "facerec": facerec.Settings(
        **LONGEST,
        deployment="blue-green",
        documented_names=False,
        access_keys=True,
        parameter_path="/" + "x" * 46 + "/",
        backup=True,
        pipeline=True,
    ),
    "mealprep": mealprep.Settings(
        **{
            name: value
            for name, value in LONGEST.items()
            if name in mealprep.Settings.model_fields and name not in {"project", "environment"}
        },
        # Names of X-Ray and of buckets hold both.
        project="p" * 20,
        environment="e" * 7,
        api_variables=LONGEST["variables"],
        aspnetcore_environment="e" * 64,
        models=[f"maker{number}.{'m' * 100}-v1:0" for number in range(8)],
        model_profiles=[f"us.maker{number}.{'m' * 90}-v1:0" for number in range(4)],
        web_service=True,
        scale_requests_by="steps",
        database="serverless",
        database_readers=5,
        cache_replicas=5,
        intelligent_tiering=True,
        processing_code="bucket",
        backup=True,
        sleep=True,
        origin_generation=7,
    ),
    "recipe-chatbot": recipe_chatbot.Settings(
        **{name: value for name, value in LONGEST.items() if name in recipe_chatbot.Settings.model_fields},
        backend_variables=LONGEST["variables"],
        frontend_variables=LONGEST["variables"],
        cors_origins=[f"https://{'o' * 100}{number}.example.com" for number in range(8)],
        metric_namespace="N" * 128,
        application_environment="e" * 64,
        deployment="blue-green",
        deployment_hook=True,
        hook_stages=get_args(Stage),
        health_check=True,
        sleep=True,
        time_zone="America/Argentina/ComodRivadavia",
        key_rotation="function",
        critical_email="somebody@example.com",
    ),
    "web-backend-beanstalk": web_backend(
        web_backend_beanstalk.Settings,
        deployment="traffic-splitting",
        # An environment takes 4,096 bytes of variables.
        cors_origins=[],
    ),
    "web-backend-eks": web_backend(
        web_backend_eks.Settings,
        secrets_key=True,
        instance_types=[f"m{number}i.24xlarge" for number in range(20)],
        endpoint_clients=[f"198.51.100.{number}/32" for number in range(40)],
    ),
    "web-backend-fargate": web_backend(web_backend_fargate.Settings, deployment="blue-green"),
}
CASES = [(name, environment) for name in catalog.names() for environment in ("dev", "prod")]
every = pytest.mark.parametrize(("name", "environment"), CASES)


def strings(value):
    """Every text in a template."""
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def resources_of(name, environment):
    return [
        (logical_id, resource)
        for template in render(name, environment).templates.values()
        for logical_id, resource in template["Resources"].items()
    ]


@pytest.mark.row("XX-01")
@every
def test_what_is_committed_is_what_the_code_renders(name, environment, output):
    for stack in render(name, environment).stacks:
        folder = output / name / ("shared" if stack.shared else environment)
        assert (folder / f"{stack.name}.yaml").read_text() == to_yaml(stack), "run `make render`"
        assert (folder / f"{stack.name}.json").read_text() == to_json(stack), "run `make render`"


@pytest.mark.row("XX-01")
@every
def test_yaml_has_short_forms_and_no_comments(name, environment):
    for stack in render(name, environment).stacks:
        written = to_yaml(stack)
        # A program in the template has comments of its own.
        programs = {line.strip() for value in strings(to_dict(stack)) for line in value.splitlines()}
        comments = {line.strip() for line in written.splitlines() if line.strip().startswith("#")}
        assert comments <= programs
        long_forms = set(re.findall(r"\bFn::\w+:", written))
        assert long_forms <= {"Fn::GetStackOutput:", "Fn::Contains:"}, "AWS documents no short form for these here"


@pytest.mark.row("XX-03")
@pytest.mark.parametrize("name", catalog.names())
def test_no_statement_allows_a_whole_service_or_everything(name):
    unscoped = {
        "ecr:GetAuthorizationToken",
        "ssmmessages:",
        "xray:",
        "cloudwatch:PutMetricData",
        "rekognition:",
        "autoscaling:Describe",
        "ec2:Describe",
        "elasticloadbalancing:Describe",
    }
    for stack in catalog.load(name).build(EVERYTHING[name]):
        for logical_id, resource in json.loads(to_json(stack))["Resources"].items():
            for statement in _statements(resource):
                if statement["Effect"] != "Allow":
                    continue
                assert not [action for action in statement["Action"] if "*" in action], logical_id
                assert "NotAction" not in statement
                if "*" in statement.get("Resource", []) and resource["Type"] != "AWS::KMS::Key":
                    assert all(action.startswith(tuple(unscoped)) for action in statement["Action"]), logical_id


def _statements(value):
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for item in value.values():
            yield from _statements(item)
    elif isinstance(value, list):
        for item in value:
            yield from _statements(item)


@pytest.mark.row("XX-04")
@every
def test_no_value_of_a_secret_is_written_anywhere(name, environment):
    for logical_id, resource in resources_of(name, environment):
        if resource["Type"] == "AWS::SecretsManager::Secret":
            # A connection string is put together of what another secret holds.
            told = text(resource["Properties"].get("SecretString", ""))
            assert not re.search(r"(?i)password=(?!\{\{resolve:)|key=|token=", told), logical_id
            assert not told or "{{resolve:secretsmanager:" in told, logical_id
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            plain = {
                pair["Name"] for one in resource["Properties"]["ContainerDefinitions"] for pair in one["Environment"]
            }
            assert not {key for key in plain if re.search("KEY|TOKEN|PASSWORD|SECRET", key)}


@pytest.mark.row("XX-05")
@pytest.mark.parametrize("name", catalog.names())
def test_prod_keeps_what_holds_data(name):
    for stack in catalog.load(name).build(EVERYTHING[name]):
        assert stack.termination_protection
        for logical_id, resource in stack.resources.items():
            # CloudFront's header takes any value, and has to be able to drop an old one; so has a database's password.
            # The key of the alarms' topic encrypts messages on their way: nothing is kept under it.
            # An instance of a cluster holds none of its data.
            if "DBClusterIdentifier" in resource.properties and resource.resource_type == "AWS::RDS::DBInstance":
                continue
            if resource.resource_type in STATEFUL and logical_id not in {
                "AlertsKey",
                "CriticalKey",
                "OriginSecret6",
                "OriginSecret7",
                "DatabasePassword7",
                "DatabaseUrl7",
            }:
                assert resource.resource["DeletionPolicy"] in {"RetainExceptOnCreate", "Snapshot"}, logical_id
                assert resource.resource["UpdateReplacePolicy"] in {"Retain", "Snapshot"}, logical_id
                denied = stack.stack_policy["Statement"][1]
                assert denied["Effect"] == "Deny"
                assert f"LogicalResourceId/{logical_id}" in denied["Resource"]


@pytest.mark.row("XX-05")
@pytest.mark.parametrize("name", catalog.names())
def test_dev_leaves_nothing_behind_but_what_environments_share(name):
    for stack in render(name, "dev").stacks:
        policies = {resource.resource.get("DeletionPolicy") for resource in stack.resources.values()}
        assert policies <= {None, "Delete"} | ({"RetainExceptOnCreate"} if stack.shared else set())
        assert stack.termination_protection is stack.shared


@pytest.mark.row("XX-06")
def test_only_documented_names_are_fixed_and_they_carry_the_environment():
    names = {
        "BucketName",
        "TableName",
        "RoleName",
        "ClusterName",
        "ServiceName",
        "GroupName",
        "LogGroupName",
        "TopicName",
    }
    names |= {"SecretName", "DBClusterIdentifier", "ReplicationGroupId", "DashboardName", "AlarmName", "QueueName"}
    for name, environment in CASES:
        for logical_id, resource in resources_of(name, environment):
            properties = resource.get("Properties", {})
            fixed = {properties[key] for key in names & properties.keys() if isinstance(properties[key], str)}
            if "ElasticLoadBalancingV2" in resource["Type"] and "Name" in properties:
                fixed.add(properties["Name"])
            if name == "cooking-assistant":
                assert not fixed, logical_id
            named = rf"(?i)(^|[-/]){environment}\b"
            assert all(re.search(named, value) for value in fixed), (logical_id, fixed)


@pytest.mark.row("XX-07")
@every
def test_every_parameter_says_what_it_takes(name, environment):
    for template in render(name, environment).templates.values():
        parameters = template.get("Parameters", {})
        for title, parameter in parameters.items():
            assert parameter["Type"], title
            assert parameter["Description"], title
            if not parameter["Type"].startswith(("AWS::", "List<AWS::")):
                assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys(), title
                assert parameter["ConstraintDescription"], title
        if parameters:
            groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
            assert sorted(title for group in groups for title in group["Parameters"]) == sorted(parameters)


@pytest.mark.row("XX-01", "XX-08")
@every
def test_both_forms_can_be_sent_without_a_bucket_as_they_are(name, environment):
    for stack in render(name, environment).stacks:
        assert len(to_json(stack).encode()) <= 51_200, stack.name
        assert len(to_yaml(stack).encode()) <= 40_000, stack.name


@pytest.mark.row("XX-08")
@pytest.mark.parametrize("name", catalog.names())
def test_with_everything_on_every_stack_can_be_sent_without_a_bucket(name):
    for stack in catalog.load(name).build(EVERYTHING[name]):
        assert len(to_yaml(stack).encode()) <= 51_200, stack.name
        assert len(stack.resources) < 100
        assert len(stack.parameters) < 50
        assert len(stack.outputs) < 50
        assert len(stack.description) <= 1024


@pytest.mark.row("XX-11")
@pytest.mark.parametrize("name", catalog.names())
def test_no_code_hides_behind_a_custom_resource(name):
    types = {
        str(resource.resource_type)
        for stack in catalog.load(name).build(EVERYTHING[name])
        for resource in stack.resources.values()
    }
    assert not [type_ for type_ in types if type_.startswith(("Custom::", "AWS::CloudFormation::Custom"))]
    # MealPrep's document has a function that looks at images.
    assert ("AWS::Lambda::Function" in types) is (name == "mealprep")


@pytest.mark.row("XX-13")
@pytest.mark.parametrize("name", catalog.names())
def test_nothing_is_tied_to_one_partition(name):
    for stack in catalog.load(name).build(EVERYTHING[name]):
        written = to_json(stack)
        patterns = json.dumps([p.properties.get("AllowedPattern", "") for p in stack.parameters.values()])
        assert "arn:aws:" not in written.replace(patterns, "")
        # Service principals end in amazonaws.com in every partition; host names do not.
        hosts = re.findall(r"[\w.${}:-]+\.amazonaws\.com\b", written)
        assert all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)?\.amazonaws\.com", host) for host in hosts), hosts
        # Other Regions than the stack's own are named: where an output is read, and where a model profile leads to.
        elsewhere = r'"Region": "[a-z0-9-]+"|:bedrock:[a-z0-9-]+:|origin-facing in [a-z0-9-]+'
        left = re.sub(elsewhere, "", written)
        assert not re.search(r"\b(us|eu|ap)-[a-z]+-\d\b", left), "Regions come from pseudo parameters"


@pytest.mark.row("XX-14")
@every
def test_templates_say_how_and_resources_say_why(name, environment):
    for template in render(name, environment).templates.values():
        assert template["Metadata"][KEY]["arch"]
    levels = {"must-never-change", "change-with-constraints", "review-required", "free-to-tune", None}
    for logical_id, resource in resources_of(name, environment):
        context = resource["Metadata"][KEY]
        assert context["why"].endswith("."), logical_id
        assert context.get("mutable") in levels, logical_id


@every
def test_every_taggable_resource_carries_project_and_environment(name, environment):
    for stack in render(name, environment).stacks:
        for logical_id, resource in stack.resources.items():
            if "Tags" in resource.props:
                tags = text(json.loads(json.dumps(resource.to_dict(), default=str))["Properties"]["Tags"])
                assert ("shared" if stack.shared else environment) in tags, logical_id
                assert stack.settings.project in tags, logical_id


@pytest.mark.parametrize("name", catalog.names())
def test_owner_and_cost_centre_are_tags_where_they_are_given(name):
    rendered = render(name, "dev", owner="kitchen", cost_center="4711")
    resources = [resource for template in rendered.templates.values() for resource in template["Resources"].values()]
    listed = [tags for each in resources if isinstance(tags := each.get("Properties", {}).get("Tags"), list)]
    assert listed
    assert all({"Key": "Owner", "Value": "kitchen"} in tags for tags in listed)
    assert all({"Key": "CostCenter", "Value": "4711"} in tags for tags in listed)
