"""The Dockerfiles that architectures bring: hardened, and what ECS and the task definition need of an image."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from blueprints.render import files

PYTHON = "public.ecr.aws/docker/library/python:3.14-slim-trixie"
NODE = "public.ecr.aws/docker/library/node:26-trixie-slim"

VALUES = {
    "fastapi": {
        "title": "Recipe Chatbot backend",
        "folder": "backend",
        "image": PYTHON,
        "module": "main:app",
        "port": 8000,
        "user": "1000:1000",
        "keep_alive_seconds": 65,
        "stop_seconds": 25,
    },
    "nextjs": {
        "title": "Recipe Chatbot frontend",
        "folder": "frontend",
        "image": NODE,
        "port": 3000,
        "user": "1000:1000",
        "keep_alive_seconds": 65,
    },
}

# The same application on runtimes besides ECS, with the certificates of RDS and a program that migrates.
VALUES["runtimes"] = {
    **VALUES["fastapi"],
    "title": "Web backend",
    "folder": ".",
    "runtimes": True,
    "programs": ("alembic",),
    "certificates": "/etc/ssl/certs/rds-global-bundle.pem",
}
TEMPLATES = {"fastapi": "fastapi", "nextjs": "nextjs", "runtimes": "fastapi"}

each = pytest.mark.parametrize("kind", VALUES)

SECRET = re.compile(r"(?i)secret|password|passwd|token|credential|api_?key|private_?key|access_?key")


def dockerfile(kind, **changed):
    values = {"path": f"docker/{VALUES[kind]['folder']}/Dockerfile", **VALUES[kind], **changed}
    return files.environment().get_template(f"docker/{TEMPLATES[kind]}/Dockerfile.jinja").render(values)


def dockerignore(kind):
    template = files.environment().get_template(f"docker/{TEMPLATES[kind]}/dockerignore.jinja")
    return template.render(runtimes=kind == "runtimes").splitlines()


def instructions(text):
    """Every instruction with its argument, continued lines put together, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [tuple(line.split(" ", 1)) for line in joined.splitlines() if line]


def stages(text):
    """The instructions of each stage, its FROM first; what stands before the first FROM is left out."""
    found = []
    for name, argument in instructions(text):
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, argument))
    return found


def of(kind, name, stage):
    return [argument for instruction, argument in stages(dockerfile(kind))[stage] if instruction == name]


# Both


@pytest.mark.row("RC-25")
@each
def test_hadolint_finds_nothing(kind, tmp_path):
    (tmp_path / "Dockerfile").write_text(dockerfile(kind), encoding="utf-8")
    hadolint = Path(sys.executable).parent / "hadolint"
    finished = subprocess.run(
        [hadolint, "--failure-threshold", "style", "--disable-ignore-pragma", "Dockerfile"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (0, "")


@pytest.mark.row("RC-25")
@each
def test_hadolint_would_find_what_is_wrong(kind, tmp_path):
    """The program runs here and reads what we write: it finds an image without a tag."""
    untagged = dockerfile(kind).replace("FROM ${", "FROM debian\nFROM ${", 1)
    (tmp_path / "Dockerfile").write_text(untagged, encoding="utf-8")
    hadolint = Path(sys.executable).parent / "hadolint"
    finished = subprocess.run([hadolint, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert "DL3006" in finished.stdout


@pytest.mark.row("RC-25")
@each
def test_what_builds_the_application_is_not_in_the_image_that_runs(kind):
    *builders, last = stages(dockerfile(kind))
    run = [argument for instruction, argument in last if instruction == "RUN"]
    assert len(builders) >= 1
    assert [command for command in run if re.search(r"pip|npm|apt-get|venv", command)] == []
    copied = [argument for instruction, argument in last if instruction == "COPY" and "--from=build" in argument]
    assert copied != []


@pytest.mark.row("RC-25")
@each
@pytest.mark.parametrize("user", ["1000:1000", "1001:1002"])
def test_it_runs_as_the_number_that_the_task_definition_names(kind, user):
    last = stages(dockerfile(kind, user=user))[-1]
    names = [instruction for instruction, _ in last]
    assert last[names.index("USER")] == ("USER", user)
    assert names.count("USER") == 1
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in {"RUN", "COPY"})


@pytest.mark.row("RC-25")
@each
def test_it_starts_a_program_and_no_shell_so_that_signals_arrive(kind):
    (command,) = of(kind, "CMD", -1)
    words = json.loads(command)
    assert words[0] not in {"sh", "bash", "/bin/sh"}
    assert of(kind, "ENTRYPOINT", -1) == []
    assert of(kind, "STOPSIGNAL", -1) == ["SIGTERM"]


@pytest.mark.row("RC-25")
@each
def test_no_secret_has_a_place_in_the_image(kind):
    every = instructions(dockerfile(kind))
    assert [argument for name, argument in every if name in {"ARG", "ENV"} and SECRET.search(argument)] == []
    assert {"**/.env", "**/.env.*", "**/*.pem", "**/*.key"} <= set(dockerignore(kind))


@each
def test_the_copied_folder_leaves_out_what_is_made_anew_or_only_history(kind):
    made = {"fastapi": {"**/.venv", "**/__pycache__"}, "nextjs": {"**/node_modules", ".next"}}[TEMPLATES[kind]]
    assert made | {".git"} <= set(dockerignore(kind))


@each
def test_nothing_is_fetched_or_unpacked_by_the_way(kind):
    fetched = [argument for name, argument in instructions(dockerfile(kind)) if name == "ADD"]
    assert len(fetched) == (kind == "runtimes")
    assert "ADD" not in dict(stages(dockerfile(kind))[-1])


@pytest.mark.row("RC-25")
@each
def test_the_image_it_starts_from_is_a_slim_one_with_a_version_and_can_be_given_by_digest(kind):
    text = dockerfile(kind)
    first = instructions(text)[0]
    name, _, image = first[1].partition("=")
    assert first[0] == "ARG"
    assert re.fullmatch(r"public\.ecr\.aws/docker/library/(python:\d\.\d+|node:\d+)-\S*slim\S*", image)
    assert stages(text)[-1][0] == ("FROM", f"${{{name}}} AS run")
    assert f"--build-arg {name}={image.partition(':')[0]}@sha256:..." in text


@each
def test_the_label_says_what_it_is_and_was_made_from(kind):
    (label,) = of(kind, "LABEL", -1)
    assert f'org.opencontainers.image.title="{VALUES[kind]["title"]}"' in label
    assert 'org.opencontainers.image.revision="${REVISION}"' in label
    assert 'org.opencontainers.image.base.name="${' in label


@pytest.mark.row("RC-25")
@each
@pytest.mark.parametrize("port", [8000, 3000, 8443])
def test_the_port_is_the_one_that_is_given(kind, port):
    last = dict(stages(dockerfile(kind, port=port))[-1])
    listening = last["ENV"] if kind == "nextjs" else last["CMD"]
    assert last["EXPOSE"] == str(port)
    assert re.search(rf'"--port", "{port}"|PORT={port}\b', listening)


@each
def test_the_health_check_is_left_to_the_task_definition(kind):
    assert [name for name, _ in instructions(dockerfile(kind)) if name == "HEALTHCHECK"] == []


@each
def test_connections_stay_open_longer_than_the_load_balancers(kind):
    text = dockerfile(kind, keep_alive_seconds=125)
    assert ("KEEP_ALIVE_TIMEOUT=125000" if kind == "nextjs" else '"--timeout-keep-alive", "125"') in text


@each
def test_a_changed_dependency_alone_makes_dependencies_be_installed_anew(kind):
    """The list of dependencies is copied, and they are installed, before the rest of the folder is."""
    every = instructions(dockerfile(kind))
    install = next(place for place, (_, argument) in enumerate(every) if re.search(r"pip wheel|npm ci", argument))
    everything = every.index(("COPY", ". ."))
    assert install < everything
    assert "--mount=type=cache" in every[install][1]


@each
def test_lines_are_short_enough_to_read(kind):
    lines = [*dockerfile(kind).splitlines(), *dockerignore(kind)]
    assert [line for line in lines if len(line) > 120] == []


# FastAPI


@pytest.mark.row("RC-25")
def test_python_writes_no_bytecode_and_holds_no_output_back():
    (environment,) = of("fastapi", "ENV", -1)
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "PYTHONUNBUFFERED=1" in environment
    assert "PATH=/opt/venv/bin:$PATH" in environment


def test_the_virtual_environment_has_no_pip_and_keeps_its_place():
    assert any("--without-pip /opt/venv" in command for command in of("fastapi", "RUN", 0))
    assert "--from=build /opt/venv /opt/venv" in of("fastapi", "COPY", -1)


def test_wheels_are_installed_without_an_index():
    install = next(command for command in of("fastapi", "RUN", 0) if "install" in command)
    assert {"--no-index", "--no-deps", "--no-cache-dir"} <= set(install.split())


def test_uvicorn_listens_on_every_address_and_ends_before_ecs_kills_it():
    words = json.loads(of("fastapi", "CMD", -1)[0])
    options = dict(itertools.pairwise(words))
    assert words[:2] == ["uvicorn", "main:app"]
    assert options["--host"] == "0.0.0.0"  # noqa: S104 - in a container
    assert int(options["--timeout-graceful-shutdown"]) < 30


@pytest.mark.parametrize(("module", "file"), [("main:app", "main.py"), ("api.main:application", "api/main.py")])
def test_what_is_expected_of_the_folder_is_said(module, file):
    text = dockerfile("fastapi", module=module)
    assert f"`{module.partition(':')[2]}` in\n# {file}." in text


def test_a_compiler_can_be_given_to_the_build_alone():
    text = dockerfile("fastapi")
    assert ("ARG", "BUILD_IMAGE=${PYTHON_IMAGE}") in instructions(text)
    assert stages(text)[0][0] == ("FROM", "${BUILD_IMAGE} AS build")
    assert "--build-arg BUILD_IMAGE=public.ecr.aws/docker/library/python:3.14-trixie\n" in text


@pytest.mark.row("WB-05")
def test_the_certificates_of_rds_come_over_https_are_looked_at_and_can_be_read_by_everybody():
    build, run = stages(dockerfile("runtimes"))
    address = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
    fetched = build.index(("ADD", f"--chmod=444 {address} /certificates.pem"))
    assert "ssl.create_default_context(cafile='/certificates.pem')" in build[fetched + 1][1]
    assert ("COPY", "--from=build /certificates.pem /etc/ssl/certs/rds-global-bundle.pem") in run


@pytest.mark.row("WB-07")
def test_a_build_without_the_program_that_migrates_stops_and_says_so(tmp_path):
    check = next(command for command in of("runtimes", "RUN", 0) if "alembic" in command)
    here = check.replace("/opt/venv", str(tmp_path))
    finished = shell(here, tmp_path)
    assert finished.returncode == 1
    assert "requirements.txt does not name alembic" in finished.stderr
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "alembic").touch(mode=0o755)
    assert shell(here, tmp_path).returncode == 0


def test_what_runs_elsewhere_too_does_not_speak_of_task_definitions():
    assert "task" not in dockerfile("runtimes")
    assert "task definition" in dockerfile("fastapi")


# Next.js


@pytest.mark.row("RC-25")
def test_the_server_of_its_own_is_copied_with_what_it_serves():
    copies = of("nextjs", "COPY", -1)
    assert copies == [
        "--from=build /app/.next/standalone ./",
        "--from=build /app/.next/static ./.next/static",
        "--from=build /app/public ./public",
    ]


def shell(command, folder):
    return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)


def test_a_build_without_the_standalone_server_stops_and_says_what_to_set(tmp_path):
    check = next(command for command in of("nextjs", "RUN", 1) if "standalone" in command)
    finished = shell(check, tmp_path)
    assert finished.returncode == 1
    assert 'set output: "standalone" in next.config.*' in finished.stderr
    (tmp_path / ".next" / "standalone").mkdir(parents=True)
    (tmp_path / ".next" / "standalone" / "server.js").touch()
    assert shell(check, tmp_path).returncode == 0


def test_the_server_listens_on_every_address_whatever_fargate_calls_the_task(tmp_path):
    """The command sets the variable itself: Fargate's own HOSTNAME wins over one of the image."""
    words = json.loads(of("nextjs", "CMD", -1)[0])
    (tmp_path / "node").write_text('#!/bin/sh\necho "$HOSTNAME $1"\n', encoding="utf-8")
    (tmp_path / "node").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOSTNAME": "ip-10-0-0-1.ec2.internal"}
    assert subprocess.check_output(words, env=environment, text=True) == "0.0.0.0 server.js\n"


@pytest.mark.row("RC-25")
def test_the_one_folder_that_the_task_mounts_is_there_and_everybody_may_write_to_it():
    (command,) = of("nextjs", "RUN", -1)
    words = command.split()
    assert words[0] == "install"
    assert {"--directory", "--mode=1777"} <= set(words)
    assert PurePosixPath(of("nextjs", "WORKDIR", -1)[0], words[-1]) == PurePosixPath("/app/.next/cache")


def test_nobody_is_told_about_builds():
    assert ("ENV", "NEXT_TELEMETRY_DISABLED=1") in stages(dockerfile("nextjs"))[1]
    assert "NEXT_TELEMETRY_DISABLED=1" in of("nextjs", "ENV", -1)[0]
