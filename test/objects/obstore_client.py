"""What stock obstore does with the S3 endpoint; each function is one test."""

import os
import sys

import obstore
from obstore.store import S3Store

MIB = 1 << 20


def open_store(secret: str = os.environ["S3_SECRET_KEY"]) -> S3Store:
    return S3Store(
        os.environ["S3_BUCKET"],
        endpoint=os.environ["S3_ENDPOINT"],
        access_key_id=os.environ["S3_ACCESS_KEY"],
        secret_access_key=secret,
        region="us-east-1",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def fails(error: type[Exception], call) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def objects() -> None:
    store = open_store()
    put = obstore.put(store, "a/b c+d é.txt", b"hello", attributes={"Content-Type": "text/plain", "colour": "red"})
    got = obstore.get(store, "a/b c+d é.txt")
    assert bytes(got.bytes()) == b"hello"
    assert got.attributes == {"Content-Type": "text/plain", "colour": "red"}, got.attributes
    head = obstore.head(store, "a/b c+d é.txt")
    assert head["size"] == 5 and head["e_tag"] == put["e_tag"]
    fails(FileNotFoundError, lambda: obstore.get(store, "none"))
    fails(FileNotFoundError, lambda: obstore.head(store, "none"))
    obstore.put(store, "empty", b"")
    assert bytes(obstore.get(store, "empty").bytes()) == b""
    obstore.delete(store, "empty")
    fails(FileNotFoundError, lambda: obstore.head(store, "empty"))


def ranges() -> None:
    store = open_store()
    obstore.put(store, "digits", b"0123456789")
    assert bytes(obstore.get_range(store, "digits", start=2, end=5)) == b"234"
    assert [bytes(part) for part in obstore.get_ranges(store, "digits", starts=[0, 8], ends=[1, 10])] == [b"0", b"89"]
    assert bytes(obstore.get(store, "digits", options={"range": {"suffix": 3}}).bytes()) == b"789"
    assert bytes(obstore.get(store, "digits", options={"range": {"offset": 7}}).bytes()) == b"789"


def conditions() -> None:
    store = open_store()
    first = obstore.put(store, "k", b"1", mode="create")
    fails(obstore.exceptions.AlreadyExistsError, lambda: obstore.put(store, "k", b"2", mode="create"))
    second = obstore.put(store, "k", b"2", mode={"e_tag": first["e_tag"]})
    fails(obstore.exceptions.PreconditionError, lambda: obstore.put(store, "k", b"3", mode={"e_tag": first["e_tag"]}))
    fails(
        obstore.exceptions.NotModifiedError,
        lambda: obstore.get(store, "k", options={"if_none_match": second["e_tag"]}),
    )
    fails(
        obstore.exceptions.PreconditionError,
        lambda: obstore.get(store, "k", options={"if_match": first["e_tag"]}),
    )
    assert bytes(obstore.get(store, "k").bytes()) == b"2"


def multipart() -> None:
    store = open_store()
    content = os.urandom(12 * MIB)
    put = obstore.put(store, "big", content, use_multipart=True, chunk_size=5 * MIB, max_concurrency=4)
    assert put["e_tag"].endswith('-3"'), put
    assert bytes(obstore.get(store, "big").bytes()) == content
    assert bytes(obstore.get_range(store, "big", start=5 * MIB - 2, end=5 * MIB + 2)) == content[5 * MIB - 2 : 5 * MIB + 2]
    with obstore.open_writer(store, "written", buffer_size=5 * MIB) as writer:
        for start in range(0, len(content), MIB):
            writer.write(content[start : start + MIB])
    assert bytes(obstore.open_reader(store, "written").read()) == content
    obstore.copy(store, "big", "copy")
    obstore.rename(store, "copy", "renamed")
    assert bytes(obstore.get(store, "renamed").bytes()) == content
    fails(FileNotFoundError, lambda: obstore.head(store, "copy"))


def listing() -> None:
    store = open_store()
    paths = [entry["path"] for entry in obstore.list(store, "many").collect()]
    assert len(paths) == 10_000 and paths == sorted(paths)
    after = [entry["path"] for entry in obstore.list(store, "many", offset="many/9/00998").collect()]
    assert after == ["many/9/00999"], after
    rolled = obstore.list_with_delimiter(store, "many")
    assert rolled["common_prefixes"] == [f"many/{folder}" for folder in range(10)], rolled["common_prefixes"]
    assert len(obstore.list_with_delimiter(store, "many/3")["objects"]) == 1000
    obstore.delete(store, paths[:2500])
    assert len(obstore.list(store, "many").collect()) == 7500


def denied() -> None:
    fails(obstore.exceptions.PermissionDeniedError, lambda: obstore.put(open_store(), "denied/a", b"x"))
    fails(obstore.exceptions.PermissionDeniedError, lambda: obstore.get(open_store(), "denied/a"))
    fails(obstore.exceptions.GenericError, lambda: obstore.list(open_store(), "denied").collect())
    fails(obstore.exceptions.PermissionDeniedError, lambda: obstore.get(open_store("wrong"), "a"))


globals()[sys.argv[1]]()
