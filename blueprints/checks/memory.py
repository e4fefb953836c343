"""Results remembered by content: what was linted once, with the same engines and rules, is not linted again."""

import hashlib
import json
import os
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from blueprints.checks.findings import Finding

_PACKAGES = ("cfn-lint", "cloudformation-validate")


class Memory:
    """A folder of small JSON files, each named by the hash of what it answers."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or default_folder()

    def recall(self, key: str) -> Any | None:
        """What is remembered, or None: a file that is missing, half written or of another form is no answer."""
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def remember(self, key: str, value: Any) -> None:
        """Write *value* whole or not at all; a folder that cannot be written to makes the next run slow, not wrong."""
        from tempfile import mkstemp  # noqa: PLC0415  only what was not remembered pays for it

        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = mkstemp(dir=path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(value, file)
            Path(name).replace(path)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.json"


def default_folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(caches) / "blueprints" / "lint"


def key(*parts: Any) -> str:
    """The name under which the answer about *parts* is remembered, with these engines and these rules."""
    content = json.dumps([_fingerprint(), *parts], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


@cache
def _fingerprint() -> str:
    digest = hashlib.sha256(" ".join(map(_version, _PACKAGES)).encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    # An installed package's folder names its version, and importlib.metadata alone takes longer than all the rest.
    name = package.replace("-", "_")
    installed = [found.name for entry in sys.path for found in Path(entry).glob(f"{name}-*.dist-info")]
    if installed:
        return installed[0]
    from importlib.metadata import version  # noqa: PLC0415

    return version(package)


def to_data(findings: list[Finding]) -> list[dict[str, Any]]:
    """Findings without their path: the same text may lie elsewhere."""
    return [{key: value for key, value in asdict(finding).items() if key != "path"} for finding in findings]


def from_data(path: Path, data: Any) -> list[Finding] | None:
    """None where *data* is not what `to_data` made."""
    try:
        return [Finding(path=path, **entry) for entry in data]
    except TypeError:
        return None
