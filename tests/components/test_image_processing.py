from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from troposphere import Parameter, Ref, Sub

from blueprints.access.connections import reach_https
from blueprints.components.image_processing import SOURCE, ImageProcessing
from blueprints.model.errors import SettingsError
from blueprints.model.packaged import text_of
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-20")

BUCKET = Parameter("BucketName", Type="String", Description="The bucket with the images")
ARN = "arn:${AWS::Partition}:s3:::${BucketName}/"


def made(**changes):
    arguments = {
        "bucket_name": Ref("BucketName"),
        "uploads_arn": Sub(f"{ARN}uploads/*"),
        "results_arn": Sub(f"{ARN}analysis/*"),
        "network": None,
        **changes,
    }
    return ImageProcessing("Images", **arguments)


@pytest.fixture
def processing(network):
    return made(network=network)


@pytest.fixture
def stack(processing, stack_of, network_parameters):
    stack = stack_of(BUCKET, *network_parameters, processing)
    processing.function.wait_for(stack.add(reach_https(processing.function)))
    return stack


# What is rendered


def test_logical_ids_are_a_promise(processing):
    assert [resource.title for resource in processing.resources()] == [
        "ImagesDeadLetterQueue",
        "ImagesSecurityGroup",
        "ImagesLogGroup",
        "ImagesFunctionRole",
        "ImagesFunction",
        "ImagesRetries",
        "ImagesRule",
        "ImagesPermission",
        "ImagesQueuePolicy",
    ]


def test_no_linter_finds_anything(stack, findings, stack_of):
    assert findings(stack) == []
    named = made(code="bucket", function_name="mealprep-images-dev", queue_name="mealprep-images-dev-dead-letters")
    assert findings(stack_of(BUCKET, named)) == []


def test_it_hears_of_every_object_with_content_below_the_prefix_of_uploads(stack, properties_of):
    rule = properties_of(stack, "ImagesRule")
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "BucketName"}]},
            "object": {"key": [{"prefix": "uploads/"}], "size": [{"numeric": [">", 0]}]},
        },
    }


def test_what_cannot_be_handed_over_and_what_fails_each_time_end_in_one_queue(stack, properties_of):
    (target,) = properties_of(stack, "ImagesRule")["Targets"]
    arn = {"Fn::GetAtt": ["ImagesDeadLetterQueue", "Arn"]}
    assert target["Arn"] == {"Fn::GetAtt": ["ImagesFunction", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": arn}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185}
    assert properties_of(stack, "ImagesFunction")["DeadLetterConfig"] == {"TargetArn": arn}
    retries = properties_of(stack, "ImagesRetries")
    assert (retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]) == (2, 3600)
    assert "DestinationConfig" not in retries, "the same event would be sent twice"


def test_the_queue_is_encrypted_keeps_for_two_weeks_and_takes_from_the_rule(stack, properties_of):
    queue = properties_of(stack, "ImagesDeadLetterQueue")
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 3600)
    policy = properties_of(stack, "ImagesQueuePolicy")
    assert policy["Queues"] == [{"Ref": "ImagesDeadLetterQueue"}]
    send = policy["PolicyDocument"]["Statement"][0]
    assert send["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ImagesRule", "Arn"]}}}


def test_only_the_rule_calls_the_function(stack, properties_of):
    permission = properties_of(stack, "ImagesPermission")
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == {"Fn::GetAtt": ["ImagesRule", "Arn"]}


def test_it_reads_uploads_writes_answers_and_asks_rekognition(stack, properties_of):
    _, application = properties_of(stack, "ImagesFunctionRole")["Policies"]
    assert [(one["Action"], one["Resource"]) for one in application["PolicyDocument"]["Statement"]] == [
        (["s3:GetObject", "s3:GetObjectVersion"], [{"Fn::Sub": f"{ARN}uploads/*"}]),
        (["s3:PutObject"], [{"Fn::Sub": f"{ARN}analysis/*"}]),
        (["rekognition:DetectLabels", "rekognition:DetectModerationLabels"], ["*"]),
    ]


def test_it_stands_in_the_private_subnets(stack, properties_of):
    assert properties_of(stack, "ImagesFunction")["VpcConfig"]["SubnetIds"] == {"Ref": "PrivateSubnetIds"}


def test_its_code_is_in_the_template_and_fits(stack, properties_of):
    function = properties_of(stack, "ImagesFunction")
    assert function["Code"] == {"ZipFile": text_of(SOURCE)}
    assert len(text_of(SOURCE).encode()) < 4096
    assert function["Environment"] == {"Variables": {"RESULTS_PREFIX": "analysis/"}}


def test_its_code_can_come_from_a_bucket(stack_of, properties_of):
    stack = stack_of(BUCKET, made(code="bucket"))
    function = properties_of(stack, "ImagesFunction")
    assert function["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
    assert function["Handler"] == "image_processing.handler"
    assert {"CodeBucket", "CodeKey"} <= to_dict(stack)["Parameters"].keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"results": "uploads/answers/"}, "would be processed again; choose a prefix beside it"),
        ({"results": "uploads/"}, "would be processed again"),
        ({"uploads": "uploads"}, "'uploads' is no prefix"),
        ({"uploads": "/uploads/"}, "'/uploads/' is no prefix"),
        ({"results": ""}, "'' is no prefix"),
    ],
)
def test_prefixes_that_lead_into_a_circle_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        made(**changes)


# What the function does


class Rekognition:
    """Answers as the service does, or fails with the code of one of its errors."""

    def __init__(self, *, moderation=(), error=None):
        self.moderation, self.error, self.asked = list(moderation), error, []

    def detect_moderation_labels(self, **request):
        return self._answer("DetectModerationLabels", request, {"ModerationLabels": self.moderation})

    def detect_labels(self, **request):
        return self._answer("DetectLabels", request, {"Labels": [{"Name": "Pizza", "Confidence": 98.5, "Parents": []}]})

    def _answer(self, operation, request, answer):
        self.asked.append((operation, request))
        if self.error is not None:
            raise ClientError({"Error": {"Code": self.error, "Message": "no"}}, operation)
        return answer


class S3:
    def __init__(self):
        self.written = []

    def put_object(self, **request):
        self.written.append(request)


@pytest.fixture(scope="module")
def process(root: Path):
    return runpy.run_path(str(root / "src" / "templates" / SOURCE))["process"]


@pytest.fixture
def event():
    """As EventBridge documents it for S3, with what the function reads."""
    return {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "bucket": {"name": "mealprep-dev-storage-111122223333"},
            "object": {"key": "uploads/7/my lunch.jpg", "size": 9, "etag": "b1946ac9", "version-id": "IYV3p45BT0ac8h"},
        },
    }


def test_the_answer_lies_beside_the_upload_and_names_its_version(process, event):
    rekognition, s3 = Rekognition(), S3()
    answer = process(event, rekognition=rekognition, s3=s3, prefix="analysis/")
    (written,) = s3.written
    assert answer == {"key": "uploads/7/my lunch.jpg", "status": "clear"}
    assert written["Bucket"] == "mealprep-dev-storage-111122223333"
    assert written["Key"] == "analysis/uploads/7/my lunch.jpg.json"
    assert written["ContentType"] == "application/json"
    assert json.loads(written["Body"]) == {
        "key": "uploads/7/my lunch.jpg",
        "versionId": "IYV3p45BT0ac8h",
        "etag": "b1946ac9",
        "status": "clear",
        "labels": [{"name": "Pizza", "confidence": 98.5}],
        "moderation": [],
    }


def test_rekognition_is_asked_about_the_version_that_was_uploaded(process, event):
    rekognition = Rekognition()
    process(event, rekognition=rekognition, s3=S3(), prefix="analysis/")
    place = {
        "Bucket": "mealprep-dev-storage-111122223333",
        "Name": "uploads/7/my lunch.jpg",
        "Version": "IYV3p45BT0ac8h",
    }
    assert [(operation, request["Image"]) for operation, request in rekognition.asked] == [
        ("DetectModerationLabels", {"S3Object": place}),
        ("DetectLabels", {"S3Object": place}),
    ]


def test_a_bucket_without_versions_is_asked_by_name(process, event):
    del event["detail"]["object"]["version-id"]
    rekognition = Rekognition()
    process(event, rekognition=rekognition, s3=S3(), prefix="analysis/")
    assert all("Version" not in request["Image"]["S3Object"] for _, request in rekognition.asked)


def test_the_same_event_twice_leaves_the_same_answer(process, event):
    s3 = S3()
    for _ in range(2):
        process(event, rekognition=Rekognition(), s3=s3, prefix="analysis/")
    first, second = s3.written
    assert first == second


def test_what_should_not_be_shown_is_flagged(process, event):
    s3 = S3()
    found = {"Name": "Alcohol", "ParentName": "", "Confidence": 91.0, "TaxonomyLevel": 1}
    assert process(event, rekognition=Rekognition(moderation=[found]), s3=s3, prefix="a/")["status"] == "flagged"
    assert json.loads(s3.written[0]["Body"])["moderation"] == [{"name": "Alcohol", "parent": "", "confidence": 91.0}]


@pytest.mark.parametrize("code", ["InvalidImageFormatException", "ImageTooLargeException"])
def test_what_is_no_image_is_an_answer_and_not_tried_again(process, event, code):
    s3 = S3()
    assert process(event, rekognition=Rekognition(error=code), s3=s3, prefix="a/")["status"] == "unreadable"
    assert json.loads(s3.written[0]["Body"])["reason"] == code


@pytest.mark.parametrize("code", ["ThrottlingException", "InvalidS3ObjectException", "AccessDeniedException"])
def test_every_other_failure_is_raised_and_nothing_is_written(process, event, code):
    s3 = S3()
    with pytest.raises(ClientError, match=code):
        process(event, rekognition=Rekognition(error=code), s3=s3, prefix="analysis/")
    assert s3.written == []


def test_it_says_what_it_did_in_fields(process, event, caplog):
    with caplog.at_level("INFO"):
        process(event, rekognition=Rekognition(), s3=S3(), prefix="analysis/")
    (line,) = caplog.records
    assert line.message == "Image processed"
    assert (line.imageKey, line.imageStatus, line.labelCount, line.moderationCount) == (
        "uploads/7/my lunch.jpg",
        "clear",
        1,
        0,
    )
