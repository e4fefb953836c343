"""Any settings render, or say what is wrong with them."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

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
from blueprints.checks.lint import lint
from blueprints.components.guard_duty import AGENTS, PROTECTIONS
from blueprints.components.rollout import Stage
from blueprints.components.task_size import FARGATE_SIZES
from blueprints.model.errors import SettingsError
from blueprints.model.settings import RETENTION_DAYS
from blueprints.render import to_yaml

KINDS = {
    "account": account.Settings,
    "cooking-assistant": cooking_assistant.Settings,
    "facerec": facerec.Settings,
    "mealprep": mealprep.Settings,
    "recipe-chatbot": recipe_chatbot.Settings,
    "web-backend-beanstalk": web_backend_beanstalk.Settings,
    "web-backend-eks": web_backend_eks.Settings,
    "web-backend-fargate": web_backend_fargate.Settings,
}
NAME = st.from_regex(r"[a-z][a-z0-9-]{1,8}[a-z0-9]", fullmatch=True)
WORD = st.from_regex(r"[A-Za-z0-9 ._-]{1,20}", fullmatch=True).map(str.strip).filter(bool)

VARIABLES = st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True), st.text(max_size=20), max_size=3)

# What fields take that their types alone do not say.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "environment": st.sampled_from(["dev", "prod", "staging", "e2e-1"]),
    "project": NAME,
    "region": st.sampled_from(["us-east-1", "us-west-2", "eu-central-1"]),
    "owner": st.none() | WORD,
    "cost_center": st.none() | WORD,
    "tags": st.dictionaries(WORD.filter(lambda key: key not in {"Project", "Environment"}), WORD, max_size=3),
    "vpc_cidr": st.sampled_from(["10.0.0.0/16", "172.16.0.0/18", "192.168.0.0/20"]),
    "availability_zones": st.sampled_from([2, 3]),
    "log_retention_days": st.sampled_from(RETENTION_DAYS),
    "tasks": st.integers(0, 100),
    "minimum_tasks": st.integers(0, 3),
    "maximum_tasks": st.integers(3, 100),
    "container_port": st.integers(1, 65535),
    "health_check_path": st.sampled_from(["/health", "/", "/a/b?c=d&e=%20", "/x#y:z"]),
    "start_seconds": st.integers(0, 300),
    "variables": VARIABLES,
    "backend_variables": VARIABLES,
    "frontend_variables": VARIABLES,
    "backend_minimum_tasks": st.integers(0, 3),
    "backend_maximum_tasks": st.integers(3, 100),
    "frontend_minimum_tasks": st.integers(0, 3),
    "frontend_maximum_tasks": st.integers(3, 100),
    "secondary_region": st.sampled_from(["us-east-2", "eu-west-1"]),
    "existing_vpc": st.sampled_from([True, False]),
    "origin_generation": st.integers(1, 3),
    "api_variables": VARIABLES,
    "api_minimum_tasks": st.integers(0, 3),
    "api_maximum_tasks": st.integers(3, 100),
    "upload_origins": st.lists(st.sampled_from(["https://app.example.com"]), max_size=1),
    "profile_regions": st.just(["us-east-1", "us-west-2"]),
    "models": st.lists(st.sampled_from(["amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"]), unique=True),
    "model_profiles": st.lists(st.sampled_from(["us.amazon.nova-lite-v1:0"]), unique=True),
    "aspnetcore_environment": WORD,
    "database_readers": st.integers(0, 3),
    "database_minimum_capacity": st.sampled_from([0, 0.5, 2]),
    "database_maximum_capacity": st.sampled_from([2, 4.5, 128]),
    "database_backup_days": st.integers(1, 35),
    "cache_node_type": st.sampled_from(["cache.t4g.micro", "cache.r7g.large"]),
    "cache_replicas": st.integers(0, 3),
    "budget": st.integers(1, 10_000_000),
    "trail_days": st.integers(1, 3650),
    "cors_origins": st.lists(st.sampled_from(["https://app.example.com", "http://localhost:3000"]), max_size=2),
    "answer_seconds": st.integers(1, 4000),
    "metric_namespace": st.none() | st.sampled_from(["RecipeChatbot/LLM", "Kitchen"]),
    "target_queue_depth": st.integers(1, 10_000) | st.floats(1, 100),
    "slow_seconds": st.floats(0.1, 4000),
    "test_header": st.sampled_from(["green", "s3cret-Value_1"]),
    "wakes_at": st.integers(0, 11),
    "sleeps_at": st.integers(12, 23),
    "time_zone": st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"]),
    "bake_minutes": st.integers(0, 1440),
    "hook_stages": st.lists(st.sampled_from(get_args(Stage)), min_size=1, max_size=3, unique=True),
    "critical_email": st.none() | st.just("somebody@example.com"),
    "run_as": st.sampled_from(["", "0", "1000:1000"]),
    "domain_name": st.none() | st.just("app.example.com"),
    "hosted_zone_id": st.none() | st.just("Z0123456789ABCDEFGHIJ"),
    "clients": st.sampled_from(["0.0.0.0/0", "203.0.113.0/24", "198.51.100.7/32"]),
    "waf_rate_limit": st.integers(10, 2_000_000_000),
    "alert_email": st.none() | st.just("somebody@example.com"),
    "secret_parameter": st.sampled_from(["/cooking-assistant/ANTHROPIC_API_KEY", "/x"]),
    "target_cpu": st.integers(10, 95),
    "target_memory": st.integers(10, 95),
    "target_requests": st.integers(1, 1_000_000),
    "scale_out_above": st.integers(60, 99),
    "scale_in_below": st.integers(1, 50),
    "application_environment": WORD,
    "parameter_path": st.sampled_from(["/facerec/", "/a/b.c/d-e/"]),
    "backup_days": st.integers(1, 3650),
    "protections": st.lists(st.sampled_from(PROTECTIONS), max_size=len(PROTECTIONS)),
    "runtime_agents": st.lists(st.sampled_from(AGENTS), max_size=len(AGENTS)),
    "left_out": st.lists(st.sampled_from(PROTECTIONS), max_size=2),
    "alert_severity": st.integers(1, 10) | st.floats(1, 10),
}

# What the web backends take where their settings are narrower than those of the same name, or have no other.
SECRET_NAMES = st.sampled_from(["STRIPE_API_KEY", "JWT_SECRET", "SENTRY_DSN"])
WEB_BACKEND: dict[str, st.SearchStrategy[Any]] = {
    "run_as": st.sampled_from(["1000:1000", "101:101"]),
    "container_port": st.integers(1024, 65535),
    "clients": st.sampled_from(["0.0.0.0/0", "0.0.0.0/0", "203.0.113.0/24"]),
    "database_health_path": st.sampled_from(["/health/db", "/a/b?c=d&e=%20"]),
    "secrets": st.lists(SECRET_NAMES, unique=True, max_size=3),
    "workers": st.integers(1, 2),
    "pool_min": st.integers(0, 4),
    "pool_max": st.integers(4, 10),
    "migration": st.sampled_from([[], ["alembic", "upgrade", "head"], ["python", "-m", "app.migrate"]]),
    "database_name": st.sampled_from(["app", "recipes_1"]),
    "database_storage": st.integers(20, 80),
    "database_maximum_storage": st.integers(100, 16384),
    "password_generation": st.integers(1, 3),
    "minimum_capacity": st.integers(1, 2),
    "maximum_capacity": st.integers(2, 3),
    "target_cpu": st.integers(10, 90),
    "frontend_domain_name": st.none() | st.just("www.example.com"),
    "github_repository": st.none() | st.just("kitchen/web-backend"),
    "endpoint_clients": st.just(["203.0.113.0/24", "198.51.100.7/32"]),
    "administrator_arn": st.none() | st.just("arn:aws:iam::111122223333:role/platform/Administrator"),
    "zone_ids": st.just([]),
    "instance_types": st.sampled_from([[], ["m7i.large"], ["t4g.medium", "m7g.large"]]),
    "minimum_nodes": st.integers(1, 3),
    "maximum_nodes": st.integers(3, 9),
    "node_disk": st.integers(20, 1000),
    "instance_type": st.sampled_from(["", "t3.medium", "m7g.large"]),
    "volume": st.integers(10, 1000),
    "update_window": st.sampled_from(["", "Mon:23:59"]),
}

SIZED = ("", "task_", "backend_", "frontend_", "api_")
# What finds a place on a node of the smallest kind.
POD_SIZES = st.sampled_from([(256, 512), (512, 1024), (1000, 2000)])
SIZES = st.sampled_from([(cpu, memory) for cpu, memories in FARGATE_SIZES.items() for memory in memories])


def values_of(name: str, kind: type) -> st.SearchStrategy[dict[str, Any]]:
    """Strategies for some fields of a kind of settings: literals and booleans by their type, the rest from above."""
    fields = {}
    known = {**VALUES, **(WEB_BACKEND if name.startswith("web-backend") else {})}
    for field, info in kind.model_fields.items():
        if field.endswith(("cpu", "memory")) and not field.startswith("target"):
            continue
        choices = get_args(info.annotation)
        if field in known:
            fields[field] = known[field]
        elif info.annotation is bool:
            fields[field] = st.booleans()
        else:
            assert choices, f"{name}.{field}: say in VALUES what it takes"
            fields[field] = st.sampled_from(choices)
    chosen = st.fixed_dictionaries({}, optional=fields)
    for of in SIZED:
        if f"{of}cpu" in kind.model_fields:
            chosen = st.tuples(chosen, SIZES if name != "web-backend-eks" else POD_SIZES).map(
                lambda pair, of=of: {**pair[0], f"{of}cpu": pair[1][0], f"{of}memory": pair[1][1]}
            )
    return chosen


def build(name: str, values: dict[str, Any]) -> list[Any] | None:
    """The stacks, or None where the settings were refused in our words."""
    message = ""
    try:
        return catalog.load(name).build(KINDS[name](**values))
    except SettingsError as error:
        message = str(error)
    note(message)
    assert any(key in message for key in values), "an error names the setting"
    return None


@pytest.mark.row("XX-08")
@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_valid_settings_render_within_the_limits(name, data):
    stacks = build(name, data.draw(values_of(name, KINDS[name])))
    for stack in stacks or []:
        assert len(to_yaml(stack).encode()) <= 51_200
        assert len(stack.resources) <= 500
        assert len(stack.parameters) <= 200
        assert len(stack.outputs) <= 200


@pytest.mark.row("XX-02")
@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_valid_settings_lint_clean(name, data, tmp_path_factory):
    values = data.draw(values_of(name, KINDS[name]).filter(lambda values: build(name, values) is not None))
    # Hypothesis begins with the smallest, which is nearly what is committed, and that is linted as it is.
    stacks = build(name, values) if len(values) > len(SIZED) else None
    folder = tmp_path_factory.mktemp("rendered")
    if stacks:
        # Three of them: a linter takes half a second for each, and looks at each by itself.
        for stack in data.draw(st.permutations(stacks))[:3]:
            (folder / f"{stack.name}.yaml").write_text(to_yaml(stack), encoding="utf-8")
        found = lint([folder], regions=[stacks[0].region], cache=folder / "cache", processes=1)
        assert [str(finding) for finding in found] == []


WRONG = st.sampled_from([-1, 10**12, "", "Not Valid!", "\u0000", 3.5, [], {"a": 1}, ["x"], "a" * 300, object])


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_invalid_value_is_refused_by_name_and_value(name, data):
    field = data.draw(st.sampled_from(sorted(KINDS[name].model_fields)))
    value = data.draw(WRONG)
    try:
        chosen = KINDS[name](**{field: value})
    except SettingsError as error:
        message = str(error)
        assert field in message
        parts = [value, *(value.values() if isinstance(value, dict) else value if isinstance(value, list) else [])]
        assert any(repr(part) in message or str(part) in message for part in parts)
        assert "give " in message or "needs " in message or "has to " in message or "than " in message
    else:
        for stack in catalog.load(name).build(chosen):
            to_yaml(stack)


@pytest.mark.parametrize("name", KINDS)
def test_a_setting_that_there_is_not_is_refused_with_the_nearest_that_there_is(name):
    with pytest.raises(SettingsError, match=r"regio: no such setting \(did you mean region\?"):
        KINDS[name](regio="us-east-1")
