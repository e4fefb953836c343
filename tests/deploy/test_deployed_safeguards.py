"""A copy of a backup, a budget and a trail in the emulated account: that they stand, and what they name."""

from __future__ import annotations

from typing import Any

import pytest

from blueprints.catalog import account
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.backup import Backup, Vault
from blueprints.components.budget import Budget
from blueprints.components.replication import Replicas, ReplicatedBucket, SecondaryBucket
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_yaml
from tests.deploy.emulator_fixtures import REGION, LocalAccount

ELSEWHERE = "us-east-2"
SETTINGS = Settings(project="sample", environment="prod", region=REGION)


def _stack(name: str, region: str = REGION) -> Stack:
    return Stack(name, SETTINGS, description="A stack for tests", arch="Components together", region=region)


def _create(local: LocalAccount, stack: Stack) -> str:
    return local.create(stack.stack_name, to_yaml(stack), region=stack.region)


@pytest.mark.row("MP-22")
def test_backups_go_to_the_other_region_whose_stack_stands_first(local: LocalAccount) -> None:
    there, here = _stack("replica", ELSEWHERE), _stack("backup")
    there.add(SecondaryBucket("Dumps", why="Copies of dumps.")).publish(there)
    vault = there.add(Vault("Recipes", keep=True))
    there.output("RecipesVaultArn", vault.arn, "Where copies of recovery points go")
    here.add(ReplicatedBucket("Dumps", why="Dumps.", replicas=Replicas.from_stack(here, there, "Dumps")))
    cluster = f"arn:aws:rds:{REGION}:000000000000:cluster:recipes"
    copy_to = here.from_stack(there, "RecipesVaultArn")
    here.add(Backup("Recipes", resource=cluster, kind="rds", keep=True, copy_to=copy_to))
    assert [_create(local, stack) for stack in (there, here)] == ["CREATE_COMPLETE", "CREATE_COMPLETE"]
    plan = local.physical_ids(here.stack_name)["RecipesBackupPlan"]
    (rule,) = local.aws("backup", "get-backup-plan", "--backup-plan-id", plan)["BackupPlan"]["Rules"]
    (copy,) = rule["CopyActions"]
    assert copy["DestinationBackupVaultArn"].startswith(f"arn:aws:backup:{ELSEWHERE}:")


@pytest.mark.row("MP-23")
def test_a_budget_counts_an_environment_and_has_a_name_of_cloudformation_s(local: LocalAccount) -> None:
    stack = _stack("monitoring")
    topic = stack.add(AlertTopic("Alerts", budgets=True, display_name="Sample Alerts"))
    stack.add(Budget("Monthly", amount=1000, environment="prod", topic=topic))
    assert _create(local, stack) == "CREATE_COMPLETE"
    (budget,) = local.aws("budgets", "describe-budgets", "--account-id", "000000000000")["Budgets"]
    assert budget["CostFilters"] == {"TagKeyValue": ["user:Environment$prod"]}
    assert budget["BudgetName"].startswith(stack.stack_name)
    arn = local.physical_ids(stack.stack_name)["AlertsTopic"]
    assert _topic(local, arn)["DisplayName"] == "Sample Alerts"


def _topic(local: LocalAccount, arn: str) -> dict[str, Any]:
    return dict(local.aws("sns", "get-topic-attributes", "--topic-arn", arn)["Attributes"])


@pytest.mark.row("MP-21")
def test_the_trail_bears_the_name_that_its_bucket_lets_in(local: LocalAccount) -> None:
    stack = account.build(account.Settings(trail=True, trail_search=True, region=REGION))[1]
    assert _create(local, stack) == "CREATE_COMPLETE"
    (trail,) = local.aws("cloudtrail", "describe-trails")["trailList"]
    bucket = local.physical_ids(stack.stack_name)["AccountBucket"]
    assert (trail["Name"], trail["S3BucketName"]) == (stack.stack_name, bucket)
    assert trail["IsMultiRegionTrail"] is trail["LogFileValidationEnabled"] is True
    policy = local.aws("s3api", "get-bucket-policy", "--bucket", bucket)["Policy"]
    assert trail["TrailARN"] in policy
