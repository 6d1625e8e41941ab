"""Which module an attempt imports: equal ones of equal code may be imported ahead."""

import dataclasses
import os

RESOLVER = "flyte._internal.resolvers.default.DefaultTaskResolver"


@dataclasses.dataclass(frozen=True)
class TaskModule:
    name: str
    # Of its code bundle, and where that is unpacked; None where the code is in the image.
    bundle: str | None
    destination: str | None
    version: str


def of_order(order):
    """None: it is not found by its name, or the arguments are of another version of flyte."""
    try:
        from flyte._bin.runtime import main

        # What it takes from variables are those of the attempt, which this process does not have.
        env = order["env"]
        from_env = {option.name: env[option.envvar] for option in main.params if option.envvar in env}
        given = main.make_context("a0", list(order["args"]), default_map=from_env).params
        kind, name, *_ = given["resolver_args"]
    except Exception:
        return None
    if kind != "mod" or given["resolver"] != RESOLVER or given["pkl"] or given["debug"] or given["interactive_mode"]:
        return None
    return TaskModule(name, given["tgz"], given["dest"], given["version"])


def fingerprints(files):
    """Of those that exist: whether one has changed since."""
    return {file: found for file in files if (found := _fingerprint(file)) is not None}


def are_unchanged(found):
    return all(_fingerprint(file) == fingerprint for file, fingerprint in found.items())


def _fingerprint(file):
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return [stat.st_mtime_ns, stat.st_size]
