"""Serves a local Hub until Ctrl-C: `python -m tests.local_hub [--port N] [--user NAME]`.

Prints its address, then the variables for another terminal. What is pushed to it is deleted when it ends.
"""

from __future__ import annotations

import argparse
import signal
import threading

from tests.local_hub.hub import LocalHub


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.local_hub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--user", default="ada", help="the user whose write token is printed (default: ada)")
    parser.add_argument("--redirect", choices=["none", "same", "cdn"], default="none", help="how LFS files are served")
    args = parser.parse_args(argv)
    hub = LocalHub(args.port)
    hub.context.redirect = args.redirect
    token = hub.add_token(args.user)
    print(hub.url)
    print(f"export HF_ENDPOINT={hub.url} HF_HUB_DISABLE_XET=1 HF_TOKEN={token} HF_HOME=$(mktemp -d)", flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    hub.start()
    stop.wait()
    hub.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
