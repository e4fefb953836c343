"""``blueprints lint``."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("text", "json", "sarif", "junit")


@click.command(short_help="Check templates.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Form of the report."
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    help="Region to lint for; default: those that the manifests name.",
)
def lint(paths: tuple[Path, ...], form: str, regions: tuple[str, ...]) -> None:
    """Check templates with cfn-lint, cloudformation-validate and our own rules.

    PATHS are files or folders (default: output). Any finding, of whatever severity, gives exit code 1.
    """
    from blueprints.checks import report
    from blueprints.checks.lint import lint as run

    findings = run(paths or (Path("output"),), regions=regions)
    write = {"text": report.text, "json": report.as_json, "sarif": report.as_sarif, "junit": report.as_junit}[form]
    click.echo(write(findings).rstrip("\n"))
    if findings:
        raise SystemExit(1)
