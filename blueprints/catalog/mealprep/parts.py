"""The services, by what several stacks have to know of them."""

from __future__ import annotations

from dataclasses import dataclass

from blueprints.components.target_group import HealthCheck

# What .NET's images listen on since .NET 8, as a user that may not bind port 80.
DOTNET_PORT = 8080


@dataclass(frozen=True)
class Part:
    """A service: the first part of its logical ids, its repository, its port and the path that is asked for health."""

    name: str
    repository: str
    port: int
    health_path: str

    @property
    def known_as(self) -> str:
        """Its name in lower case: of the container, in settings and in names of log groups."""
        return self.name.lower()

    @property
    def health_check(self) -> HealthCheck:
        """How the load balancer asks for health."""
        return HealthCheck(self.health_path)


API = Part("Api", "mealprep-api", DOTNET_PORT, "/health")
WEB = Part("Web", "mealprep-web", 8080, "/")
