"""One application, three runtimes: what it is told, who reaches what, and the page that compares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from blueprints import catalog
from blueprints.catalog._web_backend.parity import parity_file
from blueprints.catalog._web_backend.parity_facts import ROWS
from tests.catalog.web_backend import (
    ARCHITECTURES,
    BEANSTALK,
    EKS,
    FARGATE,
    HEALTH_CHECK,
    INGRESS,
    connections,
    texts,
    web_backend,
)

GIVEN: dict[str, dict[str, Any]] = {
    "parts": {},
    "url": {
        "environment": "prod",
        "database_as": "url",
        "secrets": ["STRIPE_API_KEY", "TOKEN"],
        "variables": {"PRICE": "5 %", "SWITCH": "off"},
        "cors_origins": ["https://a.example.com"],
        "log_level": "DEBUG",
        "workers": 2,
        "pool_max": 3,
    },
    "bare": {
        "frontend": False,
        "migration": [],
        "container_port": 8080,
        "health_check_path": "/alive",
        "database_health_path": "/alive/db",
        "run_as": "1001:1002",
    },
}

each = pytest.mark.parametrize("kind", GIVEN)
everywhere = pytest.mark.parametrize("architecture", ARCHITECTURES)

DATABASE = "DatabaseSecurityGroup"


def rendered(architecture, kind):
    return web_backend(architecture, **GIVEN[kind])


@cache
def written(architecture, kind, compute=None):
    """The text files by path; nobody changes them."""
    own = {} if compute is None else {"compute": compute}
    return texts(architecture, **GIVEN[kind], **own)


def objects(kind, compute="nodes"):
    """Kubernetes' objects by their kind, with what `blueprints apply` puts in the place of marks."""
    stacks = web_backend(EKS, compute=compute, **GIVEN[kind])
    (workload,) = [workload for stack in stacks.stacks for workload in stack.workloads]
    marks = {
        name: stacks.templates[source.stack]["Outputs"][source.output]["Value"]
        for name, source in workload.values.items()
    }
    made = [
        document
        for path, text in written(EKS, kind, compute).items()
        if path.startswith(f"{workload.folder}/")
        for document in yaml.safe_load_all(text)
    ]
    return {document["kind"]: _filled(document, marks) for document in made}


def _filled(value: Any, marks: Mapping[str, Any]) -> Any:
    """A whole value that is one mark becomes what the stacks know; marks inside of texts stay."""
    if isinstance(value, dict):
        return {key: _filled(item, marks) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, marks) for item in value]
    return marks.get(value[2:-1], value) if isinstance(value, str) and value.startswith("${") else value


def options(kind):
    """Option settings of Elastic Beanstalk by namespace and name."""
    found: dict[str, dict[str, Any]] = {}
    for one in rendered(BEANSTALK, kind).one("AWS::ElasticBeanstalk::Environment")["OptionSettings"]:
        found.setdefault(one["Namespace"].removeprefix("aws:elasticbeanstalk:"), {})[one["OptionName"]] = one["Value"]
    return found


def container(kind):
    tasks = rendered(FARGATE, kind).resources("AWS::ECS::TaskDefinition")
    return tasks["ApiTaskDefinition"]["Properties"]["ContainerDefinitions"][0]


def named(pairs: Iterable[Mapping[str, Any]], value: str) -> dict[str, Any]:
    return {pair["Name"]: pair[value] for pair in pairs}


# What it is told


def variables(architecture, kind):
    if architecture == FARGATE:
        return named(container(kind)["Environment"], "Value")
    if architecture == EKS:
        return objects(kind)["ConfigMap"]["data"]
    # What Elastic Beanstalk tells its own source bundle beside that.
    return {name: value for name, value in options(kind)["application:environment"].items() if name != "LOG_GROUP"}


def secrets(architecture, kind):
    """Secret variables with the secrets that they are the whole values of."""
    if architecture == FARGATE:
        return named(container(kind)["Secrets"], "ValueFrom")
    if architecture == EKS:
        parameters = objects(kind)["SecretProviderClass"]["spec"]["parameters"]
        marked = {one["objectAlias"]: one["objectName"] for one in yaml.safe_load(parameters["objects"])}
        stacks = rendered(EKS, kind)
        (workload,) = [workload for stack in stacks.stacks for workload in stack.workloads]
        sources = {name: workload.values[mark[2:-1]] for name, mark in marked.items()}
        return {
            name: stacks.templates[source.stack]["Outputs"][source.output]["Value"] for name, source in sources.items()
        }
    return options(kind)["application:environmentsecrets"]


@pytest.mark.row("WB-05", "WB-06")
@each
@pytest.mark.parametrize("architecture", [EKS, BEANSTALK])
def test_the_application_is_told_what_fargate_tells_it(architecture, kind):
    assert variables(architecture, kind) == variables(FARGATE, kind)
    assert list(secrets(architecture, kind).items()) == list(secrets(FARGATE, kind).items())


@pytest.mark.row("WB-05", "WB-06")
@everywhere
def test_it_is_told_what_the_contract_says(architecture):
    told = variables(architecture, "parts")
    assert set(told) == {
        "ENVIRONMENT",
        "LOG_LEVEL",
        "CORS_ORIGINS",
        "WEB_CONCURRENCY",
        "FORWARDED_ALLOW_IPS",
        "DATABASE_HOST",
        "DATABASE_PORT",
        "DATABASE_NAME",
        "DATABASE_USER",
        "DATABASE_SSLMODE",
        "DATABASE_SSLROOTCERT",
        "DATABASE_POOL_MIN",
        "DATABASE_POOL_MAX",
    }
    assert told["DATABASE_HOST"] == {"Fn::GetAtt": ["DatabaseInstance", "Endpoint.Address"]}
    assert told["CORS_ORIGINS"] == {"Fn::Sub": "https://${FrontendDistribution.DomainName}"}
    assert secrets(architecture, "parts") == {"DATABASE_PASSWORD": {"Ref": "DatabasePassword"}}


@pytest.mark.row("WB-05", "WB-06")
@everywhere
def test_a_url_takes_the_place_of_the_parts_and_own_names_come_on_top(architecture):
    told = variables(architecture, "url")
    assert {name for name in told if name.startswith("DATABASE_")} == {"DATABASE_POOL_MIN", "DATABASE_POOL_MAX"}
    assert {"PRICE": "5 %", "SWITCH": "off", "LOG_LEVEL": "DEBUG", "DATABASE_POOL_MAX": "3"}.items() <= told.items()
    assert told["CORS_ORIGINS"] == {"Fn::Sub": "https://${FrontendDistribution.DomainName},https://a.example.com"}
    assert secrets(architecture, "url") == {
        "DATABASE_URL": {"Ref": "DatabaseUrl"},
        "STRIPE_API_KEY": {"Ref": "StripeApiKeySecret"},
        "TOKEN": {"Ref": "TokenSecret"},
    }


@pytest.mark.row("WB-02", "WB-05")
@each
def test_pods_on_fargate_have_the_same_secrets_by_another_operator(kind):
    data = objects(kind, compute="fargate")["ExternalSecret"]["spec"]["data"]
    assert {one["secretKey"]: one["remoteRef"]["key"] for one in data} == secrets(FARGATE, kind)


@pytest.mark.row("WB-07")
@each
def test_the_migration_is_the_same_command_with_the_same_variables(kind):
    migration = GIVEN[kind].get("migration", ["alembic", "upgrade", "head"])
    tasks = rendered(FARGATE, kind).resources("AWS::ECS::TaskDefinition")
    bundle = {path.rpartition("/")[2]: text for path, text in written(BEANSTALK, kind).items()}
    assert (
        ("MigrationTaskDefinition" in tasks) == ("Job" in objects(kind)) == ("migrate.sh" in bundle) == bool(migration)
    )
    if not migration:
        return
    (on_fargate,) = tasks["MigrationTaskDefinition"]["Properties"]["ContainerDefinitions"]
    (on_eks,) = objects(kind)["Job"]["spec"]["template"]["spec"]["containers"]
    assert on_fargate["Command"] == on_eks["args"] == migration
    assert bundle["migrate.sh"].rstrip().endswith(f'"$image" {" ".join(migration)}')
    told = variables(FARGATE, kind).keys() | secrets(FARGATE, kind).keys()
    assert named(on_fargate["Environment"], "Value").keys() | named(on_fargate["Secrets"], "ValueFrom").keys() == told
    assert {name for name in told if f"--env {name} " in bundle["migrate.sh"]} == told


# What it runs as and where it listens


def ports_and_users(kind):
    """Port, health path and user in each runtime, as whoever uses them is told."""
    check = options(kind)["environment:process:default"]
    compose = yaml.safe_load(written(BEANSTALK, kind)[f"bundle/{environment(kind)}/docker-compose.yml"])
    api = compose["services"]["api"]
    pod = objects(kind)["Deployment"]["spec"]["template"]["spec"]
    user, (on_eks,) = pod["securityContext"], pod["containers"]
    group = rendered(FARGATE, kind).one("AWS::ElasticLoadBalancingV2::TargetGroup")
    on_fargate = container(kind)
    return {
        FARGATE: (on_fargate["PortMappings"][0]["ContainerPort"], group["HealthCheckPath"], on_fargate["User"]),
        EKS: (
            on_eks["ports"][0]["containerPort"],
            rendered(EKS, kind).one("AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"],
            f"{user['runAsUser']}:{user['runAsGroup']}",
        ),
        BEANSTALK: (int(api["expose"][0]), check["HealthCheckPath"], api["user"]),
    }


def environment(kind):
    return GIVEN[kind].get("environment", "dev")


@pytest.mark.row("WB-04")
@each
def test_port_health_path_and_user_are_the_same(kind):
    given = GIVEN[kind]
    expected = (
        given.get("container_port", 8000),
        given.get("health_check_path", "/health"),
        given.get("run_as", "1000:1000"),
    )
    assert ports_and_users(kind) == dict.fromkeys(ARCHITECTURES, expected)


@pytest.mark.row("WB-04")
@each
@everywhere
def test_the_path_that_needs_the_database_is_asked_by_route_53_alone(architecture, kind):
    path = GIVEN[kind].get("database_health_path", "/health/db")
    stacks = rendered(architecture, kind)
    (check,) = stacks.all(HEALTH_CHECK)
    others = {
        name: resource
        for template in stacks.templates.values()
        for name, resource in template["Resources"].items()
        if resource["Type"] != HEALTH_CHECK
    }
    assert check["HealthCheckConfig"]["ResourcePath"] == path
    assert [name for name, resource in others.items() if path in str(resource)] == []
    runs = [text for name, text in written(architecture, kind).items() if name.startswith(("kubernetes/", "bundle/"))]
    assert (
        len(runs)
        == {FARGATE: 0, EKS: len(objects(kind)), BEANSTALK: 5 if GIVEN[kind].get("migration") != [] else 3}[
            architecture
        ]
    )
    assert [text for text in runs if path in text] == []


# Whom it reaches, and what it may do


@pytest.mark.row("WB-05")
@each
def test_the_application_and_its_migration_reach_the_database_and_nobody_else_does(kind):
    reaching = {
        architecture: {rule for rule in connections(rendered(architecture, kind), INGRESS) if rule[1] == DATABASE}
        for architecture in ARCHITECTURES
    }
    migrates = {"MigrationSecurityGroup"} if GIVEN[kind].get("migration") != [] else set()
    assert reaching == {
        FARGATE: {(group, DATABASE, 5432) for group in {"ApiSecurityGroup"} | migrates},
        # Pods wear the security group of the cluster, and the migration's are pods.
        EKS: {("MainCluster", DATABASE, 5432)},
        # The migration is a container beside the application's.
        BEANSTALK: {("ApiSecurityGroup", DATABASE, 5432)},
    }


@pytest.mark.row("WB-05")
@each
@everywhere
def test_only_its_own_secrets_can_be_read_and_by_what_runs_it(architecture, kind):
    stacks = rendered(architecture, kind)
    readers: dict[str, list[Any]] = {}
    for role, statement in stacks.statements():
        if any("secretsmanager:GetSecretValue" in action for action in statement["Action"]):
            given = statement["Resource"]
            readers.setdefault(role, []).extend(given if isinstance(given, list) else [given])
    migrates = {"MigrationExecutionRole"} if GIVEN[kind].get("migration") != [] else set()
    expected = {
        FARGATE: {"ApiExecutionRole"} | migrates,
        EKS: {"ApplicationRole"},
        BEANSTALK: {"ApiInstanceRole"},
    }
    assert set(readers) == expected[architecture]
    own = list(secrets(architecture, kind).values())
    assert [role for role, found in readers.items() if sorted(map(str, found)) != sorted(map(str, own))] == []


@pytest.mark.row("WB-05")
@each
def test_the_application_itself_may_do_nothing_more_with_aws(kind):
    """Beside reading its secrets; on an instance it has the instance's role, which pulls and writes logs as well."""
    policies = rendered(FARGATE, kind).resources("AWS::IAM::Role")["ApiTaskRole"]["Properties"].get("Policies", [])
    assert policies == []
    on_eks = [statement for role, statement in rendered(EKS, kind).statements() if role == "ApplicationRole"]
    services = {action.partition(":")[0] for statement in on_eks for action in statement["Action"]}
    assert services == {"secretsmanager"}
    instance = rendered(BEANSTALK, kind).resources("AWS::IAM::Role")["ApiInstanceRole"]["Properties"]
    assert [policy["PolicyName"] for policy in instance["Policies"]] == ["RunInstance"]


# The page


def page(architecture, **given):
    blueprint = catalog.load(architecture)
    settings = blueprint.Settings(**given)
    return parity_file(settings, architecture=architecture, stacks=blueprint.build(settings))


@everywhere
@each
def test_the_page_has_a_text_for_each_row_and_each_runtime(architecture, kind):
    made = page(architecture, **GIVEN[kind])
    assert made.path == f"parity/{environment(kind)}.md"
    assert [row for row, _ in made.values["rows"]] == list(ROWS)
    assert made.values["refused"] == []
    assert [row for row, cells in made.values["rows"] if len(cells) != 3 or not all(cells)] == []


def test_every_table_of_the_page_has_as_many_cells_in_each_line():
    page = texts(EKS, variables={"A": "x|y"})["parity/dev.md"]
    tables = [table for table in page.split("\n\n") if table.startswith("|")]
    widths = [{line.replace("\\|", "").count("|") for line in table.splitlines()} for table in tables]
    assert len(widths) == 6
    assert [found for found in widths if len(found) != 1] == []


def test_the_page_says_what_the_settings_make():
    given = {"minimum_capacity": 2, "maximum_capacity": 3, "target_cpu": 55}
    cells = dict(page(FARGATE, deployment="blue-green", cpu=1024, memory=2048, **given).values["rows"])
    assert cells["Size of a copy"][:2] == [
        "1 vCPU and 2048 MiB, of its own",
        "1 vCPU, and more while it is free; 2048 MiB",
    ]
    assert [cell.startswith("2 to 3 ") for cell in cells["How many copies"]] == [True, True, True]
    assert ["55" in cell for cell in cells["How many copies"]] == [True, True, True]
    assert cells["A new version"][0].startswith("blue/green")
    assert dict(page(EKS, compute="fargate").values["rows"])["Secrets"][1].startswith("the External Secrets Operator")
    patches = dict(page(BEANSTALK, update_window="").values["rows"])["Who patches"]
    assert patches[2] == "you: managed updates are off"


def test_a_runtime_that_does_not_take_the_settings_says_why_and_has_an_empty_column():
    made = page(EKS, cpu=128, memory=256)
    ((name, why),) = made.values["refused"]
    assert name == "Fargate"
    assert "128" in why
    assert [row for row, cells in made.values["rows"] if cells[0] or not all(cells[1:])] == []


def test_the_totals_are_those_of_the_stacks():
    made = page(BEANSTALK)
    counted = [sum(int(cells[column] or 0) for _, cells in made.values["stacks"]) for column in range(3)]
    assert counted == made.values["totals"]
    assert counted[2] == sum(len(template["Resources"]) for template in rendered(BEANSTALK, "parts").templates.values())
