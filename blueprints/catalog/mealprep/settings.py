"""What MealPrep can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from blueprints.catalog._web_settings import (
    PRODUCTION,
    TaskSettings,
    VariableName,
    VariableValue,
    WorkingHours,
    domain_means_https,
)
from blueprints.components.distribution import PriceClass
from blueprints.components.task_size import check_size
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import DOMAIN_PATTERN
from blueprints.model.settings import ShortTagValue, Zones

# Memory of an Aurora instance in GiB (Amazon Aurora User Guide, "Hardware specifications for DB instance classes").
INSTANCE_MEMORY = {
    "db.t4g.medium": 4,
    "db.t4g.large": 8,
    "db.r6g.large": 16,
    "db.r6g.xlarge": 32,
    "db.r6g.2xlarge": 64,
    "db.r7g.large": 16,
    "db.r7g.xlarge": 32,
}

# What the parameter group sets; no attribute of a cluster tells it. A pool of more serves no task of ours.
MAX_CONNECTIONS, MOST_POOLED = 200, 20

# X-Ray's names have 32 characters, of which -api- takes five.
LONGEST_NAMES = 27

# What the Regions of a geography's inference profiles begin with.
GEOGRAPHIES = {
    "us": "us-",
    "us-gov": "us-gov-",
    "eu": "eu-",
    "apac": "ap-",
    "jp": "ap-northeast-",
    "au": "ap-southeast-",
}

# Variables of the API that are secrets, or that follow from them.
READ_FROM_ELSEWHERE = {
    "ConnectionStrings__DefaultConnection",
    "Database__Password",
    "Database__Username",
    "JWT__Secret",
    "Cache__AuthToken",
    "Email__ApiKey",
}

Tasks = Annotated[int, Field(ge=0, le=100)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$")]
Model = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.[A-Za-z0-9.:_-]+$", max_length=128)]
Profile = Annotated[str, Field(pattern=r"^(us|us-gov|eu|apac|jp|au)\.[a-z0-9-]+\.[A-Za-z0-9.:_-]+$", max_length=128)]
Origin = Annotated[str, Field(max_length=128, pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$")]
Capacity = Annotated[float, Field(ge=0, le=128, multiple_of=0.5)]


def _lies_in(region: str, geography: str) -> bool:
    """Whether a Region belongs to a geography; GovCloud (US) is one of its own."""
    return region.startswith(geography) and ("-gov-" in region) is ("-gov-" in geography)


class Settings(TaskSettings, WorkingHours):
    """Settings of MealPrep."""

    environment_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "dev": {
            "aspnetcore_environment": "Development",
            "log_retention_days": 7,
            "api_cpu": 512,
            "api_memory": 1024,
            "api_minimum_tasks": 1,
            "api_maximum_tasks": 3,
            "database_instance_class": "db.t4g.medium",
            "database_readers": 0,
            "database_backup_days": 7,
            "budget": 200,
            "sleep": True,
        },
        PRODUCTION: {
            "keep_data": True,
            "egress": "nat-per-zone",
            "https": "domain",
            "intelligent_tiering": True,
            "cache_replicas": 1,
            "backup": True,
        },
    }

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = "mealprep"
    """First part of every stack's name and the value of the tag Project."""
    region: Region = "us-west-2"
    """AWS Region that the application runs in; web ACL and certificate of CloudFront are always in us-east-1."""
    secondary_region: Region = "us-east-2"
    """Region that backups are copied to."""
    cost_center: ShortTagValue | None = "Engineering"
    """Value of the tag CostCenter."""
    availability_zones: Zones = 3
    """Number of Availability Zones that the network spans."""
    egress: Literal["nat", "nat-per-zone"] = "nat"
    """How tasks and functions reach the internet: through one NAT gateway or one a zone."""
    existing_vpc: Literal[False] = False
    """The network is always ours: its database subnets have no route to the internet."""
    run_as: Annotated[str, Field(pattern=r"^(\d{1,10}(:\d{1,10})?)?$")] = "1654:1654"
    """User and group id that the containers run as, those of .NET's images; empty leaves it to the image."""
    container_health_check: bool = False
    """Ask for health inside the containers too; .NET's images have none of curl, wget, Python and Node.js."""
    documented_names: bool = True
    """Name database, bucket, secrets and dashboard as the document does, with the environment; off lets CloudFormation
    name them, so that each can be replaced, and leaves the database's log without a retention."""

    https: Literal["off", "domain"] = "off"
    """Answer under a domain of yours, with certificates for CloudFront and for the load balancer; otherwise under
    CloudFront's own name, and CloudFront calls the load balancer without TLS."""
    domain_name: Annotated[str, Field(pattern=DOMAIN_PATTERN)] | None = None
    """Default of the parameter DomainName, such as api.mealprep.com; naming one turns `https` to `domain`."""
    hosted_zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]{1,31}$")] | None = None
    """Default of the parameter HostedZoneId."""
    price_class: PriceClass = "PriceClass_100"
    """CloudFront's edge locations: North America and Europe, most of the world, or all."""
    waf: bool = True
    """Put a web ACL before CloudFront: AWS managed rules and a rate limit."""
    waf_rate_limit: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    """Requests of one address in five minutes before the web ACL blocks it."""
    origin_generation: Annotated[int, Field(ge=1, le=1000)] = 1
    """Which value of the secret header CloudFront sends to the load balancer; one more makes a new value."""

    aspnetcore_environment: Annotated[str, Field(min_length=1, max_length=64)] = "Production"
    """Value of the containers' variable ASPNETCORE_ENVIRONMENT."""
    api_cpu: int = 1024
    """CPU units of an API task (default of the parameter ApiCpu); 1024 are one vCPU."""
    api_memory: int = 2048
    """Memory of an API task in MiB (default of the parameter ApiMemory)."""
    api_minimum_tasks: Tasks = 2
    """Fewest API tasks (default of the parameter ApiMinimumTasks)."""
    api_maximum_tasks: Annotated[int, Field(ge=1, le=80)] = 10
    """Most API tasks (default of the parameter ApiMaximumTasks)."""
    api_variables: dict[VariableName, VariableValue] = Field(default_factory=dict, max_length=12)
    """Further plain environment variables of the API, 12 at most; no secrets."""
    web_service: bool = False
    """Serve the pages from a container of your own in place of files in a bucket."""
    models: list[Model] = Field(default_factory=list, max_length=8)
    """Ids of the Bedrock models that the API may call in its own Region, where they can be called on demand."""
    model_profiles: list[Profile] = Field(
        default=["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-lite-v1:0"], max_length=4
    )
    """Ids of the inference profiles that the API may call, which begin with a geography: `us.`, `eu.`, `apac.`."""
    profile_regions: list[Region] = Field(default=["us-east-1", "us-east-2", "us-west-2"], min_length=1, max_length=8)
    """Regions that these profiles lead to (`aws bedrock get-inference-profile` lists them)."""
    upload_origins: list[Origin] = Field(default_factory=list, max_length=4)
    """Origins whose pages may upload to the bucket with presigned URLs; the public name when none is given."""
    email_key: bool = True
    """Give the API the key of a mail service, which people put; the API starts only once it is there."""
    tracing: bool = True
    """Run the OpenTelemetry collector beside the API: traces to X-Ray."""

    target_cpu: Annotated[int, Field(ge=10, le=95)] = 70
    """Percent of CPU that autoscaling holds."""
    target_memory: Annotated[int, Field(ge=10, le=95)] = 80
    """Percent of memory that autoscaling holds."""
    scale_requests_by: Literal["steps", "target", "none"] = "steps"
    """Follow requests by the document's steps, which pull against the targets, by a target of their own, or not."""
    target_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Requests a minute that one task should get, where they are followed by target."""

    database: Literal["provisioned", "serverless"] = "provisioned"
    """Aurora on instances of a fixed size, or Serverless v2."""
    database_instance_class: Literal[tuple(INSTANCE_MEMORY)] = "db.r6g.large"  # type: ignore[valid-type]
    """Class of the writer and of each reader, where instances are provisioned."""
    database_readers: Annotated[int, Field(ge=0, le=15)] = 1
    """Further instances in other zones, which take over when the writer fails."""
    database_minimum_capacity: Capacity = 0.5
    """Least capacity of Serverless v2 in ACU; 0 pauses the database while nobody is connected."""
    database_maximum_capacity: Capacity = 4
    """Most capacity of Serverless v2 in ACU."""
    database_backup_days: Annotated[int, Field(ge=1, le=35)] = 30
    """Days that the database can be restored to."""
    master_secret: Literal["generated", "managed"] = "generated"
    """Who makes the database's password: we, under the documented name and with a connection string for .NET, or RDS,
    which changes it every seven days and gives the parts only."""
    cache_node_type: Annotated[str, Field(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")] = "cache.t4g.micro"
    """Class of the cache's nodes."""
    cache_replicas: Annotated[int, Field(ge=0, le=5)] = 0
    """Further nodes in other zones, which take over when the first fails."""
    intelligent_tiering: bool = False
    """Store uploads in S3 Intelligent-Tiering."""
    processing: bool = True
    """Look at uploaded images with Rekognition, by a Lambda function."""
    processing_code: Literal["inline", "bucket"] = "inline"
    """The library's function, in the template, or a package of yours, whose place becomes parameters."""

    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Address that alarms and budgets are sent to; it has to confirm once."""
    budget: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    """US dollars a month, of which 80 percent spent are told."""
    backup: bool = False
    """Copy the database daily to the second Region, and replicate the backup bucket there."""
    backup_days: Annotated[int, Field(ge=1, le=3650)] = 35
    """Days that such a copy is kept."""

    @model_validator(mode="before")
    @classmethod
    def _domain_means_https(cls, values: Any) -> Any:
        return domain_means_https(values)

    @field_validator("models", "model_profiles", "profile_regions")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("each id once")
        return value

    @model_validator(mode="after")
    def _sizes_and_bounds(self) -> Settings:
        check_size(self.api_cpu, self.api_memory, of="api")
        if self.api_minimum_tasks == 0 and self.environment == PRODUCTION:
            raise SettingsError("api_minimum_tasks: 0 is not allowed in prod, which always answers; give 1")
        if self.api_minimum_tasks > self.api_maximum_tasks:
            raise SettingsError(
                f"api_minimum_tasks: {self.api_minimum_tasks} is more than api_maximum_tasks "
                f"({self.api_maximum_tasks}); lower the one or raise the other"
            )
        if self.database_minimum_capacity > self.database_maximum_capacity or self.database_maximum_capacity < 1:
            raise SettingsError(
                f"database_minimum_capacity: {self.database_minimum_capacity} to database_maximum_capacity "
                f"({self.database_maximum_capacity}) is no range; the most has to be 1 at least, and the least below it"
            )
        return self

    @model_validator(mode="after")
    def _belongs_together(self) -> Settings:
        if self.domain_name and self.https != "domain":
            raise SettingsError(
                f"domain_name: {self.domain_name!r} needs https to be 'domain', got {self.https!r}; leave https out"
            )
        for profile in self.model_profiles:
            geography = GEOGRAPHIES[profile.partition(".")[0]]
            regions = [self.region, *self.profile_regions]
            if not all(_lies_in(region, geography) for region in regions):
                raise SettingsError(
                    f"model_profiles: {profile!r} leads to Regions that begin with {geography}; region is "
                    f"{self.region} and profile_regions {', '.join(self.profile_regions)}: give profiles of another "
                    "geography"
                )
        taken = sorted(self.api_variables.keys() & READ_FROM_ELSEWHERE)
        if taken:
            raise SettingsError(f"api_variables: {', '.join(taken)} needs no value here, ECS reads it; leave it out")
        if len(self.project) + len(self.environment) > LONGEST_NAMES:
            raise SettingsError(
                f"project: {self.project!r} and environment {self.environment!r} have more than {LONGEST_NAMES} "
                "characters together, and names of X-Ray and of buckets hold both; give a shorter one"
            )
        if self.backup and self.secondary_region == self.region:
            raise SettingsError(
                f"secondary_region: {self.secondary_region!r} is the region of the application; give another one"
            )
        return self

    @property
    def title(self) -> str:
        """How the document writes the project's name."""
        return "MealPrep" if self.project == "mealprep" else self.project

    @property
    def traced_as(self) -> str:
        """The API's name in traces, which environments of one account have to tell apart."""
        return f"{self.project}-api-{self.environment}"

    @property
    def pool_size(self) -> int:
        """Connections of one task's pool: all tasks, twice as many during a deployment, stay below four fifths."""
        return max(1, min(MOST_POOLED, MAX_CONNECTIONS * 4 // 5 // (2 * self.api_maximum_tasks)))

    @property
    def log_folder(self) -> str:
        """What the names of log groups begin with."""
        return f"/ecs/{self.project}"

    def secret_name(self, part: str) -> str | None:
        """The document's name of a secret, which begins with the environment."""
        return f"{self.environment}/{self.project}/{part}" if self.documented_names else None

    def name(self, part: str, *, under: str = "") -> str | None:
        """The document's name of a part, with the environment, or None to leave it to CloudFormation."""
        if not self.documented_names:
            return None
        return f"{under}-{part}-{self.environment}" if under else f"{self.project}-{self.environment}-{part}"
