from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from blueprints.catalog._web_backend.beanstalk_bundle import FOLDER, bundle, bundle_files
from blueprints.components.beanstalk_environment import LOG_GROUP
from blueprints.deploy.marks import fill, marks
from blueprints.model.errors import SettingsError
from blueprints.model.steps import OutputOf
from blueprints.render.files import environment

pytestmark = pytest.mark.row("WB-03")

APPLICATION: dict[str, Any] = {"title": "web-backend", "port": 8000, "names": ["LOG_LEVEL", "DATABASE_PASSWORD"]}
VALUES = {"REPOSITORY_URI": "123456789012.dkr.ecr.us-east-1.amazonaws.com/web", "ImageTag": "v1"}
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v1"


def rendered(**given: Any) -> dict[str, str]:
    """The files of a bundle, as they are rendered."""
    jinja = environment()
    return {
        file.path.removeprefix(f"{FOLDER}/"): jinja.get_template(file.template).render(
            {"path": file.path, **file.values}
        )
        for file in bundle_files(**{**APPLICATION, **given})
    }


def filled(**given: Any) -> dict[str, str]:
    """The files of a bundle, as they are uploaded."""
    return {path: fill(text, VALUES, where=path) for path, text in rendered(**given).items()}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return filled()


@pytest.fixture(scope="module")
def services(files):
    return yaml.safe_load(files["docker-compose.yml"])["services"]


def test_its_files_are_a_promise(files):
    assert list(files) == [
        "docker-compose.yml",
        "proxy/nginx.conf",
        ".ebextensions/10-health-logs.config",
        "migrate.sh",
        ".ebextensions/20-migration.config",
    ]


def test_a_deployment_knows_every_mark():
    step = bundle(bucket=OutputOf("frontend", "Bucket"), repository_uri=OutputOf("registry", "RepositoryUri"))
    found = set().union(*map(marks, rendered().values()))
    assert found == {"ImageTag", *step.values}
    assert (step.folder, step.key) == (FOLDER, "${ImageTag}.zip")


def test_docker_compose_accepts_it_before_and_after_its_marks_are_filled(tmp_path, files):
    paths = []
    for name, text in (("raw.yml", rendered()["docker-compose.yml"]), ("filled.yml", files["docker-compose.yml"])):
        paths.append(tmp_path / name)
        paths[-1].write_text(text, encoding="utf-8")
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_shellcheck_has_nothing_to_say(tmp_path, files):
    script = tmp_path / "migrate.sh"
    script.write_text(files["migrate.sh"], encoding="utf-8")
    tool = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([tool, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_application_runs_hardened_and_only_the_proxy_reaches_it(services):
    api, proxy = services["api"], services["proxy"]
    assert (api["image"], api["user"], api["read_only"]) == (IMAGE, "1000:1000", True)
    assert all(each["cap_drop"] == ["ALL"] and each["read_only"] for each in (api, proxy))
    assert all(each["security_opt"] == ["no-new-privileges:true"] for each in (api, proxy))
    assert "ports" not in api
    assert proxy["ports"] == ["80:8080"]


def test_an_image_that_cannot_live_like_that_says_so():
    loose = filled(run_as=None, writable=True)
    api = yaml.safe_load(loose["docker-compose.yml"])["services"]["api"]
    assert not {"user", "read_only", "tmpfs"} & set(api)
    assert "    --user" not in loose["migrate.sh"]
    assert "--read-only" not in loose["migrate.sh"]


def test_variables_and_secrets_come_from_what_elastic_beanstalk_writes(services):
    assert services["api"]["env_file"] == [".env"]


@pytest.mark.row("WB-08")
def test_output_goes_to_the_log_group_that_the_environment_names(services, files):
    assert all(each["logging"]["options"]["awslogs-group"] == f"${{{LOG_GROUP}}}" for each in services.values())
    assert f'awslogs-group="${LOG_GROUP}"' in files["migrate.sh"]


@pytest.mark.row("WB-08")
def test_the_proxy_logs_requests_where_and_how_the_health_agent_reads_them(services, files):
    folder = "/var/log/nginx/healthd"
    assert f"{folder}:{folder}" in services["proxy"]["volumes"]
    extension = yaml.safe_load(files[".ebextensions/10-health-logs.config"])
    (entry,) = [each["content"].split() for each in extension["files"].values()]
    assert entry == ["d", folder, "0755", "101", "101", "3h"]
    proxy = files["proxy/nginx.conf"]
    assert f"access_log {folder}/application.log.$year-$month-$day-$hour healthd;" in proxy
    assert """'$msec"$uri"$status"$request_time"$upstream_response_time"$http_x_forwarded_for'""" in proxy


def test_what_a_client_claims_to_be_is_not_handed_on(files):
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in files["proxy/nginx.conf"]


@pytest.mark.row("WB-07")
def test_the_migration_runs_once_before_the_containers_and_its_failure_stops_the_deployment(files):
    commands = yaml.safe_load(files[".ebextensions/20-migration.config"])["container_commands"]
    assert commands == {"10_migrate": {"command": "bash migrate.sh", "leader_only": True, "ignoreErrors": False}}
    assert "set -euo pipefail" in files["migrate.sh"]
    assert '"$image" alembic upgrade head\n' in files["migrate.sh"]


@pytest.mark.row("WB-07")
def test_the_migration_is_told_all_that_the_application_is_told(files):
    named = [line.split()[1] for line in files["migrate.sh"].splitlines() if line.strip().startswith("--env ")]
    assert named == ["DATABASE_PASSWORD", "LOG_LEVEL"]


def test_an_application_without_migrations_has_no_command_for_them():
    assert set(filled(migration=())) == {
        "docker-compose.yml",
        "proxy/nginx.conf",
        ".ebextensions/10-health-logs.config",
    }


def test_a_name_that_a_shell_would_not_take_is_refused():
    with pytest.raises(SettingsError, match="LOG-LEVEL"):
        rendered(names=["LOG-LEVEL"])
