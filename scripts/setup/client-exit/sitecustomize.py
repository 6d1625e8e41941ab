"""With this folder on PYTHONPATH, a program that uses the stock client ends only when the client's threads are done.

The client's HTTP library (seen with pyqwest 0.12 on CPython 3.11) hands an answer over from a thread of its own. A
program that ends right after its last call sometimes ends the interpreter under that thread, which then aborts the
process: all is printed, and the exit status is that of SIGABRT. docs/client.md tells users.
"""

import atexit
import time

# Registered first, so it runs last. It sleeps without the interpreter's lock, which is all that the thread waits for.
atexit.register(time.sleep, 0.1)
