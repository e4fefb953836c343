"""The three runtimes side by side, as the settings of one of them make them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

from blueprints import catalog
from blueprints.access.connections import ANYWHERE
from blueprints.catalog._web_backend.application import secret_outputs, variables
from blueprints.catalog._web_backend.parity_facts import ALARM, FACTS, ROWS, Runtime
from blueprints.catalog._web_backend.settings import ApplicationSettings, LoadBalancedSettings
from blueprints.components.postgres_instance import CERTIFICATE_BUNDLE
from blueprints.model.errors import SettingsError
from blueprints.model.stack import Stack
from blueprints.model.text_file import TextFile

# What each is called, in the order of the columns.
RUNTIMES = {
    "web-backend-fargate": "Fargate",
    "web-backend-eks": "EKS",
    "web-backend-beanstalk": "Elastic Beanstalk",
}


def parity_file(settings: ApplicationSettings, *, architecture: str, stacks: Sequence[Stack]) -> TextFile:
    """The page that compares them for one environment.

    The other two have the settings that all three have in common; what is a runtime's own stays at its default.
    """
    here = Runtime(architecture, settings, tuple(stacks))
    columns = [here if name == architecture else _other(name, settings) for name in RUNTIMES]
    values = {
        "environment": settings.environment,
        "architecture": architecture,
        "names": [_name(column) for column in columns],
        "refused": [(_name(column), column.refused) for column in columns if column.refused],
        "settings": _settings(columns),
        "stacks": _counted(columns, [[stack.name for stack in column.stacks] for column in columns]),
        "totals": [column.total for column in columns],
        "types": _types(columns),
        "rows": [(row, [_cell(FACTS[column.architecture](column)[row]) for column in columns]) for row in ROWS],
        "alarms": _alarms(columns),
        "contract": _contract(settings),
    }
    return TextFile(
        f"parity/{settings.environment}.md",
        "parity/parity.md.jinja",
        values,
        about="The three runtimes side by side",
    )


def settings_of(architecture: str, settings: ApplicationSettings) -> ApplicationSettings:
    """Settings of another runtime: those that both have in common, as far as it knows their values.

    Raises:
        SettingsError: it takes them one by one, but not together.
    """
    kind: Any = catalog.load(architecture).Settings
    sized = isinstance(settings, LoadBalancedSettings) and issubclass(kind, LoadBalancedSettings)
    common = LoadBalancedSettings if sized else ApplicationSettings
    names = [name for name in common.model_fields if name != "project"]
    given = {name: getattr(settings, name) for name in names if _takes(kind, name, getattr(settings, name))}
    if "api_through_cloudfront" in kind.model_fields and not sized and _keeps_cloudfront_out(settings):
        given["api_through_cloudfront"] = False
    made: ApplicationSettings = kind(**given)
    return made


def _keeps_cloudfront_out(settings: ApplicationSettings) -> bool:
    """Whether CloudFront cannot stand before the API, which is a default of some environments."""
    return settings.https == "certificate" or settings.clients != ANYWHERE


def _takes(kind: Any, name: str, value: Any) -> bool:
    annotation = kind.model_fields[name].annotation
    return get_origin(annotation) is not Literal or value in get_args(annotation)


def _other(architecture: str, settings: ApplicationSettings) -> Runtime:
    try:
        other = settings_of(architecture, settings)
        return _built(architecture, other.model_dump_json())
    except SettingsError as error:
        return Runtime(architecture, settings, (), refused=str(error))


@lru_cache(maxsize=16)
def _built(architecture: str, given: str) -> Runtime:
    """What these settings make; rendering asks for a page more than once."""
    blueprint = catalog.load(architecture)
    settings = blueprint.Settings(**json.loads(given))
    return Runtime(architecture, settings, tuple(blueprint.build(settings)))


def _name(column: Runtime) -> str:
    return RUNTIMES[column.architecture]


def _cell(text: str) -> str:
    """A text as it may stand between two bars."""
    return text.replace("|", "\\|").replace("\n", " ")


def _settings(columns: Sequence[Runtime]) -> list[tuple[str, list[str]]]:
    """The settings that one runtime has and another has not, or not with the same value."""
    names = dict.fromkeys(name for column in columns if not column.refused for name in column.own_settings)
    rows = [
        (name, [_written(getattr(column.settings, name, None), column.refused) for column in columns]) for name in names
    ]
    return sorted((name, cells) for name, cells in rows if len(set(cells)) > 1 and name != "project")


def _written(value: Any, refused: str) -> str:
    if refused or value in (None, "", []):
        return ""
    return _cell(f"`{str(value).lower() if isinstance(value, bool) else value}`")


def _counted(columns: Sequence[Runtime], names: Sequence[Iterable[str]]) -> list[tuple[str, list[str]]]:
    """Each stack, with how many resources it has in each runtime."""
    order = dict.fromkeys(name for column in names for name in column)
    counts = [{stack.name: len(stack.resources) for stack in column.stacks} for column in columns]
    return [(name, [str(count.get(name, "")) for count in counts]) for name in order]


def _types(columns: Sequence[Runtime]) -> list[tuple[str, list[str]]]:
    """The kinds of resources that are not the same number in all three."""
    counts = [column.types for column in columns]
    every = sorted({kind for count in counts for kind in count})
    rows = [(kind, [count[kind] for count in counts]) for kind in every]
    return [(kind, [str(number or "") for number in row]) for kind, row in rows if len(set(row)) > 1]


def _alarms(columns: Sequence[Runtime]) -> list[tuple[str, list[str]]]:
    found = [column.all(ALARM) for column in columns]
    every = dict.fromkeys(name for alarms in found for name in alarms)
    return [(name, ["yes" if name in alarms else "" for alarms in found]) for name in every]


def _contract(settings: ApplicationSettings) -> list[tuple[str, str]]:
    """What the application is told, in all three."""
    told = variables(settings, database_host="", cors_origins="")
    from_stacks = {
        "DATABASE_HOST": "output `DatabaseHost` of the stack data",
        "CORS_ORIGINS": "the frontend's address, then `cors_origins`" if settings.frontend else "`cors_origins`",
    }
    plain = [(name, from_stacks.get(name, f"`{value}`" if value else "empty")) for name, value in told.items()]
    secret = [
        (name, f"secret, output `{output}` of the stack data") for name, output in secret_outputs(settings).items()
    ]
    files = [(CERTIFICATE_BUNDLE, "certificates of RDS, in the image")]
    return [(name, _cell(text)) for name, text in [*plain, *secret, *files]]
