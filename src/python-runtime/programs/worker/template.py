"""A fork that has the module of a task imported, from which attempts are forked; it is ended when anything is wrong with it.

Its parent, the first process of the worker, stays without the module. An attempt is the child of a fork that ends at once, so
that it becomes a child of that first process: its signals, its end and its orphans are those of any attempt.
"""

import json
import os
import select
import signal
import socket

from . import forked, processes
from .errors import Unavailable
from .rehearsal import rehearse

# To fork takes some milliseconds.
SECONDS_TO_FORK = 2
LONGEST_MESSAGE = 1 << 20


class Template:
    """In the first process."""

    def __init__(self, task_module, deadline, on_failure):
        self.task_module = task_module
        # By time.monotonic: until then it has to be ready.
        self.deadline = deadline
        self.on_failure = on_failure
        self.process = None
        self.facts = None
        self.connection, self._other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def begin(self, path, leave):
        """May raise OSError. In the template itself it returns the order of each attempt, after which it is that attempt."""
        self.process = forked.fork()
        if self.process == 0:
            os.setsid()
            leave()
            self.connection.close()
            processes.end_with_parent()
            return _serve(self._other_end, self.task_module, path)
        self._other_end.close()
        return None

    def receive(self):
        """When there is something to read. Returns why it cannot be used, or None."""
        try:
            message = json.loads(self.connection.recv(LONGEST_MESSAGE))
        except (OSError, ValueError):
            return "its process has ended"
        if "refused" in message:
            return message["refused"]
        self.facts = message
        self.deadline = None
        return None

    def fork(self, order, descriptors):
        """The number of a process for this order; None: there is none, and will be none."""
        number = self._fork(order, descriptors)
        if number is None:
            self.on_failure(self)
        return number

    def _fork(self, order, descriptors):
        gate, opener = os.pipe()
        try:
            with processes.memory_file() as file:
                file.write(json.dumps(order).encode())
                socket.send_fds(self.connection, [b"fork"], [file.fileno(), gate, *descriptors])
            if not select.select([self.connection], [], [], SECONDS_TO_FORK)[0]:
                return None
            number = json.loads(self.connection.recv(LONGEST_MESSAGE))["process"]
            os.write(opener, b"1")
            return number
        except (OSError, ValueError, KeyError):
            return None
        finally:
            # Whoever waits for it ends, if it was not written to.
            os.close(gate)
            os.close(opener)

    def end(self):
        processes.send(self.process, signal.SIGKILL)

    def leave(self):
        self.connection.close()


def _serve(connection, task_module, path):
    """In the template."""
    try:
        facts = rehearse(task_module, path)
    except Unavailable as error:
        _send(connection, {"refused": str(error)[:1000]})
        os._exit(1)
    _send(connection, facts)
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, 16, 5, socket.MSG_CMSG_CLOEXEC)
        if not data:
            os._exit(0)
        order = _fork(connection, descriptors)
        if order is not None:
            return order


def _fork(connection, descriptors):
    """Returns the order in the attempt, and None in the template."""
    between = forked.fork()
    if between != 0:
        for fd in descriptors:
            os.close(fd)
        processes.exit_code(between)
        return None
    number = forked.fork()
    if number != 0:
        _send(connection, {"process": number})
        os._exit(0)
    connection.close()
    return _become(*descriptors)


def _become(file, gate, stdout, stderr, marker):
    if os.read(gate, 1) == b"":
        os._exit(1)
    os.close(gate)
    os.setsid()
    with open(file, "rb") as opened:
        opened.seek(0)
        order = json.load(opened)
    forked.repair(stdout, stderr, lambda: _mark(marker))
    os.close(stdout)
    os.close(stderr)
    return order


def _mark(marker):
    os.write(marker, b"1")
    os.close(marker)


def _send(connection, message):
    try:
        connection.send(json.dumps(message).encode())
    except OSError:
        os._exit(1)
