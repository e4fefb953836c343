"""Read a template as CloudFormation reads it: YAML 1.1, short intrinsic forms, no key twice."""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """PyYAML's safe loader, in C where there is libyaml, which knows no tag of CloudFormation's by itself."""


def load(text: str) -> Any:
    """Return the template as data, with every intrinsic function under its full name."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with tags of our own


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    key = name if name in {"Ref", "Condition"} else f"Fn::{name}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {key: text.split(".", 1) if name == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    return {key: _mapping(loader, node)}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise yaml.constructor.ConstructorError(None, None, f"a key stands twice in {keys}", node.start_mark)
    return {key: loader.construct_object(value, deep=True) for key, value in pairs}


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
