"""Suppressions: template metadata that names a rule and says why it does not hold here.

::

    Resources:
      Cache:
        Type: AWS::ElastiCache::ServerlessCache
        Metadata:
          Suppressions:
            - rule: I3011
              reason: holds a cache only

On a resource it covers the findings about that resource, at the top of the template all findings, of every engine.
A suppression without a reason covers nothing, and cfn-lint's own `ignore_checks` has no place for one: rule E9014.
"""

from collections.abc import Iterable
from typing import Any

from blueprints.checks.findings import Finding


def apply(findings: Iterable[Finding], template: Any) -> list[Finding]:
    """The findings that *template* does not suppress."""
    everywhere = _reasoned(template)
    resources = template.get("Resources") if isinstance(template, dict) else None
    by_resource = {
        name: _reasoned(resource) for name, resource in (resources if isinstance(resources, dict) else {}).items()
    }
    return [
        finding
        for finding in findings
        if finding.rule not in everywhere and finding.rule not in by_resource.get(finding.resource, ())
    ]


def _reasoned(place: Any) -> set[str]:
    metadata = place.get("Metadata") if isinstance(place, dict) else None
    entries = metadata.get("Suppressions") if isinstance(metadata, dict) else None
    return {
        entry["rule"]
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and _is_text(entry.get("rule")) and _is_text(entry.get("reason"))
    }


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
