"""What stock boto3 does with the S3 endpoint; each function is one test."""

import io
import os
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1 << 20
BUCKET = os.environ["S3_BUCKET"]
IN_PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)


def open_client(secret: str = os.environ["S3_SECRET_KEY"], signature_version: str | None = "s3v4", **config):
    return boto3.client(
        "s3",
        endpoint_url=os.environ["S3_ENDPOINT"],
        aws_access_key_id=os.environ["S3_ACCESS_KEY"],
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, signature_version=signature_version, **config),
    )


def fails(code: str, call) -> None:
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"no {code}")


def objects() -> None:
    s3 = open_client()
    key = "a/b c+d é&<>.txt"
    put = s3.put_object(
        Bucket=BUCKET, Key=key, Body=b"hello", ContentType="text/plain", CacheControl="no-cache", Metadata={"colour": "red"}
    )
    got = s3.get_object(Bucket=BUCKET, Key=key)
    assert got["Body"].read() == b"hello" and got["ETag"] == put["ETag"]
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("text/plain", "no-cache", {"colour": "red"})
    assert s3.get_object(Bucket=BUCKET, Key=key, Range="bytes=1-2")["Body"].read() == b"el"
    assert s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")["ChecksumCRC32"] == put["ChecksumCRC32"]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [key]
    assert [entry["Key"] for entry in s3.list_objects(Bucket=BUCKET)["Contents"]] == [key]
    s3.put_object(Bucket=BUCKET, Key="tagged", Body=b"", Tagging="team=red&b=")
    tags = [{"Key": "team", "Value": "red"}, {"Key": "b", "Value": ""}]
    assert s3.get_object_tagging(Bucket=BUCKET, Key="tagged")["TagSet"] == tags
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": key})
    assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == b"hello"
    gone = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}, {"Key": "copy"}, {"Key": "none"}]})
    assert sorted(entry["Key"] for entry in gone["Deleted"]) == sorted([key, "copy", "none"])
    fails("NoSuchKey", lambda: s3.get_object(Bucket=BUCKET, Key=key))
    fails("404", lambda: s3.head_object(Bucket=BUCKET, Key=key))


def buckets() -> None:
    s3 = open_client()
    (bucket,) = s3.list_buckets()["Buckets"]
    assert bucket["Name"] == BUCKET and bucket["CreationDate"], bucket
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    s3.head_bucket(Bucket=BUCKET)
    fails("404", lambda: s3.head_bucket(Bucket="another"))
    fails("NoSuchBucket", lambda: s3.list_objects_v2(Bucket="another"))
    fails("NoSuchBucket", lambda: s3.get_bucket_location(Bucket="another"))
    fails("NotImplemented", lambda: s3.create_bucket(Bucket="another"))
    fails("BucketAlreadyOwnedByYou", lambda: s3.create_bucket(Bucket=BUCKET))
    fails("NotImplemented", lambda: s3.list_object_versions(Bucket=BUCKET))
    fails("NotImplemented", lambda: s3.get_bucket_versioning(Bucket=BUCKET))


def errors() -> None:
    s3 = open_client()
    fails("SignatureDoesNotMatch", lambda: open_client("wrong").list_objects_v2(Bucket=BUCKET))
    fails("AccessDenied", lambda: s3.put_object(Bucket=BUCKET, Key="denied/a", Body=b"x" * MIB))
    fails("AccessDenied", lambda: s3.list_objects_v2(Bucket=BUCKET, Prefix="denied/"))
    fails("NotImplemented", lambda: s3.put_object(Bucket=BUCKET, Key="a", Body=b"", ACL="public-read"))
    fails("NotImplemented", lambda: s3.put_object_tagging(Bucket=BUCKET, Key="a", Tagging={"TagSet": []}))
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"1", IfNoneMatch="*")
    fails("PreconditionFailed", lambda: s3.put_object(Bucket=BUCKET, Key="a", Body=b"2", IfNoneMatch="*"))
    fails("InvalidRange", lambda: s3.get_object(Bucket=BUCKET, Key="a", Range="bytes=5-"))


def multipart() -> None:
    content = os.urandom(12 * MIB)
    for algorithm in (None, "CRC32", "SHA1", "SHA256"):
        for when in ("when_supported", "when_required"):
            s3 = open_client(request_checksum_calculation=when)
            extra = {"Metadata": {"colour": "red"}, **({"ChecksumAlgorithm": algorithm} if algorithm else {})}
            s3.upload_fileobj(io.BytesIO(content), BUCKET, "big", ExtraArgs=extra, Config=IN_PARTS)
            head = s3.head_object(Bucket=BUCKET, Key="big", ChecksumMode="ENABLED")
            assert head["ETag"].endswith('-3"') and head["Metadata"] == {"colour": "red"}, head
            assert algorithm is None or head[f"Checksum{algorithm}"].endswith("-3"), head
            received = io.BytesIO()
            s3.download_fileobj(BUCKET, "big", received, Config=IN_PARTS)
            assert received.getvalue() == content
            assert s3.get_object(Bucket=BUCKET, Key="big")["Body"].read() == content
    s3.upload_fileobj(io.BytesIO(content), BUCKET, "big", ExtraArgs={"ServerSideEncryption": "AES256"}, Config=IN_PARTS)
    s3.copy({"Bucket": BUCKET, "Key": "big"}, BUCKET, "copy", Config=IN_PARTS)
    assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == content
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="given/up")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="given/up", UploadId=upload, PartNumber=1, Body=b"x")
    assert [entry["UploadId"] for entry in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]] == [upload]
    s3.abort_multipart_upload(Bucket=BUCKET, Key="given/up", UploadId=upload)
    fails("NoSuchUpload", lambda: s3.abort_multipart_upload(Bucket=BUCKET, Key="given/up", UploadId=upload))
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


ODD_KEYS = [
    *("Größe ☃.csv", "a+b&c=d.txt", "50%25 & 50%.txt", "x#1?y.txt", 'it\'s "q".txt', "line\nbreak", "tab\tkey", "back\\slash"),
    *("both", "both/inner.txt", "p2/inner.txt", "p2", "a//b.txt", "/lead.txt", "folder/", "folder/x"),
    *("a/./b.txt", "a/../b.txt", "...", "e\u0301", "\u00e9", "😀/🎉.bin", "Readme.MD", "readme.md", "*.parquet", "CON/aux.txt"),
    *("dt=2026-01-01 00%3A00/part-0.parquet", "dot. /x . ", "長" * 100 + ".txt", "k" * 700, "/".join("d" * 150) + "/f"),
]


def odd_keys() -> None:
    s3 = open_client()
    for prefix in ("", "p/"):
        for key in ODD_KEYS:
            s3.put_object(Bucket=BUCKET, Key=prefix + key, Body=key.encode(), ServerSideEncryption="AES256")
        for key in ODD_KEYS:
            assert s3.get_object(Bucket=BUCKET, Key=prefix + key)["Body"].read() == key.encode(), key
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="p/")["Contents"]]
    assert listed == sorted((f"p/{key}" for key in ODD_KEYS), key=str.encode)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="p/", PaginationConfig={"PageSize": 3})
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == listed
    folder = s3.list_objects_v2(Bucket=BUCKET, Prefix="p/", Delimiter="/")
    assert "p/both" in [entry["Key"] for entry in folder["Contents"]]
    assert {"p/both/", "p//", "p/folder/"} <= {entry["Prefix"] for entry in folder["CommonPrefixes"]}
    for key in ODD_KEYS:
        s3.copy_object(Bucket=BUCKET, Key=f"copy/{key}", CopySource={"Bucket": BUCKET, "Key": f"p/{key}"})
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": f"copy/{key}"})
        assert urllib.request.urlopen(url).read() == key.encode(), key
    gone = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": f"p/{key}"} for key in ODD_KEYS]})
    assert "Errors" not in gone and s3.list_objects_v2(Bucket=BUCKET, Prefix="p/")["KeyCount"] == 0


def listing() -> None:
    s3 = open_client()
    for operation in ("list_objects_v2", "list_objects"):
        pages = list(s3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix="many/"))
        keys = [entry["Key"] for page in pages for entry in page["Contents"]]
        assert len(pages) == 10 and len(keys) == 10_000 and keys == sorted(keys), operation
        pages = list(
            s3.get_paginator(operation).paginate(
                Bucket=BUCKET, Prefix="many/", Delimiter="/", PaginationConfig={"PageSize": 3}
            )
        )
        prefixes = [entry["Prefix"] for page in pages for entry in page["CommonPrefixes"]]
        assert len(pages) == 4 and prefixes == [f"many/{folder}/" for folder in range(10)], (operation, prefixes)
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="many/", StartAfter="many/9/00998", FetchOwner=True)
    assert [entry["Key"] for entry in after["Contents"]] == ["many/9/00999"]
    assert after["Contents"][0]["Owner"]["ID"]


def presigned(signature_version: str = "s3v4") -> None:
    s3 = open_client(signature_version=signature_version)
    sign = lambda name, **params: s3.generate_presigned_url(name, Params={"Bucket": BUCKET, **params}, ExpiresIn=60)
    ask = lambda url, method="GET", data=None, **headers: urllib.request.urlopen(
        urllib.request.Request(url, data, headers={"Content-Type": "", **headers} if data else headers, method=method)
    )
    key = "a b/é+%(1)~"
    assert ask(sign("put_object", Key=key), "PUT", b"content").status == 200
    assert ask(sign("get_object", Key=key)).read() == b"content"
    assert ask(sign("head_object", Key=key), "HEAD").status == 200
    disposition = 'attachment; filename="x y+z.csv"'
    named = ask(sign("get_object", Key=key, ResponseContentDisposition=disposition, ResponseContentType="text/csv"))
    assert (named.headers["Content-Disposition"], named.headers["Content-Type"]) == (disposition, "text/csv")
    assert b"<Key>" in ask(sign("list_objects_v2", Prefix="a b/")).read()
    assert b"LocationConstraint" in ask(sign("get_bucket_location")).read()
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = ask(sign("upload_part", Key=key, UploadId=upload, PartNumber=1), "PUT", b"parts")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part.headers["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)
    assert ask(sign("get_object", Key=key)).read() == b"parts"
    typed = sign("put_object", Key=key, ContentType="text/csv", Metadata={"colour": "red"})
    sent = {"Content-Type": "text/csv", "x-amz-meta-colour": "red"}
    assert ask(typed, "PUT", b"x,y", **sent).status == 200
    head = s3.head_object(Bucket=BUCKET, Key=key)
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"colour": "red"})
    assert ask(sign("delete_object", Key=key), "DELETE").status == 204


def defaults() -> None:
    """As boto3 signs where nothing says otherwise: URLs by version 2."""
    assert "Signature=" in open_client(signature_version=None).generate_presigned_url("list_buckets")
    presigned(None)


globals()[sys.argv[1]]()
