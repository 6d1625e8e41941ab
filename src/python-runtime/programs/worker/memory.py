"""What this process may use of memory."""

# Of the container: cgroup v2, then v1.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def limit(paths=LIMITS):
    """Bytes; infinity where there is none."""
    for path in paths:
        try:
            with open(path) as file:
                text = file.read().strip()
        except OSError:
            continue
        # cgroup v1 has a very large number for no limit.
        return int(text) if text.isdigit() else float("inf")
    return float("inf")


def available(paths=LIMITS, meminfo="/proc/meminfo"):
    """Bytes: of the container's limit, or what the machine has left where that is less."""
    return min(limit(paths), _available_of_machine(meminfo))


def _available_of_machine(meminfo):
    try:
        with open(meminfo) as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return float("inf")
