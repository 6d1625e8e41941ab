"""The worker's side of the socket; src/domain/worker-protocol.ts has the protocol."""

import json
import os
import re
import socket
import threading

SOCKET = "socket"
# An order has the arguments and variables of an attempt; an engine refuses more than 2 MiB of these.
LONGEST_LINE = 16 << 20


class ServerConnection:
    """Listens for the server and has one connection to it at a time: a new one replaces the one before.

    greeting()        returns the reports with which each connection begins.
    on_order(order)   is called for each order.
    watch(fd, callback), unwatch(fd)
                      call back when there is something to read: `add_reader` and `remove_reader` of an asyncio loop, or
                      those of poll.py.

    Only `report` may be called by other threads than the one that calls back.
    """

    def __init__(self, directory, greeting, on_order, watch, unwatch):
        self.path = os.path.join(directory, SOCKET)
        self.greeting = greeting
        self.on_order = on_order
        self.watch = watch
        self.unwatch = unwatch
        self.listener = None
        self.client = None
        self.received = bytearray()
        self.lock = threading.RLock()

    def open(self):
        """The socket appears when it can be connected to."""
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unfinished = self.path + ".new"
        self.listener.bind(unfinished)
        # The server is another user than the image's, and the directory is its own.
        os.chmod(unfinished, 0o777)
        self.listener.listen()
        self.listener.setblocking(False)
        os.rename(unfinished, self.path)
        self.watch(self.listener.fileno(), self._accept)

    def close(self):
        """For good: nobody finds the socket any more."""
        os.unlink(self.path)
        self.leave()

    def leave(self):
        """Closes the descriptors of this process only: of a fork, that its parent goes on with."""
        with self.lock:
            self._drop_client()
            self.unwatch(self.listener.fileno())
            self.listener.close()

    def report(self, event, **fields):
        """Sends a report if the server is connected. It never waits: whoever does not read is disconnected, and told anew."""
        with self.lock:
            if self.client is None:
                return
            try:
                line = (json.dumps({"event": event, **fields}) + "\n").encode()
                if self.client.send(line) != len(line):
                    self._drop_client()
            except OSError:
                self._drop_client()

    def take_all(self):
        """All orders that were sent by now. Of those on connections that were replaced, nothing is taken any more."""
        while self._accept():
            pass
        while self.client is not None and self._receive():
            pass

    def _accept(self):
        """False where nobody waits for it."""
        try:
            client, _ = self.listener.accept()
        except OSError:
            return False
        with self.lock:
            self._drop_client()
            client.setblocking(False)
            self.client = client
            self.watch(client.fileno(), self._receive)
            for report in self.greeting():
                self.report(**report)
        return True

    def _receive(self):
        """False where nothing more was sent."""
        client = self.client
        try:
            data = client.recv(1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self.received += data
        while self.client is client and (end := self.received.find(b"\n")) >= 0:
            line = bytes(self.received[:end])
            del self.received[: end + 1]
            self._obey(line)
        if self.client is client and (not data or len(self.received) > LONGEST_LINE):
            self._drop_client()
        return True

    def _obey(self, line):
        try:
            order = json.loads(line)
        except ValueError:
            order = None
        if is_order(order):
            self.on_order(order)
        else:
            self._drop_client()

    def _drop_client(self):
        with self.lock:
            if self.client is not None:
                self.unwatch(self.client.fileno())
                self.client.close()
                self.client = None
            self.received.clear()


def is_order(value):
    if not isinstance(value, dict) or not re.fullmatch(r"[A-Za-z0-9-]+", str(value.get("id"))):
        return False
    if value.get("op") == "signal":
        return value.get("signal") in ("TERM", "KILL")
    args, env = value.get("args"), value.get("env")
    return (
        value.get("op") == "start"
        and isinstance(args, list)
        and isinstance(env, dict)
        and all(isinstance(text, str) for text in (*args, *env, *env.values()))
    )
