"""Answers that flyte and its libraries keep, and that are the same in each process of an image."""

import sys


def fill():
    for answer in (_transport, _entry_points, _command_line):
        try:
            answer()
        except Exception:
            # Of another version of flyte: it answers when it is asked.
            continue


def _transport():
    from flyte.remote._client.auth import _session

    _session._supports_system_certs()


def _entry_points():
    from flyte._utils.entry_points import _installed_entry_points

    # As a0 has it then.
    sys.path.insert(0, ".")
    try:
        _installed_entry_points()
    finally:
        del sys.path[0]


def _command_line():
    from flyte._bin.runtime import main

    required = ("inputs", "outputs-path", "version", "run-base-dir")
    main.make_context("a0", [word for name in required for word in ("--" + name, "x")])
