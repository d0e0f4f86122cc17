"""How a lab ends: with everything it started, and with nothing else."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.lab.children import read_identities, started_at
from deploy.lab.ports import is_free
from tests.lab.lab import START_SECONDS, RunningLab, running_lab, starting_lab, until

pytestmark = [pytest.mark.lab, pytest.mark.enable_socket]


def addresses(lab: RunningLab) -> list[int]:
    facts = lab.facts
    urls = [facts[name] for name in ("mesh", "prometheus", "api_server", "writes", "redis", "envoy_admin")]
    return [urlsplit(url).port or 0 for url in (*urls, *facts["services"].values())]


def test_sigterm_leaves_no_process_and_no_port_behind(tmp_path: Path) -> None:
    with running_lab(tmp_path / "one", "--rps", "20") as lab:
        pids, ports = list(lab.facts["processes"].values()), addresses(lab)
        assert len(pids) == 12
        assert not any(is_free(port) for port in ports)

        lab.process.send_signal(signal.SIGTERM)

        assert lab.process.wait(START_SECONDS) == 0
        assert [pid for pid in pids if started_at(pid)] == []
        assert [port for port in ports if not is_free(port)] == []
        assert not (lab.state / "lab.json").exists()
        assert not (lab.state / "ready").exists()
        assert (lab.state / "up.log").read_text().endswith("ended.\n")


def test_an_end_during_the_start_leaves_nothing_either(tmp_path: Path) -> None:
    with starting_lab(tmp_path, "--rps", "0") as process:
        children = tmp_path / "children.json"
        until(lambda: len(read_identities(children)) >= 8, what="most processes are started")
        started = read_identities(children)

        process.send_signal(signal.SIGTERM)

        assert process.wait(START_SECONDS) == 0
        assert [name for name, identity in started.items() if identity.is_alive()] == []
        assert not (tmp_path / "ready").exists()


def test_two_labs_run_side_by_side(one_lab: RunningLab, tmp_path: Path) -> None:
    with running_lab(tmp_path, "--rps", "0") as other:
        assert not set(addresses(one_lab)) & set(addresses(other))
        other.kubectl("delete", "virtualservice", "order")
        one_lab.live("virtualservice", "order")
        assert other.stop() == 0
    assert one_lab.run("status").returncode == 0


def test_a_lab_starts_again_on_its_ports_with_its_objects(tmp_path: Path) -> None:
    with running_lab(tmp_path, "--rps", "0") as lab:
        before = addresses(lab)
        lab.kubectl("label", "virtualservice", "product", "kept=yes")
        assert lab.run("down").returncode == 0
        assert lab.process.wait(START_SECONDS) == 0

    with running_lab(tmp_path, "--rps", "0") as lab:
        assert addresses(lab) == before
        assert lab.live("virtualservice", "product")["metadata"]["labels"]["kept"] == "yes"


def test_down_ends_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    with running_lab(tmp_path, "--rps", "0") as lab:
        pids = list(lab.facts["processes"].values())
        os.kill(lab.process.pid, signal.SIGKILL)
        lab.process.wait(START_SECONDS)

        refused = lab.run("up", "--without-portal")
        assert refused.returncode == 2
        assert "left processes behind" in refused.stderr

        done = lab.run("down")
        assert "Ended what one left" in done.stdout
        until(lambda: not any(started_at(pid) for pid in pids), what="nothing is left")
