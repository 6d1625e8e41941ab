"""Child processes, and such as they leave behind."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """From now on descendants whose parent ends become children of this process, as they do in a container's first one."""
    if os.getpid() != 1:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent():
    """This process, when the one that forked it ends; not its own forks."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def protect(is_protected):
    """Whether other processes of its user may not read or change the memory of this one, and of its forks."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0 if is_protected else 1, 0, 0, 0)


def own_memory():
    """Bytes that are not of files."""
    return _kibibytes("/proc/self/status", "RssAnon") * 1024


def memory_limit():
    """Bytes: of the container, where it is known, else the machine's memory."""
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            return int(file.read())
    except (OSError, ValueError):
        return _kibibytes("/proc/meminfo", "MemTotal") * 1024


def children():
    """The numbers of all of this process, also of such that have ended and were not waited for."""
    with open("/proc/thread-self/children") as file:
        return [int(number) for number in file.read().split()]


def threads():
    """The names of the threads of this process."""
    names = []
    for number in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{number}/comm") as file:
            names.append(file.read().strip())
    return sorted(names)


def name():
    """Of this process, which threads have too that were given none."""
    with open("/proc/self/comm") as file:
        return file.read().strip()


def memory_file():
    """To be read and written; a container may have no writable directory."""
    return open(os.memfd_create("boxkite-worker"), "w+b", buffering=0)


def send(number, signum):
    try:
        os.kill(number, signum)
    except ProcessLookupError:
        pass


def send_to_group(number, signum):
    """Of a child that was not waited for."""
    try:
        os.killpg(number, signum)
    except ProcessLookupError:
        # It has not made the group yet.
        send(number, signum)


def ended():
    """The number of a child that has ended and was not waited for, or None. Its group exists until then."""
    try:
        result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if result is None else result.si_pid


def exit_code(number):
    """Waits for a child. 128 + n: ended by signal n, as shells say."""
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    return code if code >= 0 else 128 - code


class ChildSignals:
    """Ends the wait of a poll when a child has ended."""

    def __init__(self, poll):
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        poll.add_reader(self.reader, lambda: os.read(self.reader, 4096))

    def leave(self):
        """In a fork: signals are as they were."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self.reader)
        os.close(self.writer)


def _kibibytes(path, name):
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))
