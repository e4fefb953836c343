"""A Kubernetes cluster on EKS as `blueprints apply` sees it: stand-ins of aws, kubectl and helm that remember.

They answer as the real ones are documented to: exit codes, streams and texts of kubectl 1.32, helm 3 and AWS CLI.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TAG = "4f6cf92"
JOB = f"api-migration-{TAG}"
URI = "123456789012.dkr.ecr.us-east-1.amazonaws.com/web-backend-eks"
ROLE = "arn:aws:iam::123456789012:role/api"

OUTPUTS = {
    "web-backend-eks-registry": {"RepositoryUri": URI},
    "web-backend-eks-dev-cluster": {"ClusterName": "eks-dev", "RoleArn": ROLE},
}

CHART = {
    "name": "aws-load-balancer-controller",
    "repository": "https://aws.github.io/eks-charts",
    "version": "3.5.0",
    "namespace": "kube-system",
    "values": {"clusterName": "${CLUSTER_NAME}", "serviceAccount": {"create": True}, "enableWaf": False},
}

WORKLOAD = {
    "folder": "kubernetes/dev",
    "cluster": {"stack": "cluster", "output": "ClusterName"},
    "namespace": "web",
    "repository": "web-backend-eks",
    "deployment": "api",
    "job": "api-migration-${IMAGE_TAG}",
    "values": {
        "REPOSITORY_URI": {"stack": "registry", "output": "RepositoryUri"},
        "CLUSTER_NAME": {"stack": "cluster", "output": "ClusterName"},
        "ROLE_ARN": {"stack": "cluster", "output": "RoleArn"},
    },
    "charts": [CHART],
}

FILES = {
    "00-namespace.yaml": """apiVersion: v1
kind: Namespace
metadata:
  name: web
""",
    "10-configuration.yaml": """apiVersion: v1
kind: ConfigMap
metadata:
  name: api
data:
  ROLE: "${ROLE_ARN}"
  SHELL: "${!HOME}"
""",
    "20-migration.yaml": """apiVersion: batch/v1
kind: Job
metadata:
  name: "api-migration-${IMAGE_TAG}"
spec:
  backoffLimit: 0
  activeDeadlineSeconds: 900
  template:
    spec:
      containers:
        - name: migration
          image: "${REPOSITORY_URI}:${IMAGE_TAG}"
""",
    "30-deployment.yaml": """apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
        - name: api
          image: "${REPOSITORY_URI}:${IMAGE_TAG}"
""",
}

PROGRAM = """#!{python} -S
import json, os, sys
folder, name, arguments = {folder!r}, os.path.basename(sys.argv[0]), sys.argv[1:]
handed = sys.stdin.read() if "-" in arguments or "--filename=-" in arguments else ""
seen = [name, arguments, handed, os.environ.get("KUBECONFIG", "")]
if name != "aws" and os.path.exists(seen[3]):
    seen.append([open(seen[3]).read(), os.path.dirname(seen[3])])
with open(folder + "/record", "a") as record:
    record.write(json.dumps(seen) + "\\n")
with open(folder + "/answers.json") as file:
    answers = json.load(file)
call = " ".join([name, *(each for each in arguments if not each.startswith("--"))])
found = [key for key in answers if call.startswith(key)]
if not found:
    sys.exit(name + ": nobody expects " + call)
key = max(found, key=len)
answer = answers[key]
if isinstance(answer, list):
    answer, rest = answer[0], answer[1:] or answer[:1]
    with open(folder + "/answers.json", "w") as file:
        json.dump({{**answers, key: rest}}, file)
if answer and not isinstance(answer, str) and "exit" in answer:
    sys.exit(answer["exit"])
sys.stdout.write(answer if isinstance(answer, str) else json.dumps(answer))
"""


def stack(name: str) -> dict[str, Any]:
    outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS[name].items()]
    described = {"StackName": name, "StackId": name, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
    return {"Stacks": [described]}


def condition(kind: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": "True", "reason": reason, "message": message}


def job(*conditions: dict[str, str]) -> dict[str, Any]:
    return {"kind": "Job", "metadata": {"name": JOB}, "status": {"conditions": list(conditions)}}


RUNNING = job()
SUCCEEDED = job(condition("SuccessCriteriaMet"), condition("Complete"))
FAILED = job(
    condition("FailureTarget"),
    condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
)


def deployment(revision: int, reason: str) -> dict[str, Any]:
    progressing = {"type": "Progressing", "status": "True", "reason": reason}
    return {
        "kind": "Deployment",
        "metadata": {"name": "api", "annotations": {"deployment.kubernetes.io/revision": str(revision)}},
        "spec": {"selector": {"matchLabels": {"app": "api"}}, "template": {"revision": revision}},
        "status": {"conditions": [progressing]},
    }


CLUSTER = {"name": "eks-dev", "status": "ACTIVE", "endpoint": "https://eks", "certificateAuthority": {"data": "Q0E="}}

# By the words of a call, without its options; of a list each answer once, and the last again and again.
ANSWERS: dict[str, Any] = {
    **{f"aws cloudformation describe-stacks {name}": stack(name) for name in OUTPUTS},
    "aws ecr describe-images": {"imageDetails": [{"imageTags": [TAG], "imagePushedAt": 1}]},
    "aws eks describe-cluster": {"cluster": CLUSTER},
    "kubectl version": {"serverVersion": {"minor": "35"}},
    "kubectl get job": ["", RUNNING, SUCCEEDED],
    "kubectl get deployment api": deployment(1, "NewReplicaSetAvailable"),
    "kubectl apply": "applied\n",
    "kubectl rollout status": 'deployment "api" successfully rolled out\n',
    "kubectl get": {"items": []},
    "helm show crds": "kind: CustomResourceDefinition\n",
    "helm upgrade": "installed\n",
}


@dataclass
class Cluster:
    """A rendered environment in *folder*, programs that answer, and what they were asked."""

    folder: Path
    workload: dict[str, Any] = field(default_factory=lambda: dict(WORKLOAD))
    files: dict[str, str] = field(default_factory=lambda: dict(FILES))

    def install(self, *programs: str, answers: dict[str, Any] | None = None) -> None:
        """Write everything: these programs, or all, with these answers beside those that all is well with."""
        for name in ("bin", "home", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        for name in programs or ("aws", "kubectl", "helm"):
            script = self.folder / "bin" / name
            script.write_text(PROGRAM.format(python=sys.executable, folder=str(self.folder)), encoding="utf-8")
            script.chmod(0o700)
        (self.folder / "answers.json").write_text(json.dumps({**ANSWERS, **(answers or {})}), encoding="utf-8")
        self.write()

    def write(self) -> None:
        architecture = self.folder / "output" / "web-backend-eks"
        manifests = architecture / "kubernetes" / "dev"
        for folder in (architecture / "dev", manifests):
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (manifests / name).write_text(text, encoding="utf-8")
        common = {"region": "us-east-1", "yaml": "y", "json": "j"}
        stacks = [
            {"name": "registry", "stack_name": "web-backend-eks-registry", **common},
            {"name": "cluster", "stack_name": "web-backend-eks-dev-cluster", "workloads": [self.workload], **common},
        ]
        manifest = {"version": 1, "architecture": "web-backend-eks", "environment": "dev", "stacks": stacks}
        (architecture / "dev" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def environment(self) -> dict[str, str]:
        places = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        return {"PATH": str(self.folder / "bin"), "PYTHONDONTWRITEBYTECODE": "1", **places}

    def record(self) -> list[list[Any]]:
        return [json.loads(line) for line in (self.folder / "record").read_text(encoding="utf-8").splitlines()]

    def calls(self, program: str = "kubectl") -> list[str]:
        """The calls in a word or two each; what was applied by its names."""
        return [_shown(arguments, handed) for name, arguments, handed, *_ in self.record() if name == program]


def _shown(arguments: list[str], handed: str) -> str:
    if arguments[0] == "apply":
        return "apply " + " ".join(f"{each['kind']}" for each in yaml.safe_load_all(handed))
    return " ".join(each for each in arguments if not each.startswith("--") or each.startswith("--to-"))
