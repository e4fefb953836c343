from __future__ import annotations

import pytest
from troposphere import Sub

from blueprints.components.bucket import AccessLogBucket, Bucket
from blueprints.model.errors import SettingsError
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


# What a bucket can be told


def everything():
    return Bucket(
        "Uploads",
        why="Holds what people upload.",
        physical_name=Sub("mealprep-prod-storage-${AWS::AccountId}"),
        expire_after_days=90,
        expire_below="scratch/",
        intelligent_tiering=True,
        upload_origins=["https://app.example.com"],
    )


@pytest.fixture
def uploads(stack_of, properties_of):
    return lambda **options: properties_of(stack_of(Bucket("Uploads", why="Uploads.", **options)), "UploadsBucket")


@pytest.mark.row("MP-07")
def test_no_linter_finds_anything_in_a_bucket_with_everything(stack_of, findings):
    assert findings(stack_of(everything(), keep_data=True)) == []


@pytest.mark.row("MP-07")
def test_a_documented_name_has_the_account_in_it(stack_of, properties_of):
    bucket = properties_of(stack_of(everything()), "UploadsBucket")
    assert bucket["BucketName"] == {"Fn::Sub": "mealprep-prod-storage-${AWS::AccountId}"}


@pytest.mark.row("MP-07")
def test_live_objects_expire_only_below_a_prefix_that_is_given(uploads):
    rules = uploads(expire_after_days=90, expire_below="scratch/")["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    assert expiring == [{"Id": "Expire", "Status": "Enabled", "ExpirationInDays": 90, "Prefix": "scratch/"}]


def test_a_prefix_without_days_is_refused():
    with pytest.raises(SettingsError, match="no expire_after_days"):
        Bucket("Uploads", why="Uploads.", expire_below="scratch/")


@pytest.mark.row("MP-07")
def test_versions_are_a_choice_and_old_ones_go_either_way(uploads):
    assert uploads()["VersioningConfiguration"] == {"Status": "Enabled"}
    without = uploads(versioned=False)
    assert "VersioningConfiguration" not in without
    # A bucket that was versioned before keeps its old versions until a rule lets them go.
    assert without["LifecycleConfiguration"]["Rules"][0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


@pytest.mark.row("MP-07")
def test_intelligent_tiering_never_archives_what_has_to_be_read_at_once(uploads):
    bucket = uploads(intelligent_tiering=True)
    (rule,) = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "Transitions" in rule]
    assert rule["Transitions"] == [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]
    # It is these that add the archive tiers.
    assert "IntelligentTieringConfigurations" not in bucket
    assert not [rule for rule in uploads()["LifecycleConfiguration"]["Rules"] if "Transitions" in rule]


@pytest.mark.row("MP-20")
def test_eventbridge_hears_of_uploads(uploads):
    assert uploads()["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_pages_upload_from_named_origins_only(uploads):
    (rule,) = uploads(upload_origins=["https://app.example.com"])["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == (["https://app.example.com"], ["PUT", "POST"])
    assert "CorsConfiguration" not in uploads()
