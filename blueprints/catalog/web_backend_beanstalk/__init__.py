"""Web backend on Elastic Beanstalk: the same application on instances that Beanstalk starts, updates and watches."""

from __future__ import annotations

from troposphere import Sub

from blueprints.catalog._web_backend.application import API, secret_outputs, variables
from blueprints.catalog._web_backend.beanstalk_bundle import bundle_files
from blueprints.catalog._web_backend.data import data_stack
from blueprints.catalog._web_backend.files import files_of
from blueprints.catalog._web_backend.frontend import add_frontend, edge_stack, publish_origins
from blueprints.catalog._web_backend.release import release_stacks
from blueprints.catalog._web_service import list_subnets, network_stack, registry_stack
from blueprints.catalog.web_backend_beanstalk.service import monitoring_stack, service_stack
from blueprints.catalog.web_backend_beanstalk.settings import ARCHITECTURE, REPOSITORY, Settings, folder
from blueprints.components.bucket import Bucket
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile

__all__ = ["Settings", "build", "files"]


def build(settings: Settings) -> list[Stack]:
    """Images, network, data, the frontend, the environment, eyes on it, and what delivers it."""
    registry = registry_stack(settings, {API: REPOSITORY})
    network = network_stack(settings, data_subnets=True)
    if network is not None:
        list_subnets(network, settings)
    data = _data(settings, network)
    edge = edge_stack(settings)
    frontend = _frontend(settings, edge) if settings.frontend else None
    service = service_stack(settings, network, data, frontend)
    monitoring = monitoring_stack(settings, data, service) if settings.alarms else None
    made = (registry, network, data, edge, frontend, service, monitoring)
    stacks = [stack for stack in made if stack is not None]
    return [*stacks, *release_stacks(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=stacks)]


def files(settings: Settings) -> list[TextFile]:
    """The source bundle, and what goes with the templates in every runtime."""
    told = variables(settings, database_host="", cors_origins="")
    return [
        *bundle_files(
            title=f"Web backend {settings.environment}",
            port=settings.container_port,
            names=[*told, *secret_outputs(settings)],
            health_path=settings.health_check_path,
            run_as=settings.run_as,
            migration=settings.migration,
            folder=folder(settings),
        ),
        *files_of(settings, architecture=ARCHITECTURE, repository=REPOSITORY, stacks=build(settings)),
    ]


def _data(settings: Settings, network: Stack | None) -> Stack:
    """The database and the secrets, and the bucket that versions are made from."""
    stack = data_stack(settings, network)
    bundles = stack.add(Bucket("Bundles", why="Holds the source bundles that versions of the application are made of."))
    stack.output("BundleBucketName", bundles.bucket.ref(), "Source bundles go here, as <image tag>.zip")
    stack.output("BundleBucketObjects", Sub(f"${{{bundles.bucket.title}.Arn}}/*"), "ARN of its objects")
    return stack


def _frontend(settings: Settings, edge: Stack | None) -> Stack:
    stack = Stack(
        "frontend",
        settings,
        description=f"Web backend {settings.environment}: the frontend",
        arch="Browsers -> CloudFront -> frontend in S3",
    )
    publish_origins(stack, add_frontend(stack, settings, edge))
    return stack
