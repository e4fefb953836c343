"""The AWS CLI as a function: service, operation and request in, parsed JSON or a typed error out.

The CLI is the user's own (v1 or v2), with their credentials, profiles, proxies and single sign-on.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import CliNotFoundError, CliTimeoutError, EndpointUnreachableError, from_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ALWAYS = {
    "AWS_PAGER": "",  # CLI v2 opens a pager otherwise; v1 ignores it
    "AWS_CLI_AUTO_PROMPT": "off",
}
_UNLESS_SET = {
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "4",
    "PYTHONUTF8": "1",  # CLI v1 prints in the encoding of the locale
}


def find_cli(search_path: str, beside: Path) -> Path:
    """Return the AWS CLI of PATH, else the one installed with this program's Python."""
    found = shutil.which("aws", path=search_path) or shutil.which("aws", path=str(beside))
    if found is None:
        raise CliNotFoundError(
            f"there is no AWS CLI: no `aws` on PATH ({search_path or 'which is empty'}), none in {beside}.\n"
            "Install it (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html), "
            "or `pip install awscli` beside this program"
        )
    return Path(found)


class AwsCli:
    """One region, one set of credentials, one endpoint.

    ``environment`` is the whole environment of the AWS CLI (default: this process's own).
    """

    def __init__(  # noqa: PLR0913 - a bundle would only give the same settings a second name
        self,
        region: str,
        profile: str | None = None,
        endpoint_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        timeout: float = 180,
        read_timeout: int = 60,
        beside: Path = Path(sys.executable).parent,
    ) -> None:
        self.region = region
        self.profile = profile
        self.endpoint_url = endpoint_url
        self._timeout = timeout
        self._read_timeout = read_timeout
        inherited = dict(os.environ if environment is None else environment)
        self._executable = find_cli(inherited.get("PATH", ""), beside)
        self._environment = {**_UNLESS_SET, **inherited, **_ALWAYS}
        if endpoint_url:
            # Neither way reaches every client: the flag misses S3 uploads of `cloudformation package`, the variable
            # misses SQS in CLI v1.
            self._environment["AWS_ENDPOINT_URL"] = endpoint_url

    def run(self, service: str, operation: str, *arguments: str) -> dict[str, Any]:
        """Call one operation; an operation that answers nothing gives ``{}``."""
        answer = self._start([service, operation, *arguments, *self._options()], f"aws {service} {operation}")
        if answer.returncode != 0:
            raise from_stderr(
                answer.stderr, service=service, operation=operation, region=self.region, profile=self.profile
            )
        return _parsed(answer.stdout, f"aws {service} {operation} in {self.region}")

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call one operation with a whole request from a file: parameter values must not show in the process list."""
        with _request_file(request) as path:
            return self.run(service, operation, "--cli-input-json", f"file://{path}")

    def command(self, *words: str) -> str:
        """Return a command line for a person, with the same region, profile and endpoint."""
        options = ["--region", self.region]
        options += ["--profile", self.profile] if self.profile else []
        options += ["--endpoint-url", self.endpoint_url] if self.endpoint_url else []
        return " ".join(["aws", *words, *options])

    def _options(self) -> list[str]:
        options = ["--region", self.region, "--output", "json"]
        options += ["--cli-connect-timeout", "10", "--cli-read-timeout", str(self._read_timeout)]
        options += ["--profile", self.profile] if self.profile else []
        return options + (["--endpoint-url", self.endpoint_url] if self.endpoint_url else [])

    def _start(self, arguments: list[str], call: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [str(self._executable), *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CliTimeoutError(
                f"{call} in {self.region} did not come back within {self._timeout:g} seconds: "
                "check the network and the proxy, then run the same command again: it continues"
            ) from None
        except OSError as error:
            raise CliNotFoundError(f"the AWS CLI at {self._executable} cannot be started: {error}") from None


@contextmanager
def _request_file(request: Mapping[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="blueprints-") as folder:  # made with mode 0700
        path = Path(folder, "request.json")
        path.write_text(json.dumps(request), encoding="utf-8")
        yield path


def _parsed(stdout: str, call: str) -> dict[str, Any]:
    if not stdout.strip():
        return {}
    try:
        answer = json.loads(stdout)
    except json.JSONDecodeError:
        raise EndpointUnreachableError(f"the answer to {call} is no JSON: {stdout.strip()[:300]}") from None
    return answer if isinstance(answer, dict) else {"Answer": answer}
