"""Compares the packages of the interpreter that runs it with those of a Python runtime, by their metadata.

    check.py RUNTIME NONCE

Prints the line `NONCE:result:JSON`, the JSON in base64 so that an engine's log keeps it in one piece:
  flyte      the version that the interpreter has itself, or null
  conflicts  packages that have to come from the runtime: {package, version, wanted, by}
  reverse    requirements that the version of the runtime would violate: {package, version, wanted, by}
Packages do not declare all that they need, so the answer is a guess that probe.py proves.
"""

import base64
import json
import os
import re
import sys

# No action loads them, so neither what they need nor who needs them counts.
NOT_LOADED = {
    "asyncssh",
    "cffi",
    "cryptography",
    "importlib-metadata",
    "jaraco-classes",
    "jaraco-context",
    "jaraco-functools",
    "jeepney",
    "keyring",
    "more-itertools",
    "pycparser",
    "pyopenssl",
    "secretstorage",
    "sentry-sdk",
}
# Of each list.
LONGEST = 200


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def read(distributions):
    """By name: version and requirements. The first one counts, as for imports; what is damaged is left out."""
    found = {}
    for distribution in distributions:
        try:
            name = normalized(distribution.metadata["Name"])
            found.setdefault(name, (distribution.version, list(distribution.requires or [])))
        except Exception:
            continue
    return found


def applicable(requirements, Requirement):
    for text in requirements:
        try:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                yield normalized(requirement.name), requirement
        except Exception:
            continue


def satisfies(requirement, version):
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except Exception:
        return False


def entry(package, version, requirement, by):
    return {"package": package, "version": version, "wanted": f"{requirement.name}{requirement.specifier}", "by": by}


def find_conflicts(own, runtime, Requirement):
    """A package that is taken from the runtime may need others of it: until nothing is added."""
    conflicts = {}
    active = [name for name in runtime if name not in own]
    for name in active:
        if name in NOT_LOADED:
            continue
        for needed, requirement in applicable(runtime[name][1], Requirement):
            if needed not in own or needed not in runtime or needed in conflicts or needed in NOT_LOADED:
                continue
            version = own[needed][0]
            if not satisfies(requirement, version):
                conflicts[needed] = entry(needed, version, requirement, name)
                active.append(needed)
    return list(conflicts.values())


def find_reverse(own, runtime, Requirement):
    for name, (_, requirements) in own.items():
        for needed, requirement in applicable(requirements, Requirement):
            if needed not in own or needed not in runtime or needed in NOT_LOADED:
                continue
            given = runtime[needed][0]
            # What is violated already is no change.
            if satisfies(requirement, own[needed][0]) and not satisfies(requirement, given):
                yield entry(needed, given, requirement, name)


def main():
    runtime_path, nonce = sys.argv[1:]
    directory = os.path.join(runtime_path, "packages")
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    from importlib import metadata

    own = read(metadata.distributions())
    runtime = read(metadata.distributions(path=[directory]))
    # The interpreter's own may be older than the notations that are read.
    sys.path.insert(0, directory)
    from packaging.requirements import Requirement

    flyte = own.get("flyte", [None])[0]
    conflicts = find_conflicts(own, runtime, Requirement)[:LONGEST]
    reverse = list(find_reverse(own, runtime, Requirement))[:LONGEST]
    result = json.dumps({"flyte": flyte, "conflicts": conflicts, "reverse": reverse})
    print(f"\n{nonce}:result:" + base64.b64encode(result.encode()).decode(), flush=True)


main()
