"""The keys of the services that the chatbot pays for, and who changes them."""

from __future__ import annotations

from blueprints.catalog.recipe_chatbot.parts import KEYS
from blueprints.catalog.recipe_chatbot.settings import Settings
from blueprints.components.rotation import Rotation
from blueprints.components.secret import Secret
from blueprints.model import parameters
from blueprints.model.stack import SecretSource, Stack

JSON_KEY = "api_key"


def data_stack(settings: Settings) -> Stack:
    """A place for each key; CloudFormation never sees a value."""
    stack = Stack(
        "data",
        settings,
        description=f"API keys of {settings.project} {settings.environment}",
        arch="One secret a key, read by ECS when a backend task starts; values are put by people",
        must=["No value of a secret is ever written into this template"],
    )
    secrets = []
    for name, documented, description in KEYS.values():
        physical_name = settings.name(documented, under=settings.project)
        secret = stack.add(Secret(name, description=description, physical_name=physical_name))
        secret.publish(stack, JSON_KEY)
        secrets.append(secret.secret)
    if settings.key_rotation == "function":
        function = stack.add(parameters.function_arn("RotationFunctionArn", "rotates a key at the service it is for"))
        stack.add(Rotation("Keys", secrets=secrets, function_arn=function.ref()))
    return stack


def sources(data: Stack) -> list[SecretSource]:
    """The values that have to be there before a backend task can start."""
    return [
        SecretSource(variable, stack=data.name, output=f"{name}Arn", json_key=JSON_KEY)
        for variable, (name, _, _) in KEYS.items()
    ]
