"""S3: buckets and their policies."""

from __future__ import annotations

import json
from typing import Any

from moto.s3.models import s3_backends

from scripts.rehearsal.account import ACCOUNT, PARTITION, UnknownError
from scripts.rehearsal.cloudformation.kinds.kind import Call, Kind, Made, Properties, is_true
from scripts.rehearsal.cloudformation.stack import Resource

KNOWN = {
    *("BucketName", "PublicAccessBlockConfiguration", "OwnershipControls", "BucketEncryption"),
    *("VersioningConfiguration", "LifecycleConfiguration", "CorsConfiguration", "Tags"),
}


class Bucket:
    def __init__(self, s3: Any, region: str) -> None:
        self._s3 = s3
        self._region = region

    def create(self, call: Call) -> Made:
        name = call.name("BucketName", 63).lower()
        if extra := call.properties.keys() - KNOWN:
            raise UnknownError(f"a bucket's {', '.join(sorted(extra))}")
        where = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        self._s3.create_bucket(
            Bucket=name, **({"CreateBucketConfiguration": where} if where else {})
        )
        self._configure(name, call)
        return self._made(name)

    def update(self, call: Call, old: Resource) -> Made:
        if extra := call.properties.keys() - KNOWN:
            raise UnknownError(f"a bucket's {', '.join(sorted(extra))}")
        name = old.physical_id
        if "LifecycleConfiguration" in old.properties:
            self._s3.delete_bucket_lifecycle(Bucket=name)
        if "CorsConfiguration" in old.properties:
            self._s3.delete_bucket_cors(Bucket=name)
        self._configure(name, call)
        return self._made(name)

    def delete(self, resource: Resource) -> None:
        self._s3.delete_bucket(Bucket=resource.physical_id)

    def _made(self, name: str) -> Made:
        domain = f"{name}.s3.amazonaws.com"
        regional = f"{name}.s3.{self._region}.amazonaws.com"
        return Made(
            name,
            {"Arn": f"arn:aws:s3:::{name}", "DomainName": domain, "RegionalDomainName": regional},
        )

    def _configure(self, name: str, call: Call) -> None:
        given = call.properties
        s3 = self._s3
        if block := given.get("PublicAccessBlockConfiguration"):
            flags = {key: is_true(value) for key, value in block.items()}
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=flags)
        if controls := given.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=controls)
        if encryption := given.get("BucketEncryption"):
            rules = [
                {
                    "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                    "BucketKeyEnabled": is_true(rule.get("BucketKeyEnabled")),
                }
                for rule in encryption["ServerSideEncryptionConfiguration"]
            ]
            s3.put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules}
            )
        if versioning := given.get("VersioningConfiguration"):
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
        if lifecycle := given.get("LifecycleConfiguration"):
            rules = [_rule(rule) for rule in lifecycle["Rules"]]
            s3.put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": rules}
            )
        if cors := given.get("CorsConfiguration"):
            s3.put_bucket_cors(
                Bucket=name,
                CORSConfiguration={
                    "CORSRules": [
                        {
                            **{key: rule[key] for key in _CORS_LISTS if key in rule},
                            **(
                                {"ExposeHeaders": rule["ExposedHeaders"]}
                                if "ExposedHeaders" in rule
                                else {}
                            ),
                            **({"MaxAgeSeconds": int(rule["MaxAge"])} if "MaxAge" in rule else {}),
                        }
                        for rule in cors["CorsRules"]
                    ]
                },
            )
        # Past S3's API, which lets only CloudFormation itself set tags that begin with aws:.
        tags = {tag["Key"]: tag["Value"] for tag in call.tags()}
        s3_backends[ACCOUNT][PARTITION].put_bucket_tagging(name, tags)


_CORS_LISTS = ("AllowedOrigins", "AllowedMethods", "AllowedHeaders")


def _rule(rule: Properties) -> dict[str, Any]:
    made: dict[str, Any] = {"Status": rule["Status"], "ID": rule.get("Id", "")}
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in rule.get("TagFilters") or ()]
    prefix = rule.get("Prefix", "")
    if tags:
        made["Filter"] = {"And": {"Prefix": prefix, "Tags": tags}}
    else:
        made["Filter"] = {"Prefix": prefix}
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = is_true(rule["ExpiredObjectDeleteMarker"])
    if expiration:
        made["Expiration"] = expiration
    if noncurrent := rule.get("NoncurrentVersionExpiration"):
        made["NoncurrentVersionExpiration"] = {key: int(value) for key, value in noncurrent.items()}
    if abort := rule.get("AbortIncompleteMultipartUpload"):
        made["AbortIncompleteMultipartUpload"] = {
            "DaysAfterInitiation": int(abort["DaysAfterInitiation"])
        }
    known = {
        *("Id", "Status", "Prefix", "TagFilters", "ExpirationInDays", "ExpiredObjectDeleteMarker"),
        *("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"),
    }
    if extra := rule.keys() - known:
        raise UnknownError(f"a lifecycle rule's {', '.join(sorted(extra))}")
    return made


class BucketPolicy:
    """A bucket's policy. Its statements about TLS are left out: moto refuses whatever a Deny names,
    without looking at conditions, and loopback speaks plain HTTP."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def create(self, call: Call) -> Made:
        bucket = call.properties["Bucket"]
        self._s3.head_bucket(Bucket=bucket)
        policy = dict(call.properties["PolicyDocument"])
        policy["Statement"] = [each for each in policy["Statement"] if not _is_about_tls(each)]
        if policy["Statement"]:
            self._s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        return Made(bucket)

    def update(self, call: Call, old: Resource) -> Made:
        self.delete(old)
        return self.create(call)

    def delete(self, resource: Resource) -> None:
        self._s3.delete_bucket_policy(Bucket=resource.properties["Bucket"])


def _is_about_tls(statement: Properties) -> bool:
    return "aws:SecureTransport" in json.dumps(statement.get("Condition") or {})


def kinds(s3: Any, region: str) -> dict[str, Kind]:
    return {"AWS::S3::Bucket": Bucket(s3, region), "AWS::S3::BucketPolicy": BucketPolicy(s3)}
