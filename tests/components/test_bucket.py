from __future__ import annotations

import pytest

from blueprints.components.bucket import AccessLogBucket, Bucket
from blueprints.render.template import to_dict

BOTH = pytest.mark.parametrize(
    "make",
    [lambda: Bucket("Faces", why="Holds faces."), lambda: AccessLogBucket("Faces", expire_after_days=30)],
    ids=["bucket", "access-log-bucket"],
)


@BOTH
def test_logical_ids_are_a_promise(make):
    assert [resource.title for resource in make().resources()] == ["FacesBucket", "FacesBucketPolicy"]


@BOTH
@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, make, keep):
    assert findings(stack_of(make(), keep_data=keep)) == []


@pytest.mark.row("XX-05")
@BOTH
def test_it_is_private_encrypted_and_versioned(stack_of, properties_of, make):
    bucket = properties_of(stack_of(make()), "FacesBucket")
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    # Elastic Load Balancing delivers to no bucket that is encrypted with a KMS key.
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


@BOTH
def test_nobody_comes_without_tls(stack_of, properties_of, make):
    policy = properties_of(stack_of(make()), "FacesBucketPolicy")
    refusal = policy["PolicyDocument"]["Statement"][-1]
    assert policy["Bucket"] == {"Ref": "FacesBucket"}
    assert (refusal["Effect"], refusal["Action"]) == ("Deny", ["s3:*"])
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert refusal["Resource"] == [{"Fn::GetAtt": ["FacesBucket", "Arn"]}, {"Fn::Sub": "${FacesBucket.Arn}/*"}]


@pytest.mark.row("XX-06")
@BOTH
def test_it_has_no_name_of_its_own(stack_of, properties_of, make):
    assert "BucketName" not in properties_of(stack_of(make()), "FacesBucket")


def expirations(stack, properties_of):
    rules = properties_of(stack, "FacesBucket")["LifecycleConfiguration"]["Rules"]
    return [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]


def test_objects_expire_only_where_they_are_told_to(stack_of, properties_of):
    assert expirations(stack_of(Bucket("Faces", why="Holds faces.")), properties_of) == []
    assert expirations(stack_of(Bucket("Faces", why="Scratch.", expire_after_days=7)), properties_of) == [7]
    assert expirations(stack_of(AccessLogBucket("Faces", expire_after_days=30)), properties_of) == [30]


def test_old_versions_and_unfinished_uploads_go(stack_of, properties_of):
    bucket = properties_of(stack_of(Bucket("Faces", why="Holds faces.")), "FacesBucket")
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_only_elastic_load_balancing_leaves_access_logs(stack_of, properties_of):
    policy = properties_of(stack_of(AccessLogBucket("Faces", expire_after_days=30)), "FacesBucketPolicy")
    allowed = [statement for statement in policy["PolicyDocument"]["Statement"] if statement["Effect"] == "Allow"]
    assert [statement["Principal"] for statement in allowed] == [
        {"Service": ["logdelivery.elasticloadbalancing.amazonaws.com"]}
    ]


def test_a_private_bucket_allows_nobody_by_its_policy(stack_of):
    template = to_dict(stack_of(Bucket("Faces", why="Holds faces.")))
    statements = template["Resources"]["FacesBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert [statement["Effect"] for statement in statements] == ["Deny"]
