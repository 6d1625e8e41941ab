"""The modules of a worker. How a mode is added: see start.py."""
