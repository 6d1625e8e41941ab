import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { modulesOf } from "./modules.ts";

suite("the modules of a package", () => {
  for (const [what, files, modules] of [
    [
      "a package with what is below it",
      ["a/__init__.py", "a/b/__init__.py", "a/b/c.py", "a/data/x.json"],
      ["a"],
    ],
    [
      "single files",
      ["six.py", "_yaml.cpython-311-x86_64-linux-gnu.so", "fast.abi3.so"],
      ["_yaml", "fast", "six"],
    ],
    [
      "a package in a namespace",
      ["google/protobuf/__init__.py", "google/protobuf/x.py"],
      ["google.protobuf"],
    ],
    [
      "a file in a namespace",
      ["google/_upb/_message.abi3.so", "google/rpc/a_pb2.py"],
      ["google._upb._message", "google.rpc.a_pb2"],
    ],
    [
      "a package whose beginning is compiled",
      ["a/__init__.cpython-311-x86_64-linux-gnu.so", "a/b.so"],
      ["a"],
    ],
    [
      "what is no module",
      ["a-1.0.dist-info/METADATA", "numpy.libs/libx.so.1", "README.txt", "a/py.typed", "x-y.py"],
      [],
    ],
  ] as const) {
    test(what, () => assert.deepEqual(modulesOf(files), modules));
  }
});
