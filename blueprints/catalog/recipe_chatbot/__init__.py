"""Recipe Chatbot: two Fargate services behind one load balancer, with HTTPS, a web ACL, tracing and alarms."""

from __future__ import annotations

from blueprints.catalog._web_service import network_stack, registry_stack
from blueprints.catalog.recipe_chatbot.data import data_stack
from blueprints.catalog.recipe_chatbot.images import image_files
from blueprints.catalog.recipe_chatbot.metrics import METRICS
from blueprints.catalog.recipe_chatbot.monitoring import monitoring_stack
from blueprints.catalog.recipe_chatbot.parts import BACKEND, FRONTEND
from blueprints.catalog.recipe_chatbot.platform import platform_stack
from blueprints.catalog.recipe_chatbot.services import backend_stack, frontend_stack
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile

__all__ = ["METRICS", "Settings", "build", "files"]


def build(settings: Settings) -> list[Stack]:
    """Images, the network, the keys, what both services stand on, the services, and eyes on all of it."""
    registry = registry_stack(settings, {part.name: part.repository for part in (BACKEND, FRONTEND)})
    # The frontend calls the backend, across zones too; nothing else passes between the private subnets.
    network = network_stack(
        settings,
        clients=settings.clients,
        dual_stack=settings.dual_stack,
        listens=[BACKEND.port, FRONTEND.port],
        between=[BACKEND.port],
    )
    data = data_stack(settings)
    platform = platform_stack(settings, network)
    backend = backend_stack(settings, network, data, platform)
    frontend = frontend_stack(settings, network, platform, backend)
    monitoring = monitoring_stack(settings, platform)
    stacks = (registry, network, data, platform, backend, frontend, monitoring)
    return [stack for stack in stacks if stack is not None]


def files(settings: Settings) -> list[TextFile]:  # noqa: ARG001 - one image for every environment
    """What goes with the templates: the Dockerfiles of both applications."""
    return image_files()
