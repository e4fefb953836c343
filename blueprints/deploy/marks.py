"""Marks in text files: ``${NAME}`` stands for a value that is known only once the stacks are there.

``${!`` gives ``${``, so that ``${!NAME}`` becomes ``${NAME}``, as in Fn::Sub: for what a shell or another program is to
fill. A value is inserted as it is, and what is inserted is never read again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = re.compile(r"\$\{(?P<name>[A-Za-z][A-Za-z0-9_]*)\}|(?P<kept>\$\{!)|\$\{(?P<other>[^}\n]{0,40}\}?)")
# What ends or changes a quoted string of YAML, JSON or a shell, beside line ends and other control characters.
_UNSAFE = frozenset("\"'\\")


def marks(text: str) -> set[str]:
    """Return the names that *text* has marks of."""
    return {found["name"] for found in _MARK.finditer(text) if found["name"]}


def fill(text: str, values: Mapping[str, str], *, where: str) -> str:
    """Return *text* with each mark replaced by its value.

    Args:
        text: any text; ``${`` stands in it only for a mark, or as ``${!``.
        values: at least the values of the marks that stand in the text.
        where: the file or the place of the text, for errors.

    Raises:
        DeployError: a mark is unknown or no mark at all, or its value could end the string that it stands in.
    """
    _check_names(text, values, where)
    for name in sorted(marks(text)):
        _check_value(name, values[name], where)
    return _MARK.sub(lambda found: _filled(found, values), text)


def fill_yaml(text: str, values: Mapping[str, str], *, where: str) -> str:
    """Return YAML with each mark replaced by its value, as the same YAML: same keys, same items, texts that stay texts.

    Arguments and errors are those of ``fill``; a mark that needs quotes around it is an error too.

    Raises:
        DeployError: as ``fill``, or the text is no YAML, or is another YAML once it is filled.
    """
    filled = fill(text, values, where=where)
    expected = [_filled_tree(each, values) for each in _documents(text, where)]
    if expected != _documents(filled, f"{where}, with its marks filled,"):
        shown = ", ".join(f"${{{name}}} = {values[name]!r}" for name in sorted(marks(text)))
        raise DeployError(
            f'{where}: filling its marks changes more than texts. Put quotes around each mark ("${{NAME}}"), or look '
            f"at the values: {shown}"
        )
    return filled


def _filled(found: re.Match[str], values: Mapping[str, str]) -> str:
    return "${" if found["kept"] else values[found["name"]]


def _check_names(text: str, values: Mapping[str, str], where: str) -> None:
    for found in _MARK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found["other"] is not None:
            raise DeployError(
                f"{where}, line {line}: {found[0]} is no mark. A mark is a name of letters, digits and underscores "
                "(${IMAGE_TAG}); write ${! for a ${ that is to stay"
            )
        if found["name"] and found["name"] not in values:
            known = ", ".join(f"${{{name}}}" for name in sorted(values)) or "no mark at all"
            raise DeployError(
                f"{where}, line {line}: nothing is known that could be put in place of {found[0]}. Known here: "
                f"{known}. Render again; write ${{!{found['name']}}} for a text that is to stay"
            )


def _check_value(name: str, value: str, where: str) -> None:
    bad = sorted({character for character in value if character in _UNSAFE or not character.isprintable()})
    if bad:
        shown = ", ".join(repr(character) for character in bad)
        raise DeployError(
            f"{where}: the value of ${{{name}}} has {shown} in it ({value!r}), and could end the string that it stands "
            "in. Quotes, backslashes and control characters are not allowed: take another value"
        )


class _Loader(yaml.SafeLoader):
    """Reads what is a number for any reader: kubectl and Docker take 12e4567 for one, as YAML 1.2 does, PyYAML not."""


_Loader.add_implicit_resolver(
    "!number",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+"),
    list("-+.0123456789"),
)
_Loader.add_constructor("!number", lambda _, node: ("number", node.value))


def _documents(text: str, where: str) -> list[object]:
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise DeployError(
            f"{where} is not YAML: {' '.join(str(error).split())}. Put quotes around its marks, or render again"
        ) from None


def _filled_tree(node: object, values: Mapping[str, str]) -> object:
    if isinstance(node, dict):
        return {_filled_tree(key, values): _filled_tree(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled_tree(item, values) for item in node]
    return _MARK.sub(lambda found: _filled(found, values), node) if isinstance(node, str) else node
