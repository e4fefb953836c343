"""The web backend on Kubernetes: what its manifests say, in the four shapes that settings can give them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml

from blueprints.catalog._web_backend.kubernetes import KubernetesApplication, charts, manifests, needed_marks
from blueprints.deploy.marks import fill_yaml, marks
from blueprints.model.errors import SettingsError
from tests.support.kubernetes import PROVIDER_OBJECTS, VERSIONS, Object, key, objects, problem, texts

CONTRACT = {
    "ENVIRONMENT": "dev",
    "LOG_LEVEL": "INFO",
    "CORS_ORIGINS": "https://${FRONTEND_DOMAIN},https://admin.example.com",
    "WEB_CONCURRENCY": "1",
    "DATABASE_HOST": "${DATABASE_HOST}",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "app",
    "DATABASE_USER": "app",
    "DATABASE_SSLMODE": "verify-full",
    "DATABASE_SSLROOTCERT": "/etc/ssl/certs/rds-global-bundle.pem",
    "DATABASE_POOL_MIN": "2",
    "DATABASE_POOL_MAX": "10",
}
SECRETS = {"DATABASE_PASSWORD": "${DATABASE_PASSWORD_ARN}", "STRIPE_API_KEY": "${STRIPE_API_KEY_ARN}"}

ON_NODES = KubernetesApplication(
    environment="dev",
    region="us-east-1",
    namespace="web-backend",
    service_account="api",
    variables=CONTRACT,
    secrets=SECRETS,
    cpu=512,
    memory=1024,
    minimum=1,
    maximum=4,
    network="10.0.0.0/16",
)
ON_FARGATE = replace(ON_NODES, compute="fargate")
BY_INGRESS = replace(
    ON_NODES,
    load_balancer="ingress",
    https=True,
    domain="${DOMAIN_NAME}",
    web_acl=True,
    access_log_bucket=True,
    tags={"Project": "web-backend"},
)
SHAPES = {
    "nodes": ON_NODES,
    "fargate": ON_FARGATE,
    "nodes, ingress": BY_INGRESS,
    "fargate, ingress": replace(BY_INGRESS, compute="fargate"),
}
OTHERS = [
    replace(ON_NODES, secrets={}, migration=(), arm=True),
    replace(ON_FARGATE, secrets={}),
    replace(BY_INGRESS, https=False, domain="", web_acl=False, access_log_bucket=False, tags={}),
]

every_shape = pytest.mark.parametrize("application", SHAPES.values(), ids=SHAPES)


def of_kind(application: KubernetesApplication, kind: str) -> list[Object]:
    return [each for each in objects(application) if each["kind"] == kind]


def the(application: KubernetesApplication, kind: str) -> Object:
    """The only object of a kind."""
    (found,) = of_kind(application, kind)
    return found


def pod(application: KubernetesApplication, kind: str = "Deployment") -> Object:
    spec: Object = the(application, kind)["spec"]["template"]["spec"]
    return spec


def container(application: KubernetesApplication, kind: str = "Deployment") -> Object:
    (only,) = pod(application, kind)["containers"]
    return only  # type: ignore[no-any-return]


def labels(application: KubernetesApplication, kind: str) -> set[tuple[str, str]]:
    return {*the(application, kind)["spec"]["template"]["metadata"]["labels"].items()}


def configuration(application: KubernetesApplication) -> dict[str, str]:
    """What the ConfigMap that the containers read holds."""
    (name,) = {source["configMapRef"]["name"] for source in container(application)["envFrom"]}
    (data,) = [each["data"] for each in of_kind(application, "ConfigMap") if each["metadata"]["name"] == name]
    return data  # type: ignore[no-any-return]


def ingress_annotations(application: KubernetesApplication) -> dict[str, str]:
    """The Ingress's annotations, without their prefix."""
    given = the(application, "Ingress")["metadata"]["annotations"]
    return {name.removeprefix("alb.ingress.kubernetes.io/"): value for name, value in given.items()}


# Validity


@pytest.mark.row("WB-02")
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_manifest_of_every_shape(version: str) -> None:
    unique = {key(each): each for shape in [*SHAPES.values(), *OTHERS] for each in objects(shape)}

    assert [found for each in unique.values() if (found := problem(each, version))] == []


@pytest.mark.parametrize(
    ("shape", "kind", "place", "typo"),
    [
        ("nodes", "Deployment", ("spec", "template", "spec", "containers", 0), "readinesProbe"),
        ("nodes", "Job", ("spec",), "backofLimit"),
        ("nodes", "NetworkPolicy", ("spec",), "policyType"),
        ("nodes", "TargetGroupBinding", ("spec",), "targetGroupArn"),
        ("nodes", "SecretProviderClass", ("spec", "secretObjects", 0), "name"),
        ("fargate", "SecretStore", ("spec", "provider", "aws"), "regions"),
        ("fargate", "ExternalSecret", ("spec", "data", 0, "remoteRef"), "arn"),
        ("nodes, ingress", "Ingress", ("spec",), "ingressClass"),
    ],
)
def test_a_planted_typo_is_found(shape: str, kind: str, place: tuple[str | int, ...], typo: str) -> None:
    document = copy.deepcopy(of_kind(SHAPES[shape], kind)[-1])
    inner: Any = document
    for step in place:
        inner = inner[step]
    inner[typo] = "x"

    assert typo in problem(document, VERSIONS[-1])


@every_shape
def test_marks_are_filled_without_changing_what_the_yaml_says(application: KubernetesApplication) -> None:
    known = {name: f"arn:aws:x:us-east-1:111122223333:{name.lower()}/a:b-#1" for name in needed_marks(application)}
    filled = [fill_yaml(text, known, where=path) for path, text in texts(application).items()]

    assert not any("${" in text for text in filled)


@every_shape
def test_the_marks_that_are_needed_are_those_that_stand_there(application: KubernetesApplication) -> None:
    in_files = set().union(*(marks(text) for text in texts(application).values()))
    in_charts = marks(str([chart.values for chart in charts(application)]))

    assert needed_marks(application) == in_files | in_charts


@pytest.mark.parametrize(
    "value", ["off", "1", "null", "", " a: b #c", 'say "no"\\', "two\nlines", "${!HOME}", "é 😀\x7f"]
)
def test_a_variable_stays_the_text_that_it_is(value: str) -> None:
    assert configuration(replace(ON_NODES, variables={"GIVEN": value})) == {"GIVEN": value}


# Shapes


@pytest.mark.row("WB-02")
@pytest.mark.parametrize(
    ("shape", "first", "secrets", "way_in"),
    [
        ("nodes", ["Namespace"], ["SecretProviderClass"], "TargetGroupBinding"),
        ("nodes, ingress", ["Namespace"], ["SecretProviderClass"], "Ingress"),
        (
            "fargate",
            ["Namespace", "Namespace", "ConfigMap"],
            ["SecretStore", "ExternalSecret"],
            "TargetGroupBinding",
        ),
    ],
)
def test_objects_are_applied_in_an_order_in_which_each_finds_what_it_needs(
    shape: str, first: list[str], secrets: list[str], way_in: str
) -> None:
    policies = ["NetworkPolicy"] * 3 if shape.startswith("nodes") else []
    running = ["Job", "Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler"]

    assert [each["kind"] for each in objects(SHAPES[shape])] == [
        *[*first, "ServiceAccount", *policies, "ConfigMap", *secrets, "Service", way_in],
        *running,
    ]


@every_shape
def test_every_object_is_in_the_namespace_of_the_application(application: KubernetesApplication) -> None:
    inside = [each for each in objects(application) if each["kind"] != "Namespace"]

    assert {each["metadata"]["namespace"] for each in inside} <= {"web-backend", "aws-observability"}
    assert [each["kind"] for each in inside if each["metadata"]["namespace"] == "aws-observability"] == (
        ["ConfigMap"] if application.compute == "fargate" else []
    )


@every_shape
def test_each_file_says_what_it_is(application: KubernetesApplication) -> None:
    abouts = [file.about for file in manifests(application, folder="kubernetes/dev")]

    assert all(abouts)
    assert len({*abouts}) == len(abouts)
    assert not any("|" in about for about in abouts)


def test_without_secrets_and_migration_there_is_nothing_of_them() -> None:
    plain = replace(ON_NODES, secrets={}, migration=())

    assert {"SecretProviderClass", "Job"}.isdisjoint(each["kind"] for each in objects(plain))
    assert "env" not in container(plain)
    assert [volume["name"] for volume in pod(plain)["volumes"]] == ["tmp"]
    assert plain.job == ""


# The contract


@pytest.mark.row("WB-05", "WB-06")
@every_shape
@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_application_and_migration_are_told_the_same_names(application: KubernetesApplication, kind: str) -> None:
    told = container(application, kind)

    assert configuration(application) == CONTRACT
    assert told["envFrom"] == container(application)["envFrom"]
    assert [entry["name"] for entry in told["env"]] == [*SECRETS]
    assert all("value" not in entry for entry in told["env"])


@pytest.mark.row("WB-05")
def test_on_nodes_each_secret_is_read_by_its_arn_as_the_pod() -> None:
    spec = the(ON_NODES, "SecretProviderClass")["spec"]
    entries = yaml.safe_load(spec["parameters"]["objects"])
    jsonschema.validate(entries, PROVIDER_OBJECTS)
    (synced,) = spec["secretObjects"]

    assert spec["parameters"]["usePodIdentity"] == "true"
    assert {entry["objectAlias"]: entry["objectName"] for entry in entries} == SECRETS
    assert {item["key"]: item["objectName"] for item in synced["data"]} == {name: name for name in SECRETS}
    assert keys_asked_for(ON_NODES) == {(synced["secretName"], name) for name in SECRETS}


@pytest.mark.row("WB-05")
def test_on_fargate_each_secret_is_read_by_its_arn_as_the_service_account() -> None:
    store, external = the(ON_FARGATE, "SecretStore"), the(ON_FARGATE, "ExternalSecret")
    reader = store["spec"]["provider"]["aws"]["auth"]["jwt"]["serviceAccountRef"]["name"]
    account = the(ON_FARGATE, "ServiceAccount")["metadata"]

    assert reader == account["name"]
    assert account["annotations"] == {"eks.amazonaws.com/role-arn": "${APPLICATION_ROLE_ARN}"}
    assert external["spec"]["secretStoreRef"] == {"kind": "SecretStore", "name": store["metadata"]["name"]}
    assert {item["secretKey"]: item["remoteRef"]["key"] for item in external["spec"]["data"]} == SECRETS
    assert keys_asked_for(ON_FARGATE) == {(external["spec"]["target"]["name"], name) for name in SECRETS}


def keys_asked_for(application: KubernetesApplication) -> set[tuple[str, str]]:
    """Names and keys of the Secrets that the containers take their variables from."""
    refs = [
        entry["valueFrom"]["secretKeyRef"]
        for kind in ("Deployment", "Job")
        for entry in container(application, kind)["env"]
    ]
    return {(ref["name"], ref["key"]) for ref in refs}


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_a_container_mounts_the_secrets_because_the_driver_writes_them_only_then(kind: str) -> None:
    (volume,) = [each for each in pod(ON_NODES, kind)["volumes"] if "csi" in each]

    assert volume["csi"]["volumeAttributes"] == {
        "secretProviderClass": the(ON_NODES, "SecretProviderClass")["metadata"]["name"]
    }
    assert volume["name"] in {mount["name"] for mount in container(ON_NODES, kind)["volumeMounts"]}


def test_other_variables_make_other_pods_and_leave_the_old_ones_theirs() -> None:
    changed = replace(ON_NODES, variables={**CONTRACT, "LOG_LEVEL": "DEBUG"})
    names = [container(each)["envFrom"][0]["configMapRef"]["name"] for each in (ON_NODES, changed)]

    assert names[0] != names[1]
    assert configuration(changed)["LOG_LEVEL"] == "DEBUG"


def test_another_value_of_a_stack_makes_other_pods_too() -> None:
    text = texts(ON_NODES)["kubernetes/dev/50-deployment.yaml"]
    known = dict.fromkeys(needed_marks(ON_NODES), "x")
    moved = {**known, "DATABASE_HOST": "restored.example.com"}

    assert fill_yaml(text, known, where="a") != fill_yaml(text, moved, where="b")


# Health


@pytest.mark.row("WB-04")
@every_shape
def test_the_probes_and_the_load_balancer_never_ask_the_database(application: KubernetesApplication) -> None:
    told = container(application)
    probes = [told[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]

    assert probes == [{"path": "/health", "port": "http"}] * 3
    assert not any("/health/db" in text for text in texts(application).values())
    if application.load_balancer == "ingress":
        assert ingress_annotations(application)["healthcheck-path"] == "/health"


@pytest.mark.parametrize("seconds", [0, 60, 299])
def test_a_pod_has_the_time_to_start_that_it_was_given(seconds: int) -> None:
    application = replace(ON_NODES, start_seconds=seconds)
    probe = container(application)["startupProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] >= seconds
    assert the(application, "Deployment")["spec"]["progressDeadlineSeconds"] > seconds


@every_shape
def test_a_pod_serves_until_the_load_balancer_has_let_go_of_it(application: KubernetesApplication) -> None:
    waits = container(application)["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert waits > 30, "the deregistration delay"
    assert pod(application)["terminationGracePeriodSeconds"] > waits + application.stop_seconds


def test_pods_are_ready_only_when_the_load_balancer_says_so() -> None:
    assert the(ON_NODES, "Namespace")["metadata"]["labels"]["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"


# Migration


@pytest.mark.row("WB-07")
@every_shape
def test_the_migration_runs_the_new_image_before_the_deployment(application: KubernetesApplication) -> None:
    kinds = [each["kind"] for each in objects(application)]
    job = container(application, "Job")

    assert kinds.index("Job") < kinds.index("Deployment")
    assert job["args"] == ["alembic", "upgrade", "head"]
    assert the(application, "Job")["metadata"]["name"] == application.job == "api-migration-${IMAGE_TAG}"
    for name in ("image", "env", "envFrom", "securityContext", "volumeMounts", "resources"):
        assert job[name] == container(application)[name], name


@pytest.mark.row("WB-07")
def test_a_migration_that_fails_is_not_tried_again() -> None:
    spec = the(ON_NODES, "Job")["spec"]

    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] > 0


@every_shape
def test_requests_go_to_the_application_and_not_to_its_migration(application: KubernetesApplication) -> None:
    chosen = {*the(application, "Service")["spec"]["selector"].items()}

    assert chosen <= labels(application, "Deployment")
    assert not chosen <= labels(application, "Job")


@pytest.mark.parametrize("kind", ["Deployment", "PodDisruptionBudget"])
def test_deployment_and_disruption_budget_choose_the_pods_of_the_deployment(kind: str) -> None:
    chosen = {*the(ON_NODES, kind)["spec"]["selector"]["matchLabels"].items()}

    assert chosen <= labels(ON_NODES, "Deployment")
    assert not chosen <= labels(ON_NODES, "Job")


# Hardening


@every_shape
@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_pass_the_level_restricted_that_their_namespace_enforces(
    application: KubernetesApplication, kind: str
) -> None:
    enforced = of_kind(application, "Namespace")[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    whole, only = pod(application, kind)["securityContext"], container(application, kind)["securityContext"]

    assert enforced == "restricted"
    assert whole["runAsNonRoot"]
    assert (whole["runAsUser"], whole["runAsGroup"]) == (1000, 1000)
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {kept for volume in pod(application, kind)["volumes"] for kept in volume} <= {"name", "emptyDir", "csi"}


@every_shape
@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_get_no_token_for_the_kubernetes_api_and_no_variables_of_services(
    application: KubernetesApplication, kind: str
) -> None:
    assert pod(application, kind)["automountServiceAccountToken"] is False
    assert pod(application, kind)["enableServiceLinks"] is False
    assert the(application, "ServiceAccount")["automountServiceAccountToken"] is False


def test_memory_is_guaranteed_and_cpu_is_not_throttled() -> None:
    assert container(ON_NODES)["resources"] == {
        "requests": {"cpu": "500m", "memory": "1024Mi"},
        "limits": {"memory": "1024Mi"},
    }


def test_on_nodes_nothing_is_open_that_is_not_named() -> None:
    deny, way_in, way_out = (each["spec"] for each in of_kind(ON_NODES, "NetworkPolicy"))
    ports = [(port["protocol"], port["port"]) for rule in way_out["egress"] for port in rule["ports"]]

    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert [rule["ports"] for rule in way_in["ingress"]] == [[{"protocol": "TCP", "port": 8000}]]
    assert sorted(ports) == [("TCP", 53), ("TCP", 80), ("TCP", 443), ("TCP", 5432), ("UDP", 53)]
    assert {*way_in["podSelector"]["matchLabels"].items()} <= labels(ON_NODES, "Deployment")
    assert {*way_out["podSelector"]["matchLabels"].items()} <= labels(ON_NODES, "Deployment") & labels(ON_NODES, "Job")


# Where the pods run, and how many


def test_nodes_spread_pods_over_zones_and_fargate_is_not_asked_to() -> None:
    spread = pod(ON_NODES)["topologySpreadConstraints"]

    assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert "topologySpreadConstraints" not in pod(ON_FARGATE)


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_run_on_nodes_of_the_architecture_of_the_image(kind: str) -> None:
    assert pod(ON_NODES, kind)["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert pod(replace(ON_NODES, arm=True), kind)["nodeSelector"] == {"kubernetes.io/arch": "arm64"}


@pytest.mark.row("WB-10")
def test_a_rollout_adds_pods_before_it_takes_any_away() -> None:
    assert the(ON_NODES, "Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": "25%"}


def test_autoscaling_alone_sets_the_number_of_pods() -> None:
    scaler = the(ON_NODES, "HorizontalPodAutoscaler")["spec"]

    assert "replicas" not in the(ON_NODES, "Deployment")["spec"]
    assert scaler["scaleTargetRef"]["name"] == the(ON_NODES, "Deployment")["metadata"]["name"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (1, 4)


@pytest.mark.row("WB-08")
def test_fargate_sends_what_containers_write_to_the_log_group_of_the_stack() -> None:
    (data,) = [each["data"] for each in of_kind(ON_FARGATE, "ConfigMap") if each["metadata"]["name"] == "aws-logging"]

    assert "log_group_name ${LOG_GROUP}\n" in data["output.conf"]
    assert "region us-east-1\n" in data["output.conf"]
    assert sum(map(len, data.values())) < 5300
    assert not any(section in text for text in data.values() for section in ("[INPUT]", "[SERVICE]"))


# The way in


def test_the_binding_leaves_security_groups_to_the_stack() -> None:
    assert the(ON_NODES, "TargetGroupBinding")["spec"] == {
        "targetGroupARN": "${TARGET_GROUP_ARN}",
        "targetType": "ip",
        "ipAddressType": "ipv4",
        "serviceRef": {"name": "api", "port": "http"},
    }


def test_an_ingress_answers_https_for_its_domain_behind_the_web_acl() -> None:
    given = ingress_annotations(BY_INGRESS)
    (rule,) = the(BY_INGRESS, "Ingress")["spec"]["rules"]

    assert rule["host"] == "${DOMAIN_NAME}"
    assert yaml.safe_load(given["listen-ports"]) == [{"HTTP": 80}, {"HTTPS": 443}]
    assert (given["ssl-redirect"], given["certificate-arn"]) == ("443", "${CERTIFICATE_ARN}")
    assert "TLS13" in given["ssl-policy"]
    assert given["wafv2-acl-arn"] == "${WEB_ACL_ARN}"
    assert "access_logs.s3.bucket=${ACCESS_LOG_BUCKET}" in given["load-balancer-attributes"].split(",")
    assert given["tags"] == "Project=web-backend"


def test_an_ingress_without_a_certificate_answers_http_alone() -> None:
    plain = OTHERS[-1]

    assert "host" not in the(plain, "Ingress")["spec"]["rules"][0]
    assert yaml.safe_load(ingress_annotations(plain)["listen-ports"]) == [{"HTTP": 80}]
    assert {"ssl-redirect", "ssl-policy", "certificate-arn", "wafv2-acl-arn", "tags"}.isdisjoint(
        ingress_annotations(plain)
    )


@every_shape
def test_an_ingress_is_reached_by_clients_alone_and_its_pods_by_address(application: KubernetesApplication) -> None:
    given = ingress_annotations(replace(application, load_balancer="ingress", clients="203.0.113.0/24,198.51.100.0/24"))

    assert given["inbound-cidrs"] == "203.0.113.0/24,198.51.100.0/24"
    assert (given["scheme"], given["target-type"]) == ("internet-facing", "ip")


# Charts


@pytest.mark.row("WB-02")
def test_nodes_need_the_controller_and_fargate_the_operator_too() -> None:
    names = {shape: [chart.name for chart in charts(application)] for shape, application in SHAPES.items()}

    assert names["nodes"] == names["nodes, ingress"] == ["aws-load-balancer-controller"]
    assert names["fargate"] == ["aws-load-balancer-controller", "external-secrets"]
    assert len(charts(replace(ON_FARGATE, secrets={}))) == 1


def test_the_versions_of_charts_are_exact() -> None:
    versions = [chart.version.split(".") for chart in charts(ON_FARGATE)]

    assert all(len(parts) == 3 and all(part.isdigit() for part in parts) for parts in versions)


def test_the_controller_looks_after_web_acls_only_where_an_ingress_has_one() -> None:
    applications = [BY_INGRESS, OTHERS[-1], replace(BY_INGRESS, load_balancer="stack"), ON_NODES]
    values = [charts(application)[0].values for application in applications]

    assert [each["enableWafv2"] for each in values] == [True, False, False, False]
    assert all(each["enableServiceMutatorWebhook"] is False for each in values), "Helm takes a quoted false for true"


def test_on_fargate_the_controller_takes_its_role_by_its_service_account() -> None:
    accounts = [charts(each)[0].values["serviceAccount"] for each in (ON_NODES, ON_FARGATE)]

    assert accounts[0] == {"name": "aws-load-balancer-controller"}
    assert accounts[1]["annotations"] == {"eks.amazonaws.com/role-arn": "${CONTROLLER_ROLE_ARN}"}


# What is refused


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        (ON_FARGATE, {"arm": True}, "x86 only"),
        (ON_NODES, {"run_as": "0:0"}, "never root"),
        (ON_NODES, {"run_as": "1000:4294967295"}, "from 1 to 2147483647"),
        (BY_INGRESS, {"tags": {"Owner": "web, data"}}, "leave commas out"),
    ],
)
def test_what_the_cluster_would_refuse_is_an_error_before(
    base: KubernetesApplication, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(base, **changes)
