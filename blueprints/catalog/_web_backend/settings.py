"""One typed description of the application, whatever runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from blueprints.catalog._web_settings import (
    AlarmSettings,
    FrontDoorSettings,
    LoadBalancerSettings,
    VariableName,
    VariableValue,
)
from blueprints.components.distribution import PriceClass
from blueprints.components.postgres_instance import LEAST_GROWTH, DatabaseClass, max_connections
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import DOMAIN_PATTERN

Pipeline = Literal["none", "github-actions", "codepipeline"]

# A scheme and a host: what browsers send as Origin.
Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]{1,100}(:\d{1,5})?$")]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$", max_length=40)]
Path = Annotated[str, Field(pattern=r"^/[!-~]{0,63}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./:=@-]+$", max_length=128)]

# What the application is told by settings of their own.
CONTRACT = (
    "ENVIRONMENT",
    "LOG_LEVEL",
    "CORS_ORIGINS",
    "WEB_CONCURRENCY",
    "FORWARDED_ALLOW_IPS",
    "DATABASE_URL",
    "DATABASE_HOST",
    "DATABASE_PORT",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_SSLMODE",
    "DATABASE_SSLROOTCERT",
    "DATABASE_POOL_MIN",
    "DATABASE_POOL_MAX",
)


def secret_id(variable: str) -> str:
    """First part of the logical id of a secret variable: ``STRIPE_API_KEY`` is StripeApiKey."""
    return "".join(word.capitalize() for word in variable.split("_"))


# Old and new copies run side by side for a while in every deployment; PostgreSQL keeps three connections for itself
# (superuser_reserved_connections).
OVERLAP = 2
RESERVED_CONNECTIONS = 3


class ApplicationSettings(AlarmSettings, FrontDoorSettings):
    """The application: what it listens on, what it is told, what it stores, and how many copies of it run."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "prod": {
            **FrontDoorSettings.environment_defaults["prod"],
            "database_multi_az": True,
            "database_backup_days": 14,
            "minimum_capacity": 2,
        }
    }

    alarms: bool = True
    """Alarms on errors, latency, health and load, to an SNS topic."""
    container_port: Annotated[int, Field(ge=1024, le=65535)] = 8000
    """TCP port that the application listens on."""
    health_check_path: Path = "/health"
    """Path that answers 200 while the application is well; load balancers ask for it."""
    database_health_path: Path = "/health/db"
    """Path that answers 200 while the application reaches its database; Route 53 asks for it, no load balancer does."""
    database_health_check: bool = True
    """Let Route 53 ask for `database_health_path` from outside (charged monthly); `clients` has to be everybody."""
    start_seconds: Annotated[int, Field(ge=0, le=300)] = 60
    """Seconds that the application may take to get well after its start."""
    run_as: Annotated[str, Field(pattern=r"^\d{1,10}:\d{1,10}$")] = "1000:1000"
    """User and group id that the application runs as."""
    arm: bool = False
    """Run on Graviton; the image has to be built for linux/arm64."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """Value of the variable LOG_LEVEL."""
    cors_origins: list[Origin] = Field(default_factory=list, max_length=10)
    """Origins that may call the API from a browser (CORS_ORIGINS), besides the frontend's own."""
    variables: dict[VariableName, VariableValue] = Field(default_factory=dict, max_length=12)
    """Further plain environment variables of the application, 12 at most; no secrets."""
    secrets: list[SecretName] = Field(default_factory=list, max_length=8)
    """Further variables with values from outside: each becomes a secret, whose value `put-secret` asks for."""
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    """Processes of the application in one copy (WEB_CONCURRENCY); each has a pool of connections."""
    pool_min: Annotated[int, Field(ge=0, le=100)] = 2
    """Connections to the database that a process keeps open (DATABASE_POOL_MIN)."""
    pool_max: Annotated[int, Field(ge=1, le=100)] = 10
    """Most connections of a process to the database (DATABASE_POOL_MAX)."""
    migration: list[Word] = Field(default_factory=lambda: ["alembic", "upgrade", "head"], max_length=16)
    """Command that brings the database up to the image's version before that takes requests; empty for none."""

    database_as: Literal["parts", "url"] = "parts"
    """How the application learns of its database: host, port, name, user and password, or one DATABASE_URL."""
    database_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] = "app"
    """Name of the database; another name makes a new, empty one."""
    database_class: DatabaseClass = "db.t3.micro"
    """Instance class of the database; db.t4g.micro does the same for less."""
    database_storage: Annotated[int, Field(ge=20, le=399)] = 20
    """Storage of the database in GiB."""
    database_maximum_storage: Annotated[int, Field(ge=26, le=16384)] = 100
    """Storage in GiB up to which RDS grows it by itself."""
    database_multi_az: bool = False
    """Keep a standby in another zone, which takes over when the first one fails."""
    database_backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    """Days back to which the database can be restored."""
    password_generation: Annotated[int, Field(ge=1, le=9999)] = 1
    """Which generated password the database has; one more makes a new one."""

    minimum_capacity: Annotated[int, Field(ge=1, le=100)] = 1
    """Fewest copies of the application that run."""
    maximum_capacity: Annotated[int, Field(ge=1, le=100)] = 3
    """Most copies of the application that autoscaling runs."""
    target_cpu: Annotated[int, Field(ge=10, le=95)] = 70
    """Percent of CPU that autoscaling holds."""

    frontend: bool = True
    """A private bucket for the browser application, and CloudFront before it."""
    frontend_domain_name: Annotated[str, Field(pattern=DOMAIN_PATTERN)] | None = None
    """Name of the frontend, in the hosted zone of `hosted_zone_id`; without one it is CloudFront's."""
    price_class: PriceClass = "PriceClass_100"
    """Where CloudFront answers: North America, Europe and Israel, or more of the world."""
    pipeline: Pipeline = "github-actions"
    """What builds, migrates and deploys: a workflow for GitHub, a stack with a CodePipeline, or neither."""
    github_repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]+/[A-Za-z0-9_.@-]+$", max_length=160)] | None = (
        None
    )
    """Owner and name of the repository on GitHub; naming it makes a stack with the role that its workflow takes on."""

    @model_validator(mode="after")
    def _names_are_free(self) -> ApplicationSettings:
        for setting, given in (("variables", self.variables), ("secrets", self.secrets)):
            taken = sorted({*given} & {*CONTRACT})
            if taken:
                raise SettingsError(
                    f"{setting}: {taken[0]} has a setting of its own or follows from the database; leave it out here"
                )
        places = [secret_id(name) for name in self.secrets]
        same = sorted(name for name in self.secrets if places.count(secret_id(name)) > 1)
        if same:
            raise SettingsError(
                f"secrets: {' and '.join(same)} would have one place in the template, {secret_id(same[0])}; give it "
                "once, or give one of them another name"
            )
        twice = sorted({*self.variables} & {*self.secrets})
        if twice:
            raise SettingsError(f"secrets: {twice[0]} is among the variables as well; give it once")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> ApplicationSettings:
        for low, high in (
            ("minimum_capacity", "maximum_capacity"),
            ("pool_min", "pool_max"),
            ("database_storage", "database_maximum_storage"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise SettingsError(
                    f"{low}: {getattr(self, low)} is more than {high} ({getattr(self, high)}); "
                    "lower the one or raise the other"
                )
        most = self.database_maximum_storage
        if self.database_storage < most < self.database_storage * LEAST_GROWTH:
            raise SettingsError(
                f"database_maximum_storage: {most} is less than a tenth above database_storage "
                f"({self.database_storage}), which RDS refuses; give more, or the same for storage that does not grow"
            )
        if self.frontend_domain_name and not self.frontend:
            raise SettingsError("frontend_domain_name: there is no frontend; leave it out or turn frontend on")
        return self

    @model_validator(mode="after")
    def _workflow_has_a_role(self) -> ApplicationSettings:
        if self.github_repository and self.pipeline != "github-actions":
            raise SettingsError(
                f"github_repository: {self.github_repository} needs pipeline to be 'github-actions', got "
                f"{self.pipeline!r}; a CodePipeline asks for its repository when its stack is deployed"
            )
        return self

    @model_validator(mode="after")
    def _connections_suffice(self) -> ApplicationSettings:
        most = max_connections(self.database_class) - RESERVED_CONNECTIONS
        asked = self.maximum_capacity * self.workers * self.pool_max * OVERLAP
        if asked > most:
            raise SettingsError(
                f"pool_max: {self.maximum_capacity} copies of {self.workers} processes with {self.pool_max} connections"
                f" each are {asked} while a deployment runs old and new ones; a {self.database_class} takes {most}. "
                "Lower maximum_capacity, workers or pool_max, or take a larger database_class"
            )
        return self


class LoadBalancedSettings(ApplicationSettings, LoadBalancerSettings):
    """The application behind a load balancer that CloudFormation makes."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **ApplicationSettings.environment_defaults,
        # Pages that came over HTTPS may call nothing over HTTP, and without a domain only CloudFront has a certificate.
        "dev": {"api_through_cloudfront": True},
    }

    cpu: Annotated[int, Field(ge=128, le=16384)] = 512
    """CPU units of one copy; 1024 are one vCPU."""
    memory: Annotated[int, Field(ge=256, le=122880)] = 1024
    """Memory of one copy in MiB."""
    api_through_cloudfront: bool = False
    """Put CloudFront before the API too; the load balancer then answers only CloudFront."""
    origin_generation: Annotated[int, Field(ge=1, le=9999)] = 1
    """Which value of the header tells our distribution from others; one more rotates it."""

    @model_validator(mode="after")
    def _cloudfront_is_the_way_in(self) -> LoadBalancedSettings:
        if not self.api_through_cloudfront:
            return self
        if self.https == "certificate":
            raise SettingsError(
                "api_through_cloudfront: needs https to be 'domain' or 'off', got 'certificate': CloudFront and the "
                "load balancer have a certificate each, for two names of one domain; turn it off, or give domain_name"
            )
        refused = {"clients": self.clients != "0.0.0.0/0", "dual_stack": self.dual_stack}
        for name, given in refused.items():
            if given:
                raise SettingsError(
                    f"{name}: {getattr(self, name)} has no meaning with api_through_cloudfront, where CloudFront "
                    "answers everybody over IPv4 and IPv6; leave it out, or turn api_through_cloudfront off"
                )
        return self
