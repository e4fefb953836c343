"""MealPrep: React and a .NET API behind CloudFront, with Aurora, a cache, image processing and a second Region."""

from __future__ import annotations

from blueprints.catalog._web_service import network_stack, registry_stack
from blueprints.catalog.mealprep.data import data_stack
from blueprints.catalog.mealprep.edge import edge_stack
from blueprints.catalog.mealprep.monitoring import monitoring_stack
from blueprints.catalog.mealprep.parts import API, WEB
from blueprints.catalog.mealprep.platform import platform_stack
from blueprints.catalog.mealprep.processing import processing_stack
from blueprints.catalog.mealprep.recovery import backup_stack, replica_stack
from blueprints.catalog.mealprep.services import service_stack, web_stack
from blueprints.catalog.mealprep.settings import Settings
from blueprints.components.aurora_parameters import DATABASE_PARAMETERS, LEFT_TO_AURORA
from blueprints.model.stack import Stack

__all__ = ["DATABASE_PARAMETERS", "LEFT_TO_AURORA", "Settings", "build"]


def build(settings: Settings) -> list[Stack]:
    """Images, network, data, the edge, the services behind it, eyes on all of it, and a second Region."""
    parts = [API, WEB] if settings.web_service else [API]
    registry = registry_stack(settings, {part.name: part.repository for part in parts})
    network = network_stack(settings, data_subnets=True)
    data = data_stack(settings, network)
    edge = edge_stack(settings)
    platform = platform_stack(settings, network, data, edge)
    service = service_stack(settings, network, data, platform)
    web = web_stack(settings, network, platform) if settings.web_service else None
    processing = processing_stack(settings, network, data) if settings.processing else None
    monitoring = monitoring_stack(settings, data, platform, processing)
    replica = replica_stack(settings) if settings.backup else None
    backup = backup_stack(settings, data, replica, monitoring) if replica is not None else None
    stacks = (registry, network, data, edge, platform, service, web, processing, monitoring, replica, backup)
    return [stack for stack in stacks if stack is not None]
