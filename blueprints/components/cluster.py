"""An ECS cluster for Fargate tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import ecs

from blueprints.model.component import Component
from blueprints.model.context import because


@dataclass(frozen=True)
class ClusterName:
    """A cluster of another stack, by its name."""

    reference: Any


class Cluster(Component):
    """A cluster with both of Fargate's capacity providers and Container Insights."""

    def __init__(self, name: str, *, physical_name: str | None = None) -> None:
        self.cluster = because(
            "Groups the services; Fargate brings the machines.",
            ecs.Cluster(
                f"{name}Cluster",
                ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value="enabled")],
            ),
        )
        if physical_name is not None:
            self.cluster.ClusterName = physical_name
        self.capacity_providers = because(
            "Services choose between Fargate and Fargate Spot; who chooses nothing gets Fargate.",
            ecs.ClusterCapacityProviderAssociations(
                f"{name}CapacityProviders",
                Cluster=self.cluster.ref(),
                CapacityProviders=["FARGATE", "FARGATE_SPOT"],
                DefaultCapacityProviderStrategy=[ecs.CapacityProviderStrategy(CapacityProvider="FARGATE", Weight=1)],
            ),
        )

    @property
    def reference(self) -> Any:
        """The cluster's name."""
        return self.cluster.ref()
