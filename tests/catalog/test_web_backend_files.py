"""What goes with the templates of the web backend: its image, and the same application on one machine."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from blueprints.catalog import recipe_chatbot, web_backend_beanstalk, web_backend_fargate
from blueprints.catalog._web_backend.compose import POSTGRES, compose_files
from blueprints.catalog._web_backend.image import PYTHON, image_files
from blueprints.components.postgres_instance import PARAMETERS, max_connections
from blueprints.model.errors import SettingsError
from blueprints.render import files, writing
from blueprints.render.template import to_dict

CA_BUNDLE = "/etc/ssl/certs/rds-global-bundle.pem"

GIVEN = {
    "parts": {},
    "url": {"database_as": "url", "secrets": ["STRIPE_API_KEY", "TOKEN"], "cors_origins": ["https://a.example.com"]},
    "bare": {
        "environment": "prod",
        "frontend": False,
        "migration": [],
        "variables": {"PRICE": "$5 ${NOT}", "SWITCH": "off"},
        "container_port": 8443,
        "run_as": "1001:1002",
    },
}

each = pytest.mark.parametrize("kind", GIVEN)


def settings(kind):
    return web_backend_fargate.Settings(**GIVEN[kind])


def text(file):
    return files.environment().get_template(file.template).render({"path": file.path, **file.values})


def compose_text(kind, blueprint=web_backend_fargate):
    return text(compose_files(blueprint.Settings(**GIVEN[kind]), repository="web-backend-fargate")[0])


def compose(kind):
    return yaml.safe_load(compose_text(kind))


def container(kind, stack="service"):
    """The container of the task definition that Fargate runs for the same settings."""
    (made,) = [one for one in web_backend_fargate.build(settings(kind)) if one.name == stack]
    (task,) = [one for one in to_dict(made)["Resources"].values() if one["Type"] == "AWS::ECS::TaskDefinition"]
    return task["Properties"]["ContainerDefinitions"][0]


# The image


def dockerfile(kind):
    return text(image_files(settings(kind), repository="web-backend-fargate")[0])


@pytest.mark.row("WB-01", "WB-02", "WB-03")
def test_the_image_starts_from_the_same_python_as_that_of_the_recipe_chatbot():
    assert recipe_chatbot.images.PYTHON == PYTHON
    assert f"ARG PYTHON_IMAGE={PYTHON}\n" in dockerfile("parts")


@pytest.mark.row("WB-05")
@each
def test_the_image_has_the_certificates_of_rds_where_the_application_is_told_they_are(kind):
    assert f"COPY --from=build /certificates.pem {CA_BUNDLE}\n" in dockerfile(kind)
    told = {one["Name"]: one["Value"] for one in container(kind)["Environment"]}
    assert told.get("DATABASE_SSLROOTCERT", CA_BUNDLE) == CA_BUNDLE


@pytest.mark.row("WB-07")
@each
def test_the_image_has_to_hold_the_program_that_migrates(kind):
    assert ("/opt/venv/bin/alembic" in dockerfile(kind)) == bool(settings(kind).migration)


@each
def test_port_and_user_are_those_of_the_settings(kind):
    given = settings(kind)
    assert f'"--port", "{given.container_port}"' in dockerfile(kind)
    assert f"\nUSER {given.run_as}\n" in dockerfile(kind)


def test_environments_that_ask_for_different_images_are_told_so():
    asked = [web_backend_fargate.Settings(), web_backend_fargate.Settings(environment="prod", container_port=8080)]
    with pytest.raises(SettingsError, match=r"docker/Dockerfile is shared by all environments.*port"):
        writing.text_files("web-backend-fargate", asked)


# The compose file


@pytest.mark.row("WB-11")
def test_it_is_a_compose_file(tmp_path):
    written = {f"{kind}.yaml": compose_text(kind) for kind in GIVEN}
    written["beanstalk.yaml"] = compose_text("parts", web_backend_beanstalk)
    paths = [tmp_path / name for name in written]
    for path in paths:
        path.write_text(written[path.name], encoding="utf-8")
    check = Path(sys.executable).parent / "check-jsonschema"
    command = [check, "--builtin-schema", "vendor.compose-spec", *paths]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def told(service):
    """Variables as the container gets them, where nothing but the password is in .env: 'secret'."""
    filled = {
        name: re.sub(r"(?<!\$)\$\{[A-Z_]+(:\?[^}]*)\}", "secret", value)
        for name, value in service["environment"].items()
    }
    return {name: value.replace("$$", "$") for name, value in filled.items()}


@pytest.mark.row("WB-11")
@each
@pytest.mark.parametrize("service", ["api", "migration"])
def test_it_tells_the_application_what_fargate_tells_it(kind, service):
    services = compose(kind)["services"]
    if service == "migration" and not settings(kind).migration:
        assert service not in services
        return
    on_fargate = container(kind, {"api": "service"}.get(service, service))
    plain = {one["Name"]: one["Value"] for one in on_fargate["Environment"]}
    given = told(services[service])
    # Where these two are differs.
    differing = {name for name, value in plain.items() if given[name] != value}
    assert given.keys() == plain.keys() | {one["Name"] for one in on_fargate["Secrets"]}
    assert differing <= {"DATABASE_HOST", "CORS_ORIGINS"}
    assert services[service].get("command", []) == on_fargate.get("Command", [])


@pytest.mark.row("WB-05", "WB-11")
def test_the_connection_url_differs_from_that_on_aws_in_host_and_password_alone():
    data = next(one for one in web_backend_fargate.build(settings("url")) if one.name == "data")
    (on_aws,) = [
        one["Properties"]["SecretString"]["Fn::Sub"]
        for one in to_dict(data)["Resources"].values()
        if "postgresql://" in str(one.get("Properties", {}).get("SecretString"))
    ]
    here = told(compose("url")["services"]["api"])["DATABASE_URL"]
    there = re.sub(r":\{\{.*\}\}@\$\{[^}]+\}", ":secret@database", on_aws)
    assert here == there


@pytest.mark.row("WB-06", "WB-11")
def test_the_frontend_that_is_being_developed_may_call_and_so_may_the_origins_of_the_settings():
    origins = compose("url")["services"]["api"]["environment"]["CORS_ORIGINS"]
    assert origins == "${FRONTEND_ORIGIN:-http://localhost:3000},https://a.example.com"
    assert compose("bare")["services"]["api"]["environment"]["CORS_ORIGINS"] == ""


@pytest.mark.row("WB-11")
@each
def test_no_value_of_a_secret_is_in_it(kind):
    given = compose(kind)["services"]
    secret = [one["Name"] for one in container(kind)["Secrets"]]
    asked = [given["api"]["environment"][name] for name in secret] + [
        given["database"]["environment"]["POSTGRES_PASSWORD"]
    ]
    assert len(asked) > 1
    assert [value for value in asked if not re.search(r"\$\{[A-Z_]+:\?[^}]+\}", value)] == []
    ignored = compose_files(settings(kind), repository="web-backend-fargate")[1]
    assert ignored.path == f"compose/{settings(kind).environment}/.gitignore"
    assert ".env" in text(ignored).splitlines()


@pytest.mark.row("WB-11")
@each
def test_the_application_is_hardened_and_bounded_as_on_fargate(kind):
    api, on_fargate = compose(kind)["services"]["api"], container(kind)
    (temporary,) = on_fargate["LinuxParameters"]["Tmpfs"]
    assert api["user"] == on_fargate["User"]
    assert api["read_only"] is on_fargate["ReadonlyRootFilesystem"] is True
    assert api["cap_drop"] == on_fargate["LinuxParameters"]["Capabilities"]["Drop"] == ["ALL"]
    assert api["init"] is on_fargate["LinuxParameters"]["InitProcessEnabled"] is True
    assert api["tmpfs"][0].startswith(f"{temporary['ContainerPath']}:size={temporary['Size']}m,")
    assert api["deploy"]["resources"]["limits"] == {"cpus": "0.5", "memory": "1024M"}
    assert api["ports"] == [f"127.0.0.1:${{API_PORT:-{settings(kind).container_port}}}:{settings(kind).container_port}"]
    every = compose(kind)["services"].values()
    assert [one for one in every if "no-new-privileges:true" not in one["security_opt"]] == []
    assert [one for one in every if not one["read_only"] or one["cap_drop"] != ["ALL"]] == []


@pytest.mark.row("WB-11")
def test_where_an_instance_is_the_limit_there_is_none_here():
    on_beanstalk = yaml.safe_load(compose_text("parts", web_backend_beanstalk))["services"]["api"]
    assert "deploy" not in on_beanstalk
    assert on_beanstalk == {
        name: part for name, part in compose("parts")["services"]["api"].items() if name != "deploy"
    }


@pytest.mark.row("WB-04", "WB-11")
@each
def test_health_is_asked_without_the_database(kind):
    given = settings(kind)
    command = compose(kind)["services"]["api"]["healthcheck"]["test"]
    assert f"'http://127.0.0.1:{given.container_port}/health'" in command[-1]
    compile(command[-1], "healthcheck", "exec")


@pytest.mark.row("WB-07", "WB-11")
def test_the_migration_has_succeeded_before_the_application_starts():
    services = compose("parts")["services"]
    assert services["api"]["depends_on"]["migration"] == {"condition": "service_completed_successfully"}
    assert services["migration"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migration"]["image"] == services["api"]["image"]
    assert services["migration"]["restart"] == "no"
    assert set(compose("bare")["services"]["api"]["depends_on"]) == {"database"}


@pytest.mark.row("WB-05", "WB-11")
@each
def test_the_database_is_that_of_rds(kind):
    given, made = settings(kind), compose(kind)
    data = next(one for one in web_backend_fargate.build(given) if one.name == "data")
    version = data.parameters["DatabaseEngineVersion"].properties["Default"]
    database = made["services"]["database"]
    options = dict(word.split("=", 1) for word in database["command"] if "=" in word)
    assert POSTGRES.partition(":")[2].partition("-")[0] == version.partition(".")[0]
    assert int(version.partition(".")[0]) < 18, "since 18 the volume is mounted at /var/lib/postgresql"
    assert int(options["max_connections"]) == max_connections(given.database_class)
    assert {name for name in PARAMETERS if not name.startswith("rds.")} < options.keys()
    assert made["networks"]["database"] == {"internal": True}
    assert database["networks"] == ["database"]
    assert "ports" not in database


@pytest.mark.row("WB-05", "WB-11")
def test_its_authority_stands_where_the_application_looks_for_that_of_rds():
    services = compose("parts")["services"]
    for name in ("api", "migration"):
        (mount,) = services[name]["volumes"]
        assert (mount["target"], mount["volume"]["subpath"]) == (CA_BUNDLE, "authority.pem")
        assert mount["volume"]["nocopy"] is True
    assert services["database"]["depends_on"] == {"certificates": {"condition": "service_completed_successfully"}}
    uid, gid = services["certificates"]["user"].split(":")
    assert (uid, f"{gid}:{gid}") == ("0", services["database"]["user"])


@pytest.mark.row("WB-05", "WB-11")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="the certificates are made with openssl")
def test_its_certificate_is_one_that_verify_full_takes_and_its_key_one_that_postgresql_takes(tmp_path):
    """Made by the very commands; Python since 3.13 looks at certificates strictly, so this does too."""
    certificates, memory = tmp_path / "certificates", tmp_path / "memory"
    certificates.mkdir()
    memory.mkdir()
    *shell, script = compose("parts")["services"]["certificates"]["command"]
    command = [*shell, script.replace("/tmp/", f"{memory}/")]  # noqa: S108 - in a container
    for _ in range(2):
        subprocess.run(command, cwd=certificates, check=True, capture_output=True)
    # Owned by root and with a group that PostgreSQL's user has: not more than u=rw,g=r (PostgreSQL, "Secure TCP/IP
    # Connections with SSL").
    assert (certificates / "server.key").stat().st_mode & 0o777 == 0o640
    assert (certificates / "authority.pem").stat().st_mode & 0o777 == 0o644
    assert list(certificates.glob("*authority*")) == [certificates / "authority.pem"]
    assert "hostssl all all all scram-sha-256" in (certificates / "pg_hba.conf").read_text(encoding="utf-8")
    assert _shakes_hands(certificates, "database")
    assert not _shakes_hands(certificates, "another")


def _shakes_hands(certificates, name):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    client = ssl.create_default_context(cafile=certificates / "authority.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(3):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return ends[0].version() is not None
