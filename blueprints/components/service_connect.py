"""How services find each other: names inside a cluster that ECS resolves and balances by a proxy in each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Sub, ecs, servicediscovery

from blueprints.components.container import Container
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError


class Namespace(Component):
    """The names that services of one environment know each other by; they exist in their tasks only, not in DNS."""

    def __init__(self, name: str) -> None:
        self.namespace = because(
            "Services call each other by short names in it.",
            servicediscovery.HttpNamespace(
                f"{name}Namespace",
                Name=Sub("${AWS::StackName}"),  # unique in an account and Region, as a stack's name is
                Description="Names of the services for ECS Service Connect",
            ),
            mutable="must-never-change",
        )

    @property
    def arn(self) -> Any:
        """The ARN of the namespace."""
        return self.namespace.get_att("Arn")


@dataclass(frozen=True)
class ServiceConnect:
    """A service's part in a namespace.

    Args:
        namespace: ARN of the namespace.
        known_as: the name that others call it by; None for a service that only calls others.
        answer_seconds: how long a whole answer may take. The proxy cuts HTTP requests off after 15 seconds when it is
            told nothing (Amazon ECS Developer Guide, "Service Connect").
    """

    namespace: Any
    known_as: str | None = None
    answer_seconds: int = 15

    def configuration(self, container: Container, log: ecs.LogConfiguration) -> ecs.ServiceConnectConfiguration:
        """What the service says of it; *log* is where the proxy writes.

        Raises:
            SettingsError: the service has a name, but its container's port has none.
        """
        made = ecs.ServiceConnectConfiguration(Enabled=True, Namespace=self.namespace, LogConfiguration=log)
        if self.known_as is None:
            return made
        if container.port_name is None:
            raise SettingsError(
                f"port_name: container {container.name} is called {self.known_as!r} by others and needs a name for "
                "its port; give it one"
            )
        made.Services = [
            ecs.ServiceConnectService(
                PortName=container.port_name,
                DiscoveryName=self.known_as,
                ClientAliases=[ecs.ServiceConnectClientAlias(DnsName=self.known_as, Port=container.port)],
                Timeout=ecs.TimeoutConfiguration(PerRequestTimeoutSeconds=self.answer_seconds),
            )
        ]
        return made
