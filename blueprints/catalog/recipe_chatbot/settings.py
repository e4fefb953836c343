"""What the Recipe Chatbot can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from blueprints.catalog._web_settings import PRODUCTION, PublicSettings, VariableName, VariableValue, WorkingHours
from blueprints.catalog.recipe_chatbot.parts import CONFIGURATION, KEYS
from blueprints.components.rollout import BAKE_MINUTES, Stage
from blueprints.components.task_size import check_size
from blueprints.model.errors import SettingsError
from blueprints.model.settings import ShortTagValue

NAMESPACE = "RecipeChatbot/LLM"
Tasks = Annotated[int, Field(ge=0, le=100)]
Variables = dict[VariableName, VariableValue]
Origin = Annotated[str, Field(max_length=128, pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$")]


class Settings(PublicSettings, WorkingHours):
    """Settings of the Recipe Chatbot."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "dev": {
            "application_environment": "development",
            "log_level": "DEBUG",
            "backend_minimum_tasks": 1,
            "backend_maximum_tasks": 2,
            "frontend_minimum_tasks": 1,
            "frontend_maximum_tasks": 2,
            "sleep": True,
        },
        PRODUCTION: {
            "keep_data": True,
            "egress": "nat-per-zone",
            "waf": True,
            "health_check": True,
            "deployment": "blue-green",
            "key_rotation": "reminder",
        },
    }

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = "recipe-chatbot"
    """First part of every stack's name and the value of the tag Project."""
    owner: ShortTagValue | None = "AI-Team"
    """Value of the tag Owner."""
    cost_center: ShortTagValue | None = "RnD"
    """Value of the tag CostCenter; the document's R&D has a character that IAM and ECS refuse in tags."""
    egress: Literal["nat", "nat-per-zone"] = "nat"
    """How tasks reach the internet, which the chatbot needs: through one NAT gateway or one a zone."""
    https: Literal["off", "certificate", "domain"] = "domain"
    """HTTPS with a certificate of yours, or with a domain: certificate and DNS record are made, HTTP redirects."""
    access_logs: bool = True
    """Keep the load balancer's access logs where they can be searched."""
    alarms: bool = True
    """Alarms on errors, slow answers and health, to two SNS topics."""
    slow_seconds: Annotated[float, Field(ge=0.1, le=4000)] = 5
    """Seconds that 95 of 100 answers have to stay below, or an alarm goes off."""
    critical_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Address that alarms of a service that is down are sent to; it has to confirm once."""
    health_check: bool = False
    """Ask the public name for health from outside AWS's Regions, by Route 53 (needs a domain)."""
    documented_names: bool = True
    """Name cluster, services, topics, secrets and log groups as the document does, with the environment; off lets
    CloudFormation name them, so that each can be replaced."""

    application_environment: Annotated[str, Field(min_length=1, max_length=64)] = "production"
    """Value of the containers' variable ENVIRONMENT."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """Value of the backend's variable LOG_LEVEL."""
    cors_origins: list[Origin] = Field(default_factory=list, max_length=8)
    """Origins that browsers may call the backend from, in lower case. When none is given it is the chatbot's own
    address, which is the name that users know only where `https` is `domain`."""
    api_docs: bool = True
    """Let the load balancer send `/docs` to the backend, and `/openapi.json`, which that page reads."""
    answer_seconds: Annotated[int, Field(ge=1, le=4000)] = 120
    """Seconds that a model may take to answer before the load balancer or the frontend gives up."""
    tracing: bool = True
    """Run the OpenTelemetry collector beside the backend: traces to X-Ray, metrics to CloudWatch."""
    metric_namespace: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9/_.-]*$")] | None = None
    """CloudWatch namespace of the application's metrics. When not given it is `RecipeChatbot/LLM` in prod and
    `RecipeChatbot/LLM/<environment>` elsewhere, so that dev's queue does not scale prod."""

    backend_cpu: int = 512
    """CPU units of a backend task (default of the parameter BackendCpu); 1024 are one vCPU."""
    backend_memory: int = 1024
    """Memory of a backend task in MiB (default of the parameter BackendMemory)."""
    backend_minimum_tasks: Tasks = 2
    """Fewest backend tasks (default of the parameter BackendMinimumTasks)."""
    backend_maximum_tasks: Tasks = 20
    """Most backend tasks (default of the parameter BackendMaximumTasks)."""
    backend_variables: Variables = Field(default_factory=dict, max_length=12)
    """Further plain environment variables of the backend, 12 at most; no secrets."""
    frontend_cpu: int = 256
    """CPU units of a frontend task (default of the parameter FrontendCpu); 1024 are one vCPU."""
    frontend_memory: int = 512
    """Memory of a frontend task in MiB (default of the parameter FrontendMemory)."""
    frontend_minimum_tasks: Tasks = 2
    """Fewest frontend tasks (default of the parameter FrontendMinimumTasks)."""
    frontend_maximum_tasks: Tasks = 10
    """Most frontend tasks (default of the parameter FrontendMaximumTasks)."""
    frontend_variables: Variables = Field(default_factory=dict, max_length=12)
    """Further plain environment variables of the frontend, 12 at most; no secrets."""

    target_cpu: Annotated[int, Field(ge=10, le=95)] = 70
    """Percent of CPU that autoscaling holds in both services."""
    target_memory: Annotated[int, Field(ge=10, le=95)] = 80
    """Percent of memory that autoscaling holds in the backend."""
    queue: Literal["shared", "per-task", "none"] = "shared"
    """What the application says as QueueDepth: calls that wait for any task, or for the task that says it. Without a
    number from the application nothing scales in, so `none` leaves the policy out."""
    target_queue_depth: Annotated[float, Field(ge=1, le=10_000)] = 5
    """Waiting model calls for each backend task that autoscaling holds."""
    deployment: Literal["rolling", "blue-green"] = "rolling"
    """Roll new tasks in with a circuit breaker, or let ECS move traffic between two target groups."""
    test_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "green"
    """Value of the header X-Deployment with which a request sees the new version before the others do."""
    bake_minutes: Annotated[int, Field(ge=0, le=1440)] = BAKE_MINUTES
    """Minutes that the old tasks stay after a blue/green deployment has moved all traffic."""
    deployment_hook: bool = False
    """Ask a Lambda function on the way through a blue/green deployment; its ARN becomes a parameter."""
    hook_stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = ("POST_TEST_TRAFFIC_SHIFT",)
    """Stages at which the function is asked."""
    key_rotation: Literal["none", "reminder", "function"] = "none"
    """Quarterly rotation of the API keys: not at all, by a reminder to people, or by a Lambda function whose ARN
    becomes a parameter."""

    @field_validator("metric_namespace")
    @classmethod
    def _own_namespace(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("AWS/"):
            raise ValueError("a namespace that does not begin with AWS's own AWS/")
        return value

    @model_validator(mode="after")
    def _read_from_elsewhere(self) -> Settings:
        taken = sorted(self.backend_variables.keys() & {*KEYS, *CONFIGURATION})
        if taken:
            raise SettingsError(
                f"backend_variables: {', '.join(taken)} needs no value here, ECS reads it from Secrets Manager or SSM; "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def _sizes_and_bounds(self) -> Settings:
        for service in ("backend", "frontend"):
            check_size(getattr(self, f"{service}_cpu"), getattr(self, f"{service}_memory"), of=service)
            least, most = getattr(self, f"{service}_minimum_tasks"), getattr(self, f"{service}_maximum_tasks")
            if least == 0 and self.environment == PRODUCTION:
                raise SettingsError(f"{service}_minimum_tasks: 0 is not allowed in prod, which always answers; give 1")
            if least > most:
                raise SettingsError(
                    f"{service}_minimum_tasks: {least} is more than {service}_maximum_tasks ({most}); "
                    "lower the one or raise the other"
                )
        return self

    @model_validator(mode="after")
    def _belongs_together(self) -> Settings:
        if self.health_check and self.https != "domain":
            raise SettingsError(
                f"health_check: needs https to be 'domain', got {self.https!r}: Route 53 asks the public name; "
                "leave health_check off"
            )
        if self.health_check and self.clients != "0.0.0.0/0":
            raise SettingsError(
                f"health_check: Route 53 asks from everywhere, and clients is {self.clients!r}; leave one of them out"
            )
        if self.deployment_hook and self.deployment != "blue-green":
            raise SettingsError(
                f"deployment_hook: needs deployment to be 'blue-green', got {self.deployment!r}: rolling deployments "
                "have no stages to ask at"
            )
        return self

    @property
    def namespace(self) -> str:
        """The namespace of the application's metrics."""
        own = NAMESPACE if self.environment == PRODUCTION else f"{NAMESPACE}/{self.environment}"
        return self.metric_namespace or own

    @property
    def log_folder(self) -> str:
        """What the names of log groups begin with, as the document has it."""
        return f"/aws/ecs/{self.project}"

    @property
    def paths(self) -> list[str]:
        """What the load balancer sends to the backend."""
        return ["/api/*", "/health", *(["/docs", "/openapi.json"] if self.api_docs else [])]

    def name(self, part: str, *, under: str = "") -> str | None:
        """The document's name of a part, with the environment, or None to leave it to CloudFormation."""
        if not self.documented_names:
            return None
        if under:
            return f"{under}/{part}-{self.environment}"
        return f"{self.project}-{part}-{self.environment}"
