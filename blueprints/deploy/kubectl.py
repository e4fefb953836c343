"""kubectl and helm as functions, with a kubeconfig that lives as long as they are needed.

Both are the user's own, on PATH. Nobody's kubeconfig is read or written: a context that somebody else has chosen can
neither be used nor lost.
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

from blueprints.deploy.aws import find_cli
from blueprints.deploy.errors import NotFoundError
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from blueprints.deploy.aws import AwsCli

_INSTALL = {
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "helm": "https://helm.sh/docs/intro/install/",
}
# Seconds: one request to the cluster, and a program that talks to it.
_REQUEST = 30
_PATIENCE = 180
# What `aws eks update-kubeconfig` writes for AWS CLI v1 and v2 (awscli/customizations/eks/update_kubeconfig.py).
_EXEC_API = "client.authentication.k8s.io/v1beta1"
_CAN_BE_REACHED = frozenset({"ACTIVE", "UPDATING"})
_LONGEST = 2000
# What kubectl, helm and their HTTP client say, and the way out.
_WAYS_OUT = {
    ("getting credentials: exec",): (
        "`aws eks get-token` gave no token: check the credentials with `aws sts get-caller-identity`"
    ),
    ("Unauthorized", "must be logged in", "provide credentials"): (
        "The cluster does not know this AWS identity: it needs an access entry (aws eks create-access-entry, or the "
        "setting of the administrators), or name a profile that has one with --profile"
    ),
    ("(Forbidden)", "is forbidden"): (
        "The cluster knows this AWS identity, but its access entry does not allow this: associate an access policy"
    ),
    ("Unable to connect", "i/o timeout", "connection refused", "no such host", "cluster unreachable"): (
        "The cluster's endpoint does not answer from here: it may be private or closed to this address. Try from a "
        "network that it is open to, and check HTTPS_PROXY"
    ),
    ("no matches for kind",): (
        "The cluster does not know this kind: what brings it, an add-on or a Helm chart, is not installed yet"
    ),
    ("field is immutable",): (
        "Kubernetes cannot change this in place: look at the object, delete it if it can be spared, then run the same "
        "command again"
    ),
    ("another operation (install/upgrade/rollback) is in progress",): (
        "An earlier run was interrupted: see `helm history`, go back with `helm rollback`, then run the same command "
        "again"
    ),
}


class KubectlError(DeployError):
    """kubectl or helm failed; ``said`` is what it printed."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


def find_programs(*names: str, search_path: str | None = None) -> dict[str, str]:
    """Return where these programs are; all that are missing are in one error."""
    path = os.environ.get("PATH", "") if search_path is None else search_path
    found = {name: shutil.which(name, path=path) for name in names}
    missing = [f"there is no `{name}` on PATH: install it ({_INSTALL[name]})" for name in names if not found[name]]
    if missing:
        raise DeployError("\n".join([*missing, "--render needs neither: it prints what would be applied"]))
    return {name: str(place) for name, place in found.items()}


@contextmanager
def connected(cli: AwsCli, cluster: str, namespace: str, *, charts: bool) -> Iterator[Kubectl]:
    """Give a kubectl (with *charts* a helm, too) for this cluster, whose default namespace is *namespace*.

    Raises:
        DeployError: a program is missing, there is no such cluster, or it cannot be reached.
    """
    programs = find_programs("kubectl", *(["helm"] if charts else []))
    with tempfile.TemporaryDirectory(prefix="blueprints-") as folder:  # made with mode 0700
        path = Path(folder, "kubeconfig")
        path.write_text(json.dumps(_kubeconfig(cli, cluster, namespace)), encoding="utf-8")
        kubectl = Kubectl(programs, path)
        kubectl.run("version", "--output=json")
        yield kubectl


class Kubectl:
    """One cluster, one kubeconfig."""

    def __init__(self, programs: dict[str, str], kubeconfig: Path) -> None:
        self._programs = programs
        path = os.environ.get("PATH", "")
        aws = find_cli(path, Path(sys.executable).parent)
        # The token comes from `aws`, which can be the one beside this program.
        self._environment = {
            **os.environ,
            "PATH": f"{path}{os.pathsep}{aws.parent}",
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(kubeconfig.parent / "cache"),  # what the cluster can do; ~/.kube/cache otherwise
        }

    def run(self, *arguments: str, stdin: str = "", waits: int = 0) -> str:
        """Call kubectl and return what it prints; *waits* are the seconds that it may wait by itself."""
        bounded = () if waits else (f"--request-timeout={_REQUEST}s",)
        return self._finished("kubectl", [*arguments, *bounded], stdin, _PATIENCE + waits)

    def tried(self, *arguments: str) -> str:
        """Return what kubectl prints, or nothing: for what only helps to understand."""
        try:
            return self.run(*arguments).rstrip()
        except DeployError:
            return ""

    def found(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object of the namespace, None when there is none."""
        said = self.run("get", kind, name, "--ignore-not-found", "--output=json")
        return dict(json.loads(said)) if said.strip() else None

    def helm(self, *arguments: str, stdin: str = "", waits: int = 0) -> str:
        """Call helm and return what it prints."""
        return self._finished("helm", list(arguments), stdin, _PATIENCE + waits)

    def followed(self, *arguments: str, report: Callable[[str], None]) -> None:
        """Call kubectl and report its lines as they come; it ends by itself."""
        with subprocess.Popen(
            [self._programs["kubectl"], *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            last = ""
            for line in process.stdout or ():
                last = line.rstrip()
                report(last)
        if process.returncode != 0:
            raise _failed("kubectl", arguments, last)

    def _finished(self, program: str, arguments: list[str], stdin: str, timeout: int) -> str:
        try:
            finished = subprocess.run(
                [self._programs[program], *arguments],
                env=self._environment,
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DeployError(
                f"{program} {arguments[0]} did not come back within {timeout} seconds: check the way to the cluster, "
                "then run the same command again"
            ) from None
        except OSError as error:
            raise DeployError(f"{self._programs[program]} cannot be started: {error}") from None
        if finished.returncode != 0:
            raise _failed(program, arguments, finished.stderr or finished.stdout)
        return finished.stdout


def _failed(program: str, arguments: list[str] | tuple[str, ...], said: str) -> KubectlError:
    words = " ".join(arguments[: 3 if program == "helm" else 2])
    lines = [f"{program} {words} failed: {said.strip()[-_LONGEST:] or 'it printed nothing'}"]
    lines += [way_out for signs, way_out in _WAYS_OUT.items() if any(sign in said for sign in signs)][:1]
    return KubectlError("\n".join(lines), said)


def _described(cli: AwsCli, cluster: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = cli.run("eks", "describe-cluster", "--name", cluster)["cluster"]
    except NotFoundError:
        raise DeployError(f"there is no EKS cluster {cluster} in {cli.region}, though its stack names it") from None
    if found.get("status") not in _CAN_BE_REACHED:
        raise DeployError(f"the EKS cluster {cluster} is {found.get('status')}: wait until it is ACTIVE")
    return found


def _kubeconfig(cli: AwsCli, cluster: str, namespace: str) -> dict[str, Any]:
    """Return what `aws eks update-kubeconfig` would write, with our namespace; its token is asked for when needed."""
    found = _described(cli, cluster)
    authority = found.get("certificateAuthority", {}).get("data", "")
    server = {"server": found.get("endpoint", ""), "certificate-authority-data": authority}
    plugin: dict[str, Any] = {
        "apiVersion": _EXEC_API,
        "command": "aws",
        "args": ["--region", cli.region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"],
        # Never: standard input holds manifests, not answers to questions of the AWS CLI.
        "interactiveMode": "Never",
        "env": [{"name": "AWS_PROFILE", "value": cli.profile}] if cli.profile else [],
    }
    context = {"cluster": cluster, "user": cluster, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": server}],
        "users": [{"name": cluster, "user": {"exec": plugin}}],
        "contexts": [{"name": cluster, "context": context}],
    }
