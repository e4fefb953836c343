"""Rendering in processes of their own: the same bytes everywhere, and nothing loaded that it does not need."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blueprints import catalog, render

RENDER_ALL = """
import hashlib, json, pathlib, sys
from blueprints import catalog, render

output = pathlib.Path(sys.argv[1])
for name in catalog.names():
    for environment in ("dev", "prod"):
        render.write(name, catalog.load(name).Settings(environment=environment), output)
print(json.dumps(sorted({module.partition(".")[0] for module in sys.modules})))
"""


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def in_another_process(root: Path, output: Path, seed: str) -> list[str]:
    """Render everything there; return the packages that were loaded for it."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", RENDER_ALL, str(output)], env=environment, cwd=output, capture_output=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    output = tmp_path_factory.mktemp("here")
    for name in catalog.names():
        for environment in ("dev", "prod"):
            render.write(name, catalog.load(name).Settings(environment=environment), output)
    return digests(output)


@pytest.mark.row("XX-09")
@pytest.mark.parametrize("seed", ["0", "4242"])
def test_another_process_with_another_hash_seed_writes_the_same_bytes(root, tmp_path, here, seed):
    in_another_process(root, tmp_path, seed)
    assert len(here) > 8
    assert digests(tmp_path) == here


def test_rendering_loads_neither_linters_nor_the_emulator_nor_the_aws_cli(root, tmp_path):
    loaded = in_another_process(root, tmp_path, "random")
    heavy = {"awscli", "botocore", "cfnlint", "cloudformation_validate", "jinja2", "ministack", "networkx"}
    assert {"blueprints", "troposphere"} <= set(loaded)
    assert heavy & set(loaded) == set()
    assert {"rich", "click"} & set(loaded) == set()
