"""Settings of the web backend on Elastic Beanstalk."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from blueprints.catalog._web_backend.application import (
    secret_outputs,
    variables,
)
from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.components.beanstalk_environment import LOG_GROUP
from blueprints.components.beanstalk_settings import Capacity
from blueprints.model.errors import SettingsError

ARCHITECTURE = REPOSITORY = "web-backend-beanstalk"

WINDOW = r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01][0-9]|2[0-3]):[0-5][0-9])?$"

# All names and values of an environment together, in bytes (AWS Elastic Beanstalk Developer Guide, "Environment
# variables and software settings"); lengths of what is not known yet: an address, and the ARN of a secret.
MOST_VARIABLES = 4096
ADDRESS = 80
SECRET_ARN = 130

X86_INSTANCE, ARM_INSTANCE = "t3.small", "t4g.small"


class Settings(ApplicationSettings):
    """Settings of the web backend on Elastic Beanstalk."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = ARCHITECTURE
    """First part of every stack's name and the value of the tag Project."""
    instance_type: Annotated[str, Field(pattern=r"^([a-z0-9-]+\.[a-z0-9-]+)?$")] = ""
    """Instance type, each with one copy of the application; t3.small, or t4g.small with `arm`, when not given."""
    volume: Annotated[int, Field(ge=10, le=1000)] = 20
    """Root volume of an instance in GiB; it holds the images too."""
    platform: Literal["named", "latest"] = "named"
    """The platform's version: the parameter PlatformArn names it, or the newest one at each update of the stack."""
    update_window: Annotated[str, Field(pattern=WINDOW)] = "Sun:03:00"
    """When managed updates of the platform may begin, in UTC; empty for none."""
    deployment: Literal["rolling", "immutable", "traffic-splitting"] = "rolling"
    """New versions on one more batch of instances at a time, on new instances that then join, or on new ones that get a
    share of the traffic first."""

    https: Literal["off", "certificate", "domain"] = "off"
    """HTTPS with a certificate of yours, or with a domain: certificate and DNS record are made; nothing redirects."""

    @model_validator(mode="after")
    def _environment_takes_the_variables(self) -> Settings:
        if LOG_GROUP in {*self.variables, *self.secrets}:
            setting = "variables" if LOG_GROUP in self.variables else "secrets"
            raise SettingsError(f"{setting}: {LOG_GROUP} is a variable of the source bundle; give it another name")
        dollars = [name for name, value in self.variables.items() if "$" in value]
        if dollars:
            raise SettingsError(
                f"variables: {dollars[0]} has a $, which Docker Compose on an instance takes for a variable; give a "
                "value without, or leave it out"
            )
        told = variables(self, database_host="h" * ADDRESS, cors_origins=",".join(["o" * ADDRESS, *self.cors_origins]))
        size = sum(len(name) + len(value) for name, value in told.items())
        size += sum(len(name) + SECRET_ARN for name in secret_outputs(self))
        if size > MOST_VARIABLES:
            raise SettingsError(
                f"variables: with cors_origins and the ARNs of secrets they are about {size} bytes, and an environment "
                f"takes {MOST_VARIABLES}; leave some out, or keep longer texts where the application reads them"
            )
        return self

    @model_validator(mode="after")
    def _capacity_exists(self) -> Settings:
        capacity_of(self)
        return self


def capacity_of(settings: Settings) -> Capacity:
    """The instances that the settings ask for.

    Raises:
        SettingsError: Elastic Beanstalk does not take them, or they are made for another processor than the image.
    """
    given = settings.instance_type or (ARM_INSTANCE if settings.arm else X86_INSTANCE)
    capacity = Capacity(
        instance_type=given,
        minimum=settings.minimum_capacity,
        maximum=settings.maximum_capacity,
        target_cpu=settings.target_cpu,
        volume_gib=settings.volume,
    )
    if (capacity.architecture == "arm64") != settings.arm:
        wanted = f"Graviton, such as {ARM_INSTANCE}" if settings.arm else f"x86, such as {X86_INSTANCE}"
        raise SettingsError(f"instance_type: {given!r}, but arm is {settings.arm}; give {wanted}, or change arm")
    return capacity


def folder(settings: Settings) -> str:
    """Where the source bundle's files are, below the architecture's folder."""
    return f"bundle/{settings.environment}"
