from __future__ import annotations

import json

import pytest
from awacs.aws import Statement
from troposphere import Ref

from blueprints.access import beanstalk_policies
from blueprints.access.grants import UNSCOPED

pytestmark = pytest.mark.row("WB-03")


def statements() -> dict[str, Statement]:
    instance = beanstalk_policies.run_instance(Ref("App"), repository="web", secrets=["arn:secret"])
    return {each.Sid: each for each in (*beanstalk_policies.watch_environment(), *instance)}


def actions(statement: Statement) -> list[str]:
    return [action.JSONrepr() for action in statement.Action]


def resources(sid: str) -> str:
    return json.dumps([each if isinstance(each, str) else each.to_dict() for each in statements()[sid].Resource])


def test_only_elastic_beanstalk_itself_takes_the_service_role_on():
    (statement,) = beanstalk_policies.trust_service().Statement
    assert json.dumps(statement.Principal.JSONrepr()) == '{"Service": ["elasticbeanstalk.amazonaws.com"]}'
    assert json.dumps(statement.Condition.JSONrepr()) == '{"StringEquals": {"sts:ExternalId": "elasticbeanstalk"}}'


def test_everything_is_allowed_only_where_aws_takes_no_resource():
    everywhere = [each for each in statements().values() if "*" in each.Resource]
    assert {each.Sid for each in everywhere} == {"WatchInstances", "WatchLoadBalancer", "LogInToRegistry"}
    assert UNSCOPED.issuperset(action for each in everywhere for action in actions(each))


def test_the_service_role_changes_nothing_but_logs():
    watched = [action for each in beanstalk_policies.watch_environment() for action in actions(each)]
    changing = [action for action in watched if not action.split(":")[1].startswith(("Describe", "Get"))]
    assert changing == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_an_instance_writes_nothing_but_logs_into_the_bucket_of_this_account():
    writing = [each for each in statements().values() if "s3:PutObject" in actions(each)]
    assert [each.Sid for each in writing] == ["LeaveLogs"]
    assert "elasticbeanstalk-${AWS::Region}-${AWS::AccountId}/resources/environments/logs/*" in resources("LeaveLogs")


def test_an_instance_reports_on_environments_of_its_application_alone():
    assert resources("ReportHealth").count('{"Application": {"Ref": "App"}}') == 2
    assert "environment/${Application}/*" in resources("ReportHealth")


def test_an_instance_without_secrets_reads_none():
    sids = [each.Sid for each in beanstalk_policies.run_instance("app", repository="web", secrets=[])]
    assert "ReadSecrets" not in sids
