"""The web backend: what holds whatever is chosen, what each setting changes, and what is refused with the way out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from blueprints import catalog
from blueprints.checks.lint import lint
from blueprints.model.errors import SettingsError
from blueprints.render import to_json, to_yaml
from tests.catalog.rendered import Rendered, text, values
from tests.catalog.web_backend import (
    ALARM,
    ARCHITECTURES,
    BEANSTALK,
    BUCKET,
    EKS,
    FARGATE,
    INSTANCE,
    LISTENER,
    LISTENER_RULE,
    LOG_GROUP,
    SECRET,
    as_written,
    ref,
    texts,
    web_backend,
)

# Choices that all three have; what holds for them holds for the architecture.
COMMON: dict[str, dict[str, Any]] = {
    "dev": {},
    "prod": {"environment": "prod"},
    "another environment": {"environment": "staging", "project": "kitchen", "owner": "somebody", "cost_center": "4711"},
    "in Ireland": {"environment": "prod", "region": "eu-west-1", "frontend_domain_name": "www.example.com"},
    "no frontend": {"frontend": False, "cors_origins": ["https://app.example.com"]},
    "no alarms": {"alarms": False, "pipeline": "none"},
    "url and secrets": {"database_as": "url", "secrets": ["STRIPE_API_KEY", "JWT_SECRET"], "password_generation": 2},
    "a VPC that exists": {"environment": "prod", "existing_vpc": True, "pipeline": "codepipeline"},
    "a role for a workflow": {"github_repository": "kitchen/web-backend", "flow_logs": True},
    "no migration": {"migration": [], "arm": True, "availability_zones": 3},
    "nothing to keep in prod": {"environment": "prod", "keep_data": False, "https": "off", "egress": "nat-per-zone"},
}
OWN: dict[str, dict[str, dict[str, Any]]] = {
    FARGATE: {
        "blue/green behind CloudFront": {
            "environment": "prod",
            "deployment": "blue-green",
            "api_through_cloudfront": True,
            "waf": True,
            "frontend_domain_name": "www.example.com",
            "pipeline": "codepipeline",
        },
        "public subnets": {"egress": "public", "capacity": "spot", "shell": True},
        "few clients": {"environment": "staging", "clients": "203.0.113.0/24", "https": "certificate", "waf": True},
    },
    EKS: {
        "fargate": {"environment": "prod", "compute": "fargate", "secrets": ["STRIPE_API_KEY"], "secrets_key": True},
        "ingress": {"environment": "prod", "load_balancer": "ingress", "https": "certificate", "compute": "fargate"},
        "spot": {"node_capacity": "spot", "instance_types": ["t3.medium", "t3a.medium"], "public_endpoint": False},
    },
    BEANSTALK: {
        "traffic splitting": {"deployment": "traffic-splitting", "platform": "latest", "update_window": ""},
        "public subnets": {"egress": "public", "deployment": "immutable", "instance_type": "m7i.large"},
        "few clients": {"environment": "staging", "clients": "203.0.113.0/24", "https": "certificate"},
    },
}
CHOICES = [
    pytest.param(architecture, settings, id=f"{architecture}-{name}")
    for architecture in ARCHITECTURES
    for name, settings in {**COMMON, **OWN[architecture]}.items()
]
every = pytest.mark.parametrize(("architecture", "settings"), CHOICES)
each = pytest.mark.parametrize("architecture", ARCHITECTURES)


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def types_of(rendered: Rendered) -> set[str]:
    return {one["Type"] for template in rendered.templates.values() for one in template["Resources"].values()}


# What holds whatever is chosen


@every
def test_what_a_stack_reads_is_an_output_of_a_stack_before_it_in_the_region_where_that_is(architecture, settings):
    rendered = as_written(architecture, **settings)
    before: dict[str, tuple[str, set[str]]] = {}
    for stack in rendered.stacks:
        template = rendered.templates[stack.name]
        for key, value in inside(template["Resources"]):
            if key == "Fn::GetStackOutput":
                region, outputs = before[template["Parameters"][value["StackName"]["Ref"]]["Default"]]
                assert value["OutputName"] in outputs
                # Without a Region CloudFormation looks in the reader's own.
                assert value.get("Region", stack.region) == region
        before[stack.stack_name] = stack.region, set(template.get("Outputs", {}))


@every
def test_values_of_other_stacks_stand_where_cloudformation_takes_them(architecture, settings):
    """Fn::GetStackOutput is a whole value of a property: it may not stand in Fn::Sub, in Fn::Join or in an output."""
    for name, template in as_written(architecture, **settings).templates.items():
        for key, value in inside(template):
            if key in {"Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Outputs", "Conditions"}:
                assert "Fn::GetStackOutput" not in json.dumps(value), name


@every
def test_every_name_in_a_template_is_one_of_its_own_and_none_is_asked_for_in_vain(architecture, settings):
    for name, template in as_written(architecture, **settings).templates.items():
        parameters = template.get("Parameters", {})
        known = {*template["Resources"], *parameters}
        used = json.dumps([template["Resources"], template.get("Outputs")])
        for key, value in inside(template):
            if key == "Ref":
                assert value in known or value.startswith("AWS::"), (name, value)
            elif key == "Fn::GetAtt":
                assert value[0] in known, (name, value)
        for parameter in parameters:
            assert f'{{"Ref": "{parameter}"}}' in used or f"${{{parameter}}}" in used, (name, parameter)


@every
def test_a_logical_id_means_one_thing_in_all_stacks(architecture, settings):
    listed = [
        name for template in as_written(architecture, **settings).templates.values() for name in template["Resources"]
    ]
    assert len(listed) == len(set(listed))


@pytest.mark.row("XX-08")
@every
def test_both_forms_can_be_sent_without_a_bucket(architecture, settings):
    for stack in as_written(architecture, **settings).stacks:
        assert len(to_yaml(stack).encode()) <= 51_200, stack.name
        assert len(to_json(stack).encode()) <= 51_200, stack.name


@pytest.mark.row("WB-05")
@every
def test_no_plain_variable_of_a_task_or_an_instance_is_a_secret(architecture, settings):
    rendered = as_written(architecture, **settings)
    plain = {
        pair["Name"]
        for task in rendered.all("AWS::ECS::TaskDefinition")
        for container in task["ContainerDefinitions"]
        for pair in container["Environment"]
    }
    for environment in rendered.all("AWS::ElasticBeanstalk::Environment"):
        plain |= {
            one["OptionName"]
            for one in environment["OptionSettings"]
            if one["Namespace"] == "aws:elasticbeanstalk:application:environment"
        }
    assert bool(plain) is (architecture != EKS)
    assert not [name for name in plain if re.search("PASSWORD|URL|KEY|SECRET", name)]


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        pytest.param(architecture, settings, id=f"{architecture}-{name}")
        for architecture in ARCHITECTURES
        for name, settings in {"url and secrets": COMMON["url and secrets"], **OWN[architecture]}.items()
    ],
)
def test_text_files_are_whole_and_those_of_yaml_are_yaml(architecture, settings):
    written = texts(architecture, **settings)
    assert "docker/Dockerfile" in written
    for path, file in written.items():
        assert file.endswith("\n"), path
        assert "[%" not in file, path
        if path.endswith((".yaml", ".yml", ".config")):
            assert list(yaml.safe_load_all(file)), path


@pytest.mark.row("XX-02")
def test_templates_of_unusual_settings_lint_clean(tmp_path):
    chosen = {
        "platform": as_written(FARGATE, **OWN[FARGATE]["blue/green behind CloudFront"]),
        "cluster": as_written(EKS, **OWN[EKS]["ingress"]),
        "service": as_written(BEANSTALK, **OWN[BEANSTALK]["traffic splitting"]),
    }
    for name, rendered in chosen.items():
        (stack,) = [stack for stack in rendered.stacks if stack.name == name]
        (tmp_path / f"{name}.yaml").write_text(to_yaml(stack), encoding="utf-8")
    found = lint([tmp_path], regions=["us-east-1"], cache=tmp_path / "cache", processes=1)
    assert [str(finding) for finding in found] == []


# What each setting changes


@each
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            "dev",
            {
                "keep_data": False,
                "https": "off",
                "access_logs": False,
                "database_multi_az": False,
                "minimum_capacity": 1,
            },
        ),
        (
            "prod",
            {
                "keep_data": True,
                "https": "domain",
                "access_logs": True,
                "database_multi_az": True,
                "minimum_capacity": 2,
            },
        ),
        ("staging", {"keep_data": False, "https": "off", "access_logs": False, "database_multi_az": False}),
    ],
)
def test_an_environment_brings_defaults(architecture, environment, expected):
    settings = catalog.load(architecture).Settings(environment=environment)
    assert {name: getattr(settings, name) for name in expected} == expected
    assert settings.region == "us-east-1"
    assert settings.alarms is True


@pytest.mark.row("WB-01", "WB-02")
@pytest.mark.parametrize("architecture", [FARGATE, EKS])
@pytest.mark.parametrize(("environment", "expected"), [("dev", True), ("prod", False), ("staging", False)])
def test_cloudfront_stands_before_the_api_where_pages_over_https_have_no_other_way_to_it(
    architecture, environment, expected
):
    """What came over HTTPS may call nothing over HTTP, and without a domain only CloudFront has a certificate."""
    assert catalog.load(architecture).Settings(environment=environment).api_through_cloudfront is expected


@pytest.mark.row("WB-05")
@each
def test_the_database_is_as_large_and_kept_as_long_as_settings_say(architecture):
    instance = web_backend(
        architecture,
        database_class="db.t4g.medium",
        database_storage=50,
        database_maximum_storage=200,
        database_multi_az=True,
        database_backup_days=30,
    ).one(INSTANCE)
    expected = {
        "DBInstanceClass": "db.t4g.medium",
        "AllocatedStorage": "50",
        "MaxAllocatedStorage": 200,
        "MultiAZ": True,
        "BackupRetentionPeriod": 30,
    }
    assert {key: instance[key] for key in expected} == expected


@pytest.mark.row("WB-05")
@each
def test_another_generation_is_another_password_that_database_and_application_take_over(architecture):
    rendered = web_backend(architecture, password_generation=2)
    assert "DatabasePassword2" in rendered.resources(SECRET)
    assert "DatabasePassword" not in rendered.resources(SECRET)
    assert "${DatabasePassword2}" in text(rendered.one(INSTANCE)["MasterUserPassword"])
    (read,) = [
        one
        for name, one in rendered.statements()
        if one["Sid"] in {"ReadSecrets", "ReadOwnSecrets"} and name != "MigrationExecutionRole"
    ]
    assert read["Resource"] == [ref("DatabasePassword2")]


@pytest.mark.row("WB-08")
@each
def test_logs_are_kept_for_the_days_that_settings_say(architecture):
    groups = web_backend(architecture, log_retention_days=90, flow_logs=True).all(LOG_GROUP)
    assert groups
    assert {group["RetentionInDays"] for group in groups} == {90}


@pytest.mark.row("WB-08")
@each
def test_without_alarms_only_a_deployments_own_is_left(architecture):
    rendered = web_backend(architecture, alarms=False)
    assert "monitoring" not in rendered.templates
    assert set(rendered.resources(ALARM)) == ({"ApiDeploymentAlarm"} if architecture == FARGATE else set())
    assert rendered.one("AWS::CloudWatch::Dashboard")


@each
def test_kept_data_is_protected_and_a_bucket_of_the_frontend_keeps_versions(architecture):
    for keep, state in ((True, {"Status": "Enabled"}), (False, None)):
        rendered = web_backend(architecture, keep_data=keep)
        assert rendered.one(INSTANCE)["DeletionProtection"] is keep
        assert rendered.resources(BUCKET)["FrontendBucket"]["Properties"].get("VersioningConfiguration") == state


@each
def test_a_certificate_of_ones_own_is_asked_for_and_no_domain(architecture):
    rendered = web_backend(architecture, "staging", https="certificate")
    asked = {title for template in rendered.templates.values() for title in template.get("Parameters", {})}
    assert "CertificateArn" in asked
    assert not {"DomainName", "HostedZoneId"} & asked
    assert "AWS::Route53::RecordSet" not in types_of(rendered)


@pytest.mark.row("WB-01", "WB-02")
@pytest.mark.parametrize("architecture", [FARGATE, EKS])
def test_a_new_value_of_the_header_is_taken_in_before_it_is_sent(architecture):
    rendered = web_backend(architecture, origin_generation=2)
    assert {"OriginSecret", "OriginSecret2"} <= set(rendered.resources(SECRET))
    accepted = text(rendered.resources(LISTENER_RULE)["PublicVerifiedRule"]["Properties"]["Conditions"])
    assert "${OriginSecret}" in accepted
    assert "${OriginSecret2}" in accepted
    (listener,) = rendered.all(LISTENER)
    assert listener["DefaultActions"][0]["Type"] == "fixed-response"
    distribution = rendered.resources("AWS::CloudFront::Distribution")["ApiDistribution"]
    assert distribution["DependsOn"] == ["PublicVerifiedRule"]
    assert "${OriginSecret2}" in text(distribution["Properties"]["DistributionConfig"]["Origins"])


def test_a_task_can_be_loosened_and_run_on_spot():
    rendered = web_backend(FARGATE, shell=True, capacity="spot", container_health_check=False, arm=True)
    service = rendered.one("AWS::ECS::Service")
    assert service["EnableExecuteCommand"] is True
    assert service["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    tasks = {
        task["ContainerDefinitions"][0]["Name"]: (
            task["RuntimePlatform"]["CpuArchitecture"],
            task["ContainerDefinitions"][0],
        )
        for task in rendered.all("AWS::ECS::TaskDefinition")
    }
    assert {name: architecture for name, (architecture, _) in tasks.items()} == {"migration": "ARM64", "api": "ARM64"}
    assert "HealthCheck" not in tasks["api"][1]


@pytest.mark.row("WB-05", "WB-06")
@pytest.mark.parametrize("stack", ["service", "migration"])
def test_settings_of_the_contract_reach_the_containers(stack):
    chosen = {
        "log_level": "WARNING",
        "workers": 2,
        "pool_min": 1,
        "pool_max": 5,
        "database_name": "recipes",
        "variables": {"GREETING": "hello"},
        "secrets": ["STRIPE_API_KEY"],
    }
    (task,) = [
        one["Properties"]
        for one in web_backend(FARGATE, **chosen).templates[stack]["Resources"].values()
        if one["Type"] == "AWS::ECS::TaskDefinition"
    ]
    (container,) = task["ContainerDefinitions"]
    expected = {
        "LOG_LEVEL": "WARNING",
        "WEB_CONCURRENCY": "2",
        "DATABASE_POOL_MIN": "1",
        "DATABASE_POOL_MAX": "5",
        "DATABASE_NAME": "recipes",
        "GREETING": "hello",
    }
    told = values(container["Environment"])
    assert {name: told[name] for name in expected} == expected
    assert values(container["Secrets"], value="ValueFrom") == {
        "DATABASE_PASSWORD": ref("DatabasePassword"),
        "STRIPE_API_KEY": ref("StripeApiKeySecret"),
    }


# What is refused

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"maximum_capacity": 4},
        r"^pool_max: 4 copies of 1 .* are 80 .*; a db\.t3\.micro takes 67\. Lower maximum_capacity, .* database_class",
    ),
    ({"workers": 4}, r"^pool_max: 3 copies of 4 processes .* are 240"),
    ({"pool_min": 11}, r"^pool_min: 11 is more than pool_max \(10\); lower the one or raise the other"),
    ({"minimum_capacity": 4}, r"^minimum_capacity: 4 is more than maximum_capacity \(3\); lower"),
    ({"database_storage": 200}, r"^database_storage: 200 is more than database_maximum_storage \(100\); lower"),
    ({"database_storage": 95}, r"^database_maximum_storage: 100 is less than a tenth above database_storage \(95\)"),
    ({"variables": {"DATABASE_HOST": "x"}}, r"^variables: DATABASE_HOST has a setting .*; leave it out here"),
    ({"variables": {"LOG_LEVEL": "x"}}, r"^variables: LOG_LEVEL has a setting of its own .*; leave it out here"),
    ({"secrets": ["DATABASE_PASSWORD"]}, r"^secrets: DATABASE_PASSWORD has a setting .*; leave it out here"),
    ({"variables": {"A": "x"}, "secrets": ["A"]}, r"^secrets: A is among the variables as well; give it once"),
    ({"secrets": ["A", "A"]}, r"^secrets: A and A would have one place in the template, A; give it once"),
    ({"secrets": ["KEY_1", "KEY1"]}, r"^secrets: KEY1 and KEY_1 would have one place in the template, Key1; give"),
    (
        {"frontend": False, "frontend_domain_name": "www.example.com"},
        r"^frontend_domain_name: there is no frontend; leave it out or turn frontend on",
    ),
    (
        {"environment": "prod", "https": "certificate", "domain_name": "api.example.com"},
        r"^domain_name: 'api\.example\.com' needs https to be 'domain', got 'certificate'; leave https out",
    ),
    (
        {"github_repository": "kitchen/web", "pipeline": "codepipeline"},
        r"^github_repository: kitchen/web needs pipeline to be 'github-actions', got 'codepipeline'",
    ),
    ({"clients": "203.0.113.7/24"}, r"^clients: '203\.0\.113\.7/24' is not allowed; give an IPv4 range"),
    (
        {"database_class": "db.t2.micro"},
        r"^database_class: 'db\.t2\.micro' is not allowed; give 'db\.t3\.micro', 'db\.t4g",
    ),
    ({"database_name": "App"}, r"^database_name: 'App' is not allowed; give a string"),
    ({"database_backup_days": 0}, r"^database_backup_days: 0 is not allowed; give"),
    ({"secrets": ["stripe_key"]}, r"^secrets\.0: 'stripe_key' is not allowed; give"),
    ({"cors_origins": ["app.example.com"]}, r"^cors_origins\.0: 'app\.example\.com' is not allowed; give"),
    ({"migration": ["alembic upgrade head"]}, r"^migration\.0: 'alembic upgrade head' is not allowed; give"),
    ({"run_as": "app"}, r"^run_as: 'app' is not allowed; give"),
    ({"container_port": 80}, r"^container_port: 80 is not allowed; give"),
    ({"pol_max": 3}, r"^pol_max: no such setting \(did you mean pool_max\?"),
]
REFUSED_BY: dict[str, list[tuple[dict[str, Any], str]]] = {
    FARGATE: [
        ({"cpu": 512, "memory": 512}, r"^memory: 512 MiB does not go with 512 CPU units; give one of 1024, 2048"),
        ({"cpu": 500}, r"^cpu: 500 is not allowed; give one of 256, 512"),
        ({"egress": "endpoints"}, r"^egress: 'endpoints' is not allowed; give 'public', 'nat' or 'nat-per-zone'"),
        ({"deployment": "immutable"}, r"^deployment: 'immutable' is not allowed; give 'rolling' or 'blue-green'"),
    ],
    EKS: [
        (
            {"arm": True, "compute": "fargate"},
            r"^arm: EKS runs pods on Fargate on x86 only; leave it out, or take compute: nodes",
        ),
        (
            {"load_balancer": "ingress"},
            r"^api_through_cloudfront: True needs load_balancer .*; give api_through_cloudfront: false, or leave",
        ),
        ({"environment": "prod", "load_balancer": "ingress"}, r"^https: domain needs .*; give https: certificate, or"),
        (
            {"environment": "staging", "load_balancer": "ingress", "waf": True},
            r"^waf: True needs load_balancer to be 'stack'.*; give waf: false, or leave load_balancer out",
        ),
        (
            {"zone_ids": ["use1-az1"]},
            r"^zone_ids: use1-az1 are not 2 different ones; give as many as availability_zones",
        ),
        ({"zone_ids": ["use1-az1", "use1-az3"]}, r"^zone_ids: EKS makes no cluster in use1-az3; give another zone"),
        (
            {"region": "us-west-1"},
            r"^zone_ids: us-west-1 has a zone in which EKS makes no cluster, .*; give the ids of two",
        ),
        ({"minimum_nodes": 5}, r"^minimum_nodes: 5 is more than maximum_nodes \(4\); lower the one or raise the other"),
        ({"cpu": 2048}, r"^cpu: 2048 with memory 1024 finds no place on a t3\.medium .*; name larger instance_types"),
        ({"instance_types": ["t4g.medium"]}, r"instance_types has 't4g\.medium', but arm is False; give x86"),
        ({"endpoint_clients": ["10.0.0.1/8"]}, r"^endpoint_clients: .*'10\.0\.0\.1/8'; give IPv4 ranges"),
        (
            {"administrator_arn": "arn:aws:sts::111122223333:assumed-role/Platform/me"},
            r"^administrator_arn is 'arn:aws:sts::.*; give the ARN of an IAM role or user, no session",
        ),
        ({"run_as": "0:0"}, r"^run_as: 0:0 is refused by the namespace, .*; take numbers from 1"),
        ({"egress": "public"}, r"^egress: 'public' is not allowed; give 'nat' or 'nat-per-zone'"),
        ({"kubernetes_version": "1.30"}, r"^kubernetes_version: '1\.30' is not allowed; give '1\.35'"),
    ],
    BEANSTALK: [
        (
            {"instance_type": "t4g.small"},
            r"^instance_type: 't4g\.small', but arm is False; give x86, such as t3\.small",
        ),
        ({"arm": True, "instance_type": "t3.small"}, r"^instance_type: 't3\.small', but arm is True; give Graviton"),
        ({"target_cpu": 95}, r"^target_cpu is 95; give 10 to 90 percent"),
        ({"log_retention_days": 2192}, r"^log_retention_days is 2192; Elastic Beanstalk takes 1, 3, 5"),
        ({"update_window": "Sun:29:00"}, r"^update_window(:| is) 'Sun:29:00'.*; give"),
        ({"variables": {"LOG_GROUP": "x"}}, r"^variables: LOG_GROUP "),
        (
            {
                "variables": {f"{'V' * 62}{number:02}": "v" * 128 for number in range(12)},
                "cors_origins": [f"https://{'o' * 87}{number}.example.com" for number in range(10)],
                "secrets": [f"KEY_{number}" for number in range(8)],
            },
            r"^variables: .* an environment takes 4096; leave some out, or",
        ),
        ({"waf": True}, r"^waf: no such setting"),
    ],
}


@pytest.mark.parametrize(
    ("architecture", "settings", "refusal"),
    [
        *((architecture, *one) for architecture in ARCHITECTURES for one in REFUSED[:1]),
        *((FARGATE, *one) for one in REFUSED[1:]),
        *((architecture, *one) for architecture, refused in REFUSED_BY.items() for one in refused),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_refused_with_the_way_out(architecture, settings, refusal):
    blueprint: Any = catalog.load(architecture)
    with pytest.raises(SettingsError, match=refusal):
        blueprint.files(blueprint.Settings(**settings))


@pytest.mark.parametrize("architecture", [FARGATE, EKS])
@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        (
            {"https": "certificate"},
            r"^api_through_cloudfront: needs https to be 'domain' or 'off', got 'certificate'.*; turn it off, or give",
        ),
        (
            {"clients": "203.0.113.0/24"},
            r"^clients: 203\.0\.113\.0/24 has no meaning with api_through_cloudfront.*; leave it out, or turn",
        ),
        (
            {"dual_stack": True},
            r"^dual_stack: True has no meaning with api_through_cloudfront.*; leave it out, or turn",
        ),
    ],
    ids=["certificate", "clients", "IPv6"],
)
def test_what_contradicts_cloudfront_before_the_api_is_refused_and_taken_without_it(architecture, settings, refusal):
    blueprint = catalog.load(architecture)
    with pytest.raises(SettingsError, match=refusal):
        blueprint.Settings(**settings)
    assert blueprint.build(blueprint.Settings(**settings, api_through_cloudfront=False))


@pytest.mark.row("WB-05")
@each
@pytest.mark.parametrize(
    ("settings", "copies"),
    [({"database_class": "db.t4g.medium"}, 15), ({"pool_max": 3}, 11)],
    ids=["larger class", "smaller pools"],
)
def test_the_ways_out_of_too_many_connections_lead_out(architecture, settings, copies):
    kind = catalog.load(architecture).Settings
    with pytest.raises(SettingsError, match=r"^pool_max: "):
        kind(maximum_capacity=copies)
    assert kind(maximum_capacity=copies, **settings).maximum_capacity == copies
