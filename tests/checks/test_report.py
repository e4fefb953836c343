"""The forms in which findings are given out."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from blueprints.checks import report
from blueprints.checks.findings import Finding, Findings

URL = "https://docs.aws.amazon.com/x"
SERVICE = Path("output/face rec/service.yaml")
NETWORK = Path("output/network.yaml")


def finding(*, path=SERVICE, rule="E3002", level="error", message="wrong", line=12, engine="cfn-lint", url=URL):
    return Finding(path, rule, level, message, line, 5, engine, url, "Api")


FOUND = Findings(
    [
        finding(),
        finding(rule="W9008", level="warning", engine="cloudformation-validate", url=None, message="a < b & \x00c"),
        finding(rule="I4010", level="informational", line=1),
        finding(path=NETWORK, rule="E9100", engine="blueprints"),
    ],
    templates=[SERVICE, NETWORK, Path("output/data.yaml")],
)
NOTHING = Findings(templates=[SERVICE, NETWORK])


def test_text_groups_findings_by_file():
    assert report.text(FOUND).splitlines() == [
        "output/face rec/service.yaml",
        "  1:5      note     I4010  wrong",
        f"                           {URL}",
        "  12:5     error    E3002  wrong",
        f"                           {URL}",
        "  12:5     warning  W9008  a < b & \x00c [cloudformation-validate]",
        "",
        "output/network.yaml",
        "  12:5     error    E9100  wrong [blueprints]",
        f"                           {URL}",
        "",
        "2 errors, 1 warning, 1 note in 2 of 3 templates",
    ]


def test_text_says_how_many_templates_have_no_findings():
    assert report.text(NOTHING) == "2 templates, no findings"


def test_a_plain_list_of_findings_is_reported_too():
    assert report.summary([finding()]) == "1 error, 0 warnings, 0 notes in 1 of 1 template"


def test_json_has_every_field():
    data = json.loads(report.as_json(FOUND))
    assert data["templates"] == ["output/data.yaml", "output/face rec/service.yaml", "output/network.yaml"]
    assert data["findings"][1] == {
        "path": "output/face rec/service.yaml",
        "rule": "E3002",
        "level": "error",
        "message": "wrong",
        "line": 12,
        "column": 5,
        "engine": "cfn-lint",
        "source_url": URL,
        "resource": "Api",
    }


def test_sarif_has_a_run_for_each_engine_with_its_rules():
    log = json.loads(report.as_sarif(FOUND))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    drivers = {run["tool"]["driver"]["name"]: run for run in log["runs"]}
    assert list(drivers) == ["blueprints", "cfn-lint", "cloudformation-validate"]
    assert drivers["cfn-lint"]["tool"]["driver"]["rules"] == [
        {"id": "E3002", "helpUri": URL},
        {"id": "I4010", "helpUri": URL},
    ]


@pytest.mark.parametrize("findings", [FOUND, NOTHING])
def test_sarif_has_the_shape_of_its_schema(findings):
    log = json.loads(report.as_sarif(findings))
    assert set(log) == {"$schema", "version", "runs"}
    for run in log["runs"]:
        assert set(run) <= {"tool", "originalUriBaseIds", "results"}
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations"}
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in {"none", "note", "warning", "error"}
            assert set(result["message"]) == {"text"}
            (location,) = result["locations"]
            place = location["physicalLocation"]
            assert set(place) == {"artifactLocation", "region"}
            assert place["region"]["startLine"] >= 1
            assert place["region"]["startColumn"] >= 1
            assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]


def test_sarif_paths_are_relative_uris(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = json.loads(
        report.as_sarif([finding(), finding(path=tmp_path / "a b.yaml"), finding(path=Path("/else.yaml"))])
    )
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in log["runs"][1]["results"]]
    assert places == [
        {"uri": "output/face%20rec/service.yaml", "uriBaseId": "ROOT"},
        {"uri": "a%20b.yaml", "uriBaseId": "ROOT"},
        {"uri": "file:///else.yaml"},
    ]


def test_junit_has_a_suite_for_each_template_and_a_case_for_each_finding():
    root = ET.fromstring(report.as_junit(FOUND))  # noqa: S314  written above
    assert (root.get("tests"), root.get("failures")) == ("5", "4")
    suites = {suite.get("name"): suite for suite in root}
    assert [case.get("name") for case in suites["output/face rec/service.yaml"]] == [
        "I4010 at 1:5",
        "E3002 at 12:5",
        "W9008 at 12:5",
    ]
    failure = suites["output/face rec/service.yaml"][2][0]
    assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "warning", "a < b & ?c")
    (case,) = suites["output/data.yaml"]
    assert (case.get("name"), len(case)) == ("no findings", 0)


def test_every_format_has_a_name():
    assert {name: write(NOTHING) != "" for name, write in report.FORMATS.items()} == dict.fromkeys(
        ["text", "json", "sarif", "junit"], True
    )
