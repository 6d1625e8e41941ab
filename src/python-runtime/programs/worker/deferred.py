"""Clients that flyte makes as each action starts, and few actions use: in a fork they are made when they are used.

To make one reads the certificates of the system, and starts threads outside of Python. It also reads variables: so before one
is changed, all are made.
"""

import os

from .lazy import Lazy, made


def defer():
    """In a fork. Of another version of flyte, what has another form is made as each action starts."""
    try:
        from flyte.remote._client import controlplane
        from flyte.remote._client.auth import _session

        build_client = _session._build_pyqwest_client
        create_session, client_set = controlplane.create_session_config, controlplane.ClientSet
    except (ImportError, AttributeError):
        return
    waiting = []

    def build_later(tls_ca_cert=None):
        # What was given may be wrong, which is to be known at once.
        if tls_ca_cert is not None:
            return build_client(tls_ca_cert)
        waiting.append(Lazy(build_client))
        return waiting[-1]

    async def for_endpoint(endpoint, **options):
        session = await create_session(endpoint, None, **options)
        return Lazy(lambda: client_set(session))

    def before(change):
        def change_after(*args):
            while waiting:
                made(waiting.pop())
            return change(*args)

        return change_after

    _session._build_pyqwest_client = build_later
    client_set.for_endpoint = for_endpoint
    os.putenv, os.unsetenv = before(os.putenv), before(os.unsetenv)
