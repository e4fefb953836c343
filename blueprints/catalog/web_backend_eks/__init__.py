"""Web backend on EKS: the same application in Kubernetes, on managed nodes or Fargate, with manifests to apply."""

from __future__ import annotations

from blueprints.catalog._web_backend.application import API
from blueprints.catalog._web_backend.data import data_stack
from blueprints.catalog._web_backend.files import files_of
from blueprints.catalog._web_backend.frontend import edge_stack
from blueprints.catalog._web_backend.kubernetes import manifests
from blueprints.catalog._web_backend.release import release_stacks
from blueprints.catalog._web_service import list_subnets, network_stack, registry_stack
from blueprints.catalog.web_backend_eks.cluster import cluster_stack
from blueprints.catalog.web_backend_eks.platform import monitoring_stack, platform_stack
from blueprints.catalog.web_backend_eks.settings import ARCHITECTURE, REPOSITORY, Settings
from blueprints.catalog.web_backend_eks.workload import application, folder, workload
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile

__all__ = ["Settings", "build", "files"]


def build(settings: Settings) -> list[Stack]:
    """Images, network, data, the way in, the cluster, eyes on it, and what delivers it."""
    registry = registry_stack(settings, {API: REPOSITORY})
    network = network_stack(
        settings, dual_stack=settings.dual_stack, data_subnets=True, zone_ids=settings.zones_of_cluster
    )
    if network is not None and settings.load_balancer == "ingress":
        list_subnets(network, settings)
    data = data_stack(settings, network)
    edge = edge_stack(settings)
    platform = platform_stack(settings, network, data, edge)
    cluster = cluster_stack(settings, network, data, platform)
    cluster.workloads.append(workload(settings, network, data, platform, cluster))
    monitoring = monitoring_stack(settings, data, platform) if settings.alarms else None
    made = (registry, network, data, edge, platform, cluster, monitoring)
    stacks = [stack for stack in made if stack is not None]
    return [*stacks, *release_stacks(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=stacks)]


def files(settings: Settings) -> list[TextFile]:
    """The Kubernetes manifests, and what goes with the templates in every runtime."""
    return [
        *manifests(application(settings), folder=folder(settings)),
        *files_of(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=build(settings)),
    ]
