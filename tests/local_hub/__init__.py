"""A local Hub over HTTP for tests: enough of the Hub's protocol for the real huggingface_hub client.

hub       `LocalHub`: what tests use
faults    a fault in the local Hub: its kinds, and on which requests it happens
server    HTTP: requests, responses, the log; makes the faults happen
store     what every route gets: accounts, repos, commits, bytes, settings, what a token may do
repos     routes: account, repos, branches, what is in a repo
files     routes: uploads, commits, downloads
spaces    routes: Spaces, the page of a static one, and signing in on it
"""

from tests.local_hub.faults import Fault
from tests.local_hub.hub import LocalHub
from tests.local_hub.store import Commit, Repo

__all__ = ["Commit", "Fault", "LocalHub", "Repo"]
