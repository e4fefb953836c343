"""What GitHub's workflows may do, and the workflow itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from blueprints.catalog import account
from blueprints.catalog._web_backend import delivery
from blueprints.checks.lint import lint
from blueprints.render.files import environment
from blueprints.render.template import to_dict, to_yaml
from tests.support import deliveries

pytestmark = pytest.mark.row("WB-09")

BIN = Path(sys.executable).parent


def role_of(runtime: str, name: str = "prod"):
    chosen = deliveries.settings(name)
    return delivery.github_stack(
        chosen,
        repository=deliveries.REPOSITORY,
        stacks=deliveries.RUNTIMES[runtime](chosen),
        github_repository="example/backend",
    )


def trust(template: dict[str, Any]) -> dict[str, Any]:
    (statement,) = template["Resources"]["DeliveryRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    return statement


def sids(template: dict[str, Any]) -> set[str]:
    (policy,) = template["Resources"]["DeliveryRole"]["Properties"]["Policies"]
    return {one["Sid"] for one in policy["PolicyDocument"]["Statement"]}


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow as it is rendered, where GitHub looks for it."""
    file, _ = delivery.workflow_files("web-backend-fargate")
    text = environment().get_template(file.template).render({"path": file.path, **file.values})
    folder = tmp_path_factory.mktemp("repository") / ".github" / "workflows"
    folder.mkdir(parents=True)
    path = folder / "deploy.yml"
    path.write_text(text, encoding="utf-8")
    return path


def run(*command: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=False)


def schema(path: Path) -> int:
    return run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", path).returncode


def zizmor(path: Path) -> int:
    return run(BIN / "zizmor", "--offline", "--persona", "pedantic", path).returncode


@pytest.mark.row("XX-03")
def test_only_one_environment_of_one_repository_takes_the_role_on():
    statement = trust(to_dict(role_of("fargate")))
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${GitHubRepository}:environment:prod"},
        }
    }


def test_the_role_trusts_the_one_provider_that_the_account_has():
    (provider,) = trust(to_dict(role_of("eks")))["Principal"]["Federated"]
    issuer = "oidc-provider/token.actions.githubusercontent.com"
    assert provider == {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{issuer}"}


def test_the_account_makes_the_provider_where_it_is_asked_for():
    assert [stack.name for stack in account.build(account.Settings())] == ["guardduty"]
    made = account.build(account.Settings(github=True))[-1]
    assert made.shared
    assert to_dict(made)["Resources"]["GitHubProvider"]["Properties"]["ClientIdList"] == ["sts.amazonaws.com"]


@pytest.mark.row("XX-03")
def test_a_workflow_may_do_what_its_runtime_takes_and_no_more():
    image = {"LogInToRegistry", "PushImage", "ReadOutputs"}
    change_sets = {"DeployByChangeSet", "HandRoleOver"}
    assert sids(to_dict(role_of("beanstalk"))) == image | change_sets | {"WriteObjects", "LookAtEnvironment", "ReadLog"}
    assert sids(to_dict(role_of("eks"))) == image | {"FindCluster"}
    assert sids(to_dict(role_of("fargate"))) == image | change_sets | {
        "RunOneOffTask",
        "WatchTasks",
        "HandRolesToTasks",
        "ReadLog",
    }


def test_no_linter_finds_anything(tmp_path: Path):
    stacks = {runtime: role_of(runtime) for runtime in deliveries.RUNTIMES}
    for name, stack in {**stacks, "github": account.build(account.Settings(github=True))[-1]}.items():
        (tmp_path / f"{name}.yaml").write_text(to_yaml(stack), encoding="utf-8")
    found = lint(sorted(tmp_path.glob("*.yaml")), regions=("us-east-1",))
    assert [f"{one.rule} {one.line}: {one.message}" for one in found] == []


def test_github_accepts_the_workflow_and_would_not_accept_a_broken_one(workflow, tmp_path: Path):
    assert schema(workflow) == 0
    broken = tmp_path / "broken.yml"
    broken.write_text(workflow.read_text("utf-8").replace("runs-on:", "run-on:"), encoding="utf-8")
    assert schema(broken) != 0


@pytest.mark.row("XX-03")
@pytest.mark.parametrize(
    ("safe", "unsafe"),
    [
        ("@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6"),
        ('"$GITHUB_SHA" --role-arn', '"${{ github.event.head_commit.message }}" --role-arn'),
    ],
    ids=["an action that is not pinned", "text of a stranger in a script"],
)
def test_the_workflow_is_safe_as_zizmor_sees_it_and_faults_are_found(workflow, tmp_path: Path, safe, unsafe):
    assert zizmor(workflow) == 0
    text = workflow.read_text("utf-8")
    assert safe in text
    faulty = tmp_path / "faulty.yml"
    faulty.write_text(text.replace(safe, unsafe), encoding="utf-8")
    assert zizmor(faulty) != 0


def test_scripts_of_the_workflow_pass_shellcheck(workflow):
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values()
    for script in {step["run"] for job in jobs for step in job["steps"] if "run" in step}:
        done = run(BIN / "shellcheck", "--shell=bash", "-", text=script)
        assert done.returncode == 0, done.stdout


def test_prod_follows_dev_and_each_is_delivered_to_by_one_commit_at_a_time(workflow):
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    assert list(jobs) == ["dev", "prod"]
    assert jobs["prod"]["needs"] == "dev"
    for name, job in jobs.items():
        assert job["environment"] == name
        assert job["concurrency"] == {"group": f"web-backend-fargate-{name}", "cancel-in-progress": False}
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["env"]["MANIFEST"] == f"output/web-backend-fargate/{name}/manifest.json"


def test_the_program_is_rendered_as_it_is(root: Path):
    (program,) = delivery.script_files()
    source = root / "src" / "templates" / program.template
    assert program.executable
    assert environment().get_template(program.template).render({"path": program.path}) == source.read_text("utf-8")


def test_the_program_runs_on_the_python_of_runners():
    # Amazon Linux 2023 and Ubuntu 24.04 bring Python 3.9 and 3.12.
    program = Path(__file__).parents[2] / "src" / "templates" / "delivery" / "deliver.py"
    done = run(BIN / "ruff", "check", "--isolated", "--target-version", "py39", "--select", "E9,F", program)
    assert done.returncode == 0, done.stdout
