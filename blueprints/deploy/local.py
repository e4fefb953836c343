"""The local deploy target: an emulator as a child process, with an account, an address and nothing of this machine's.

It listens on the loopback interface, keeps its state in memory, starts no containers, and ends with this process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import blueprints
from blueprints.deploy.local_seed import Seeder
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from blueprints.render.manifest import StackEntry

# Whose state a resource has after a local deploy:
#   native    the emulator's own, through its own handler
#   extended  the emulator's own, through a handler of ours
#   stand-in  none: made from the type's schema, it proves graph, order, names and life, not what properties mean
Reality = Literal["native", "extended", "stand-in"]

INSTALL = "pip install 'cloudformation-blueprints[local]'"
_STATE_PATH = "/_blueprints/state"
_START_SECONDS = 10.0
_ATTEMPTS = 3
_LOG_LINES = 20


class Emulator:
    """``with Emulator() as emulator:`` starts it; :attr:`environment` is all an AWS CLI needs to talk to it alone."""

    def __init__(self, region: str = "us-east-1", account: str = "000000000000") -> None:
        self.region = region
        self.account = account
        self.endpoint_url = ""
        self.environment: dict[str, str] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._realities: dict[str, Reality] = {}

    def __enter__(self) -> Self:
        _require_installed()
        # A server that is being stopped may still write into its folder.
        self._folder = tempfile.TemporaryDirectory(prefix="blueprints-local-", ignore_cleanup_errors=True)
        try:
            self._start(Path(self._folder.name))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def reset(self) -> None:
        """Forget everything, in every account and region."""
        request = urllib.request.Request(f"{self.endpoint_url}/_ministack/reset", method="POST")  # noqa: S310
        with _direct().open(request, timeout=_START_SECONDS):
            pass

    def realities(self) -> dict[str, Reality]:
        """Whose state the resources of each type have; a type that is not in it is refused."""
        return dict(self._realities)

    def seed(self, manifest: Manifest) -> None:
        """Put what people put before any stack is deployed: the SSM parameters that hold secrets."""
        self._seeder().parameters_of_ssm(manifest)

    def seed_parameters(self, manifest: Manifest) -> dict[str, str]:
        """Values for the required parameters, with the hosted zone and the certificate that some of them name."""
        return self._seeder().required_parameters(manifest)

    def before_stack(self, entry: StackEntry, manifest: Manifest, parameters: Mapping[str, str] | None = None) -> None:
        """Put what this stack expects of the ones before it: an image in its repository, values in secrets."""
        self._seeder().before_stack(entry, manifest, parameters or {})

    def _seeder(self) -> Seeder:
        return Seeder(self.endpoint_url, self.environment, self.region)

    def _start(self, folder: Path) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            port, log = _free_port(), folder / f"server-{attempt}.log"
            if self._serves(folder, port, log):
                self.endpoint_url = f"http://localhost:{port}"
                self.environment = self._client_environment(folder)
                return
            self._end_process()
        raise DeployError(
            f"the local emulator did not start in {_ATTEMPTS} attempts; the end of its log:\n{_tail(log)}\n"
            f"If it names a missing module: {INSTALL}"
        )

    def _serves(self, folder: Path, port: int, log: Path) -> bool:
        """Whether the server came up; not when it ended because another process took the port meanwhile."""
        identity = secrets.token_hex(8)
        command = [sys.executable, "-m", "blueprints.deploy.emulator", "--port", str(port), "--identity", identity]
        environment = self._server_environment(folder)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
                with _direct().open(f"http://127.0.0.1:{port}{_STATE_PATH}", timeout=1) as answer:
                    state = json.load(answer)
                if state["identity"] == identity:
                    self._realities = state["realities"]
                    return True
            time.sleep(0.05)
        if self._process.poll() is None:
            raise DeployError(
                f"the local emulator did not answer on port {port} within {_START_SECONDS:g} seconds; "
                f"the end of its log:\n{_tail(log)}"
            )
        if "address already in use" in _tail(log).lower():
            return False
        raise DeployError(f"the local emulator ended with code {self._process.returncode}; its log:\n{_tail(log)}")

    def _server_environment(self, folder: Path) -> dict[str, str]:
        """Nothing of the caller's: settings for the emulator itself would otherwise open it to the network."""
        return {
            "PATH": os.defpath,
            "PYTHONPATH": str(Path(blueprints.__file__).parents[1]),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "s3"),
            # It would use a Docker daemon to run tasks and databases.
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account,
            "LOG_LEVEL": "WARNING",
        }

    def _client_environment(self, folder: Path) -> dict[str, str]:
        beside = str(Path(sys.executable).parent)
        return {
            "PATH": os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AWS_ENDPOINT_URL": self.endpoint_url,
            # The emulator takes an access key of twelve digits for the account.
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": str(folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
            # A proxy of the surroundings must not see calls to this machine.
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }

    def _stop(self) -> None:
        self._end_process()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _end_process(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            # The server reads its input and ends when there is no more.
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def reality_table(
    emulator: Emulator, resources: Manifest | Iterable[tuple[str, str]]
) -> list[tuple[str, str, Reality | Literal["unknown"]]]:
    """Logical id, type and reality of every resource, of a manifest's templates or of a list of ids and types."""
    realities = emulator.realities()
    pairs = _resources(resources) if isinstance(resources, Manifest) else resources
    return [(logical_id, kind, realities.get(kind, "unknown")) for logical_id, kind in pairs]


def _resources(manifest: Manifest) -> list[tuple[str, str]]:
    templates = [json.loads((manifest.folder / entry.json_file).read_text("utf-8")) for entry in manifest.stacks]
    return [(name, resource["Type"]) for template in templates for name, resource in template["Resources"].items()]


def _require_installed() -> None:
    missing = [name for name in ("ministack", "botocore") if importlib.util.find_spec(name) is None]
    if missing:
        raise DeployError(f"a local deploy needs {' and '.join(missing)}: {INSTALL}")


def _direct() -> urllib.request.OpenerDirector:
    """Past any proxy of the surroundings."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:])
