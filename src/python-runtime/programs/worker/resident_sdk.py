"""What a resident worker uses of flyte, by one attempt at a time or by many.

flyte has one configuration, one client and one controller per process. Attempts have their own: the configuration by a
context variable of flyte, the controller by an object that stands for that of the current attempt.
"""

import dataclasses
import os
import sys
from contextlib import contextmanager

from . import own_objects
from .errors import Unavailable
from .lazy import Lazy
from .resident_current import current

# With any of them a0 starts in a way of its own: by a wrapper, a debugger, another controller, credentials.
SPECIAL_VARIABLES = (
    "EAGER_API_KEY",
    "FLYTECTL_CONFIG",
    "FLYTE_ADMIN_AUTHTYPE",
    "FLYTE_APPLE_SILICON_ENDPOINT",
    "FLYTE_AUTH_TYPE",
    "FLYTE_CLUSTERED_WORKER",
    "TORCHELASTIC_RUN_ID",
    "UCTL_CONFIG",
    "_F_EXEC_WRAPPER",
    "_F_E_SSH",
    "_F_E_VS",
    "_F_PATH_REWRITE",
    "_F_USE_RUST_CONTROLLER",
    "_UNION_EAGER_API_KEY",
)
MOST_CLIENTS = 32
PROJECT = "FLYTE_INTERNAL_EXECUTION_PROJECT"


class Sdk:
    """Throws Unavailable where flyte, or what is asked of it, is of another kind."""

    def __init__(self):
        special = [name for name in SPECIAL_VARIABLES if os.environ.get(name)]
        if special:
            raise Unavailable(f"with {', '.join(special)} a process of flyte takes one attempt only")
        try:
            self._find()
        except (ImportError, AttributeError) as error:
            raise Unavailable(f"this version of flyte cannot take several attempts in one process: {error}") from error

    def _find(self):
        import flyte
        import flyte._bin.runtime
        import fsspec
        from flyte import _initialize
        from flyte._internal import controllers
        from flyte._internal.controllers.remote import RemoteController
        from flyte._internal.controllers.remote._client import ControllerClient
        from flyte._internal.runtime import convert, entrypoints, io, taskrunner
        from flyte.remote._client.auth._session import create_session_config
        from flyte.remote._client.controlplane import ClientSet

        self.command = flyte._bin.runtime.main
        self.filesystems = fsspec.get_filesystem_class
        self.config_context = _initialize.init_config_context
        self.config = _initialize.get_init_config
        self.convert, self.entrypoints, self.io = convert, entrypoints, io
        own_objects.install(lambda: (attempt := current()) and attempt.objects)
        self.convert_and_run = taskrunner.convert_and_run
        self.create_session_config = create_session_config
        self.client_types = {"remote": ClientSet, "controller": ControllerClient}
        self.controller_type = RemoteController
        # As init_in_cluster does it, without a server.
        with _present(PROJECT):
            flyte.init(image_builder="remote", root_dir=None)
        sys.path.insert(0, ".")
        _ = controllers._ControllerState.controller
        controllers._ControllerState.controller = CurrentController()

        self.attempts = 0

    async def open(self):
        """Makes what all clients share. The addresses are those of attempts, and there is no server yet."""
        # As many retries as init and the controller give theirs.
        self.sessions = {
            "remote": await self.create_session_config("127.0.0.1:1", None, insecure=True, rpc_retries=3),
            "controller": await self.create_session_config("127.0.0.1:1", None, insecure=True),
        }

    def client(self, kind, endpoint):
        """Of `endpoint`, which has the attempt's token; connections are shared, and have none."""
        session = dataclasses.replace(self.sessions[kind], endpoint=f"http://{endpoint}")
        return self.client_types[kind](session)

    @contextmanager
    def configured(self, config):
        with self.config_context(config):
            yield

    def forget_objects(self, is_idle):
        """fsspec keeps a client of the object store for each key, and attempts have keys of their own."""
        self.attempts += 1
        if is_idle or self.attempts % MOST_CLIENTS == 0:
            self.filesystems("s3").clear_instance_cache()

    def config_of(self, call, endpoint):
        client = Lazy(lambda: self.client("remote", endpoint))
        return self.config().replace(client=client, org=call.org, project=call.project, domain=call.domain)



class CurrentController:
    """What flyte takes for the one controller of the process."""

    def __getattr__(self, name):
        attempt = current()
        if attempt is None:
            raise RuntimeError("a task, trace or condition was used outside of an action")
        return getattr(attempt.controller, name)


@contextmanager
def _present(variable):
    """Where it is missing, flyte takes the process for one of a person."""
    if variable in os.environ:
        yield
        return
    os.environ[variable] = ""
    try:
        yield
    finally:
        del os.environ[variable]
