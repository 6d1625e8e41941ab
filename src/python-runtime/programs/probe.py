"""Runs one action of its own with the `a0` of a Python runtime, to see whether it works in this interpreter.

    probe.py append|prepend|route=PACKAGE,… RUNTIME NONCE

The action is a whole one, but for the server, which it never needs, and for its inputs and outputs, which are in memory:
so what an action imports is what is imported here. Prints two lines, with values in base64:
  NONCE:bytecode:ZIP   the compiled modules of the runtime that were used; nothing where it does not work
  NONCE:result:JSON    {"error": null, or why it does not work}
"""

import base64
import importlib.util
import io
import json
import marshal
import os
import sys
import traceback
import types
import zipfile

import boot

TASK_MODULE = "boxkite_probe_task"
LONGEST_ERROR = 2000
# PEP 552: by the hash of the source, which is not compared.
UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def run_action():
    # Nothing listens there, and there is no network.
    os.environ.update({"_U_EP_OVERRIDE": "localhost:9", "_U_INSECURE": "1"})
    import flyte
    import fsspec
    from flyte._bin.runtime import main as a0

    async def answer() -> int:
        return 42

    module = types.ModuleType(TASK_MODULE)
    sys.modules[TASK_MODULE] = module
    answer.__module__ = TASK_MODULE
    module.answer = flyte.TaskEnvironment(name="probe", image="probe").task(answer)
    memory = fsspec.filesystem("memory")
    memory.pipe("/boxkite/inputs.pb", b"")
    options = {
        "inputs": "memory://boxkite/inputs.pb",
        "outputs-path": "memory://boxkite",
        "run-base-dir": "memory://boxkite",
        "version": "probe",
        "name": "a0",
        "run-name": "probe",
        "project": "probe",
        "domain": "probe",
        "org": "probe",
        "resolver": "flyte._internal.resolvers.default.DefaultTaskResolver",
    }
    arguments = [word for name, value in options.items() for word in ("--" + name, value)]
    a0([*arguments, "mod", TASK_MODULE, "instance", "answer"], standalone_mode=False)
    if not memory.exists("/boxkite/outputs.pb"):
        error = memory.cat("/boxkite/error.pb") if memory.exists("/boxkite/error.pb") else b""
        text = "".join(each for each in error.decode("utf-8", "ignore") if each.isprintable())
        raise RuntimeError("the action of the probe wrote no outputs: " + text)
    # What only the storage of real actions imports.
    import obstore.fsspec
    import obstore.store


def bytecode_of(directory):
    """Only of what was imported: all of it would take ten times as long."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as writer:
        for file in sorted({getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}):
            if not file.startswith(directory + os.sep) or not file.endswith(".py"):
                continue
            cached = importlib.util.cache_from_source(file)
            if not cached.startswith(directory + os.sep):
                continue  # PYTHONPYCACHEPREFIX: this interpreter looks for it elsewhere.
            with open(file, "rb") as opened:
                source = opened.read()
            code = marshal.dumps(compile(source, file, "exec", dont_inherit=True))
            content = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + code
            writer.writestr(os.path.relpath(cached, directory), content)
    return archive.getvalue()


def describe(error):
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR] + where


def main():
    mode, runtime, nonce = sys.argv[1:]
    boot.leave_own_directory()
    sys.argv[:] = ["a0"]
    problem, bytecode = None, b""
    try:
        boot.install(mode, runtime)
        run_action()
    except (Exception, SystemExit) as error:
        problem = describe(error)
    else:
        bytecode = bytecode_of(os.path.join(runtime, "packages"))
    sys.stdout.flush()
    for name, value in (("bytecode", bytecode), ("result", json.dumps({"error": problem}).encode())):
        print(f"\n{nonce}:{name}:" + base64.b64encode(value).decode(), flush=True)
    # Threads of the client may still wait for the server.
    os._exit(0)


if __name__ == "__main__":
    main()
