"""MealPrep: what each setting changes in the templates, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from blueprints.catalog import mealprep
from blueprints.catalog.mealprep import Settings
from blueprints.model.errors import SettingsError
from blueprints.render import to_json, to_yaml
from blueprints.render.template import to_dict
from tests.catalog.rendered import Rendered, text, values

NAMES = [
    "registry",
    "network",
    "data",
    "edge",
    "platform",
    "service",
    "web",
    "processing",
    "monitoring",
    "replica",
    "backup",
]

ALARM = "AWS::CloudWatch::Alarm"
BUCKET = "AWS::S3::Bucket"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
INSTANCE = "AWS::RDS::DBInstance"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
LOG_GROUP = "AWS::Logs::LogGroup"
SCALING = "AWS::ApplicationAutoScaling::ScalingPolicy"

# Everything that can be switched on, with values as long as settings take them.
EVERYTHING: dict[str, Any] = {
    "environment": "e" * 8,
    "project": "p" * 19,
    "owner": "o" * 32,
    "cost_center": "c" * 32,
    "api_variables": {f"{'V' * 62}{number:02}": "v" * 128 for number in range(12)},
    "aspnetcore_environment": "e" * 64,
    "domain_name": f"{'a' * 63}.example.com",
    "hosted_zone_id": "Z" + "A" * 31,
    "alert_email": "somebody@example.com",
    "egress": "nat-per-zone",
    "flow_logs": True,
    "keep_data": True,
    "shell": True,
    "capacity": "spot-above-first",
    "container_health_check": True,
    "web_service": True,
    "models": [f"maker{number}.{'m' * 100}-v1:0" for number in range(8)],
    "model_profiles": [f"us.maker{number}.{'m' * 90}-v1:0" for number in range(4)],
    "upload_origins": [f"https://{'o' * 100}{number}.example.com" for number in range(4)],
    "database": "serverless",
    "database_readers": 5,
    "cache_replicas": 5,
    "intelligent_tiering": True,
    "backup": True,
    "sleep": True,
    "time_zone": "America/Argentina/ComodRivadavia",
    "origin_generation": 7,
}

# One choice at a time, and a few that go together: what holds for all of them holds for the architecture.
CHOICES: dict[str, dict[str, Any]] = {
    "dev": {},
    "prod": {"environment": "prod"},
    "everything": EVERYTHING,
    "another environment": {"environment": "staging"},
    "another project": {"environment": "prod", "project": "cookbook", "owner": "kitchen", "cost_center": None},
    "no documented names": {"environment": "prod", "documented_names": False},
    "in Ireland": {
        "environment": "prod",
        "region": "eu-west-1",
        "secondary_region": "eu-central-1",
        "model_profiles": ["eu.amazon.nova-lite-v1:0"],
        "profile_regions": ["eu-west-1", "eu-central-1"],
    },
    "where the edge is": {"environment": "prod", "region": "us-east-1"},
    "copies where the edge is": {"environment": "prod", "secondary_region": "us-east-1"},
    "domain in dev": {"https": "domain"},
    "no domain in prod": {"environment": "prod", "https": "off"},
    "no web ACL": {"waf": False},
    "no web ACL and a domain": {"environment": "prod", "waf": False},
    "pages from a service": {"web_service": True},
    "pages from a service in prod": {"environment": "prod", "web_service": True},
    "a new header": {"environment": "prod", "origin_generation": 2},
    "serverless": {"database": "serverless"},
    "serverless in prod": {"environment": "prod", "database": "serverless"},
    "password of RDS": {"environment": "prod", "master_secret": "managed"},
    "one zone has a reader more": {"environment": "prod", "database_readers": 4},
    "two zones": {"environment": "prod", "availability_zones": 2},
    "cache of three": {"cache_replicas": 2, "cache_node_type": "cache.m7g.large"},
    "no images": {"environment": "prod", "processing": False},
    "own package": {"processing_code": "bucket"},
    "no mail": {"email_key": False},
    "no tracing": {"environment": "prod", "tracing": False},
    "no models": {"models": [], "model_profiles": []},
    "requests by target": {"scale_requests_by": "target"},
    "no requests": {"environment": "prod", "scale_requests_by": "none"},
    "copies in dev": {"backup": True},
    "no copies in prod": {"environment": "prod", "backup": False},
    "always awake": {"sleep": False},
    "shell on Graviton": {"shell": True, "arm": True, "capacity": "spot"},
    "flow logs": {"flow_logs": True, "egress": "nat-per-zone"},
    "nothing to keep in prod": {"environment": "prod", "keep_data": False},
}
every = pytest.mark.parametrize("settings", CHOICES.values(), ids=CHOICES.keys())


@cache
def rendered_once(settings: str) -> Rendered:
    stacks = tuple(mealprep.build(Settings(**json.loads(settings))))
    return Rendered(stacks, {stack.name: to_dict(stack) for stack in stacks})


def meals(environment: str = "dev", **settings: Any) -> Rendered:
    """The architecture under these settings; the same question is answered once."""
    return rendered_once(json.dumps({"environment": environment, **settings}, sort_keys=True))


def resource(rendered: Rendered, stack: str, logical_id: str) -> dict[str, Any]:
    """The properties of a resource; the second Region's have the names of those that they are copies of."""
    found: dict[str, Any] = rendered.templates[stack]["Resources"][logical_id]["Properties"]
    return found


def containers(rendered: Rendered) -> dict[str, dict[str, Any]]:
    definitions = resource(rendered, "service", "ApiTaskDefinition")["ContainerDefinitions"]
    return {container["Name"]: container for container in definitions}


def told(rendered: Rendered) -> dict[str, Any]:
    """The plain variables of the API."""
    return values(containers(rendered)["api"]["Environment"])


def secrets(rendered: Rendered) -> dict[str, Any]:
    """What ECS reads for the API when it starts."""
    return values(containers(rendered)["api"]["Secrets"], value="ValueFrom")


def distribution(rendered: Rendered) -> dict[str, Any]:
    found: dict[str, Any] = rendered.one("AWS::CloudFront::Distribution")["DistributionConfig"]
    return found


def metrics_of(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an alarm reads, in the words of an alarm of several metrics."""
    if "Metrics" in alarm:
        return [one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one]
    return [{"Metric": {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"]}}]


def types_of(rendered: Rendered) -> set[str]:
    return {one["Type"] for template in rendered.templates.values() for one in template["Resources"].values()}


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def output(stack: str, name: str, region: str | None = None) -> dict[str, Any]:
    """What another stack hands on."""
    elsewhere = {} if region is None else {"Region": region}
    return {"Fn::GetStackOutput": {"StackName": {"Ref": f"{stack}StackName"}, "OutputName": name, **elsewhere}}


# What holds whatever is chosen


@every
def test_stacks_come_in_deploy_order(settings):
    names = list(meals(**settings).templates)
    assert names == [name for name in NAMES if name in names]
    assert {"registry", "network", "data", "platform", "service", "monitoring"} <= set(names)


@every
def test_what_a_stack_reads_is_an_output_of_a_stack_before_it_in_the_region_where_that_is(settings):
    rendered = meals(**settings)
    before: dict[str, tuple[str, set[str]]] = {}
    for stack in rendered.stacks:
        template = rendered.templates[stack.name]
        for key, value in inside(template["Resources"]):
            if key == "Fn::GetStackOutput":
                region, outputs = before[template["Parameters"][value["StackName"]["Ref"]]["Default"]]
                assert value["OutputName"] in outputs
                # Without a Region CloudFormation looks in the reader's own.
                assert value.get("Region", stack.region) == region
                assert ("Region" in value) is (region != stack.region)
        before[stack.stack_name] = stack.region, set(template.get("Outputs", {}))


@every
def test_values_of_other_stacks_stand_where_cloudformation_takes_them(settings):
    """Fn::GetStackOutput is a whole value of a property: it may not stand in Fn::Sub, in Fn::Join or in an output."""
    for name, template in meals(**settings).templates.items():
        for key, value in inside(template):
            if key in {"Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Outputs", "Conditions"}:
                assert "Fn::GetStackOutput" not in json.dumps(value), name


@every
def test_no_parameter_is_asked_for_in_vain(settings):
    for name, template in meals(**settings).templates.items():
        used = json.dumps([template["Resources"], template.get("Outputs")])
        for parameter in template.get("Parameters", {}):
            assert f'{{"Ref": "{parameter}"}}' in used or f"${{{parameter}}}" in used, (name, parameter)


@every
def test_every_name_in_a_template_is_one_of_its_own(settings):
    for name, template in meals(**settings).templates.items():
        known = {*template["Resources"], *template.get("Parameters", {})}
        for key, value in inside(template):
            if key == "Ref":
                assert value in known or value.startswith("AWS::"), (name, value)
            elif key == "Fn::GetAtt":
                assert value[0] in known, (name, value)


@every
def test_a_logical_id_means_one_thing_in_all_stacks_of_a_region(settings):
    """The second Region's vault and bucket are called what those are called that they are copies of."""
    rendered = meals(**settings)
    copies = list(rendered.templates.get("replica", {"Resources": {}})["Resources"])
    listed = [
        name for stack, template in rendered.templates.items() if stack != "replica" for name in template["Resources"]
    ]
    assert len(listed) == len(set(listed))
    assert set(copies) & set(listed) <= {"DatabaseBackupVault", "BackupBucket", "BackupBucketPolicy"}


@every
def test_every_stack_is_in_the_region_that_it_has_to_be_in(settings):
    rendered = meals(**settings)
    chosen: Any = rendered.stacks[0].settings
    apart = {"edge": "us-east-1", "replica": chosen.secondary_region}
    assert {stack.name: stack.region for stack in rendered.stacks} == {
        stack.name: apart.get(stack.name, chosen.region) for stack in rendered.stacks
    }


@pytest.mark.row("MP-02", "MP-06")
@every
def test_a_connection_between_groups_is_allowed_at_both_ends(settings):
    rendered = meals(**settings)

    def ends(rule: Mapping[str, Any], other: str) -> tuple[str, str, int]:
        return text(rule["GroupId"]), text(rule[other]), rule["FromPort"]

    leaving = {
        ends(rule, "DestinationSecurityGroupId")
        for rule in rendered.all(EGRESS)
        if "DestinationSecurityGroupId" in rule
    }
    entering = {
        ends(rule, "SourceSecurityGroupId") for rule in rendered.all(INGRESS) if "SourceSecurityGroupId" in rule
    }
    assert len(leaving) == (4 if "web" in rendered.templates else 3)
    assert {(goal, start, port) for start, goal, port in leaving} == entering


@pytest.mark.row("MP-09")
@every
def test_nothing_comes_in_from_outside_but_cloudfront_with_its_header(settings):
    rendered = meals(**settings)
    outside = [one for one in rendered.all(INGRESS) if "SourceSecurityGroupId" not in one]
    assert [one["SourcePrefixListId"] for one in outside] == [{"Ref": "CloudFrontPrefixListId"}]
    assert [one["FromPort"] for one in outside] == [one["Port"] for one in rendered.all(LISTENER)]
    sent = next(one for one in distribution(rendered)["Origins"] if one["Id"] == "LoadBalancer")["OriginCustomHeaders"]
    for rule in rendered.all(LISTENER_RULE):
        (asked,) = [one["HttpHeaderConfig"] for one in rule["Conditions"] if one["Field"] == "http-header"]
        assert asked["HttpHeaderName"] == sent[0]["HeaderName"]
        assert sent[0]["HeaderValue"] in asked["Values"]
    for listener in rendered.all(LISTENER):
        assert [action["Type"] for action in listener["DefaultActions"]] == ["fixed-response"]
    priorities = [one["Priority"] for one in rendered.all(LISTENER_RULE)]
    assert len(priorities) == len(set(priorities))


@pytest.mark.row("MP-01")
@every
def test_the_database_is_never_where_a_route_leads_out(settings):
    rendered = meals(**settings)
    chosen: Any = rendered.stacks[0].settings
    group = rendered.one("AWS::RDS::DBSubnetGroup")["SubnetIds"]
    assert group == [output("Network", f"DataSubnet{zone}") for zone in range(1, chosen.availability_zones + 1)]
    tables = {
        text(one["RouteTableId"])
        for one in rendered.all("AWS::EC2::SubnetRouteTableAssociation")
        if "DataSubnet" in text(one["SubnetId"])
    }
    assert tables
    assert not tables & {text(one["RouteTableId"]) for one in rendered.all("AWS::EC2::Route")}


@pytest.mark.row("MP-25")
@every
def test_the_documented_outputs_are_always_there(settings):
    rendered = meals(**settings)
    outputs = {name: set(template["Outputs"]) for name, template in rendered.templates.items()}
    assert outputs["platform"] >= {"APIEndpoint", "FrontendURL"}
    assert outputs["service"] >= {"ClusterName", "ServiceName", "LogGroupName"}
    assert "DatabaseEndpoint" in outputs["data"]


@pytest.mark.row("MP-26")
@every
def test_the_stamped_tags_are_on_whatever_has_tags(settings):
    rendered = meals(**settings)
    chosen = rendered.stacks[0].settings
    for stack in rendered.stacks:
        expected = {**chosen.stamped_tags, **({"Environment": "shared"} if stack.shared else {})}
        for name, one in rendered.templates[stack.name]["Resources"].items():
            for key in ("Tags", "BackupVaultTags", "BackupPlanTags", "ResourceTags"):
                if key in one.get("Properties", {}):
                    given = one["Properties"][key]
                    pairs = given if isinstance(given, dict) else values(given, key="Key")
                    assert expected.items() <= pairs.items(), name


@pytest.mark.row("XX-08")
@every
def test_every_template_can_be_sent_without_a_bucket(settings):
    for stack in meals(**settings).stacks:
        assert len(to_json(stack).encode()) < 51_200, stack.name
        assert len(to_yaml(stack).encode()) < 51_200, stack.name


# S3, RDS, ElastiCache, X-Ray and CloudFront refuse longer names.
LONGEST = {"BucketName": 63, "DBClusterIdentifier": 63, "RuleName": 32, "GroupName": 32, "ClusterName": 255}


@every
def test_no_name_is_longer_than_its_service_takes(settings):
    checked = 0
    for template in meals(**settings).templates.values():
        for one in template["Resources"].values():
            for key, value in inside(one.get("Properties", {})):
                written = value["Fn::Sub"] if isinstance(value, dict) and "Fn::Sub" in value else value
                if key in LONGEST and isinstance(written, str):
                    assert len(written.replace("${AWS::AccountId}", "1" * 12)) <= LONGEST[key], (key, value)
                    checked += 1
    assert checked >= 1


# Environments and names


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            "dev",
            {
                "sleep": True,
                "egress": "nat",
                "https": "off",
                "backup": False,
                "budget": 200,
                "api_maximum_tasks": 3,
                "database_readers": 0,
                "cache_replicas": 0,
                "log_retention_days": 7,
                "keep_data": False,
            },
        ),
        (
            "prod",
            {
                "sleep": False,
                "egress": "nat-per-zone",
                "https": "domain",
                "backup": True,
                "budget": 1000,
                "api_maximum_tasks": 10,
                "database_readers": 1,
                "cache_replicas": 1,
                "log_retention_days": 30,
                "keep_data": True,
            },
        ),
        ("staging", {"sleep": False, "egress": "nat", "https": "off", "backup": False, "keep_data": False}),
    ],
)
def test_an_environment_brings_defaults(environment, expected):
    settings = Settings(environment=environment)
    assert {name: getattr(settings, name) for name in expected} == expected


def fixed_names(rendered: Rendered) -> set[tuple[str, str]]:
    """The names that templates give resources, apart from the images', which environments share."""
    found = set()
    for stack, template in rendered.templates.items():
        for logical_id, one in template["Resources"].items():
            for key, value in inside(one.get("Properties", {})) if stack != "registry" else ():
                if key in NAMED and isinstance(value, str):
                    found.add((logical_id, value))
                elif key in NAMED and isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str):
                    found.add((logical_id, value["Fn::Sub"]))
            if one["Type"] in {"AWS::SecretsManager::Secret", "AWS::SSM::Parameter"} and "Name" in one["Properties"]:
                found.add((logical_id, one["Properties"]["Name"]))
    return found


NAMED = {
    "BucketName",
    "ClusterName",
    "DashboardName",
    "DBClusterIdentifier",
    "Family",
    "GroupName",
    "LogGroupName",
    "RuleName",
    "ServiceName",
}
# Members of other things that are called the same: the engine's family, a service of AWS's, a rule of X-Ray's.
OTHERS = {"DatabaseParameterGroup", "MainS3Endpoint", "MainDynamoDbEndpoint", "DatabaseBackupPlan"}


def own_names(rendered: Rendered) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for logical_id, value in fixed_names(rendered):
        if logical_id not in OTHERS and not value.startswith("aws-waf-logs-${AWS::StackName}-"):
            found.setdefault(logical_id, set()).add(value)
    return found


@pytest.mark.parametrize("documented", [True, False])
def test_two_environments_share_an_account_without_sharing_a_name(documented):
    dev, prod = (
        {
            name
            for names in own_names(meals(environment, documented_names=documented, backup=True)).values()
            for name in names
        }
        for environment in ("dev", "prod")
    )
    assert len(dev) >= (10 if documented else 1)
    assert dev & prod == set()


@pytest.mark.parametrize("documented", [True, False])
def test_two_projects_share_an_account_without_sharing_a_name(documented):
    ours, theirs = (
        {
            name
            for names in own_names(meals("prod", project=project, documented_names=documented)).values()
            for name in names
        }
        for project in ("mealprep", "cookbook")
    )
    assert ours & theirs == set()


def test_without_documented_names_only_those_remain_that_somebody_looks_for():
    """A dashboard asks for the parameter by its name; X-Ray takes no group and no rule without one."""
    assert own_names(meals("prod", documented_names=False)) == {
        "DatabaseIdentifierParameter": {"/mealprep/prod/database-identifier"},
        "ApiSamplingRule": {"mealprep-api-prod"},
        "ApiTraceGroup": {"mealprep-api-prod"},
    }


def test_documented_names_are_the_documents_with_the_environment():
    assert own_names(meals("prod")) == {
        "DatabaseCluster": {"mealprep-prod-cluster"},
        "DatabaseLogGroup": {"/aws/rds/cluster/mealprep-prod-cluster/postgresql"},
        "DatabaseSecret": {"prod/mealprep/db-credentials"},
        "DatabaseIdentifierParameter": {"/mealprep/prod/database-identifier"},
        "StorageBucket": {"mealprep-prod-storage-${AWS::AccountId}"},
        "AppSecretsSecret": {"prod/mealprep/app-secrets"},
        "EmailApiKeySecret": {"prod/mealprep/email-api-key"},
        "MealPrepCluster": {"mealprep-prod-cluster"},
        "MealPrepDashboard": {"MealPrep-Prod"},
        "ApiLogGroup": {"/ecs/mealprep-api-prod"},
        "ApiTaskDefinition": {"mealprep-prod-api"},
        "ApiService": {"mealprep-prod-api"},
        "ApiSamplingRule": {"mealprep-api-prod"},
        "ApiTraceGroup": {"mealprep-api-prod"},
        "BackupBucket": {"mealprep-prod-backup-${AWS::AccountId}", "mealprep-prod-backup-${AWS::AccountId}-secondary"},
    }


def test_a_project_of_another_name_has_stacks_of_its_own():
    assert {stack.stack_name for stack in meals(project="cookbook").stacks} == {
        "cookbook-registry",
        *(f"cookbook-dev-{name}" for name in NAMES if name not in {"registry", "web", "replica", "backup"}),
    }


@pytest.mark.row("MP-26")
def test_owner_and_cost_centre_can_be_others_or_none():
    given = json.dumps(list(meals(owner="kitchen", cost_center="4711").templates.values()))
    assert '{"Key": "Owner", "Value": "kitchen"}' in given
    assert '{"Key": "CostCenter", "Value": "4711"}' in given
    without = json.dumps(list(meals(cost_center=None).templates.values()))
    assert '"Owner"' not in without
    assert '"CostCenter"' not in without


def test_further_tags_are_tags_of_the_stacks():
    for stack in meals(tags={"Team": "meals"}).stacks:
        assert stack.tags["Team"] == "meals"


# Regions


@pytest.mark.row("MP-09", "MP-22")
def test_another_region_moves_everything_but_the_edge():
    rendered = meals(**CHOICES["in Ireland"])
    regions = {stack.name: stack.region for stack in rendered.stacks}
    assert (regions["edge"], regions["replica"], regions["service"]) == ("us-east-1", "eu-central-1", "eu-west-1")
    prefix_list = rendered.templates["platform"]["Parameters"]["CloudFrontPrefixListId"]
    assert prefix_list["Default"] == "pl-4fa04526"
    assert "us-west-2" not in json.dumps(list(rendered.templates.values()))


def test_in_a_region_whose_prefix_list_nobody_wrote_down_it_is_asked_for():
    rendered = meals(region="ap-east-2", model_profiles=[], profile_regions=["ap-east-2"])
    assert "Default" not in rendered.templates["platform"]["Parameters"]["CloudFrontPrefixListId"]


@pytest.mark.row("MP-09")
def test_an_edge_in_the_applications_own_region_is_read_like_any_other_stack():
    found = distribution(meals("prod", region="us-east-1"))
    assert found["WebACLId"] == output("Edge", "WebAclArn")
    assert distribution(meals("prod"))["WebACLId"] == output("Edge", "WebAclArn", "us-east-1")


# The way in


@pytest.mark.row("MP-15")
def test_a_domain_turns_https_on():
    rendered = meals(domain_name="api.mealprep.com")
    assert rendered.one(LISTENER)["Protocol"] == "HTTPS"
    assert distribution(rendered)["Aliases"] == [{"Ref": "DomainName"}]
    assert "WebACLId" in distribution(rendered)


@pytest.mark.row("MP-15")
def test_prod_can_do_without_a_domain():
    rendered = meals("prod", https="off")
    assert rendered.one(LISTENER)["Port"] == 80
    assert not {"AWS::CertificateManager::Certificate", "AWS::Route53::RecordSet"} & types_of(rendered)
    assert list(rendered.templates["edge"]["Outputs"]) == ["WebAclArn"]
    assert not {"DomainName", "HostedZoneId"} & rendered.templates["platform"]["Parameters"].keys()


@pytest.mark.row("MP-09")
def test_without_a_web_acl_only_a_certificate_needs_the_edge():
    assert "edge" not in meals(waf=False).templates
    assert "WebACLId" not in distribution(meals(waf=False))
    rendered = meals("prod", waf=False)
    assert list(rendered.templates["edge"]["Resources"]) == ["PublicCertificate"]
    assert not [type_ for type_ in types_of(rendered) if type_.startswith("AWS::WAFv2::")]


@pytest.mark.row("MP-09")
def test_an_address_may_ask_as_often_as_told():
    rules = resource(meals(waf_rate_limit=500), "edge", "PublicWebAcl")["Rules"]
    assert [one["Statement"]["RateBasedStatement"]["Limit"] for one in rules if one["Name"] == "RateLimit"] == [500]


@pytest.mark.row("MP-09")
def test_a_new_value_of_the_header_is_taken_before_it_is_sent_and_the_old_one_until_then():
    rendered = meals("prod", origin_generation=2)
    new, old = (
        {"Fn::Sub": f"{{{{resolve:secretsmanager:${{{name}}}:SecretString}}}}"}
        for name in ("OriginSecret2", "OriginSecret")
    )
    (asked,) = [
        one["HttpHeaderConfig"]["Values"]
        for one in rendered.one(LISTENER_RULE)["Conditions"]
        if one["Field"] == "http-header"
    ]
    assert asked == [new, old]
    (origin,) = [one for one in distribution(rendered)["Origins"] if one["Id"] == "LoadBalancer"]
    assert [one["HeaderValue"] for one in origin["OriginCustomHeaders"]] == [new]
    made = rendered.templates["platform"]["Resources"]["PublicDistribution"]
    assert "PublicVerifiedRule" in made["DependsOn"]
    third = meals("prod", origin_generation=3).templates["platform"]["Resources"]
    assert {name for name in third if name.startswith("OriginSecret")} == {"OriginSecret2", "OriginSecret3"}


@pytest.mark.parametrize("price_class", ["PriceClass_100", "PriceClass_200", "PriceClass_All"])
def test_edge_locations_are_chosen(price_class):
    assert distribution(meals(price_class=price_class))["PriceClass"] == price_class


@pytest.mark.row("MP-11")
def test_pages_from_a_service_have_their_own_repository_image_and_alarms():
    rendered = meals("prod", web_service=True)
    stack = next(one for one in rendered.stacks if one.name == "web")
    assert [(one.repository, one.parameter) for one in stack.images] == [("mealprep-web", "ImageTag")]
    watched = {
        (metric["Metric"]["MetricName"], text(metric["Metric"]["Dimensions"]))
        for metric in (one for alarm in rendered.all(ALARM) for one in metrics_of(alarm))
        if "WebTargetGroupFullName" in text(metric["Metric"]["Dimensions"])
    }
    assert {name for name, _ in watched} == {"HealthyHostCount", "UnHealthyHostCount"}


@pytest.mark.row("MP-11", "MP-24")
def test_pages_from_a_service_sleep_with_the_api():
    for rendered, asleep in ((meals(web_service=True), True), (meals("prod", web_service=True), False)):
        targets = rendered.all("AWS::ApplicationAutoScaling::ScalableTarget")
        assert len(targets) == 2
        assert {"ScheduledActions" in one for one in targets} == {asleep}


# The network


@pytest.mark.row("MP-01")
@pytest.mark.parametrize(("egress", "gateways"), [("nat", 1), ("nat-per-zone", 2)])
def test_zones_and_ways_out_can_be_others(egress, gateways):
    rendered = meals(availability_zones=2, egress=egress)
    assert len(rendered.all("AWS::EC2::NatGateway")) == gateways
    assert len(rendered.all("AWS::EC2::Subnet")) == 6
    place = rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert place["Subnets"] == [output("Network", f"PrivateSubnet{zone}") for zone in (1, 2)]


@pytest.mark.row("MP-03")
@pytest.mark.parametrize(("zones", "expected"), [(2, [0, 1, 0, 1]), (3, [0, 1, 2, 0])])
def test_instances_of_the_database_take_the_zones_in_turn(zones, expected):
    instances = meals("prod", availability_zones=zones, database_readers=3).resources(INSTANCE)
    assert list(instances) == ["DatabaseWriter", *(f"DatabaseReader{number}" for number in (1, 2, 3))]
    found = [one["Properties"]["AvailabilityZone"]["Fn::Select"][0] for one in instances.values()]
    assert found == expected


def test_another_range_moves_subnets():
    rendered = meals(vpc_cidr="10.9.0.0/16")
    assert rendered.one("AWS::EC2::VPC")["CidrBlock"] == "10.9.0.0/16"
    assert "10.0." not in json.dumps(rendered.templates["network"])


def test_rejected_traffic_can_be_recorded():
    rendered = meals(flow_logs=True)
    assert rendered.one("AWS::EC2::FlowLog")["TrafficType"] == "REJECT"
    assert resource(rendered, "network", "MainFlowLogGroup")["RetentionInDays"] == 7
    assert not meals().all("AWS::EC2::FlowLog")


@pytest.mark.row("MP-14")
def test_logs_are_kept_as_long_as_asked():
    rendered = meals(log_retention_days=90, flow_logs=True, web_service=True)
    groups = rendered.all(LOG_GROUP)
    assert len(groups) == 6
    assert {one["RetentionInDays"] for one in groups} == {90}


# The database


@pytest.mark.row("MP-05")
@pytest.mark.parametrize(("least", "pauses"), [(0, True), (0.5, False), (2, False)])
def test_a_serverless_database_pauses_only_where_it_may_go_to_nothing(least, pauses):
    rendered = meals(database="serverless", database_minimum_capacity=least, database_maximum_capacity=16)
    scaling = rendered.one("AWS::RDS::DBCluster")["ServerlessV2ScalingConfiguration"]
    assert (scaling["MinCapacity"], scaling["MaxCapacity"]) == (least, 16)
    assert ("SecondsUntilAutoPause" in scaling) is pauses


@pytest.mark.row("MP-05", "MP-17")
def test_alarms_of_a_serverless_database_know_what_it_may_grow_to():
    """FreeableMemory is what would be free at the most capacity, of 2 GiB a unit."""
    found = meals(database="serverless", database_maximum_capacity=16).resources(ALARM)
    assert found["DatabaseMemoryAlarm"]["Properties"]["Threshold"] == round(0.05 * 32 * 1024**3)
    capacity = found["DatabaseCapacityAlarm"]["Properties"]
    assert (capacity["MetricName"], capacity["Threshold"]) == ("ACUUtilization", 90)
    assert "DatabaseCapacityAlarm" not in meals().resources(ALARM)


@pytest.mark.row("MP-03", "MP-17")
@pytest.mark.parametrize(("class_", "memory"), [("db.t4g.large", 8), ("db.r6g.2xlarge", 64), ("db.r7g.large", 16)])
def test_another_class_is_every_instances_and_its_memory_the_alarms(class_, memory):
    rendered = meals("prod", database_instance_class=class_, database_readers=2)
    assert [one["DBInstanceClass"] for one in rendered.all(INSTANCE)] == [class_] * 3
    alarm = rendered.resources(ALARM)["DatabaseMemoryAlarm"]["Properties"]
    assert alarm["Threshold"] == round(0.05 * memory * 1024**3)


@pytest.mark.row("MP-03")
def test_the_database_can_be_restored_to_as_many_days_as_asked():
    assert meals(database_backup_days=14).one("AWS::RDS::DBCluster")["BackupRetentionPeriod"] == 14


@pytest.mark.row("MP-03", "MP-10")
def test_rds_can_keep_the_password_and_the_api_is_told_the_parts():
    rendered = meals(master_secret="managed")
    cluster = rendered.one("AWS::RDS::DBCluster")
    assert cluster["ManageMasterUserPassword"] is True
    assert not {"MasterUserPassword"} & cluster.keys()
    assert not {"DatabaseSecret", "DatabaseConnectionString"} & rendered.templates["data"]["Resources"].keys()
    assert not rendered.all("AWS::SecretsManager::SecretTargetAttachment")
    assert "ConnectionStrings__DefaultConnection" not in secrets(rendered)
    assert secrets(rendered)["Database__Username"] == output("Data", "DatabaseUsernameSource")
    assert secrets(rendered)["Database__Password"] == output("Data", "DatabasePasswordSource")
    outputs = rendered.templates["data"]["Outputs"]
    whole = "${DatabaseCluster.MasterUserSecret.SecretArn}"
    assert outputs["DatabasePasswordSource"]["Value"] == {"Fn::Sub": f"{whole}:password::"}
    # The secret that RDS makes has a user and a password, and says nothing of where the database is.
    assert told(rendered)["Database__Host"] == output("Data", "DatabaseHost")
    assert (told(rendered)["Database__Port"], told(rendered)["Database__Name"]) == ("5432", "mealprep")
    read = rendered.statement("ReadSecrets")["Resource"]
    assert output("Data", "DatabaseSecretArn") in read
    assert output("Data", "DatabaseConnectionStringArn") not in read


def test_what_the_connection_string_has_is_not_told_twice():
    assert not [name for name in told(meals()) if name.startswith("Database__")]
    assert not [name for name in secrets(meals()) if name.startswith("Database__")]


@pytest.mark.row("MP-04", "MP-10")
@pytest.mark.parametrize(("most", "pool"), [(1, 20), (4, 20), (10, 8), (40, 2), (80, 1)])
def test_more_tasks_have_smaller_pools(most, pool):
    """Twice as many tasks run in a deployment, and 200 connections are all that there are."""
    whole = resource(meals(api_maximum_tasks=most), "data", "DatabaseConnectionString")["SecretString"]["Fn::Sub"]
    assert f";Maximum Pool Size={pool}" in whole
    assert pool * most * 2 <= 160


# The cache


@pytest.mark.row("MP-06", "MP-17")
@pytest.mark.parametrize("replicas", [0, 1, 5])
def test_the_cache_has_as_many_nodes_as_asked_and_alarms_of_each(replicas):
    rendered = meals(cache_replicas=replicas, cache_node_type="cache.r7g.large")
    made = rendered.one("AWS::ElastiCache::ReplicationGroup")
    assert (made["NumCacheClusters"], made["CacheNodeType"]) == (replicas + 1, "cache.r7g.large")
    assert made["AutomaticFailoverEnabled"] is made["MultiAZEnabled"] is (replicas > 0)
    nodes = [name for name in rendered.templates["data"]["Outputs"] if re.search(r"Node\d+Id$", name)]
    assert len(nodes) == replicas + 1
    for kind in ("Evictions", "Cpu", "Memory"):
        alarm = text(rendered.resources(ALARM)[f"Lookups{kind}Alarm"]["Properties"])
        assert all(node in alarm for node in nodes)


# Uploads


@pytest.mark.row("MP-07")
@pytest.mark.parametrize("tiering", [False, True])
def test_uploads_can_be_tiered_anywhere(tiering):
    rules = resource(meals(intelligent_tiering=tiering), "data", "StorageBucket")["LifecycleConfiguration"]["Rules"]
    moved = [one["StorageClass"] for rule in rules for one in rule.get("Transitions", [])]
    assert moved == (["INTELLIGENT_TIERING"] if tiering else [])


@pytest.mark.row("MP-07", "MP-20")
def test_pages_of_named_origins_may_upload_and_without_any_nobodys():
    bucket = resource(meals(upload_origins=["http://localhost:5173"]), "data", "StorageBucket")
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["http://localhost:5173"]
    assert "CorsConfiguration" not in resource(meals(), "data", "StorageBucket")
    named = meals("prod", upload_origins=["https://meals.example.com"])
    assert "DomainName" not in named.templates["data"]["Parameters"]


@pytest.mark.row("MP-20")
def test_images_can_be_left_alone():
    rendered = meals("prod", processing=False)
    assert "processing" not in rendered.templates
    assert not [name for name in rendered.resources(ALARM) if name.startswith("Images")]
    assert "ProcessingStackName" not in rendered.templates["monitoring"]["Parameters"]
    assert not {"AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::Events::Rule"} & types_of(rendered)


@pytest.mark.row("MP-20")
def test_the_function_can_be_a_package_of_ones_own():
    rendered = meals(processing_code="bucket")
    function = rendered.one("AWS::Lambda::Function")
    assert function["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
    asked = rendered.templates["processing"]["Parameters"]
    assert not [name for name in ("CodeBucket", "CodeKey") if "Default" in asked[name]]
    assert list(meals().one("AWS::Lambda::Function")["Code"]) == ["ZipFile"]


# What the API is told and may do


@pytest.mark.row("MP-12")
def test_an_api_without_mail_waits_for_no_key():
    rendered = meals(email_key=False)
    assert "EmailApiKeySecret" not in rendered.templates["data"]["Resources"]
    assert "Email__ApiKey" not in secrets(rendered)
    assert [source for stack in rendered.stacks for source in stack.secrets] == []
    assert output("Data", "EmailApiKeyArn") not in rendered.statement("ReadSecrets")["Resource"]


@pytest.mark.row("MP-19")
def test_without_tracing_there_is_no_collector_and_nothing_of_it():
    rendered = meals("prod", tracing=False)
    assert list(containers(rendered)) == ["api"]
    assert "DependsOn" not in containers(rendered)["api"]
    assert not [name for name in told(rendered) if name.startswith(("OTEL_", "AWS_XRAY_"))]
    assert not {"AWS::XRay::Group", "AWS::XRay::SamplingRule"} & types_of(rendered)
    assert "SendTraces" not in [one["Sid"] for role, one in rendered.statements() if role == "ApiTaskRole"]


@pytest.mark.row("MP-13")
def test_the_api_may_call_the_models_that_are_named_and_no_others():
    rendered = meals(
        models=["meta.llama3-8b-instruct-v1:0"],
        model_profiles=["us.amazon.nova-pro-v1:0"],
        profile_regions=["us-west-2"],
    )
    bedrock = "arn:${AWS::Partition}:bedrock:"
    assert rendered.statement("InvokeModels")["Resource"] == [
        {"Fn::Sub": f"{bedrock}${{AWS::Region}}::foundation-model/meta.llama3-8b-instruct-v1:0"},
        {"Fn::Sub": f"{bedrock}${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/us.amazon.nova-pro-v1:0"},
        {"Fn::Sub": f"{bedrock}us-west-2::foundation-model/amazon.nova-pro-v1:0"},
    ]
    none = meals(models=[], model_profiles=[])
    assert "bedrock" not in text(list(none.templates.values()))


@pytest.mark.row("MP-13")
def test_a_profile_of_another_geography_leads_to_its_own_regions():
    resources = meals(**CHOICES["in Ireland"]).statement("InvokeModels")["Resource"]
    bedrock = "arn:${AWS::Partition}:bedrock:"
    assert resources == [
        {"Fn::Sub": f"{bedrock}${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/eu.amazon.nova-lite-v1:0"},
        {"Fn::Sub": f"{bedrock}eu-west-1::foundation-model/amazon.nova-lite-v1:0"},
        {"Fn::Sub": f"{bedrock}eu-central-1::foundation-model/amazon.nova-lite-v1:0"},
    ]


@pytest.mark.row("MP-10")
def test_variables_of_ones_own_reach_the_api_and_win():
    rendered = meals(api_variables={"LOG_LEVEL": "Debug", "Cache__Port": "7000"}, aspnetcore_environment="Test")
    assert told(rendered).items() >= {"LOG_LEVEL": "Debug", "Cache__Port": "7000"}.items()
    assert told(rendered)["ASPNETCORE_ENVIRONMENT"] == "Test"
    names = [one["Name"] for one in containers(rendered)["api"]["Environment"]]
    assert len(names) == len(set(names))


@pytest.mark.row("MP-10", "MP-16")
def test_sizes_and_bounds_are_defaults_of_parameters():
    given: dict[str, Any] = {"api_cpu": 2048, "api_memory": 8192, "api_minimum_tasks": 3, "api_maximum_tasks": 7}
    parameters = meals(**given).templates["service"]["Parameters"]
    defaults = [parameters[f"Api{key}"]["Default"] for key in ("Cpu", "Memory", "MinimumTasks", "MaximumTasks")]
    assert defaults == ["2048", "8192", 3, 7]
    assert meals("prod").templates["service"]["Parameters"]["ApiMinimumTasks"]["MinValue"] == 1
    assert meals().templates["service"]["Parameters"]["ApiMinimumTasks"]["MinValue"] == 0


# Scaling


@pytest.mark.row("MP-16")
def test_targets_of_scaling_can_be_others():
    rendered = meals(target_cpu=50, target_memory=60, scale_requests_by="target", target_requests=300)
    found = {
        name: one["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for name, one in rendered.resources(SCALING).items()
    }
    assert found == {"ApiCpuScaling": 50, "ApiMemoryScaling": 60, "ApiRequestsScaling": 300}


@pytest.mark.row("MP-16")
def test_requests_can_be_followed_by_a_target_in_place_of_steps():
    """Steps that take a task away pull against targets that would keep it."""
    rendered = meals("prod", scale_requests_by="target")
    policy = resource(rendered, "service", "ApiRequestsScaling")["TargetTrackingScalingPolicyConfiguration"]
    assert policy["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "ALBRequestCountPerTarget",
        "ResourceLabel": output("Platform", "ApiRequestLabel"),
    }
    label = rendered.templates["platform"]["Outputs"]["ApiRequestLabel"]["Value"]
    names = "${PublicLoadBalancer.LoadBalancerFullName}/${ApiTargetGroup.TargetGroupFullName}"
    assert label == {"Fn::Sub": names}
    assert "ApiRequestsLow" not in rendered.resources(ALARM)


@pytest.mark.row("MP-16")
def test_requests_can_be_left_out_of_scaling():
    rendered = meals(scale_requests_by="none")
    assert set(rendered.resources(SCALING)) == {"ApiCpuScaling", "ApiMemoryScaling"}
    assert not [name for name in rendered.resources(ALARM) if name.startswith("ApiRequests")]


@pytest.mark.row("MP-24")
def test_hours_and_their_zone_can_be_others_or_none():
    rendered = meals(wakes_at=6, sleeps_at=22, time_zone="Europe/Berlin")
    actions = rendered.one("AWS::ApplicationAutoScaling::ScalableTarget")["ScheduledActions"]
    assert {one["Schedule"] for one in actions} == {"cron(0 6 ? * MON-FRI *)", "cron(0 22 * * ? *)"}
    assert {one["Timezone"] for one in actions} == {"Europe/Berlin"}
    awake = meals(sleep=False)
    assert "ScheduledActions" not in awake.one("AWS::ApplicationAutoScaling::ScalableTarget")
    # Who is awake and silent is down.
    assert awake.resources(ALARM)["ApiHealthyHostsAlarm"]["Properties"]["TreatMissingData"] == "breaching"


# Tasks


@pytest.mark.parametrize(
    ("capacity", "strategy"),
    [
        ("on-demand", [{"CapacityProvider": "FARGATE", "Weight": 1}]),
        ("spot", [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]),
        (
            "spot-above-first",
            [
                {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 0},
                {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
            ],
        ),
    ],
)
def test_capacity_is_a_strategy(capacity, strategy):
    rendered = meals(capacity=capacity, web_service=True)
    assert [one["CapacityProviderStrategy"] for one in rendered.all("AWS::ECS::Service")] == [strategy] * 2
    providers = rendered.one("AWS::ECS::ClusterCapacityProviderAssociations")["CapacityProviders"]
    assert {one["CapacityProvider"] for one in strategy} <= set(providers)


@pytest.mark.parametrize(("arm", "architecture"), [(False, "X86_64"), (True, "ARM64")])
def test_tasks_can_run_on_graviton(arm, architecture):
    platform = meals(arm=arm).one("AWS::ECS::TaskDefinition")["RuntimePlatform"]
    assert platform == {"OperatingSystemFamily": "LINUX", "CpuArchitecture": architecture}


def test_a_shell_needs_a_writable_root_and_brings_its_permission():
    rendered = meals(shell=True)
    assert rendered.one("AWS::ECS::Service")["EnableExecuteCommand"] is True
    assert containers(rendered)["api"]["ReadonlyRootFilesystem"] is False
    actions = [action for role, one in rendered.statements() if role == "ApiTaskRole" for action in one["Action"]]
    assert {f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")} <= set(
        actions
    )
    assert "ssmmessages" not in text(list(meals().templates.values()))


def test_an_image_that_cannot_live_like_that_says_so():
    container = containers(meals(run_as="", writable_root=True))["api"]
    assert container["ReadonlyRootFilesystem"] is False
    assert "User" not in container
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    hardened = containers(meals(run_as="1000:1000"))["api"]
    assert (hardened["ReadonlyRootFilesystem"], hardened["User"]) == (True, "1000:1000")


@pytest.mark.parametrize("asked", [False, True])
def test_an_image_with_a_tool_can_be_asked_for_health_inside(asked):
    """Those of .NET have none, so nobody asks them unless told to."""
    assert ("HealthCheck" in containers(meals(container_health_check=asked))["api"]) is asked
    assert Settings().container_health_check is False


def test_tasks_that_start_slowly_get_the_time_from_everybody_who_asks():
    rendered = meals(start_seconds=200, container_health_check=True)
    assert containers(rendered)["api"]["HealthCheck"]["StartPeriod"] == 200
    assert rendered.one("AWS::ECS::Service")["HealthCheckGracePeriodSeconds"] == 200


# Alarms, budget, copies


@pytest.mark.row("MP-17", "MP-23")
def test_nobody_is_subscribed_unless_named():
    assert not meals("prod").all("AWS::SNS::Subscription")
    subscription = meals(alert_email="admin@mealprep.com").one("AWS::SNS::Subscription")
    assert subscription["Endpoint"] == "admin@mealprep.com"


@pytest.mark.row("MP-23")
def test_a_budget_can_be_another():
    assert meals(budget=50).one("AWS::Budgets::Budget")["Budget"]["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    filtered = meals("staging").one("AWS::Budgets::Budget")["Budget"]["CostFilters"]
    assert filtered == {"TagKeyValue": ["user:Environment$staging"]}


@pytest.mark.row("MP-22")
def test_dev_can_be_copied_and_prod_left_alone():
    rendered = meals(backup=True, backup_days=14, secondary_region="ca-central-1")
    assert {stack.name: stack.region for stack in rendered.stacks}["replica"] == "ca-central-1"
    (rule,) = resource(rendered, "backup", "DatabaseBackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert rule["Lifecycle"] == {"DeleteAfterDays": 14}
    (copy,) = rule["CopyActions"]
    assert copy["Lifecycle"] == {"DeleteAfterDays": 14}
    assert copy["DestinationBackupVaultArn"] == output("Replica", "VaultArn", "ca-central-1")
    # What is not to be kept is not locked either.
    assert "LockConfiguration" not in resource(rendered, "replica", "DatabaseBackupVault")
    assert not {"replica", "backup"} & meals("prod", backup=False).templates.keys()


@pytest.mark.row("MP-22", "MP-17")
def test_a_copy_that_fails_is_told():
    rendered = meals("prod")
    alarms = {
        name: one["Properties"]["MetricName"]
        for name, one in rendered.templates["backup"]["Resources"].items()
        if one["Type"] == ALARM
    }
    assert alarms == {
        "DatabaseBackupJobsAlarm": "NumberOfBackupJobsFailed",
        "DatabaseCopyJobsAlarm": "NumberOfCopyJobsFailed",
    }
    for name in alarms:
        alarm = resource(rendered, "backup", name)
        assert alarm["AlarmActions"] == [output("Monitoring", "AlertTopicArn")]


@pytest.mark.row("XX-05")
@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("keep", [False, True])
def test_data_stays_where_it_is_to_be_kept(environment, keep):
    rendered = meals(environment, keep_data=keep, backup=True)
    policies = {
        type_: {
            one["DeletionPolicy"]
            for template in rendered.templates.values()
            for one in template["Resources"].values()
            if one["Type"] == type_
        }
        for type_ in (
            "AWS::RDS::DBCluster",
            "AWS::ElastiCache::ReplicationGroup",
            BUCKET,
            "AWS::Backup::BackupVault",
            LOG_GROUP,
        )
    }
    kept, saved = ("RetainExceptOnCreate", "Snapshot") if keep else ("Delete", "Delete")
    assert policies == {
        "AWS::RDS::DBCluster": {saved},
        "AWS::ElastiCache::ReplicationGroup": {saved},
        BUCKET: {kept},
        "AWS::Backup::BackupVault": {kept},
        LOG_GROUP: {kept},
    }
    assert rendered.one("AWS::RDS::DBCluster")["DeletionProtection"] is keep
    protected = {stack.name for stack in rendered.stacks if stack.termination_protection}
    assert protected == (set(rendered.templates) if keep else {"registry"})


# Refusals: the setting, the value and the way out


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"environment": "prod", "sleep": True}, r"^sleep: True is not allowed in prod, .*; leave it out"),
        ({"wakes_at": 20, "sleeps_at": 7}, r"^wakes_at: 20 is not before sleeps_at \(7\); give an earlier hour"),
        ({"sleeps_at": 24}, r"^sleeps_at: 24 is not allowed; give less than or equal to 23"),
        ({"time_zone": "Europe/"}, r"^time_zone: 'Europe/' is not allowed; .*Europe/Berlin"),
        ({"api_memory": 512}, r"^api_memory: 512 MiB does not go with 512 CPU units; give one of 1024, 2048"),
        ({"api_cpu": 500}, r"^api_cpu: 500 is not allowed; give one of 256, 512, 1024"),
        (
            {"api_minimum_tasks": 4},
            r"^api_minimum_tasks: 4 is more than api_maximum_tasks \(3\); lower the one or raise the other",
        ),
        (
            {"environment": "prod", "api_minimum_tasks": 0},
            r"^api_minimum_tasks: 0 is not allowed in prod, which always answers; give 1",
        ),
        ({"api_maximum_tasks": 0}, r"^api_maximum_tasks: 0 is not allowed; give greater than or equal to 1"),
        ({"api_maximum_tasks": 81}, r"^api_maximum_tasks: 81 is not allowed; give less than or equal to 80"),
        ({"existing_vpc": True}, r"^existing_vpc: True is not allowed; give False\. .*no route to the internet"),
        ({"egress": "public"}, r"^egress: 'public' is not allowed; give 'nat' or 'nat-per-zone'"),
        ({"egress": "endpoints"}, r"^egress: 'endpoints' is not allowed; give 'nat' or 'nat-per-zone'"),
        ({"availability_zones": 4}, r"^availability_zones: 4 is not allowed; give less than or equal to 3"),
        ({"vpc_cidr": "10.0.0.0/24"}, r"^vpc_cidr: '10\.0\.0\.0/24' is not allowed; give a range from /16"),
        ({"https": "certificate"}, r"^https: 'certificate' is not allowed; give 'off' or 'domain'"),
        (
            {"domain_name": "api.mealprep.com", "https": "off"},
            r"^domain_name: 'api\.mealprep\.com' needs https to be 'domain', got 'off'; leave https out",
        ),
        ({"domain_name": "Api.mealprep.com"}, r"^domain_name: 'Api\.mealprep\.com' is not allowed"),
        ({"hosted_zone_id": "mealprep.com"}, r"^hosted_zone_id: 'mealprep\.com' is not allowed"),
        ({"price_class": "PriceClass_300"}, r"^price_class: 'PriceClass_300' is not allowed; give 'PriceClass_100'"),
        ({"waf_rate_limit": 9}, r"^waf_rate_limit: 9 is not allowed; give greater than or equal to 10"),
        ({"origin_generation": 0}, r"^origin_generation: 0 is not allowed; give greater than or equal to 1"),
        (
            {"environment": "prod", "secondary_region": "us-west-2"},
            r"^secondary_region: 'us-west-2' is the region of the application; give another one",
        ),
        ({"backup": True, "region": "us-east-2"}, r"^secondary_region: 'us-east-2' is the region of the application"),
        ({"secondary_region": "Ohio"}, r"^secondary_region: 'Ohio' is not allowed"),
        ({"region": "oregon"}, r"^region: 'oregon' is not allowed"),
        ({"backup_days": 0}, r"^backup_days: 0 is not allowed; give greater than or equal to 1"),
        ({"models": ["amazon.nova-*"]}, r"^models\.0: 'amazon\.nova-\*' is not allowed"),
        ({"models": ["nova"]}, r"^models\.0: 'nova' is not allowed"),
        ({"models": ["a.b", "a.b"]}, r"^models: \['a\.b', 'a\.b'\] is not allowed; give each id once"),
        ({"models": [f"a.b{number}" for number in range(9)]}, r"^models: .*at most 8 items"),
        ({"model_profiles": ["us.amazon.*"]}, r"^model_profiles\.0: 'us\.amazon\.\*' is not allowed"),
        ({"model_profiles": ["global.amazon.nova-2-lite-v1:0"]}, r"^model_profiles\.0: 'global\."),
        (
            {"model_profiles": ["eu.amazon.nova-lite-v1:0"]},
            r"^model_profiles: 'eu\.amazon\.nova-lite-v1:0' leads to Regions that begin with eu-; .*give",
        ),
        ({"region": "eu-west-1"}, r"^model_profiles: 'us\..*' leads to Regions .*; region is eu-west-1 .*give"),
        ({"profile_regions": []}, r"^profile_regions: \[\] is not allowed; give .*at least 1 item"),
        ({"profile_regions": ["eu-west-1"]}, r"^model_profiles: 'us\..*profile_regions eu-west-1"),
        ({"upload_origins": ["*"]}, r"^upload_origins\.0: '\*' is not allowed; give .*https\?://"),
        ({"upload_origins": ["https://a.example.com/x"]}, r"^upload_origins\.0: 'https://a\.example\.com/x' is not"),
        ({"database": "mysql"}, r"^database: 'mysql' is not allowed; give 'provisioned' or 'serverless'"),
        # The document's saving for dev, which Aurora does not have.
        ({"database_instance_class": "db.t3.micro"}, r"^database_instance_class: 'db\.t3\.micro' is not allowed; give"),
        ({"database_readers": 16}, r"^database_readers: 16 is not allowed; give less than or equal to 15"),
        ({"database_backup_days": 0}, r"^database_backup_days: 0 is not allowed; give greater than or equal to 1"),
        ({"database_backup_days": 36}, r"^database_backup_days: 36 is not allowed; give less than or equal to 35"),
        ({"database_minimum_capacity": 0.3}, r"^database_minimum_capacity: 0\.3 is not allowed; give a multiple of 0"),
        (
            {"database_minimum_capacity": 8},
            r"^database_minimum_capacity: 8(\.0)? to database_maximum_capacity \(4\.?0?\) is no range",
        ),
        ({"database_maximum_capacity": 0.5}, r"database_maximum_capacity \(0\.5\) is no range; the most has to be 1"),
        ({"database_maximum_capacity": 257}, r"^database_maximum_capacity: 257 is not allowed; give less than or eq"),
        ({"master_secret": "none"}, r"^master_secret: 'none' is not allowed; give 'generated' or 'managed'"),
        ({"cache_node_type": "t4g.micro"}, r"^cache_node_type: 't4g\.micro' is not allowed"),
        ({"cache_replicas": 6}, r"^cache_replicas: 6 is not allowed; give less than or equal to 5"),
        ({"processing_code": "zip"}, r"^processing_code: 'zip' is not allowed; give 'inline' or 'bucket'"),
        ({"scale_requests_by": "cpu"}, r"^scale_requests_by: 'cpu' is not allowed; give 'steps', 'target' or 'none'"),
        ({"target_requests": 0}, r"^target_requests: 0 is not allowed; give greater than or equal to 1"),
        ({"target_cpu": 100}, r"^target_cpu: 100 is not allowed; give less than or equal to 95"),
        ({"target_memory": 5}, r"^target_memory: 5 is not allowed; give greater than or equal to 10"),
        ({"alert_email": "admin"}, r"^alert_email: 'admin' is not allowed"),
        ({"budget": 0}, r"^budget: 0 is not allowed; give greater than or equal to 1"),
        ({"api_variables": {"9": "x"}}, r"^api_variables\.9\.\[key\]: '9' is not allowed"),
        ({"api_variables": {"A": "x" * 129}}, r"^api_variables\.A: 'x+' is not allowed; give .*128"),
        ({"api_variables": {f"A{number}": "x" for number in range(13)}}, r"^api_variables: .*at most 12 items"),
        ({"aspnetcore_environment": ""}, r"^aspnetcore_environment: '' is not allowed"),
        ({"run_as": "app"}, r"^run_as: 'app' is not allowed"),
        ({"start_seconds": 301}, r"^start_seconds: 301 is not allowed; give less than or equal to 300"),
        ({"capacity": "reserved"}, r"^capacity: 'reserved' is not allowed; give 'on-demand'"),
        ({"log_retention_days": 8}, r"^log_retention_days: 8 is not allowed; give one of 1, 3, 5, 7"),
        ({"cost_center": "R&D"}, r"^cost_center: 'R&D' is not allowed"),
        ({"tags": {"Environment": "x"}}, r"^tags: .*Environment"),
        ({"project": "Meal"}, r"^project: 'Meal' is not allowed"),
        (
            {"project": "p" * 20, "environment": "e" * 8},
            r"^project: 'p{20}' and environment 'e{8}' have more than 27 characters together, .*give a shorter one",
        ),
        ({"environment": "shared"}, r"^environment: 'shared' is not allowed; give another name"),
        ({"shel": True}, r"^shel: no such setting \(did you mean shell\?"),
        ({"container_port": 80}, r"^container_port: no such setting"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_refused_with_the_way_out(settings, refusal):
    with pytest.raises(SettingsError, match=refusal):
        Settings(**settings)


@pytest.mark.row("MP-10", "MP-12")
@pytest.mark.parametrize(
    "variable", ["ConnectionStrings__DefaultConnection", "JWT__Secret", "Cache__AuthToken", "Email__ApiKey"]
)
def test_a_variable_that_is_read_from_elsewhere_is_refused_by_its_setting(variable):
    """ECS takes a name once, as a variable or as a secret; and a key in a template can be read by many."""
    with pytest.raises(SettingsError, match=rf"^api_variables: .*{variable}") as refused:
        Settings(api_variables={variable: "sk-4711"})
    assert "sk-4711" not in str(refused.value)


def test_where_nothing_is_copied_the_second_region_matters_to_nobody():
    assert "replica" not in meals(region="us-east-2", profile_regions=["us-east-2"]).templates


# Each setting with a value that is not its default, and what has to be chosen for it to mean anything.
CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "alert_email": ("admin@mealprep.com", {}),
    "api_cpu": (256, {}),
    "api_maximum_tasks": (4, {}),
    "api_memory": (2048, {}),
    "api_minimum_tasks": (2, {}),
    "api_variables": ({"A": "b"}, {}),
    "arm": (True, {}),
    "aspnetcore_environment": ("Staging", {}),
    "availability_zones": (2, {}),
    "backup": (True, {}),
    "backup_days": (7, {"backup": True}),
    "budget": (300, {}),
    "cache_node_type": ("cache.t4g.small", {}),
    "cache_replicas": (1, {}),
    "capacity": ("spot", {}),
    "container_health_check": (True, {}),
    "cost_center": ("Kitchen", {}),
    "database": ("serverless", {}),
    "database_backup_days": (8, {}),
    "database_instance_class": ("db.t4g.large", {}),
    "database_maximum_capacity": (8, {"database": "serverless"}),
    "database_minimum_capacity": (1, {"database": "serverless"}),
    "database_readers": (1, {}),
    "documented_names": (False, {}),
    "domain_name": ("api.mealprep.com", {"https": "domain"}),
    "egress": ("nat-per-zone", {}),
    "email_key": (False, {}),
    "environment": ("staging", {}),
    "flow_logs": (True, {}),
    "hosted_zone_id": ("Z0123456789ABC", {"https": "domain"}),
    "https": ("domain", {}),
    "intelligent_tiering": (True, {}),
    "keep_data": (True, {}),
    "log_retention_days": (14, {}),
    "master_secret": ("managed", {}),
    "model_profiles": (["us.amazon.nova-lite-v1:0"], {}),
    "models": (["amazon.titan-embed-text-v2:0"], {}),
    "origin_generation": (2, {}),
    "owner": ("kitchen", {}),
    "price_class": ("PriceClass_All", {}),
    "processing": (False, {}),
    "processing_code": ("bucket", {}),
    "profile_regions": (["us-west-2"], {}),
    "project": ("cookbook", {}),
    "region": ("us-east-1", {}),
    "run_as": ("1000:1000", {}),
    "scale_requests_by": ("none", {}),
    "secondary_region": ("us-west-1", {"backup": True}),
    "shell": (True, {}),
    "sleep": (False, {}),
    "sleeps_at": (19, {}),
    "start_seconds": (90, {}),
    "tags": ({"Team": "meals"}, {}),
    "target_cpu": (60, {}),
    "target_memory": (60, {}),
    "target_requests": (400, {"scale_requests_by": "target"}),
    "time_zone": ("Europe/Berlin", {}),
    "tracing": (False, {}),
    "upload_origins": (["https://meals.example.com"], {}),
    "vpc_cidr": ("10.1.0.0/16", {}),
    "waf": (False, {}),
    "waf_rate_limit": (100, {}),
    "wakes_at": (8, {}),
    "web_service": (True, {}),
    "writable_root": (True, {}),
}


@pytest.mark.parametrize("setting", CHANGES)
def test_a_setting_changes_what_is_rendered(setting):
    value, beside = CHANGES[setting]
    chosen = Settings(**beside, **{setting: value})
    assert getattr(chosen, setting) != getattr(Settings(**beside), setting)

    def written(rendered: Rendered) -> list[tuple[Any, ...]]:
        return [(one.stack_name, one.region, one.tags, rendered.templates[one.name]) for one in rendered.stacks]

    assert written(meals(**beside, **{setting: value})) != written(meals(**beside))


def test_no_setting_is_left_out_here_but_the_one_that_has_no_other_value():
    assert CHANGES.keys() == Settings.model_fields.keys() - {"existing_vpc"}
