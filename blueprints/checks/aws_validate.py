"""AWS's own cloudformation-validate, with the values that parameters have in an environment."""

import atexit
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints.checks.cfn_lint import NOT_CREATABLE
from blueprints.checks.findings import CRASHED, INCOMPLETE, Finding, Level, own
from blueprints.checks.manifests import Variant

if TYPE_CHECKING:
    from cloudformation_validate import CompositeEngine, Diagnostic, ValidationReport

# I9001 says of every create-only property that is set that changing it replaces the resource: true of each template,
# and nothing that one could mend. The change set says it when it matters.
EXCLUDED = ("I9001",)


def check(path: Path, text: str, variants: Sequence[Variant]) -> list[Finding]:
    """All findings in *text*, as it is deployed in each of *variants*, suppressed or not."""
    findings: dict[Finding, None] = {}
    for variant in variants:
        try:
            report = _report(text, variant)
        except Exception as error:  # noqa: BLE001  a template must never crash a run over many
            message = f"cloudformation-validate failed on this template: {error}; look for the part that is unusual"
            return [own(path, CRASHED, message)]
        findings.update(dict.fromkeys(_finding(path, found) for found in report.diagnostics))
        findings.update(dict.fromkeys(_left_out(path, report)))
    return list(findings)


def _report(text: str, variant: Variant) -> "ValidationReport":
    from cloudformation_validate import (  # noqa: PLC0415
        PseudoParameterOverrides,
        RuleFilterConfig,
        TemplateContent,
        ValidateConfig,
    )

    config = ValidateConfig(
        exclude=RuleFilterConfig(ids=list(EXCLUDED)),
        parameter_overrides=dict(variant.parameters),
        pseudo_parameter_overrides=PseudoParameterOverrides(
            region=variant.region, stack_name=variant.stack_name or None
        ),
    )
    return _engine().validate_template(TemplateContent(text), config)


@cache
def _engine() -> "CompositeEngine":
    from cloudformation_validate import CompositeEngine  # noqa: PLC0415

    # Left to the interpreter's end, the engine's destructor finds its own module gone and complains on the terminal.
    atexit.register(_engine.cache_clear)
    return CompositeEngine()


def _finding(path: Path, found: "Diagnostic") -> Finding:
    entity = found.entity
    return Finding(
        path=path,
        rule=found.rule_id,
        level=_level(found),
        message=f"{found.message.rstrip('.')}: {found.suggested_fix}" if found.suggested_fix else found.message,
        line=found.start_line or 1,
        column=found.start_column or 1,
        engine="cloudformation-validate",
        source_url=found.documentation_url or None,
        resource=entity.logical_id if entity and entity.entity_type.name == "RESOURCE" else None,
    )


def _level(found: "Diagnostic") -> Level:
    if found.rule_id in NOT_CREATABLE or found.severity.name in ("FATAL", "ERROR"):
        return "error"
    return "warning" if found.severity.name == "WARN" else "informational"


def _left_out(path: Path, report: "ValidationReport") -> list[Finding]:
    if report.status.name != "ANALYSIS_INCOMPLETE":
        return []
    reasons = "; ".join(record.description for record in report.metadata.budget_exhaustions or [])
    message = f"cloudformation-validate did not look at everything ({reasons or 'no reason given'}): split the stack"
    return [own(path, INCOMPLETE, message)]
