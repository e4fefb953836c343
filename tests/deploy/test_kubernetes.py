"""Workloads of Kubernetes: how marks are filled, what is refused before a cluster is touched, and what follows what."""

from __future__ import annotations

import json

import pytest
import yaml

from blueprints.deploy import kubernetes
from blueprints.deploy.aws import AwsCli
from blueprints.deploy.kubectl import Kubectl, find_programs
from blueprints.deploy.marks import fill, fill_yaml, marks
from blueprints.deploy.waiting import Clock
from blueprints.deploy.workloads import prepare
from blueprints.model.errors import BlueprintsError, DeployError
from blueprints.render.manifest import Manifest
from tests.support.cluster import FAILED, JOB, ROLE, RUNNING, SUCCEEDED, TAG, URI, WORKLOAD, Cluster, deployment

# Marks


def test_a_mark_becomes_its_value_and_what_is_for_a_shell_stays():
    text = "${ONE}:${TWO} ${!HOME} ${! $HOME $(NAME)"
    assert marks(text) == {"ONE", "TWO"}
    assert fill(text, {"ONE": "1", "TWO": "${ONE}", "MORE": ""}, where="f") == "1:${ONE} ${HOME} ${ $HOME $(NAME)"


@pytest.mark.parametrize(
    ("text", "value", "problem"),
    [
        ("a\nb: ${TOW}", "2", r"file, line 2: nothing is known .* \$\{TOW\}. Known here: \$\{TWO\}"),
        ("a: ${two-three}", "2", r"file, line 1: \$\{two-three\} is no mark"),
        ("a: ${", "2", r"\$\{ is no mark"),
        ('a: "${TWO}"', 'x"', r"the value of \$\{TWO\} has '\"' in it"),
        ("a: '${TWO}'", "it's", "Quotes, backslashes and control characters"),
        ("a: ${TWO}", "b\nc: 1", "Quotes, backslashes and control characters"),
        ('a: "${TWO}"', "\\", "Quotes, backslashes and control characters"),
        ("a: ${TWO}", "1234567", r"changes more than texts. .*\$\{TWO\} = '1234567'"),
        ("a: ${TWO}", "12e4567", "changes more than texts"),
        ("a: ${TWO}", "no", "changes more than texts"),
        ("a: ${TWO}", "b #c", "changes more than texts"),
        ("a: ${TWO}", "b: c", "file, with its marks filled, is not YAML"),
        ("a: 1: 2", "b", "file is not YAML"),
    ],
)
def test_what_would_not_be_the_same_yaml_is_refused(text, value, problem):
    with pytest.raises(DeployError, match=problem):
        fill_yaml(text, {"TWO": value}, where="file")


@pytest.mark.parametrize("value", ["1234567", "12e4567", "no", "b #c", "b: c", "b, c"])
def test_in_quotes_every_value_is_a_text(value):
    assert yaml.safe_load(fill_yaml('a: ["${TWO}"]', {"TWO": value}, where="f")) == {"a": [value]}


# What is known before the cluster is touched


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def prepared(cluster, tag=TAG):
    manifest = Manifest.load(cluster.output / "web-backend-eks" / "dev")
    (found,) = prepare(lambda region: AwsCli(region, environment=cluster.environment), manifest, tag)
    return found


def refused(cluster, tag=TAG):
    with pytest.raises(BlueprintsError) as error:
        prepared(cluster, tag)
    assert {name for name, *_ in cluster.record()} <= {"aws"}
    return str(error.value)


@pytest.mark.row("WB-02", "WB-07")
def test_files_are_filled_and_parted_at_the_job(cluster):
    cluster.install()
    found = prepared(cluster)

    assert [file.path for file in found.first][-1] == "kubernetes/dev/20-migration.yaml"
    assert [file.path for file in found.rest] == ["kubernetes/dev/30-deployment.yaml"]
    (container,) = found.rest[0].objects[0]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{URI}:{TAG}"
    assert found.first[1].objects[0]["data"] == {"ROLE": ROLE, "SHELL": "${HOME}"}
    assert json.loads(found.releases[0].values) == {
        "clusterName": "eks-dev",
        "serviceAccount": {"create": True},
        "enableWaf": False,
    }
    asked = [" ".join(arguments[:4]) for _, arguments, *_ in cluster.record()]
    assert sum(each.startswith("cloudformation describe-stacks") for each in asked) == 2


def test_a_mark_without_a_value_names_file_and_mark(cluster):
    cluster.workload["values"] = {"REPOSITORY_URI": WORKLOAD["values"]["REPOSITORY_URI"]}
    cluster.install()
    assert refused(cluster) == (
        "kubernetes/dev/10-configuration.yaml, line 6: nothing is known that could be put in place of ${ROLE_ARN}. "
        "Known here: ${IMAGE_TAG}, ${REPOSITORY_URI}. Render again; write ${!ROLE_ARN} for a text that is to stay"
    )


def error_of(code, operation):
    return {"exit": f"An error occurred ({code}) when calling the {operation} operation: it does not exist"}


DESCRIBE = "aws cloudformation describe-stacks web-backend-eks-registry"
EMPTY = {"Stacks": [{"StackName": "r", "StackId": "r", "StackStatus": "CREATE_COMPLETE"}]}


@pytest.mark.parametrize(
    ("call", "answer", "tag", "problem"),
    [
        (
            "aws ecr describe-images web-backend-eks imageTag=",
            error_of("ImageNotFoundException", "DescribeImages"),
            "other",
            f"push it, or choose another with --image-tag. Newest tags of web-backend-eks: {TAG}",
        ),
        (
            "aws ecr describe-images",
            error_of("RepositoryNotFoundException", "DescribeImages"),
            None,
            "which image? Give its tag with --image-tag TAG. There is no repository web-backend-eks in us-east-1 yet",
        ),
        ("aws nothing", {}, "V1_2", "api-migration-V1_2 cannot be the name of a Job"),
        (
            DESCRIBE,
            error_of("ValidationError", "DescribeStacks"),
            TAG,
            "stack web-backend-eks-registry is not deployed yet. Deploy first: blueprints deploy web-backend-eks dev",
        ),
        (
            DESCRIBE,
            EMPTY,
            TAG,
            "Deploy it again: blueprints deploy web-backend-eks dev --only registry",
        ),
    ],
)
def test_what_is_missing_in_aws_is_said_with_the_way_out(cluster, call, answer, tag, problem):
    cluster.install(answers={call: answer})
    assert problem in refused(cluster, tag)


@pytest.mark.row("WB-07")
def test_a_deployment_that_would_not_wait_for_the_migration_is_refused(cluster):
    cluster.files["05-deployment.yaml"] = cluster.files.pop("30-deployment.yaml")
    cluster.install()
    assert "the Deployment api is not in a file after the Job" in refused(cluster)


# What follows what


NO_WAIT = Clock(sleep=lambda _: None, interval=0)


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("ready"))
    cluster.install("aws")
    return prepared(cluster)


@pytest.fixture
def applied(cluster, ready):
    """What is told by answers and a clock, and the error where one ends it."""

    def run(clock=NO_WAIT, **answers):
        cluster.install("kubectl", "helm", answers=answers)
        programs = find_programs("kubectl", "helm", search_path=cluster.environment["PATH"])
        told = []
        try:
            kubernetes.apply(ready, Kubectl(programs, cluster.folder / "none"), told.append, clock)
        except DeployError as error:
            return told, str(error)
        return told, ""

    return run


def after(cluster, call):
    calls = cluster.calls()
    return calls[calls.index(call) + 1 :]


@pytest.mark.row("WB-07")
def test_the_deployment_follows_the_job_that_succeeded(cluster, applied):
    told, error = applied()
    calls = cluster.calls()

    assert error == ""
    assert [call for call in calls if not call.startswith("get")] == [
        "apply CustomResourceDefinition",
        "apply Namespace",
        "apply ConfigMap",
        "apply Job",
        "apply Deployment",
        "rollout status deployment/api",
    ]
    assert calls[calls.index("apply Job") : calls.index("apply Deployment")].count(f"get job {JOB}") == 2
    assert f"The Job {JOB} succeeded" in told


@pytest.mark.row("WB-07")
def test_a_failed_migration_shows_its_log_and_leaves_the_deployment_alone(cluster, applied):
    told, error = applied(**{"kubectl get job": ["", RUNNING, FAILED], "kubectl logs job": "no such column\n"})

    assert error.startswith(
        f"the Job {JOB} failed (BackoffLimitExceeded: Job has reached the specified backoff limit).\n"
        "Last lines of its log:\n  no such column\n"
        "The Deployment api was not touched: what ran before still runs."
    )
    assert "apply Deployment" not in cluster.calls()
    assert told[-1] == f"Waiting for the Job {JOB}"


@pytest.mark.parametrize(("earlier", "deleted"), [(FAILED, True), (SUCCEEDED, True), (RUNNING, False), ("", False)])
@pytest.mark.row("WB-07")
def test_a_job_that_has_ended_is_deleted_so_that_it_runs_anew(cluster, applied, earlier, deleted):
    _, error = applied(**{"kubectl get job": [earlier, SUCCEEDED], "kubectl delete job": "deleted\n"})
    assert (error, f"delete job {JOB}" in cluster.calls()) == ("", deleted)


def test_a_job_is_looked_at_again_when_the_way_to_the_cluster_was_the_trouble(applied):
    lost = {"exit": "Unable to connect to the server: dial tcp: i/o timeout"}
    assert applied(**{"kubectl get job": ["", lost, lost, SUCCEEDED]})[1] == ""
    _, error = applied(**{"kubectl get job": ["", lost]})
    assert "The cluster's endpoint does not answer from here" in error


def test_a_job_that_does_not_end_says_what_its_pod_waits_for(applied):
    times = iter([0, 1, 2000])
    clock = Clock(now=lambda: next(times), sleep=lambda _: None)
    condition = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}
    pod = {"metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [condition]}}
    _, error = applied(clock, **{"kubectl get job": ["", RUNNING], "kubectl get pods": {"items": [pod]}})
    assert error.startswith(f"the Job {JOB} has not ended in time.\n  PodScheduled: 0/2 nodes are available\nThe Depl")


def test_a_job_that_is_gone_is_no_success(cluster, applied):
    _, error = applied(**{"kubectl get job": ["", RUNNING, ""]})
    assert f"the Job {JOB} is gone, nobody knows how it ended" in error
    assert "apply Deployment" not in cluster.calls()


# How the rollout ends

STALLED = {"exit": 'error: deployment "api" exceeded its progress deadline'}
CRASHING = {
    "metadata": {"name": "api-2-x", "creationTimestamp": "2026-01-02"},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False", "message": "containers with unready status: [api]"}],
        "containerStatuses": [
            {
                "name": "api",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"reason": "Error", "exitCode": 3}},
            }
        ],
    },
}
READY = {"metadata": {"name": "api-1-x"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
BACK_OFF = {"reason": "BackOff", "message": "Back-off restarting failed container"}


def states(*found):
    return {"kubectl get deployment api": list(found)}


@pytest.mark.row("WB-10")
def test_a_deployment_that_does_not_get_ready_is_set_back_to_the_revision_that_ran(cluster, applied):
    told, error = applied(
        **states(deployment(7, "NewReplicaSetAvailable"), deployment(8, "ProgressDeadlineExceeded")),
        **{
            "kubectl rollout status": [STALLED, "rolled out\n"],
            "kubectl rollout undo": "rolled back\n",
            "kubectl get pods": {"items": [READY, CRASHING]},
            "kubectl get events": {"items": [BACK_OFF]},
            "kubectl logs": "KeyError: DATABASE_HOST\n",
        },
    )

    assert "It was set back to revision 7, which runs." in error
    assert "and the migration stays" in error
    assert after(cluster, "rollout status deployment/api")[-2:] == [
        "rollout undo deployment/api --to-revision=7",
        "rollout status deployment/api",
    ]
    assert told[told.index("Pod api-2-x:") :][:6] == [
        "Pod api-2-x:",
        "  Ready: containers with unready status: [api]",
        "  api: CrashLoopBackOff",
        "  api: Error (exit code 3)",
        "  BackOff: Back-off restarting failed container",
        "  KeyError: DATABASE_HOST",
    ]
    assert "Pod api-1-x:" not in told


@pytest.mark.parametrize(
    ("before", "after_it"),
    [
        ("", deployment(1, "ProgressDeadlineExceeded")),
        (deployment(7, "ReplicaSetUpdated"), deployment(8, "ProgressDeadlineExceeded")),
        (deployment(7, "NewReplicaSetAvailable"), deployment(7, "ProgressDeadlineExceeded")),
    ],
)
def test_without_a_revision_that_ran_nothing_is_set_back(cluster, applied, before, after_it):
    _, error = applied(**states(before, after_it), **{"kubectl rollout status": STALLED})
    assert "No revision that ran well is there to go back to: it was left as it is" in error
    assert not [call for call in cluster.calls() if "undo" in call]


def test_going_back_that_fails_hides_no_cause(applied):
    refusal = {"exit": 'Error from server (Forbidden): deployments.apps "api" is forbidden'}
    found = states(deployment(7, "NewReplicaSetAvailable"), deployment(8, "ProgressDeadlineExceeded"))
    _, error = applied(**found, **{"kubectl rollout status": STALLED, "kubectl rollout undo": refusal})
    assert "exceeded its progress deadline\nSetting it back to revision 7 failed too: kubectl rollout undo" in error


def test_a_rollout_that_is_only_out_of_sight_goes_on(cluster, applied):
    lost = {"exit": "error: timed out waiting for the condition"}
    _, error = applied(
        **states(deployment(7, "NewReplicaSetAvailable"), deployment(8, "ReplicaSetUpdated")),
        **{"kubectl rollout status": lost},
    )
    assert "timed out waiting for the condition\nThe rollout goes on without this program" in error
    assert not [call for call in cluster.calls() if "undo" in call]


def test_a_deployment_that_was_given_up_is_started_anew_by_the_same_files(cluster, applied):
    _, error = applied(
        **states(deployment(1, "ProgressDeadlineExceeded")), **{"kubectl rollout restart": "restarted\n"}
    )
    assert error == ""
    assert "rollout restart deployment/api" in cluster.calls()


def test_what_no_file_holds_any_more_is_named_and_not_deleted(cluster, applied):
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    items = [
        {"kind": "Ingress", "metadata": {"name": "api", "annotations": annotations}},
        {"kind": "Deployment", "metadata": {"name": "api", "annotations": annotations}},
        {"kind": "Service", "metadata": {"name": "made-by-others"}},
    ]
    gone = {"exit": 'error: the server doesn\'t have a resource type "targetgroupbindings"'}
    told, error = applied(
        **{"kubectl get deployments.apps,": {"items": items}, "kubectl get targetgroupbindings.elbv2.k8s.aws": gone},
    )
    assert error == ""
    assert "Applied to web once, and in no file any more: ingress/api" in told
    assert told[-1].endswith("`kubectl --namespace web delete ingress/api`")
    assert not [call for call in cluster.calls() if call.startswith("delete")]


def test_a_file_that_kubernetes_refuses_is_named(applied):
    refusal = {"exit": 'error: resource mapping not found: no matches for kind "TargetGroupBinding"'}
    _, error = applied(**{"kubectl apply": ["", refusal]})
    assert error.startswith("kubernetes/dev/00-namespace.yaml: kubectl apply --filename=- failed: error: resource")
    assert error.endswith("an add-on or a Helm chart, is not installed yet")
