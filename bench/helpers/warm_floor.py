"""
What a warm start costs without a server, a container or a worker's protocol: one JSON line per action on the standard
input, one on the standard output when its outputs are written. `warm_floor.py fork|loop`

fork: a process that has imported flyte forks one for each action, which runs a0's own main.
loop: the action runs in this process, whose modules stay, without a controller.
"""

import asyncio
import functools
import importlib
import json
import os
import sys
import threading
from datetime import datetime, timezone

import flyte._bin.runtime
from flyte._internal.runtime.entrypoints import load_and_run_task
from flyte.models import ActionID, CheckpointPaths, RawDataPath
from flyte.syncify import syncify
from httpx._transports import default

# All that a0 imports on its way, so that none of it is counted.
for name in (
    "flyte._internal.controllers.remote",
    "flyte._internal.image_cache",
    "flyte._internal.resolvers.default",
    "flyte._internal.runtime.reuse",
    "flyte.git",
    "flyte.remote._client.controlplane",
    "flyte.remote._client.auth._interceptors.default_metadata",
    "flyte.remote._client.auth._interceptors.retry",
    "anyio",
    "certifi",
    "h11",
    "httpcore",
):
    importlib.import_module(name)
# To read the certificates of the system takes 20 ms, and a0 does it twice.
default.create_ssl_context = functools.cache(default.create_ssl_context)
default.create_ssl_context(verify=True, cert=None, trust_env=True)


def fork(order):
    child = os.fork()
    if child != 0:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    # flyte's thread is not in a fork.
    background = syncify._bg_loop
    background.loop = asyncio.new_event_loop()
    background.thread = threading.Thread(name=background.thread.name, target=background._run, daemon=True)
    background.thread.start()
    code = 1
    try:
        os.environ.update(order["env"])
        os.dup2(2, 1)
        flyte._bin.runtime.main(order["args"], standalone_mode=False)
        code = 0
    finally:
        os._exit(code)


def loop(order):
    directory = order["directory"]
    asyncio.run(
        load_and_run_task(
            resolver="flyte._internal.resolvers.default.DefaultTaskResolver",
            resolver_args=["mod", "flow", "instance", "one"],
            action=ActionID(name="a0", run_name="bare", project="flytesnacks", domain="development", org="local"),
            raw_data_path=RawDataPath(path=f"{directory}/raw"),
            checkpoint_paths=CheckpointPaths(prev_checkpoint_path="", checkpoint_path=f"{directory}/checkpoints"),
            code_bundle=None,
            input_path=f"{directory}/inputs.pb",
            output_path=directory,
            run_base_dir=directory,
            version="1",
            controller=None,
            image_cache=None,
            run_start_time=datetime.now(timezone.utc),
        )
    )
    return 0


mode = {"fork": fork, "loop": loop}[sys.argv[1]]
sys.path.insert(0, ".")
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps({"code": mode(json.loads(line))}), flush=True)
