"""What the backend is told that is no secret: SSM parameters, so that operators can change them without a template."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, ssm

from blueprints.catalog.recipe_chatbot.parts import CONFIGURATION
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.components.secret import SecretValue
from blueprints.model.component import Component
from blueprints.model.context import because

LABEL = "recipe-chatbot.configuration"


class Configuration(Component):
    """The document's three parameters, read by ECS when a task starts.

    Args:
        settings: the values, and where the parameters stand: ``/<project>/<environment>/``.
        origin: the chatbot's own address, which browsers may call the backend from where no other is named.
    """

    def __init__(self, settings: Settings, *, origin: Any) -> None:
        self.environment = _parameter(settings, "Environment", settings.application_environment)
        self.log_level = _parameter(settings, "LogLevel", settings.log_level)
        self.cors_origins = _parameter(settings, "CorsOrigins", ",".join(settings.cors_origins) or origin)

    @property
    def _parameters(self) -> list[ssm.Parameter]:
        return [self.environment, self.log_level, self.cors_origins]

    @property
    def values(self) -> dict[str, SecretValue]:
        """The container's variables, each with the parameter that it is read from."""
        return {
            name: SecretValue(_arn(parameter), in_parameter_store=True, encrypted=False)
            for name, parameter in zip(CONFIGURATION, self._parameters, strict=True)
        }

    @property
    def labels(self) -> dict[str, Any]:
        """A label with all values: ECS reads parameters only when a task starts, and a new label makes new tasks."""
        return {LABEL: Sub(" ".join(f"${{{parameter.title}.Value}}" for parameter in self._parameters))}


def _parameter(settings: Settings, title: str, value: Any) -> ssm.Parameter:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in title).lstrip("-")
    return because(
        "Configuration that is no secret; a change of it through this stack starts new tasks.",
        ssm.Parameter(
            f"{title}Parameter",
            Type="String",
            Name=f"/{settings.project}/{settings.environment}/{words}",
            Value=value,
        ),
        mutable="free-to-tune",
    )


def _arn(parameter: ssm.Parameter) -> Sub:
    """The parameter's ARN; its Ref is its name, which begins with a slash."""
    return Sub(f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter${{{parameter.title}}}")
