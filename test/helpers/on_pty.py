"""Runs a command on a terminal of its own, and types lines when it shows the texts that they answer."""

import json
import os
import pty
import sys

asked = json.loads(sys.argv[1])
dialogue = [(prompt.encode(), line.encode() + b"\n") for prompt, line in asked["dialogue"]]

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(asked["command"][0], asked["command"])

seen = b""
while True:
    try:
        shown = os.read(terminal, 4096)
    except OSError:  # Linux reports the end of the last program on it so.
        break
    if not shown:
        break
    os.write(1, shown)
    seen += shown
    while dialogue and dialogue[0][0] in seen:
        prompt, line = dialogue.pop(0)
        seen = seen[seen.index(prompt) + len(prompt) :]
        os.write(terminal, line)

sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
