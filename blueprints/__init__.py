"""Container architectures on AWS as plain CloudFormation that you own.

::

    from blueprints import render
    from blueprints.catalog import facerec

    stacks = facerec.build(facerec.Settings(environment="prod", domain_name="faces.example.com"))
    print(render.to_yaml(stacks[-1]))

Names are loaded when they are first used, so that a command line that only lists or helps stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blueprints import catalog as catalog
    from blueprints import render as render
    from blueprints.model.component import Component as Component
    from blueprints.model.context import because as because
    from blueprints.model.errors import BlueprintsError as BlueprintsError
    from blueprints.model.errors import SettingsError as SettingsError
    from blueprints.model.errors import TemplateError as TemplateError
    from blueprints.model.settings import Settings as Settings
    from blueprints.model.stack import Stack as Stack

__version__ = "0.1.0"

__all__ = [
    "BlueprintsError",
    "Component",
    "Settings",
    "SettingsError",
    "Stack",
    "TemplateError",
    "because",
    "catalog",
    "render",
]

_HOMES = {
    "BlueprintsError": "blueprints.model.errors",
    "Component": "blueprints.model.component",
    "Settings": "blueprints.model.settings",
    "SettingsError": "blueprints.model.errors",
    "Stack": "blueprints.model.stack",
    "TemplateError": "blueprints.model.errors",
    "because": "blueprints.model.context",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
