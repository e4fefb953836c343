"""Measure what people wait for: ``make bench``. Medians in milliseconds; nothing of it fails a build."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import catalog, render
from blueprints.checks.lint import lint

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "output"


def measure(action: Callable[[], object], *, repeat: int) -> float:
    """Return the median of several runs, in milliseconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def command(*arguments: str) -> Callable[[], object]:
    """Return a run of the command line in a process of its own."""
    return lambda: subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "blueprints", *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def warm_render(name: str, folder: Path) -> Callable[[], object]:
    """Return a render in this process, with everything imported."""
    settings = catalog.load(name).Settings(environment="prod")
    return lambda: render.write(name, settings, folder)


def main() -> None:
    """Print the table."""
    templates = len(list(OUTPUT.rglob("*.yaml")))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = [("blueprints --help", measure(command("--help"), repeat=7))]
        rows.append(("blueprints list", measure(command("list"), repeat=7)))
        for name in catalog.names():
            cold = command("render", name, "prod", "--output", str(folder / "cold"))
            rows.append((f"blueprints render {name} prod", measure(cold, repeat=7)))
            rows.append((f"render.write({name}), warm", measure(warm_render(name, folder / "warm"), repeat=20)))
        rows.append(
            (f"lint {templates} templates, nothing remembered", measure(lint_with(folder / "memory"), repeat=1))
        )
        rows.append((f"lint {templates} templates, unchanged", measure(lint_with(folder / "memory"), repeat=5)))
        rows.append(("blueprints lint, unchanged", measure(command("lint"), repeat=5)))
    width = max(len(name) for name, _ in rows)
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")  # noqa: T201
    print("\n".join(f"{name:<{width}}  {milliseconds:9.1f} ms" for name, milliseconds in rows))  # noqa: T201


def lint_with(memory: Path) -> Callable[[], object]:
    """Return a run of all linters that remembers in this folder."""
    return lambda: lint([OUTPUT], cache=memory)


if __name__ == "__main__":
    main()
