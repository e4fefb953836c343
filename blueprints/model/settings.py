"""Typed settings: what decides the shape of an architecture before CloudFormation sees it."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from blueprints.model.errors import SettingsError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Egress = Literal["public", "nat", "nat-per-zone", "endpoints"]
Zones = Annotated[int, Field(ge=2, le=3)]

# Part of names such as a load balancer's, which must not end in a dash.
ENVIRONMENT_PATTERN = r"^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$"

# Where rendering puts the stacks that environments share.
SHARED = "shared"

# Tags with a setting of their own, or that the library writes.
OWN_TAGS = {"project": "project", "environment": "environment", "owner": "owner", "costcenter": "cost_center"}

# Tag keys and values: EC2's limits are the narrowest of the services we tag (128 and 256 characters).
TagKey = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\w .:/=+@-]+$")]
TagValue = Annotated[str, Field(max_length=256, pattern=r"^[\w .:/=+@-]*$")]

# Owner and cost centre stand on every resource, and a template may have 51,200 bytes to be deployed without a bucket.
ShortTagValue = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[\w .:/=+@-]*$")]

# CloudWatch Logs accepts these retention periods, in days, and no others (API reference, PutRetentionPolicy).
RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


class Settings(BaseModel):
    """What every architecture can be told; each adds its own, those with a network begin with NetworkSettings.

    ``environment`` chooses defaults: a class lists in ``environment_defaults`` what an environment changes, and
    every value given wins over it. Values are checked at the door and never change afterwards.

    Raises:
        SettingsError: a value is not allowed; the message names the setting, the value and what is allowed.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, use_attribute_docstrings=True)

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {"prod": {"keep_data": True}}

    environment: Annotated[str, Field(pattern=ENVIRONMENT_PATTERN)] = "dev"
    """Name of the environment, part of every stack's name; `dev` and `prod` come with defaults of their own."""
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = "project"
    """First part of every stack's name and the value of the tag Project."""
    region: Annotated[str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$")] = "us-east-1"
    """AWS Region that the stacks are deployed to."""
    owner: ShortTagValue | None = None
    """Value of the tag Owner; left out when not given."""
    cost_center: ShortTagValue | None = None
    """Value of the tag CostCenter; left out when not given."""
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    """Further tags of the stacks; CloudFormation hands them on to every resource that takes tags."""
    keep_data: bool = False
    """Keep what holds data when its stack goes: Retain or Snapshot, termination protection, stack policy."""
    log_retention_days: int = 30
    """Days that log groups keep their events."""

    if not TYPE_CHECKING:  # type checkers read the fields; at run time an error has to speak our language

        def __init__(self, /, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise SettingsError(explain(type(self), error)) from None

    @model_validator(mode="before")
    @classmethod
    def _environment_first(cls, values: Any) -> Any:
        """Put the environment's defaults below what was given."""
        if not isinstance(values, dict):
            return values
        environment = values.get("environment", cls.model_fields["environment"].default)
        defaults = cls.environment_defaults.get(environment.strip(), {}) if isinstance(environment, str) else {}
        return {**defaults, **values}

    @field_validator("environment")
    @classmethod
    def _not_shared(cls, value: str) -> str:
        if value == SHARED:
            raise ValueError("another name: this one stands for what environments share")
        return value

    @field_validator("tags")
    @classmethod
    def _own_prefix(cls, value: dict[str, str]) -> dict[str, str]:
        reserved = sorted(key for key in value if key.lower().startswith("aws:"))
        if reserved:
            raise ValueError(f"keys that do not begin with AWS's own aws: (got {', '.join(reserved)})")
        own = sorted(key for key in value if key.lower() in OWN_TAGS)
        if own:
            raise ValueError(f"{own[0]} by the setting {OWN_TAGS[own[0].lower()]}")
        # IAM knows no difference between the tags Team and team, and refuses a role that has both.
        if len({key.lower() for key in value}) < len(value):
            raise ValueError("keys that differ in more than upper and lower case")
        return value

    @field_validator("log_retention_days")
    @classmethod
    def _known_retention(cls, value: int) -> int:
        if value not in RETENTION_DAYS:
            raise ValueError("one of " + ", ".join(map(str, RETENTION_DAYS)))
        return value

    @property
    def stamped_tags(self) -> dict[str, str]:
        """The tags that templates write on every resource, in this order."""
        named = {
            "Project": self.project,
            "Environment": self.environment,
            "Owner": self.owner,
            "CostCenter": self.cost_center,
        }
        return {key: value for key, value in named.items() if value is not None}

    def stack_name(self, name: str, *, shared: bool = False) -> str:
        """The name of a stack in CloudFormation: unique in an account and Region."""
        return f"{self.project}-{name}" if shared else f"{self.project}-{self.environment}-{name}"


class NetworkSettings(Settings):
    """What every architecture with a network can be told."""

    availability_zones: Zones = 2
    """Number of Availability Zones that the network spans."""
    vpc_cidr: str = "10.0.0.0/16"
    """IPv4 range of the VPC, /16 to /20."""
    egress: Egress = "nat"
    """How tasks reach the internet: from public subnets, through one NAT gateway or one a zone, or not at all."""
    existing_vpc: bool = False
    """Use a VPC that exists: its id and subnets become parameters and no network stack is rendered."""
    flow_logs: bool = False
    """Record the VPC's rejected traffic in CloudWatch Logs (charged by volume)."""

    @field_validator("vpc_cidr")
    @classmethod
    def _private_range(cls, value: str) -> str:
        try:
            network = ipaddress.IPv4Network(value)
        except ValueError as error:
            raise ValueError(f"an IPv4 range without host bits, such as 10.0.0.0/16 ({error})") from None
        if not 16 <= network.prefixlen <= 20:
            raise ValueError("a range from /16 (AWS's largest) to /20 (room for six subnets of a /24)")
        return value


def explain(settings: type[BaseModel], error: ValidationError) -> str:
    """Say for a person what is wrong with each setting: its name, the value and what is allowed."""
    lines = [_explain_one(settings, detail) for detail in error.errors()]
    return "\n".join(lines)


def _explain_one(settings: type[BaseModel], detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "settings"
    value = detail["input"]
    if detail["type"] == "extra_forbidden":
        known = sorted(settings.model_fields)
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"{key}: no such setting ({hint}known settings: {', '.join(known)})"
    field = settings.model_fields.get(str(detail["loc"][0])) if detail["loc"] else None
    meaning = f" {field.description}" if field is not None and field.description else ""
    allowed = re.sub(r"^(Value error, |Input should be )", "", detail["msg"]).replace(
        "String should", "a string that should"
    )
    if not detail["loc"]:
        return allowed
    return f"{key}: {value!r} is not allowed; give {allowed}.{meaning}"
