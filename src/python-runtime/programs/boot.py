"""Starts the `a0` of a mounted Python runtime in an interpreter that has no flyte.

    boot.py append|prepend|route=PACKAGE,… RUNTIME [ARGUMENTS OF a0]

append: a package of the interpreter counts, where it has one of that name.
route: so it is, but for the packages that are named.
prepend: every package of the runtime counts.

But for SSL_CERT_FILE in images without certificate authorities, only the module search of this process is changed, so a Python that the task starts knows nothing of the runtime.
Runs with Python 3.10 and later; the standard library only.
"""

import json
import os
import re
import sys
from importlib.machinery import PathFinder

# Processes that multiprocessing spawns run this file as __mp_main__, with the module path of their parent but without
# its finders.
STATE = "BOXKITE_PYTHON_RUNTIME"

AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)


class RuntimeFinder:
    """Finds modules in the runtime only: the ones that are named, with all that is below them."""

    def __init__(self, directory, modules, packages):
        self.directory = directory
        self.modules = modules
        self.packages = packages

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        parents = name.split(".")[:-1]
        return PathFinder.find_spec(name, [os.path.join(self.directory, *parents)], target)

    def find_distributions(self, context):
        """The versions that importlib.metadata reports are those of the modules that are found."""
        from importlib.metadata import MetadataPathFinder

        # Whoever names a path of its own does not ask for what is imported here.
        if not self.packages or context.path is not sys.path:
            return
        own = type(context)(name=context.name, path=[self.directory])
        for distribution in MetadataPathFinder.find_distributions(own):
            if normalized(distribution.metadata["Name"]) in self.packages:
                yield distribution


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def install(mode, runtime):
    if any(type(finder).__name__ == RuntimeFinder.__name__ for finder in sys.meta_path):
        return  # By a worker, before it runs this file.
    directory = os.path.join(runtime, "packages")
    with open(os.path.join(runtime, "packages.json"), encoding="utf-8") as file:
        packages = json.load(file)["packages"]
    if mode == "prepend":
        first = set(packages)
    elif mode.startswith("route="):
        first = set(mode[len("route="):].split(","))
    else:
        first = set()
    modules = {module for name in first for module in packages[name]["modules"]}
    sys.meta_path.insert(0, RuntimeFinder(directory, modules, first))
    sys.meta_path.append(RuntimeFinder(directory, below_namespaces(packages), set()))
    if directory not in sys.path:
        sys.path.append(directory)
    os.environ[STATE] = mode + " " + runtime
    bring_authorities(directory)


def bring_authorities(directory):
    """The client in flyte cannot be made without any, even for a server without TLS."""
    own = [os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), *AUTHORITIES]
    bundle = os.path.join(directory, "certifi", "cacert.pem")
    if os.path.exists(bundle) and not any(path and os.path.exists(path) for path in own):
        os.environ["SSL_CERT_FILE"] = bundle


def below_namespaces(packages):
    """A package of the interpreter hides what the runtime has below a namespace of the same name (old protobuf does)."""
    found = set()
    for package in packages.values():
        for module in package["modules"]:
            parts = module.split(".")
            found.update(".".join(parts[:length]) for length in range(2, len(parts) + 1))
    return found


def leave_own_directory():
    """As for an installed a0, the directory of the program is not on the module path."""
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]


def main():
    mode, runtime, *arguments = sys.argv[1:]
    leave_own_directory()
    install(mode, runtime)
    sys.argv[:] = ["a0", *arguments]
    from flyte._bin.runtime import main as a0

    sys.exit(a0())


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":
    install(*os.environ[STATE].split(" ", 1))
