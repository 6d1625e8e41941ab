"""Reads one JSON object per line, answers with one: what the stock SDK makes of wire bytes, and the bytes it makes itself."""

import asyncio
import base64
import enum
import json
import sys
from datetime import datetime, timedelta, timezone
from typing import Optional, Union

import msgpack
from flyteidl2.core import interface_pb2, literals_pb2, tasks_pb2, types_pb2
from flyteidl2.task import common_pb2
from pydantic import BaseModel

from flyte._internal.runtime import convert
from flyte.models import ActionID
from flyte.types import TypeEngine



class Colour(enum.Enum):
    red = "red"
    green = "green"


NATIVE = {
    "string": (str, "text"),
    "integer": (int, 7),
    "integer-big": (int, 2**62),
    "integer-negative": (int, -5),
    "float": (float, 2.0),
    "boolean": (bool, True),
    "datetime": (datetime, datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)),
    "duration": (timedelta, timedelta(hours=1, minutes=30, milliseconds=500)),
    "enum": (Colour, Colour.green),
    "list": (list[int], [1, 2, 3]),
    "map": (dict[str, float], {"b": 1.0, "a": 0.5}),
    "nested": (list[dict[str, list[str]]], [{"k": ["a", "b"]}]),
    "optional-set": (Optional[str], "x"),
    "optional-none": (Optional[str], None),
    "union": (Union[str, int], 3),
    "untyped": (dict, {"a": 1, "b": [1.5, "x", None, True], "c": {"d": 300}}),
}


def unb64(text):
    return base64.b64decode(text)


def b64(data):
    return base64.b64encode(data).decode()


async def answer(request):
    kind = request["do"]
    if kind == "encode":
        python_type, value = NATIVE[request["name"]]
        literal_type = TypeEngine.to_literal_type(python_type)
        literal = await TypeEngine.to_literal(value, python_type, literal_type)
        return {
            "type": b64(literal_type.SerializeToString(deterministic=True)),
            "literal": b64(literal.SerializeToString(deterministic=True)),
        }
    if kind == "decode":
        # As a Python caller does that knows no more than the deployed interface.
        literal_type = types_pb2.LiteralType.FromString(unb64(request["type"]))
        literal = literals_pb2.Literal.FromString(unb64(request["literal"]))
        guessed = TypeEngine.guess_python_type(literal_type)
        value = await TypeEngine.to_python_value(literal, guessed)
        back = await TypeEngine.to_literal(value, guessed, TypeEngine.to_literal_type(guessed))
        if isinstance(value, BaseModel):
            value = {"model": type(value).__name__, "value": value.model_dump(mode="json")}
        return {"guessed": str(guessed), "value": repr(value), "back": b64(back.SerializeToString(deterministic=True))}
    if kind == "unpack":
        return {"value": repr(msgpack.unpackb(unb64(request["bytes"])))}
    if kind == "hashes":
        inputs = common_pb2.Inputs.FromString(unb64(request["inputs"]))
        interface = interface_pb2.TypedInterface.FromString(unb64(request["interface"]))
        inputs_hash = convert.generate_inputs_hash_from_proto(inputs)
        template = tasks_pb2.TaskTemplate(interface=interface, metadata=tasks_pb2.TaskMetadata(discovery_version="v"))
        template.id.name = "env.task"
        identity = convert.generate_task_identity_hash(template)
        parent = ActionID(name="a0", run_name="r", project="p", domain="d", org="o")
        return {
            "inputs": inputs_hash,
            "interface": convert.generate_interface_hash(interface),
            "identity": identity,
            "cache": convert.generate_cache_key_hash("env.task", inputs_hash, interface, "v", [], inputs),
            "name": parent.new_sub_action_from(2, identity, inputs_hash, None).name,
            "grouped": parent.new_sub_action_from(1, identity, inputs_hash, "g").name,
        }
    raise ValueError(kind)


async def main():
    for line in sys.stdin:
        try:
            result = await answer(json.loads(line))
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


asyncio.run(main())
