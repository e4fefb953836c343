"""The two services, by what several stacks have to know of them."""

from __future__ import annotations

from dataclasses import dataclass

from blueprints.components.target_group import HealthCheck

# One failure more than usual, so that a model call that blocks a task for a moment does not end it.
UNHEALTHY = 3


# Fargate waits no longer for a container that was asked to end. An answer of the model may take that long.
LONGEST_STOP = 120


# The backend's keys: its variable, the name in the templates, the document's name, and what it is for.
KEYS = {
    "OPENAI_API_KEY": ("OpenAiKey", "openai-key", "OpenAI API key for LLM operations"),
    "SERP_API_KEY": ("SerpKey", "serp-key", "SERP API key for web search"),
}

# The backend's configuration, which it reads from SSM.
CONFIGURATION = ("ENVIRONMENT", "LOG_LEVEL", "CORS_ORIGINS")


@dataclass(frozen=True)
class Part:
    """A service: the first part of its logical ids, its repository, its port and the path that is asked for health."""

    name: str
    repository: str
    port: int
    health_path: str

    @property
    def known_as(self) -> str:
        """Its name in lower case: of the container, and among the services."""
        return self.name.lower()

    @property
    def health_check(self) -> HealthCheck:
        """How the load balancer asks for health."""
        return HealthCheck(self.health_path, unhealthy=UNHEALTHY)


BACKEND = Part("Backend", "recipe-chatbot-backend", 8000, "/health")
FRONTEND = Part("Frontend", "recipe-chatbot-frontend", 3000, "/")
