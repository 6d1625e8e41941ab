"""The files of an attempt that does not have the container's output and exit code; see src/domain/worker-protocol.ts."""

import os


class AttemptFiles:
    def __init__(self, directory, attempt):
        attempts = os.path.join(directory, "attempts")
        self.path = os.path.join(attempts, attempt)
        for each in (attempts, self.path):
            os.makedirs(each, exist_ok=True)
            # The server, which is another user, removes them.
            _permit(each, 0o777)

    def open(self, name):
        """For output: what is written is added at the end."""
        path = os.path.join(self.path, name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        _permit(path, 0o644)
        return fd

    def write(self, name, content):
        """Text or bytes. Whoever finds it finds it whole."""
        path = os.path.join(self.path, name)
        with open(path + ".new", "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        _permit(path + ".new", 0o644)
        os.rename(path + ".new", path)


def _permit(path, mode):
    if os.stat(path).st_mode & 0o777 != mode:
        os.chmod(path, mode)
