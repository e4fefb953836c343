from __future__ import annotations

import re

import pytest
from troposphere import Ref, logs

from blueprints.components.container import TEMPORARY, definition
from blueprints.components.secret import SecretValue
from blueprints.model.errors import SettingsError
from tests.support.service import container


def written(**changes):
    return definition(container(**changes), logs.LogGroup("Log"), stream_prefix="ecs").to_dict()


@pytest.mark.row("FR-03")
def test_it_listens_on_its_port_and_ends_its_task_when_it_ends():
    made = written()
    assert (made["Name"], made["Image"], made["Essential"]) == ("api", "nginx:1", True)
    assert made["PortMappings"] == [{"ContainerPort": 8000, "Protocol": "tcp"}]


@pytest.mark.row("CA-04")
@pytest.mark.row("XX-04")
def test_plain_values_are_told_and_secrets_are_only_named():
    made = written(environment={"MODE": "fast"}, secrets={"API_KEY": SecretValue(Ref("KeyArn"))})
    assert made["Environment"] == [{"Name": "MODE", "Value": "fast"}]
    assert made["Secrets"] == [{"Name": "API_KEY", "ValueFrom": {"Ref": "KeyArn"}}]


def test_a_name_cannot_be_a_plain_value_and_a_secret():
    with pytest.raises(SettingsError, match="variables: API_KEY is a secret of the container already; leave it out"):
        container(environment={"API_KEY": "x", "MODE": "y"}, secrets={"API_KEY": SecretValue(Ref("KeyArn"))})


@pytest.mark.row("FR-05")
def test_it_logs_to_its_group_in_the_stacks_region():
    assert written()["LogConfiguration"] == {
        "LogDriver": "awslogs",
        "Options": {
            "awslogs-group": {"Ref": "Log"},
            "awslogs-region": {"Ref": "AWS::Region"},
            "awslogs-stream-prefix": "ecs",
        },
    }


# Health


@pytest.mark.row("CA-07")
@pytest.mark.parametrize("tool", ["curl", "wget", "python3", "node"])
def test_health_is_asked_for_with_what_the_image_has(tool):
    kind, command = written(health_path="/well", port=9000)["HealthCheck"]["Command"]
    assert kind == "CMD-SHELL"
    (part,) = (part for part in command.split(" || ") if part.startswith(tool))
    assert "http://localhost:9000/well" in part


def test_all_the_ways_of_asking_together_fit_into_the_time_there_is():
    check = written()["HealthCheck"]
    each = [int(seconds) for seconds in re.findall(r"(?:-m |-T |timeout=)(\d+)", check["Command"][1])]
    assert len(each) == 3
    assert sum(each) < check["Timeout"] < check["Interval"]
    assert check["Command"][1].endswith("|| exit 1")


def test_a_start_takes_as_long_as_it_is_given():
    assert written(start_seconds=120)["HealthCheck"]["StartPeriod"] == 120


def test_nothing_is_asked_inside_where_there_is_no_path():
    assert "HealthCheck" not in written(health_path=None)


# What it may not do


def test_it_runs_as_nobody_special_unless_the_image_decides():
    assert written()["User"] == "1000:1000"
    assert "User" not in written(user=None)


def test_its_root_file_system_is_read_only_and_tmp_is_memory():
    made = written()
    assert made["ReadonlyRootFilesystem"] is True
    assert made["LinuxParameters"]["Tmpfs"] == [
        {"ContainerPath": "/tmp", "Size": 64, "MountOptions": ["nosuid", "nodev"]}  # noqa: S108 - in the container
    ]


def test_a_writable_root_needs_no_tmp_of_its_own():
    made = written(writable=True)
    assert made["ReadonlyRootFilesystem"] is False
    assert "Tmpfs" not in made["LinuxParameters"]


@pytest.mark.parametrize("port", [1024, 8000, 65535])
def test_it_has_no_kernel_capability(port):
    assert written(port=port)["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}


@pytest.mark.parametrize("port", [80, 443, 1023])
def test_listening_on_a_privileged_port_keeps_the_capability_to_do_so(port):
    assert "Capabilities" not in written(port=port)["LinuxParameters"]


def test_processes_that_it_leaves_behind_are_collected():
    assert written()["LinuxParameters"]["InitProcessEnabled"] is True


@pytest.mark.row("RC-25")
def test_more_folders_can_be_written_to_in_memory():
    mounts = written(temporary=[*TEMPORARY, "/app/.next/cache"])["LinuxParameters"]["Tmpfs"]
    assert [mount["ContainerPath"] for mount in mounts] == [*TEMPORARY, "/app/.next/cache"]
    assert all("nosuid" in mount["MountOptions"] for mount in mounts)


def test_labels_stand_in_the_definition_and_nowhere_else_when_there_are_none():
    assert written(labels={"configuration": "INFO"})["DockerLabels"] == {"configuration": "INFO"}
    assert "DockerLabels" not in written()
