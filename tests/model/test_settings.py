from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import ValidationError

from blueprints.model.errors import SettingsError
from blueprints.model.settings import RETENTION_DAYS, NetworkSettings

# What is given, the setting that the message names, the value that it repeats and a part of what it allows.
REFUSED = [
    ({"environment": "Prod"}, "environment", "'Prod'", "^[a-z]"),
    ({"environment": "a" * 17}, "environment", "'" + "a" * 17 + "'", "{0,14}"),
    ({"environment": "dev-"}, "environment", "'dev-'", "[a-z0-9])?$"),
    ({"environment": "shared"}, "environment", "'shared'", "what environments share"),
    ({"environment": 1}, "environment", "1", "valid string"),
    ({"project": "X"}, "project", "'X'", "^[a-z]"),
    ({"project": "facerec-"}, "project", "'facerec-'", "[a-z0-9]$"),
    ({"region": "virginia"}, "region", "'virginia'", r"-\d$"),
    ({"availability_zones": 1}, "availability_zones", "1", "greater than or equal to 2"),
    ({"availability_zones": 4}, "availability_zones", "4", "less than or equal to 3"),
    ({"vpc_cidr": "10.0.0.1/16"}, "vpc_cidr", "'10.0.0.1/16'", "without host bits"),
    ({"vpc_cidr": "10.0.0.0"}, "vpc_cidr", "'10.0.0.0'", "from /16"),
    ({"vpc_cidr": "10.0.0.0/21"}, "vpc_cidr", "'10.0.0.0/21'", "to /20"),
    ({"vpc_cidr": "10.0.0.0/15"}, "vpc_cidr", "'10.0.0.0/15'", "from /16"),
    ({"vpc_cidr": "ten"}, "vpc_cidr", "'ten'", "such as 10.0.0.0/16"),
    ({"egress": "internet"}, "egress", "'internet'", "'public', 'nat', 'nat-per-zone' or 'endpoints'"),
    ({"existing_vpc": "maybe"}, "existing_vpc", "'maybe'", "boolean"),
    ({"keep_data": None}, "keep_data", "None", "boolean"),
    ({"log_retention_days": 31}, "log_retention_days", "31", "1, 3, 5, 7, 14, 30"),
    ({"owner": "somebody*"}, "owner", "'somebody*'", "pattern"),
    ({"tags": {"aws:team": "x"}}, "tags", "{'aws:team': 'x'}", "do not begin with AWS's own aws:"),
    ({"tags": {"Owner": "x"}}, "tags", "{'Owner': 'x'}", "by the setting owner"),
    ({"tags": {"costcenter": "x"}}, "tags", "{'costcenter': 'x'}", "by the setting cost_center"),
    ({"tags": {"project": "x"}}, "tags", "{'project': 'x'}", "by the setting project"),
    ({"tags": {"Team": "x", "team": "y"}}, "tags", "'team': 'y'", "more than upper and lower case"),
    ({"tags": {f"Key{number}": "x" for number in range(41)}}, "tags", "'Key40'", "40 items"),
    ({"tags": {"Team": "a" * 257}}, "tags.Team", "'" + "a" * 257 + "'", "at most 256 characters"),
    ({"tags": {"": "x"}}, "tags", "''", "at least 1 character"),
]


@pytest.mark.parametrize(("values", "key", "value", "allowed"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_refusal_names_the_setting_the_value_and_what_is_allowed(values, key, value, allowed):
    with pytest.raises(SettingsError) as refused:
        NetworkSettings(**values)
    message = str(refused.value)
    assert message.startswith(key)
    assert value in message.partition(" is not allowed")[0]
    assert allowed in message


def test_what_is_no_mapping_of_settings_is_refused():
    with pytest.raises(ValidationError, match="valid dictionary"):
        NetworkSettings.model_validate(["dev"])


def test_a_refusal_explains_what_the_setting_is_for():
    with pytest.raises(SettingsError, match="Number of Availability Zones that the network spans"):
        NetworkSettings(availability_zones=7)


def test_all_mistakes_are_told_at_once_one_on_a_line():
    with pytest.raises(SettingsError) as refused:
        NetworkSettings(project="X", availability_zones=9, owners="me")
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "project",
        "availability_zones",
        "owners",
    ]


def test_an_unknown_setting_is_refused_with_the_one_that_was_meant():
    with pytest.raises(SettingsError, match=r"^availabilty_zones: no such setting \(did you mean availability_zones\?"):
        NetworkSettings(availabilty_zones=2)


def test_an_unknown_setting_like_no_other_is_refused_with_all_there_are():
    with pytest.raises(
        SettingsError, match=r"^xyzzy: no such setting \(known settings: availability_zones, "
    ) as refused:
        NetworkSettings(xyzzy=1)
    assert all(name in str(refused.value) for name in NetworkSettings.model_fields)


def test_a_refusal_is_for_people_and_says_nothing_of_pydantic():
    with pytest.raises(SettingsError) as refused:
        NetworkSettings(egress=3)
    assert "pydantic" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert refused.value.exit_code == 2


def test_settings_never_change():
    settings = NetworkSettings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.region = "eu-west-1"
    assert settings.region == "us-east-1"


def test_every_setting_says_what_it_means():
    silent = [name for name, field in NetworkSettings.model_fields.items() if not field.description]
    assert silent == []


@pytest.mark.row("XX-05")
def test_production_keeps_its_data_and_development_does_not():
    assert NetworkSettings(environment="prod").keep_data is True
    assert NetworkSettings(environment="dev").keep_data is False
    assert NetworkSettings(environment="staging").keep_data is False


def test_the_default_environment_is_development():
    assert NetworkSettings() == NetworkSettings(environment="dev")


def test_what_is_given_wins_over_what_the_environment_brings():
    assert NetworkSettings(environment="prod", keep_data=False).keep_data is False


@pytest.mark.row("XX-05")
def test_production_with_spaces_around_it_is_production():
    settings = NetworkSettings(environment=" prod ")
    assert (settings.environment, settings.keep_data) == ("prod", True)


def test_an_architecture_has_environment_defaults_of_its_own():
    class Own(NetworkSettings):
        environment_defaults: ClassVar[dict[str, dict[str, Any]]] = {"load-test": {"availability_zones": 3}}

    assert Own(environment="load-test").availability_zones == 3
    assert Own().availability_zones == 2
    assert Own(environment="prod").keep_data is False


def test_defaults_of_an_environment_are_checked_like_any_value():
    class Own(NetworkSettings):
        environment_defaults: ClassVar[dict[str, dict[str, Any]]] = {"dev": {"availability_zones": 5}}

    with pytest.raises(SettingsError, match="availability_zones: 5 is not allowed"):
        Own()


@pytest.mark.parametrize(
    "region", ["eu-central-1", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1", "ap-southeast-7"]
)
@pytest.mark.row("XX-13")
def test_regions_of_every_partition_are_taken(region):
    assert NetworkSettings(region=region).region == region


@pytest.mark.parametrize("environment", ["d", "dev", "load-test-2", "abcdefghijklmnop"])
def test_an_environment_may_have_a_name_of_up_to_sixteen_characters(environment):
    assert NetworkSettings(environment=environment).stack_name("service") == f"project-{environment}-service"


def test_a_shared_stack_is_named_without_an_environment():
    settings = NetworkSettings(project="facerec", environment="prod")
    assert settings.stack_name("registry", shared=True) == "facerec-registry"


def test_tags_on_resources_come_in_a_fixed_order_without_those_not_given():
    full = NetworkSettings(project="sample", owner="Food", cost_center="1234", tags={"Zone": "a", "Team": "b"})
    assert list(full.stamped_tags.items()) == [
        ("Project", "sample"),
        ("Environment", "dev"),
        ("Owner", "Food"),
        ("CostCenter", "1234"),
    ]
    assert list(NetworkSettings().stamped_tags) == ["Project", "Environment"]


@effort(deadline=None)
@given(st.integers())
def test_only_what_cloudwatch_accepts_is_a_retention(days):
    if days in RETENTION_DAYS:
        assert NetworkSettings(log_retention_days=days).log_retention_days == days
    else:
        with pytest.raises(SettingsError, match=f"log_retention_days: {days} is not allowed"):
            NetworkSettings(log_retention_days=days)


JSON_LIKE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text("ab-/1. \n\u00e9", max_size=20)
    | st.lists(st.integers(), max_size=2)
)


@effort(deadline=None)
@given(st.dictionaries(st.sampled_from([*NetworkSettings.model_fields, "unknown"]), JSON_LIKE, max_size=4))
def test_whatever_is_given_makes_settings_or_a_settings_error(values):
    try:
        made = NetworkSettings(**values)
    except SettingsError as error:
        assert any(str(error).startswith(name) for name in values)  # noqa: PT017 - either outcome is right
    else:
        assert made.model_fields_set >= set(values)
