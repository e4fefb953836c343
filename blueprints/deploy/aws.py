"""The AWS CLI as a function: service, operation and request in, parsed JSON or a typed error out.

The CLI is the user's own (v1 or v2), with their credentials, profiles, proxies and single sign-on.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import AwsError, CliNotFoundError, CliTimeoutError, EndpointUnreachableError, from_stderr

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
_WITH_A_SECRET = {
    # With `cli_history = enabled` the CLI keeps every request in a database (awscli/customizations/history); no
    # variable turns that off, but there can be no database where a folder is.
    "AWS_CLI_HISTORY_FILE": "/",
    # Both versions read file:// in the encoding of the locale otherwise.
    "AWS_CLI_FILE_ENCODING": "UTF-8",
    "PYTHONUTF8": "1",
}
_PIPE = "/dev/stdin"
_LEFT_OUT = "(its words are left out, because they may quote the secret)"
# What the service said, after what the CLI says of it.
_SAID = re.compile(
    r"(An error occurred \([^)]*\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: ?)(.*)", re.DOTALL
)
_NOT_AUTHORIZED = re.compile(r"not authorized to perform:? [\w-]+:\w+")


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
            raise self._error(answer.stderr, service, operation)
        return _parsed(answer.stdout, f"aws {service} {operation} in {self.region}")

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call one operation with a whole request from a file: parameter values must not show in the process list."""
        with _request_file(request) as path:
            return self.run(service, operation, "--cli-input-json", f"file://{path}")

    def run_with_secret(
        self, service: str, operation: str, *arguments: str, option: str, secret: str
    ) -> dict[str, Any]:
        """Call one operation with a value that nobody may see, for this option.

        The value goes through a pipe: it is in no argument, variable or file, and no error quotes it. It cannot be part
        of --cli-input-json, which the CLI reads twice, so that a pipe is empty the second time (aws/aws-cli#5982).
        """
        if not os.path.lexists(_PIPE):
            raise CliNotFoundError(f"there is no {_PIPE} here to hand a secret over: use Linux, macOS or WSL")
        call = [service, operation, option, f"file://{_PIPE}", *arguments, *self._options()]
        answer = self._start(call, f"aws {service} {operation}", secret)
        if answer.returncode == 0:
            return _parsed(answer.stdout, f"aws {service} {operation} in {self.region}", unseen=True)
        if "unable to open database file" in answer.stderr:
            raise AwsError(
                "the AWS CLI keeps a history of its calls (cli_history = enabled) and would write the secret into it: "
                "switch it off with `aws configure set cli_history disabled`, then run the same command again"
            )
        raise self._error(_without_words(answer.stderr), service, operation)

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

    def _error(self, stderr: str, service: str, operation: str) -> AwsError:
        return from_stderr(stderr, service=service, operation=operation, region=self.region, profile=self.profile)

    def _start(self, arguments: list[str], call: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [str(self._executable), *arguments],
                env=self._environment | (_WITH_A_SECRET if secret is not None else {}),
                input=secret or "",
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


def _without_words(stderr: str) -> str:
    """Leave the kind of error, and of what was said only the action that was denied."""
    said = _SAID.search(stderr)
    if said is None:
        return f"{stderr}\n{_LEFT_OUT}"  # its last line is what an error shows
    denied = _NOT_AUTHORIZED.search(said[2])
    return f"{said[1]}{denied[0] if denied else ''} {_LEFT_OUT}"


def _parsed(stdout: str, call: str, *, unseen: bool = False) -> dict[str, Any]:
    if not stdout.strip():
        return {}
    try:
        answer = json.loads(stdout)
    except json.JSONDecodeError:
        shown = _LEFT_OUT if unseen else stdout.strip()[:300]
        raise EndpointUnreachableError(f"the answer to {call} is no JSON: {shown}") from None
    return answer if isinstance(answer, dict) else {"Answer": answer}
