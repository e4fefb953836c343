#!/usr/bin/env python3
"""Take an image that was pushed to the service: what a delivery does, read from output/.../manifest.json.

  deliver.py upload MANIFEST TAG     zip and upload source bundles
  deliver.py run MANIFEST            run one-off tasks to their end
  deliver.py check MANIFEST          wait until environments of Elastic Beanstalk run their version
  deliver.py apply MANIFEST TAG      apply Kubernetes manifests, the migration first
  deliver.py deploy MANIFEST TAG     all of these, with a deployment of each stack that has an image
  deliver.py image MANIFEST          print Region and repository of the image

It needs Python, the AWS CLI and, for `apply`, kubectl. Stacks, namespaces and Helm charts have to be there already:
`blueprints deploy` and `blueprints apply` make them.
"""

import argparse
import datetime as dt
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import zipfile

MARK = re.compile(r"\$\{(?:([A-Za-z][A-Za-z0-9_]*)\}|(!))?")
TASK_MINUTES = 30
ENVIRONMENT_MINUTES = 30
RED_MINUTES = 5
JOB_MINUTES = 30
ROLLOUT_MINUTES = 15
POLL_SECONDS = 5


class Delivery:
    """One architecture in one environment, as its manifest describes it."""

    def __init__(self, manifest, tag=None, role_arn=None):
        self.folder = manifest.parent
        described = json.loads(manifest.read_text(encoding="utf-8"))
        self.stacks, self.files = described["stacks"], [one["path"] for one in described.get("files", [])]
        self.tag, self.role_arn = tag, role_arn
        self.known, self.unchanged = {}, set()

    def image(self):
        for stack in self.stacks:
            for image in stack["images"]:
                return stack["region"], image["repository"]
            for workload in stack.get("workloads", []):
                return stack["region"], workload["repository"]
        raise SystemExit("No stack of this manifest has an image")

    def deploy(self):
        for stack in self.stacks:
            self.upload(stack)
            if stack["images"]:
                self.update(stack)
            self.run(stack)
            self.check(stack)
        for stack in self.stacks:
            self.apply(stack)

    def update(self, stack):
        say(f"Deploy {stack['stack_name']} with {self.tag}")
        tags = [f"{image['parameter']}={self.tag}" for image in stack["images"]]
        command = ["cloudformation", "deploy", "--stack-name", stack["stack_name"], "--no-fail-on-empty-changeset"]
        command += ["--template-file", str(self.folder / stack["yaml"]), "--parameter-overrides", *tags]
        command += ["--capabilities", *stack["capabilities"]] if stack["capabilities"] else []
        command += ["--role-arn", self.role_arn] if self.role_arn else []
        before = began(self.described(stack)) if stack.get("checks") else None
        tool("aws", *command, "--region", stack["region"])
        self.known.pop(stack["name"], None)
        if before and before == began(self.described(stack)):
            self.unchanged.add(stack["name"])

    def upload(self, stack):
        for bundle in stack.get("bundles", []):
            values = {one["name"]: one["default"] for one in stack["parameters"] if one.get("default") is not None}
            values |= {image["parameter"]: self.tag for image in stack["images"]}
            values |= self.outputs(bundle["values"])
            key, bucket = fill(bundle["key"], values), self.output(bundle["bucket"])
            say(f"Upload s3://{bucket}/{key}")
            content = zipped(self.texts(bundle["folder"], values))
            with tempfile.NamedTemporaryFile(suffix=".zip") as file:
                file.write(content)
                file.flush()
                command = ["put-object", "--bucket", bucket, "--key", key, "--body", file.name]
                command += ["--content-type", "application/zip"]
                # `blueprints deploy` knows by it that exactly this is there already.
                command += ["--metadata", f"sha256={hashlib.sha256(content).hexdigest()}"]
                tool("aws", "s3api", *command, "--region", self.named(bundle["bucket"]["stack"])["region"])

    def texts(self, folder, values):
        """The filled texts of a folder's files, by their path in it."""
        inside = [path for path in self.files if path.startswith(f"../{folder}/")]
        if not inside:
            raise SystemExit(f"The manifest names no files below {folder}: render again")
        names = {path.removeprefix(f"../{folder}/"): self.folder / path for path in inside}
        return {name: fill(path.read_text(encoding="utf-8"), values) for name, path in names.items()}

    def run(self, stack):
        for task in stack.get("tasks", []):
            self.run_task(task, stack)

    def run_task(self, task, stack):
        say(f"Run {task['name']}")
        region = stack["region"]
        cluster = self.output(task["cluster"])
        network = {
            "subnets": [one for subnet in task["subnets"] for one in self.output(subnet).split(",")],
            "securityGroups": [self.output(task["security_group"])],
            "assignPublicIp": "ENABLED" if task.get("public_address") else "DISABLED",
        }
        command = ["run-task", "--cluster", cluster, "--task-definition", self.output(task["task_definition"])]
        command += ["--launch-type", "FARGATE", "--count", "1"]
        # `blueprints deploy` waits for a task that was started by this, and starts no second one beside it.
        command += ["--started-by", f"blueprints/{stack['stack_name']}/{task['name']}"[-128:]]
        command += ["--network-configuration", json.dumps({"awsvpcConfiguration": network})]
        since = int(time.time() * 1000)
        answer = ask("ecs", *command, region=region)
        if not answer["tasks"]:
            raise SystemExit(f"{task['name']} could not be started: {answer['failures']}")
        stopped = self.wait_for_task(cluster, answer["tasks"][0]["taskArn"], region)
        self.show_log(self.output(task["log_group"]), since, region)
        code = next((one.get("exitCode") for one in stopped["containers"] if one["name"] == task["container"]), None)
        if code != 0:
            raise SystemExit(
                f"{task['name']} ended with {code} ({stopped.get('stoppedReason', 'no reason given')}): "
                "what runs was not changed"
            )

    def wait_for_task(self, cluster, arn, region):
        until = time.monotonic() + TASK_MINUTES * 60
        while time.monotonic() < until:
            command = ["describe-tasks", "--cluster", cluster, "--tasks", arn]
            # Right after it was started, a task may not be found yet.
            for task in ask("ecs", *command, region=region)["tasks"]:
                if task["lastStatus"] == "STOPPED":
                    return task
            time.sleep(POLL_SECONDS)
        raise SystemExit(f"{arn} still runs after {TASK_MINUTES} minutes; it goes on, this delivery does not")

    def check(self, stack):
        for wanted in stack.get("checks", []):
            self.check_environment(wanted, stack)

    def check_environment(self, wanted, stack):
        """CloudFormation is content with a stack whose deployment failed on the instances."""
        name, version, region = self.output(wanted["environment"]), self.output(wanted["version"]), stack["region"]
        say(f"Wait until {name} runs {version}")
        seen = wait_for_environment(name, version, region)
        since, health = began(self.described(stack)), f"{seen['Health']} ({seen.get('HealthStatus', 'no status')})"
        runs = seen.get("VersionLabel")
        command = ["describe-events", "--environment-name", name, "--severity", "ERROR", "--start-time", since]
        errors = ask("elasticbeanstalk", *command, region=region)["Events"]
        # Nothing was deployed to a stack that did not change: its errors are those of an older deployment.
        failed = errors and stack["name"] not in self.unchanged
        if runs == version and not failed and seen["Health"] != "Red":
            say(f"{name} runs {version}")
            return
        for event in reversed(errors):
            say(f"  {event['Message']}")
        milliseconds = int(dt.datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp() * 1000)
        self.show_log(self.output(wanted["log_group"]), milliseconds, region, "migration")
        raise SystemExit(
            f"The deployment to {name} failed, which CloudFormation does not tell: it is {health} and runs {runs}, and "
            f"the stack says {version}. Nothing after it was changed. Put it right and push a new commit: the same "
            "image again changes nothing. To deploy this version once more: aws elasticbeanstalk update-environment "
            f"--environment-name {name} --version-label {version} --region {region}"
        )

    def show_log(self, group, since, region, streams=None):
        command = ["filter-log-events", "--log-group-name", group, "--start-time", str(since)]
        command += ["--log-stream-name-prefix", streams] if streams else []
        for event in ask("logs", *command, region=region)["events"]:
            say(f"  {event['message']}")

    def apply(self, stack):
        for workload in stack.get("workloads", []):
            self.apply_workload(workload, stack["region"])

    def apply_workload(self, workload, region):
        values = self.outputs(workload["values"]) | {"IMAGE_TAG": self.tag}
        name, namespace = self.output(workload["cluster"]), workload["namespace"]
        tool("aws", "eks", "update-kubeconfig", "--name", name, "--region", region)
        job = fill(workload.get("job", ""), values)
        for path, text in sorted(self.texts(workload["folder"], values).items()):
            if re.search(r"^kind: Namespace$", text, re.MULTILINE):
                say(f"Leave {path} to `blueprints apply`: a delivery changes what is in one namespace")
                continue
            migrates = job and re.search(r"^kind: Job$", text, re.MULTILINE)
            if migrates:
                self.remove_ended_job(job, namespace)
            say(f"Apply {path}")
            tool("kubectl", "apply", "--filename", "-", text=text)
            if migrates:
                self.wait_for_job(job, namespace)
        rollout = ["rollout", "status", f"deployment/{workload['deployment']}", "--namespace", namespace]
        tool("kubectl", *rollout, f"--timeout={ROLLOUT_MINUTES}m")

    def remove_ended_job(self, job, namespace):
        """One that ended under this name would not run again; one that still runs is waited for."""
        if ended_as(job, namespace):
            tool("kubectl", "delete", "job", job, "--namespace", namespace, "--cascade=foreground")

    def wait_for_job(self, job, namespace):
        until = time.monotonic() + JOB_MINUTES * 60
        while not (ended := ended_as(job, namespace)) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        tool("kubectl", "logs", f"job/{job}", "--namespace", namespace, "--tail=200", fatal=False)
        if ended != {"Complete"}:
            how = "failed" if ended else f"still runs after {JOB_MINUTES} minutes"
            raise SystemExit(f"Job {job} {how}: the Deployment was not changed")

    def named(self, name):
        return next(one for one in self.stacks if one["name"] == name)

    def described(self, stack):
        command = ["describe-stacks", "--stack-name", stack["stack_name"]]
        return ask("cloudformation", *command, region=stack["region"])["Stacks"][0]

    def output(self, where):
        """The value of a stack's output; a stack is asked once, and again after it was deployed."""
        stack = self.named(where["stack"])
        if stack["name"] not in self.known:
            found = self.described(stack)
            self.known[stack["name"]] = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        if where["output"] not in self.known[stack["name"]]:
            raise SystemExit(f"Stack {stack['stack_name']} has no output {where['output']}: deploy it first")
        return self.known[stack["name"]][where["output"]]

    def outputs(self, wanted):
        return {name: self.output(where) for name, where in wanted.items()}


def began(described):
    """When the last operation of a stack began, by the clock of AWS."""
    return described.get("LastUpdatedTime") or described["CreationTime"]


def wait_for_environment(name, version, region):
    """An environment that rests; one that runs its version and is red gets some minutes to recover."""
    until, calm = time.monotonic() + ENVIRONMENT_MINUTES * 60, None
    while time.monotonic() < until:
        found = ask("elasticbeanstalk", "describe-environments", "--environment-names", name, region=region)
        alive = [one for one in found["Environments"] if one["Status"] not in {"Terminating", "Terminated"}]
        if not alive:
            raise SystemExit(f"{name} is not there, or elasticbeanstalk:DescribeEnvironments is not allowed on it")
        if alive[0]["Status"] == "Ready":
            calm = calm or time.monotonic() + RED_MINUTES * 60
            recovers = alive[0].get("VersionLabel") == version and alive[0]["Health"] == "Red"
            if not recovers or time.monotonic() >= calm:
                return alive[0]
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"{name} is still at work after {ENVIRONMENT_MINUTES} minutes; it goes on, this delivery does not")


def ended_as(job, namespace):
    """How a Job ended: Complete, Failed, or neither while it runs or is not there."""
    command = ["get", "job", job, "--namespace", namespace, "--ignore-not-found", "--output", "json"]
    found = json.loads(tool("kubectl", *command, quiet=True) or "{}")
    conditions = found.get("status", {}).get("conditions", [])
    return {one["type"] for one in conditions if one["status"] == "True"} & {"Complete", "Failed"}


def zipped(texts):
    """The same bytes for the same texts, and the same as `blueprints deploy` makes of them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(texts.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix
            entry.external_attr = (0o100755 if text.startswith("#!") else 0o100644) << 16
            archive.writestr(entry, text.encode())
    return buffer.getvalue()


def fill(text, values):
    """Put values in place of ${NAME}; ${! becomes ${. A value must not end the string that it stands in."""

    def value(found):
        name, kept = found.groups()
        if kept:
            return "${"
        if name not in values:
            raise SystemExit(f"Nothing is known that could be put in place of {text[found.start() :][:40]!r}")
        if not values[name].isprintable() or set(values[name]) & set("\"'\\"):
            raise SystemExit(f"The value of {found[0]} has quotes, backslashes or control characters in it")
        return values[name]

    return MARK.sub(value, text)


def ask(service, *command, region):
    return json.loads(tool("aws", service, *command, "--region", region, "--output", "json", quiet=True))


def tool(*command, text=None, quiet=False, fatal=True):
    """Run a program; what it says on standard error is shown, what it answers is shown unless it is asked for."""
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=False)
    if done.stdout and not quiet:
        say(done.stdout.rstrip())
    if done.returncode and fatal:
        raise SystemExit(f"{' '.join(command[:3])} ended with {done.returncode}")
    return done.stdout


def say(text):
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["upload", "run", "check", "apply", "deploy", "image"])
    parser.add_argument("manifest", type=pathlib.Path)
    parser.add_argument("tag", nargs="?", help="tag of the image")
    parser.add_argument("--stack", help="only the steps of this stack, by its short name")
    parser.add_argument("--role-arn", help="the role that CloudFormation deploys with")
    given = parser.parse_args()
    if given.step in {"upload", "apply", "deploy"} and not given.tag:
        parser.error(f"{given.step} needs the image's tag")
    delivery = Delivery(given.manifest, given.tag, given.role_arn)
    if given.step == "image":
        say(" ".join(delivery.image()))
    elif given.step == "deploy":
        delivery.deploy()
    else:
        for stack in (one for one in delivery.stacks if given.stack in {None, one["name"]}):
            getattr(delivery, given.step)(stack)


if __name__ == "__main__":
    sys.exit(main())
