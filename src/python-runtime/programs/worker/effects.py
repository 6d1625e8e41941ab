"""What an import does beyond its own process, by the audit events of Python (PEP 578)."""

import os
import sys
import threading
from contextlib import contextmanager

FORBIDDEN = {
    "subprocess.Popen": "it starts another program",
    **dict.fromkeys(
        ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"),
        "it starts a process",
    ),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), "it sends a signal"),
    **dict.fromkeys(("os.putenv", "os.unsetenv"), "it changes environment variables"),
    **dict.fromkeys(("os.chdir", "os.fchdir"), "it changes the working directory"),
    **dict.fromkeys(
        (
            "socket.connect",
            "socket.getaddrinfo",
            "socket.gethostbyaddr",
            "socket.gethostbyname",
            "socket.sendmsg",
            "socket.sendto",
            "sqlite3.connect",
            "syslog.syslog",
        ),
        "it opens a connection",
    ),
}
CHANGES = (
    "os.chmod",
    "os.chown",
    "os.link",
    "os.lockf",
    "os.mkdir",
    "os.remove",
    "os.removexattr",
    "os.rename",
    "os.rmdir",
    "os.setxattr",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "fcntl.flock",
    "fcntl.lockf",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Effects:
    """Of what this thread does while it is watched: `reason` says what is forbidden, `files` has what was opened to be read."""

    def __init__(self):
        self.reason = None
        self.files = set()
        self._thread = None
        self._start_thread = None

    def start(self):
        """Until `stop`. No event tells of threads before Python 3.12."""
        self._thread = threading.get_ident()
        self._start_thread = threading.Thread.start

        def start(thread):
            if threading.get_ident() == self._thread:
                self.forbid("it starts a thread")
            return self._start_thread(thread)

        threading.Thread.start = start
        sys.addaudithook(self._event)

    def stop(self):
        """A hook cannot be removed: from now on it does nothing."""
        threading.Thread.start = self._start_thread
        self._thread = None

    @contextmanager
    def watched(self):
        self.start()
        try:
            yield
        finally:
            self.stop()

    def forbid(self, reason):
        """The first reason counts."""
        if self.reason is None:
            self.reason = reason

    def _event(self, event, args):
        if self._thread is None or threading.get_ident() != self._thread:
            return
        if event == "open":
            self._opened(*args)
        elif event in FORBIDDEN:
            self.forbid(FORBIDDEN[event])
        elif event in CHANGES and not _is_bytecode(args[0]):
            self.forbid("it changes files")

    def _opened(self, path, mode, flags):
        # An open descriptor.
        if not isinstance(path, (str, bytes)):
            return
        path = os.fsdecode(path)
        if flags & WRITING:
            if path != os.devnull and not _is_bytecode(path):
                self.forbid("it writes files")
        elif path in ("/dev/urandom", "/dev/random"):
            self.forbid("it reads random numbers")
        else:
            self.files.add(os.path.abspath(path))


def _is_bytecode(path):
    """Python's own cache of compiled modules."""
    return isinstance(path, (str, bytes)) and "__pycache__" in os.fsdecode(path)
