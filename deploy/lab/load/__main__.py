"""``python -m deploy.lab.load``: send shoppers to a mesh for a while."""

from __future__ import annotations

import argparse
import asyncio
import sys
from urllib.parse import urlsplit

from deploy.lab.load.crowd import Crowd
from deploy.lab.load.http import MeshClient

HIGHEST_RPS = 1000.0
LONGEST_SECONDS = 12 * 3600.0


def main() -> None:
    """Shop until the time is over or Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.lab.load", description="Shoppers for the demo shop."
    )
    parser.add_argument("--mesh", required=True, help="address of the mesh, http://127.0.0.1:PORT")
    parser.add_argument("--rps", type=float, required=True, help="requests per second through the mesh")
    parser.add_argument("--seconds", type=float, required=True)
    asked = parser.parse_args()
    if not 0 < asked.rps <= HIGHEST_RPS:
        parser.error(f"--rps must lie between 0 and {HIGHEST_RPS:g}.")
    if not 0 < asked.seconds <= LONGEST_SECONDS:
        parser.error(f"--seconds must lie between 0 and {LONGEST_SECONDS:g}.")
    try:
        asyncio.run(send_shoppers(asked.mesh, rps=asked.rps, seconds=asked.seconds))
    except KeyboardInterrupt:
        say("ended.")


async def send_shoppers(mesh: str, *, rps: float, seconds: float) -> None:
    """Shop at ``mesh`` for so many seconds and say how it went."""
    address = urlsplit(mesh)
    client = MeshClient(address.hostname or "127.0.0.1", port=address.port or 80)
    say(f"shopping at {mesh} with {rps:g} requests/s for {seconds:g} s")
    try:
        await Crowd(client, rps=rps, say=say).shop(seconds=seconds)
    finally:
        client.close()


def say(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
