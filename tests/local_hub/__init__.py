"""A local Hub over HTTP for tests: enough of the Hub's protocol for the real huggingface_hub client.

wire.py    HTTP, the log, doing the faults          store.py   accounts, repos, commits, bytes
faults.py  what can be broken                       repos.py, files.py, spaces.py   the routes
hub.py     `LocalHub`, which tests hold

By hand: `python -m tests.local_hub --port 8800` prints the lines to copy into another terminal.
"""

from tests.local_hub.faults import Fault
from tests.local_hub.hub import LocalHub
from tests.local_hub.store import Commit, Repo

__all__ = ["Commit", "Fault", "LocalHub", "Repo"]
