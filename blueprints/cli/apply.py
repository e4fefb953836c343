"""``blueprints apply``: the Kubernetes manifests of an environment into its cluster, once the stacks are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blueprints.cli import rendered
from blueprints.cli.deploy import agreed, clis, endpoint_option, profile_option, yes_option
from blueprints.cli.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from blueprints.deploy.workloads import Prepared


@click.command("apply", short_help="Apply Kubernetes manifests once the stacks are there.")
@click.argument("architecture")
@click.argument("environment")
@rendered.output_option
@click.option("--image-tag", metavar="TAG", help="Tag of the image to run; it has to be in ECR.")
@click.option("--render", "only_render", is_flag=True, help="Only print the manifests, filled; call no kubectl.")
@yes_option
@endpoint_option
@profile_option
def apply(  # noqa: PLR0913 - the options of the command
    *,
    architecture: str,
    environment: str,
    output: Path,
    image_tag: str | None,
    only_render: bool,
    yes: bool,
    endpoint_url: str | None,
    profile: str | None,
) -> None:
    """Fill the rendered Kubernetes manifests with what the stacks gave, and apply them.

    Helm charts first, then everything up to the Job that migrates the database. The Deployment follows only when that
    Job has succeeded, and is set back when its pods do not get ready. kubectl and helm have to be on PATH; your
    kubeconfig is left alone.

    \b
    blueprints apply web-backend-eks dev --image-tag 4f6cf92
    blueprints apply web-backend-eks dev --image-tag 4f6cf92 --render | kubectl diff -f -
    """
    from blueprints.deploy.workloads import prepare

    factory = clis(profile, endpoint_url)
    prepared = prepare(factory, rendered.load(output, architecture, environment), image_tag)
    if only_render:
        for each in prepared:
            _print(each)
        return
    from blueprints.deploy import kubernetes
    from blueprints.deploy.kubectl import connected
    from blueprints.deploy.waiting import Clock

    for each in prepared:
        namespace, charts = each.workload.namespace, bool(each.releases)
        with connected(factory(each.region), each.cluster, namespace, charts=charts) as kubectl:
            _show(each, image_tag)
            if not (yes or agreed("Apply this?")):
                say("Nothing was applied.")
                raise SystemExit(1)
            kubernetes.apply(each, kubectl, say, Clock(interval=5.0))
        say(f"{each.workload.deployment} runs in {namespace} of the cluster {each.cluster}")


def _print(prepared: Prepared) -> None:
    """Print the manifests as one stream of YAML; charts are told of, as they are not manifests."""
    for release in prepared.releases:
        chart = release.chart
        say(f"Before: helm upgrade --install {chart.name} {' '.join(release.source)} --namespace {chart.namespace}")
        say(f"with these values: {release.values}")
    for file in prepared.files:
        start = "" if file.text.startswith("---") else "---\n"
        click.echo(f"{start}# {file.path}\n{file.text.rstrip()}")


def _show(prepared: Prepared, image_tag: str | None) -> None:
    workload = prepared.workload
    say(f"Cluster {prepared.cluster} in {prepared.region}, namespace {workload.namespace}")
    if image_tag is not None:
        say(f"  image {workload.repository}:{image_tag}")
    for release in prepared.releases:
        say(f"  Helm chart {release.chart.name} {release.chart.version} in {release.chart.namespace}")
    for file in prepared.files:
        names = ", ".join(f"{each['kind']} {each['metadata']['name']}" for each in file.objects)
        say(f"  {file.path}: {names}")
