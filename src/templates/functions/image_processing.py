"""Asks Rekognition what an uploaded image shows, and writes the answer into the same bucket.

EventBridge calls it for each "Object Created" event of S3. The answer lies at RESULTS_PREFIX + key + ".json" and names
the version that it is about; doing it twice leaves the same answer, so Lambda may retry. What Rekognition cannot read
as an image is an answer as well. Everything else is raised: Lambda tries again, then sends the event to the queue.
"""

import functools
import json
import logging
import os

from botocore.exceptions import ClientError

# Percent. A label below it is left out; a moderation label counts from Rekognition's own default on.
LABEL_CONFIDENCE, MODERATION_CONFIDENCE = 70, 50
MOST_LABELS = 25

# Errors of an image that stay the same however often it is asked.
UNREADABLE = {"ImageTooLargeException", "InvalidImageFormatException"}

logger = logging.getLogger(__name__)


@functools.cache
def client(service):
    import boto3

    return boto3.client(service)


def handler(event, context):
    return process(event, rekognition=client("rekognition"), s3=client("s3"), prefix=os.environ["RESULTS_PREFIX"])


def process(event, *, rekognition, s3, prefix):
    bucket, uploaded = event["detail"]["bucket"]["name"], event["detail"]["object"]
    # EventBridge hands the key on as it is; only S3's own notifications encode it.
    key, version = uploaded["key"], uploaded.get("version-id")
    place = {"Bucket": bucket, "Name": key} | ({"Version": version} if version else {})
    result = {"key": key, "versionId": version, "etag": uploaded.get("etag")} | look_at(rekognition, place)
    s3.put_object(
        Bucket=bucket,
        Key=f"{prefix}{key}.json",
        Body=json.dumps(result, sort_keys=True).encode(),
        ContentType="application/json",
    )
    logger.info(
        "Image processed",
        extra={
            "imageKey": key,
            "imageStatus": result["status"],
            "labelCount": len(result["labels"]),
            "moderationCount": len(result["moderation"]),
        },
    )
    return {"key": key, "status": result["status"]}


def look_at(rekognition, place):
    image = {"S3Object": place}
    try:
        moderation = rekognition.detect_moderation_labels(Image=image, MinConfidence=MODERATION_CONFIDENCE)
        labels = rekognition.detect_labels(Image=image, MinConfidence=LABEL_CONFIDENCE, MaxLabels=MOST_LABELS)
    except ClientError as error:
        reason = error.response["Error"]["Code"]
        if reason not in UNREADABLE:
            raise
        return {"status": "unreadable", "reason": reason, "labels": [], "moderation": []}
    found = moderation["ModerationLabels"]
    return {
        "status": "flagged" if found else "clear",
        "labels": [{"name": label["Name"], "confidence": label["Confidence"]} for label in labels["Labels"]],
        "moderation": [
            {"name": label["Name"], "parent": label["ParentName"], "confidence": label["Confidence"]}
            for label in found
        ],
    }
