"""The way back: last stack first, with a list of what stays."""

from __future__ import annotations

import shlex

import pytest

from blueprints.deploy.delete import delete, plan_deletion
from blueprints.deploy.progress import PlainReporter
from blueprints.model.errors import DeployError
from tests.deploy.deployer_fixtures import NO_WAIT, queue, template
from tests.deploy.proxy import Answer, Rewrite

KEPT = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {}}


def remove(project, answer=lambda _: True, **options):
    return delete(
        project.account.cli,
        project.manifest(),
        confirm=answer,
        report=PlainReporter(project.told),
        clock=NO_WAIT,
        **options,
    )


def add(project, name, body, **entry):
    stack = project.add(name, body, **entry)
    project.exists(name, body)
    return stack


def test_stacks_go_in_reverse_and_what_is_retained_stays(project):
    registry = add(project, "registry", template({"Images": queue()}), shared=True)
    data = add(project, "data", template({"Kept": KEPT, "Letters": queue()}))
    app = add(project, "app", template({"Jobs": queue()}))
    project.add("never", template({"Jobs": queue()}))
    plans = []
    result = remove(project, answer=lambda plan: plans.append(plan) or True)
    assert [stack.entry.name for stack in plans[0].stacks] == ["app", "data"]
    assert [item.logical_id for item in plans[0].stacks[1].retained] == ["Kept"]
    assert [item.logical_id for item in plans[0].stacks[1].deleted] == ["Letters"]
    assert [entry.name for entry in result.deleted] == ["app", "data"]
    assert (project.account.status(data), project.account.status(app)) == (None, None)
    assert project.account.status(registry) == "CREATE_COMPLETE"
    told = project.told.getvalue()
    assert f"{registry} stays: environments share it (--include-shared deletes it too)" in told
    assert "DELETE_SKIPPED               Kept (AWS::SQS::Queue)" in told
    kept = plans[0].stacks[1].retained[0].physical_id
    assert project.account.client("sqs").get_queue_attributes(QueueUrl=kept)["ResponseMetadata"]

    assert [entry.name for entry in remove(project, include_shared=True).deleted] == ["registry"]
    assert remove(project, include_shared=True).deleted == ()


def test_no_leaves_everything(project):
    stack = add(project, "app", template({"Jobs": queue()}))
    result = remove(project, answer=lambda _: False)
    assert (result.deleted, result.declined) == ((), True)
    assert project.account.status(stack) == "CREATE_COMPLETE"


def test_a_protected_stack_stops_all_of_it_and_says_how_to_lift_it(project):
    data = add(project, "data", template({"Jobs": queue()}))
    app = add(project, "app", template({"Jobs": queue()}))
    project.account.client("cloudformation").update_termination_protection(
        StackName=data, EnableTerminationProtection=True
    )
    with pytest.raises(DeployError) as error:
        remove(project)
    assert f"  {data}: aws cloudformation update-termination-protection --no-enable-" in str(error.value)
    assert project.account.status(app) == "CREATE_COMPLETE"


def protected():
    """A database on one instance and a cluster of Kubernetes, both protected."""
    subnets = {
        f"Subnet{number}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.0.{number}.0/24", "AvailabilityZone": zone},
        }
        for number, zone in enumerate(("us-east-1a", "us-east-1b"))
    }
    database = {
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.micro",
        "AllocatedStorage": "20",
        "MasterUsername": "app",
        "ManageMasterUserPassword": True,
        "DeletionProtection": True,
    }
    cluster = {
        "RoleArn": "arn:aws:iam::000000000000:role/cluster",
        "ResourcesVpcConfig": {"SubnetIds": [{"Ref": name} for name in subnets]},
        "DeletionProtection": True,
    }
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        **subnets,
        "Database": {"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Snapshot", "Properties": database},
        "Pods": {"Type": "AWS::EKS::Cluster", "Properties": cluster},
    }


def test_a_protected_instance_or_cluster_stops_all_of_it_until_the_commands_are_typed(project):
    data = add(project, "data", template(protected()))
    app = add(project, "app", template({"Jobs": queue()}))
    with pytest.raises(DeployError) as error:
        remove(project)
    first, *lines = str(error.value).splitlines()
    assert first.startswith("Nothing was deleted: these are protected against deletion.")
    commands = dict(line.strip().split(": aws ", 1) for line in lines)
    assert commands["Database"].startswith("rds modify-db-instance --db-instance-identifier ")
    assert "--no-deletion-protection --apply-immediately" in commands["Database"]
    assert commands["Pods"].startswith("eks update-cluster-config --name ")
    assert project.account.status(app) == "CREATE_COMPLETE"

    for command in commands.values():
        service, operation, *arguments = shlex.split(command.partition(" --region ")[0])
        project.account.cli().run(service, operation, *arguments)
    assert [entry.name for entry in remove(project).deleted] == ["app", "data"]
    assert project.account.status(data) is None


@pytest.mark.row("WB-03")
def test_bundles_go_with_their_bucket_in_every_version_and_stay_in_one_that_stays(project):
    versions = {"VersioningConfiguration": {"Status": "Enabled"}}
    gone = {"Type": "AWS::S3::Bucket", "Properties": versions}
    buckets = {"Gone": gone, "Kept": {**gone, "DeletionPolicy": "Retain"}}
    body = template(buckets, GoneName={"Ref": "Gone"}, KeptName={"Ref": "Kept"})
    stack = add(project, "data", body)
    steps = [
        {"folder": "bundle", "bucket": {"stack": "data", "output": f"{name}Name"}, "key": "app.zip"} for name in buckets
    ]
    add(project, "app", template({"Jobs": queue()}), bundles=steps)
    names = {each["OutputKey"]: each["OutputValue"] for each in project.account.stack(stack)["Outputs"]}
    s3 = project.account.client("s3")
    for name in names.values():
        s3.put_object(Bucket=name, Key="app.zip", Body=b"1")
        s3.put_object(Bucket=name, Key="app.zip", Body=b"2")
        s3.delete_object(Bucket=name, Key="app.zip")

    assert [entry.name for entry in remove(project).deleted] == ["app", "data"]
    assert names["GoneName"] not in {each["Name"] for each in s3.list_buckets()["Buckets"]}
    assert len(s3.list_object_versions(Bucket=names["KeptName"])["Versions"]) == 2


def test_a_shared_stack_by_name_still_needs_the_option(project):
    stack = project.add("registry", template({"Images": queue()}), shared=True)
    with pytest.raises(DeployError, match=f"stack {stack} is shared by all environments: add --include-shared"):
        remove(project, only=["registry"])


def test_a_stack_at_work_is_not_deleted(project, proxy):
    add(project, "app", template({"Jobs": queue()}))
    proxy.inject("DescribeStacks", Rewrite("CREATE_COMPLETE", "UPDATE_IN_PROGRESS"))
    with pytest.raises(DeployError, match="is in UPDATE_IN_PROGRESS"):
        plan_deletion(project.account.cli, project.manifest(), report=PlainReporter(project.told))


def event(number, logical_id, kind, status, reason=""):
    physical_id = "STACK" if kind == "AWS::CloudFormation::Stack" else logical_id
    return (
        f"<member><EventId>{number}</EventId><StackId>STACK</StackId><LogicalResourceId>{logical_id}</LogicalResourceId>"
        f"<PhysicalResourceId>{physical_id}</PhysicalResourceId><ResourceType>{kind}</ResourceType>"
        f"<ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason></member>"
    )


def events(*members):
    body = f"<StackEvents>{''.join(members)}</StackEvents>"
    response = f"<DescribeStackEventsResult>{body}</DescribeStackEventsResult>"
    return Answer(200, f"<DescribeStackEventsResponse>{response}</DescribeStackEventsResponse>".encode())


def test_a_delete_that_fails_names_the_resource_that_would_not_go(project, proxy):
    stack = add(project, "app", template({"Files": queue()}))
    failed = events(
        event(
            3, stack, "AWS::CloudFormation::Stack", "DELETE_FAILED", "The following resource(s) failed to delete: [F]"
        ),
        event(2, "Files", "AWS::S3::Bucket", "DELETE_FAILED", "The bucket you tried to delete is not empty"),
        event(1, "Before", "AWS::SQS::Queue", "DELETE_COMPLETE"),
    )
    proxy.inject("DescribeStackEvents", events(event(0, "x", "AWS::SQS::Queue", "CREATE_COMPLETE")), failed)
    with pytest.raises(DeployError) as error:
        remove(project)
    assert str(error.value).splitlines() == [
        f"Stack {stack} failed and is now in DELETE_FAILED.",
        "Root cause: Files (AWS::S3::Bucket) DELETE_FAILED:",
        "  The bucket you tried to delete is not empty",
        "Hint: it still holds something: empty it, then run the same command again",
        "Mend the cause, then run the same command again",
    ]


def test_a_delete_that_was_interrupted_is_waited_for(project, proxy):
    add(project, "app", template({"Jobs": queue()}))

    class Impatient(PlainReporter):
        def event(self, event):  # noqa: ARG002
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delete(
            project.account.cli,
            project.manifest(),
            confirm=lambda _: True,
            report=Impatient(project.told),
            clock=NO_WAIT,
        )
    assert "interrupted" in project.told.getvalue()
    assert remove(project).deleted == ()


def test_stacks_of_several_regions_go_in_reverse_where_they_are(project):
    regions = {"data": "us-west-2", "edge": "us-east-1", "platform": "us-west-2", "replica": "us-east-2"}
    for name, region in regions.items():
        project.add(name, template({"Jobs": queue()}), region=region)
    project.deploy()
    calls = []

    def factory(region):
        calls.append(region)
        return project.account.cli(region)

    result = delete(
        factory, project.manifest(), confirm=lambda _: True, report=PlainReporter(project.told), clock=NO_WAIT
    )
    assert [(entry.name, entry.region) for entry in result.deleted] == [*reversed(regions.items())]
    assert set(calls) == set(regions.values())
    for region in set(regions.values()):
        left = project.account.cli(region).run("cloudformation", "describe-stacks")["Stacks"]
        assert [each["StackName"] for each in left if each["StackName"].startswith(project.name)] == []


def test_a_protected_stack_of_another_region_stops_all_of_it(project):
    first = project.add("data", template({"Jobs": queue()}), region="us-west-2", termination_protection=True)
    project.add("edge", template({"Jobs": queue()}), region="us-east-1")
    project.deploy()
    with pytest.raises(DeployError) as error:
        remove(project)
    assert f"{first}: aws cloudformation update-termination-protection" in str(error.value)
    assert "--region us-west-2" in str(error.value)
    assert project.account.status(f"{project.name}-edge") == "CREATE_COMPLETE"
