"""``blueprints apply`` as a person uses it: with an AWS CLI, a kubectl and a helm that remember."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cluster import FAILED, JOB, SUCCEEDED, TAG, URI, Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def run(cluster: Cluster, *options: str) -> subprocess.CompletedProcess[str]:
    words = ["apply", "web-backend-eks", "dev", "-o", str(cluster.output), *options]
    return subprocess.run(
        [sys.executable, "-m", "blueprints", *words],
        env=cluster.environment,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.row("WB-02", "WB-07")
def test_charts_then_migration_then_deployment_through_a_kubeconfig_that_is_gone_afterwards(cluster: Cluster) -> None:
    cluster.install(answers={"kubectl get job": ["", SUCCEEDED]})
    finished = run(cluster, "--image-tag", TAG, "--yes", "--profile", "work")
    calls = [each for each in cluster.record() if each[0] != "aws"]

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    assert finished.stderr.endswith("api runs in web of the cluster eks-dev\n")
    assert [arguments[0] for _, arguments, *_ in calls if arguments[0] in {"upgrade", "apply", "rollout"}] == [
        *("apply", "upgrade"),  # the chart's definitions, the chart
        *("apply",) * 4,
        "rollout",
    ]
    (chart,) = [each for each in calls if each[1][0] == "upgrade"]
    assert chart[1][:7] == [
        *("upgrade", "--install", "aws-load-balancer-controller", "aws-load-balancer-controller"),
        *("--repo", "https://aws.github.io/eks-charts", "--version"),
    ]
    assert json.loads(chart[2])["clusterName"] == "eks-dev"
    assert len({kubeconfig for *_, kubeconfig, _ in calls}) == 1
    text, folder = calls[0][4]
    assert not Path(folder).exists()
    assert kubeconfig_of(text) == ("https://eks", "Q0E=", "web", [{"name": "AWS_PROFILE", "value": "work"}])
    assert [*(cluster.folder / "home").iterdir(), *(cluster.folder / "tmp").iterdir()] == []


def kubeconfig_of(text: str) -> tuple[str, str, str, Any]:
    found = json.loads(text)
    server, user, context = found["clusters"][0]["cluster"], found["users"][0]["user"], found["contexts"][0]["context"]
    assert user["exec"]["args"] == [
        *("--region", "us-east-1", "eks", "get-token", "--cluster-name", "eks-dev", "--output", "json")
    ]
    return server["server"], server["certificate-authority-data"], context["namespace"], user["exec"]["env"]


@pytest.mark.row("WB-07")
def test_a_failed_migration_ends_it_with_its_log(cluster: Cluster) -> None:
    cluster.install(answers={"kubectl get job": ["", FAILED], "kubectl logs job": "no such column\n"})
    finished = run(cluster, "--image-tag", TAG, "--yes")

    assert finished.returncode == 1
    assert f"Error: the Job {JOB} failed (BackoffLimitExceeded" in finished.stderr
    assert "  no such column\n" in finished.stderr
    assert "what ran before still runs" in finished.stderr
    assert "apply Deployment" not in cluster.calls()


@pytest.mark.row("WB-02")
def test_render_prints_the_filled_manifests_and_needs_no_kubectl(cluster: Cluster) -> None:
    cluster.install("aws")
    finished = run(cluster, "--image-tag", TAG, "--render")
    printed = [each for each in yaml.safe_load_all(finished.stdout) if each]

    assert finished.returncode == 0, finished.stderr
    assert [each["kind"] for each in printed] == ["Namespace", "ConfigMap", "Job", "Deployment"]
    assert printed[3]["spec"]["template"]["spec"]["containers"][0]["image"] == f"{URI}:{TAG}"
    assert "Before: helm upgrade --install aws-load-balancer-controller" in finished.stderr


def test_what_is_not_installed_is_named_with_its_installation(cluster: Cluster) -> None:
    cluster.install("aws")
    finished = run(cluster, "--image-tag", TAG)

    assert finished.returncode == 1
    assert "there is no `kubectl` on PATH: install it (https://kubernetes.io/docs/tasks/tools/)" in finished.stderr
    assert "there is no `helm` on PATH: install it (https://helm.sh/docs/intro/install/)" in finished.stderr


def test_without_a_person_or_yes_nothing_is_applied(cluster: Cluster) -> None:
    cluster.install()
    finished = run(cluster, "--image-tag", TAG)

    assert finished.returncode == 1
    assert f"  image web-backend-eks:{TAG}\n" in finished.stderr
    assert f"  kubernetes/dev/20-migration.yaml: Job {JOB}\n" in finished.stderr
    assert "nobody is there to answer: add --yes" in finished.stderr
    assert cluster.calls() == ["version"]


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ("error: You must be logged in to the server (Unauthorized)", "it needs an access entry"),
        ("Unable to connect to the server: dial tcp 1.2.3.4:443: i/o timeout", "it may be private or closed to this"),
    ],
)
def test_a_cluster_that_cannot_be_used_says_the_way_out(cluster: Cluster, said: str, way_out: str) -> None:
    cluster.install(answers={"kubectl version": {"exit": said}})
    finished = run(cluster, "--image-tag", TAG, "--yes")

    assert (finished.returncode, said in finished.stderr, way_out in finished.stderr) == (1, True, True)


def test_an_architecture_without_kubernetes_has_nothing_to_apply(output: Path) -> None:
    words = ["apply", "facerec", "dev", "--image-tag", TAG, "-o", str(output)]
    finished = subprocess.run([sys.executable, "-m", "blueprints", *words], capture_output=True, text=True, check=False)

    assert finished.returncode == 1
    assert "facerec/dev has nothing to apply: only architectures on Kubernetes have" in finished.stderr


def test_the_script_and_make_pass_on_what_they_are_given(root: Path, tmp_path: Path) -> None:
    program = tmp_path / "blueprints"
    program.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    script = tmp_path / "scripts" / "apply"
    script.parent.mkdir()
    script.write_text((root / "scripts" / "apply").read_text("utf-8"), encoding="utf-8")
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.defpath}"}
    asked = ["sh", str(script), "web-backend-eks", "dev", "--render"]
    shellcheck = [str(Path(sys.executable).parent / "shellcheck"), "--shell=sh", str(root / "scripts" / "apply")]
    make = ["make", "-C", str(root), "apply", "ARCHITECTURE=web-backend-eks"]

    assert subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout == (
        "apply web-backend-eks dev --render\n"
    )
    assert subprocess.run(shellcheck, capture_output=True, text=True, check=False).stdout == ""
    refused = subprocess.run(make, env=environment, capture_output=True, text=True, check=False)
    assert "ENVIRONMENT is missing, for instance: make apply" in refused.stderr
