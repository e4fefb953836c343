"""Bucket policies: who else may touch a bucket, and on what terms."""

from __future__ import annotations

from awacs import s3 as s3_actions
from awacs.aws import Allow, Bool, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals
from troposphere import Sub, cloudfront, s3

from blueprints.access.grants import document

# A refusal has to cover every action there is: S3 grows new ones, and an Allow elsewhere must not outlive this Deny.
EVERYTHING_IN_S3 = s3_actions.Action("*")


def _objects(bucket: s3.Bucket) -> Sub:
    return Sub(f"${{{bucket.title}.Arn}}/*")


def _refuse_plain_http(bucket: s3.Bucket) -> Statement:
    return Statement(
        Sid="RefusePlainHttp",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[EVERYTHING_IN_S3],
        Resource=[bucket.get_att("Arn"), _objects(bucket)],
        Condition=Condition([Bool("aws:SecureTransport", "false")]),
    )


def tls_only(bucket: s3.Bucket) -> PolicyDocument:
    """Refuse every request that does not come over TLS."""
    return document(_refuse_plain_http(bucket))


def access_logs(bucket: s3.Bucket) -> PolicyDocument:
    """Let Elastic Load Balancing deliver access logs of this account's load balancers, over TLS.

    The principal and the path are those that AWS documents for every Region ("Enable access logs for your Application
    Load Balancer"); older policies name an account of AWS's per Region. Logs of an account are written below its id
    only, so the path keeps the load balancers of other accounts out.
    """
    deliver = Statement(
        Sid="DeliverAccessLogs",
        Effect=Allow,
        Principal=Principal("Service", ["logdelivery.elasticloadbalancing.amazonaws.com"]),
        Action=[s3_actions.PutObject],
        Resource=[Sub(f"${{{bucket.title}.Arn}}/AWSLogs/${{AWS::AccountId}}/*")],
    )
    return document(deliver, _refuse_plain_http(bucket))


def cloudfront_reads(bucket: s3.Bucket, distribution: cloudfront.Distribution, *, path: str) -> PolicyDocument:
    """Let *distribution* read the objects below *path* (``/folder``), over TLS.

    The service principal stands for the distributions of every account; aws:SourceArn makes it this one ("Restrict
    access to an Amazon S3 origin", CloudFront Developer Guide). Without s3:ListBucket S3 answers a missing object with
    403 and does not tell whether it is there.
    """
    read = Statement(
        Sid="CloudFrontReads",
        Effect=Allow,
        Principal=Principal("Service", ["cloudfront.amazonaws.com"]),
        Action=[s3_actions.GetObject],
        Resource=[Sub(f"${{{bucket.title}.Arn}}{path}/*")],
        Condition=Condition([StringEquals("aws:SourceArn", distribution_arn(distribution))]),
    )
    return document(read, _refuse_plain_http(bucket))


def distribution_arn(distribution: cloudfront.Distribution) -> Sub:
    """A distribution's ARN; the resource type returns its id only, and CloudFront's ARNs name no Region."""
    return Sub(f"arn:${{AWS::Partition}}:cloudfront::${{AWS::AccountId}}:distribution/${{{distribution.title}}}")
