"""Stacks as files: YAML, JSON and the manifest that says in which order they are deployed."""

from blueprints.render.template import to_json, to_yaml
from blueprints.render.writing import write

__all__ = ["to_json", "to_yaml", "write"]
