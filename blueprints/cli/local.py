"""``blueprints deploy --local``: the same deploy, against an emulator that lives as long as it takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from blueprints.cli.terminal import outputs_table, say, table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from blueprints.deploy.execute import DeployResult
    from blueprints.deploy.local import Emulator
    from blueprints.render.manifest import Manifest

# What a person may believe after a local deploy, in the words of the table.
_WORDS = {
    "native": "real in the emulator",
    "extended": "real in the emulator, by a handler of ours",
    "stand-in": "stand-in",
    "unknown": "unknown to the emulator",
}
_STAND_IN = (
    "A stand-in is made from the schema of its type: it proves names, references, order and what CloudFormation would "
    "refuse or replace, not what the resource does."
)
_NO_KUBERNETES = (
    "An EKS cluster is its description here: there is no Kubernetes behind it, no node starts, and `blueprints apply` "
    "has nowhere to go."
)


def deploy_locally(manifest: Manifest, given: Mapping[str, str], only: Collection[str]) -> None:
    """Start the emulator, put what people put before a deploy, deploy, and say what was real."""
    from blueprints.deploy.local import Emulator

    with Emulator(region=manifest.stacks[0].region) as emulator:
        say(f"An emulator on {emulator.endpoint_url} takes the place of AWS")
        emulator.seed(manifest)
        outputs_table(_deploy(emulator, manifest, {**emulator.seed_parameters(manifest), **given}, only))
        tell_what_was_real(emulator, manifest, only)


def _deploy(
    emulator: Emulator, manifest: Manifest, parameters: Mapping[str, str], only: Collection[str]
) -> DeployResult:
    from blueprints.cli.progress import reporter
    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.execute import deploy
    from blueprints.deploy.waiting import Clock

    with reporter() as report:
        return deploy(
            lambda region: AwsCli(region, endpoint_url=emulator.endpoint_url, environment=emulator.environment),
            manifest,
            parameters=parameters,
            confirm=lambda _: True,
            report=report,
            only=only,
            before_stack=lambda entry: emulator.before_stack(entry, manifest, parameters),
            clock=Clock(interval=0.2),
        )


def tell_what_was_real(emulator: Emulator, manifest: Manifest, only: Collection[str]) -> None:
    """Print whose state each resource has in the emulator, and what that leaves unproven."""
    from blueprints.deploy.local import reality_table
    from blueprints.deploy.selection import select

    deployed = manifest.model_copy(update={"stacks": tuple(select(manifest, only))}).placed_in(manifest.folder)
    rows = reality_table(emulator, deployed)
    table(["Resource", "Type", "What it was"], [[name, kind, _WORDS[reality]] for name, kind, reality in rows])
    counts = Counter(_WORDS[reality] for _, _, reality in rows)
    say(f"{len(rows)} resources: {', '.join(f'{count} {word}' for word, count in counts.most_common())}")
    say(_STAND_IN)
    if any(kind == "AWS::EKS::Cluster" for _, kind, _ in rows):
        say(_NO_KUBERNETES)
