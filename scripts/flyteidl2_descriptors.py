"""Writes the file descriptors of the installed `flyteidl2` wheel, dependencies first, as a
google.protobuf.FileDescriptorSet on standard output. Run by scripts/gen-wire.ts."""

import importlib
import pkgutil
import sys

import flyteidl2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

out = FileDescriptorSet()
seen = set()


def add(descriptor):
    if descriptor.name in seen:
        return
    seen.add(descriptor.name)
    for dependency in descriptor.dependencies:
        add(dependency)
    descriptor.CopyToProto(out.file.add())


names = sorted(
    module.name
    for module in pkgutil.walk_packages(flyteidl2.__path__, "flyteidl2.")
    if module.name.endswith("_pb2")
)
for name in names:
    add(importlib.import_module(name).DESCRIPTOR)

sys.stdout.buffer.write(out.SerializeToString())
