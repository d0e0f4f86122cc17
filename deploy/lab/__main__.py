"""``python -m deploy.lab``: the one-machine lab's command line. For demonstrations and tests only."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from deploy.lab import verbs
from deploy.lab.errors import LabError
from deploy.lab.folder import DEFAULT_FOLDER, LabFolder
from deploy.lab.proof import BAKE_SECONDS, prove
from deploy.lab.story.tell import tell_story
from deploy.lab.up import Wish, say, up

DEFAULT_RPS = 150.0


def main() -> int:
    """Carry out one verb; return the exit code."""
    asked = _parser().parse_args()
    folder = LabFolder(asked.state.resolve())
    try:
        code: int = asked.run(folder, asked)
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.lab",
        description="The one-machine lab, for demonstrations and tests: a Kubernetes API, Envoy, Prometheus, "
        "Redis, the demo shop and Weir, on 127.0.0.1 only.",
    )
    parser.add_argument(
        "--state", type=Path, default=DEFAULT_FOLDER, help="folder of the lab (default: .lab)"
    )
    verb = parser.add_subparsers(dest="verb", required=True)

    starting = verb.add_parser("up", help="start a lab; Ctrl-C ends it")
    starting.add_argument("--port", type=int, help="the portal's port; without a portal the mesh's")
    starting.add_argument("--without-portal", action="store_true", help="the mesh and the shop only")
    starting.add_argument(
        "--rps", type=float, default=DEFAULT_RPS, help="shoppers' requests per second; 0: none"
    )
    starting.set_defaults(run=_up)

    verb.add_parser("down", help="end the lab, or what a killed one left").set_defaults(run=_down)
    verb.add_parser("status", help="say what runs").set_defaults(run=_status)

    restarting = verb.add_parser("restart", help="start one process again")
    restarting.add_argument("process", help="its name in status")
    restarting.set_defaults(run=_restart)

    _add_fault(verb.add_parser("fault", help="make one version misbehave"))

    loading = verb.add_parser("load", help="send more shoppers for a while")
    loading.add_argument("--rps", type=float, default=60.0)
    loading.add_argument("--seconds", type=float, default=60.0)
    loading.set_defaults(run=_load)

    telling = verb.add_parser("story", help="play a good and a bad release; exit code 0 if both end well")
    telling.set_defaults(run=_story)

    proving = verb.add_parser(
        "proof", help="play faults of several kinds; exit code 0 if each ends as it should"
    )
    proving.add_argument(
        "trials", nargs="*", metavar="TRIAL", help="name of a trial, as in 'no endpoints'; default: all"
    )
    proving.add_argument("--bake", type=int, default=BAKE_SECONDS, help="seconds that a step is held")
    proving.set_defaults(run=_proof)
    return parser


def _add_fault(fault: argparse.ArgumentParser) -> None:
    fault.add_argument("service")
    fault.add_argument("version")
    fault.add_argument("--errors", type=float, default=0.0, help="ratio of requests answered 500, 0-1")
    fault.add_argument("--latency-ms", type=float, default=0.0, help="added to every answer")
    fault.add_argument("--payment-failures", type=float, default=0.0, help="ratio of payments spoilt, 0-1")
    fault.add_argument("--no-endpoints", action="store_true", help="ready, yet not found by the mesh")
    fault.add_argument(
        "--broken-assignment", action="store_true", help="users sent to it by id leak to the other version"
    )
    fault.add_argument("--clear", action="store_true", help="end every fault of this version")
    fault.set_defaults(run=_fault)


def _up(folder: LabFolder, asked: argparse.Namespace) -> int:
    up(folder, wish=Wish(port=asked.port, portal=not asked.without_portal, load_rps=asked.rps))
    return 0


def _down(folder: LabFolder, _asked: argparse.Namespace) -> int:
    return verbs.down(folder)


def _status(folder: LabFolder, _asked: argparse.Namespace) -> int:
    return verbs.status(folder)


def _restart(folder: LabFolder, asked: argparse.Namespace) -> int:
    return verbs.restart(folder, process=asked.process)


def _fault(folder: LabFolder, asked: argparse.Namespace) -> int:
    wanted = verbs.Fault(
        error_ratio=asked.errors,
        latency_ms=asked.latency_ms,
        payment_failure_ratio=asked.payment_failures,
        no_endpoints=asked.no_endpoints,
        broken_assignment=asked.broken_assignment,
    )
    if asked.clear != (wanted == verbs.Fault()):
        raise LabError("Give either --clear or at least one fault.")
    return verbs.fault(folder, service=asked.service, version=asked.version, wanted=wanted)


def _load(folder: LabFolder, asked: argparse.Namespace) -> int:
    return verbs.load(folder, rps=asked.rps, seconds=asked.seconds)


def _story(folder: LabFolder, _asked: argparse.Namespace) -> int:
    return 0 if asyncio.run(tell_story(folder, say=say)) else 1


def _proof(folder: LabFolder, asked: argparse.Namespace) -> int:
    came_out = asyncio.run(prove(folder, say=say, names=asked.trials, bake_seconds=asked.bake))
    return 0 if came_out else 1


if __name__ == "__main__":
    sys.exit(main())
