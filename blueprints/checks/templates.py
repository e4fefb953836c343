"""Finding template files and reading them as data."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from blueprints.model.errors import LintError

SUFFIXES = (".yaml", ".yml", ".json", ".template")
MANIFEST = "manifest.json"

# In a folder a file is taken for a template by these words, so that other YAML and JSON in it is left alone.
_LOOKS_LIKE_YAML = re.compile(r"^(AWSTemplateFormatVersion|Resources)\s*:", re.MULTILINE)
_LOOKS_LIKE_JSON = re.compile(r'"(AWSTemplateFormatVersion"\s*:|Resources"\s*:\s*\{)')


class NotReadableError(Exception):
    """A text that is neither YAML nor JSON, with the place where that shows."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True)
class TemplateFile:
    """A template that is to be checked; *twin* is the JSON that a render wrote beside the YAML."""

    path: Path
    twin: Path | None = None


def find(paths: Sequence[Path]) -> list[TemplateFile]:
    """The templates among *paths*: files as they are, folders searched with everything below them."""
    if not paths:
        raise LintError("nothing to lint: name a template, or a folder that holds some, for example output/")
    found: dict[Path, TemplateFile] = {}
    for path in paths:
        for file in _find_one(path):
            found.setdefault(file.path.resolve(), file)
    if not found:
        raise LintError(
            f"no templates in {', '.join(map(str, paths))}: a template ends in {', '.join(SUFFIXES)} and has a "
            f"Resources section; run `blueprints render` first, or name another folder"
        )
    return list(found.values())


def _find_one(path: Path) -> list[TemplateFile]:
    if path.is_dir():
        return list(_in_folder(path))
    if not path.exists():
        raise LintError(f"{path} does not exist: name a template or a folder, or run `blueprints render` first")
    if path.name == MANIFEST:
        raise LintError(f"{path} lists templates and is none itself: name its folder, {path.parent}")
    if path.suffix not in SUFFIXES:
        raise LintError(f"{path} is not a template: a template ends in {', '.join(SUFFIXES)}")
    return [TemplateFile(path)]


def _in_folder(folder: Path) -> Iterator[TemplateFile]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        candidates = (Path(root, name) for name in sorted(names) if name != MANIFEST and name.endswith(SUFFIXES))
        templates = [path for path in candidates if _looks_like_template(path)]
        yaml_by_stem = {path.stem: path for path in templates if path.suffix in (".yaml", ".yml")}
        json_by_stem = {path.stem: path for path in templates if path.suffix == ".json"}
        for path in templates:
            if path.suffix == ".json" and path.stem in yaml_by_stem:
                continue
            is_yaml = yaml_by_stem.get(path.stem) == path
            yield TemplateFile(path, json_by_stem.get(path.stem) if is_yaml else None)


def _looks_like_template(path: Path) -> bool:
    try:
        text = read(path)
    except NotReadableError:
        return True  # so that it is reported and not passed over
    return (_LOOKS_LIKE_JSON if text.lstrip().startswith("{") else _LOOKS_LIKE_YAML).search(text) is not None


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadableError(f"not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise NotReadableError(f"cannot be read: {error.strerror}") from error


def parse(text: str) -> Any:
    """The data of a template in the long form of its functions, whether it is YAML or JSON."""
    try:
        if not text.lstrip().startswith("{"):
            return _long(_parse_yaml(text))
        return _long(_parse_braces(text))
    except RecursionError as error:
        raise NotReadableError("nested too deeply to be a template") from error


def _parse_braces(text: str) -> Any:
    """JSON, or YAML that looks like it, with trailing commas or without quotes: CloudFormation takes both."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return _parse_yaml(text)
        except NotReadableError:
            raise NotReadableError(f"not valid JSON: {error.msg}", error.lineno, error.colno) from error


def _parse_yaml(text: str) -> Any:
    import yaml  # noqa: PLC0415  an unchanged tree is linted without it

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506  a safe loader with CloudFormation's tags
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise NotReadableError(f"not valid YAML: {error.problem or error.context}", *place) from error
    except (yaml.YAMLError, ValueError) as error:
        raise NotReadableError(f"not valid YAML: {error}") from error


@cache
def _loader() -> Any:
    import yaml  # noqa: PLC0415

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """CloudFormation reads no timestamps: 2010-09-09 is text."""

        yaml_implicit_resolvers = {  # noqa: RUF012
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    def short_form(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
        if isinstance(node, yaml.ScalarNode):
            return {name: loader.construct_scalar(node)}
        if isinstance(node, yaml.SequenceNode):
            return {name: loader.construct_sequence(node, deep=True)}
        return {name: loader.construct_mapping(node, deep=True)}

    Loader.add_multi_constructor("!", short_form)
    return Loader


def _long(value: Any) -> Any:
    """`Fn::GetAtt: A.B` as `Fn::GetAtt: [A, B]`, which CloudFormation takes for the same."""
    if isinstance(value, dict):
        attribute = value.get("Fn::GetAtt")
        if len(value) == 1 and isinstance(attribute, str):
            return {"Fn::GetAtt": attribute.split(".", 1)}
        return {key: _long(child) for key, child in value.items()}
    return [_long(child) for child in value] if isinstance(value, list) else value
