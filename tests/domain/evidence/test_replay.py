"""A recorded trace in, one decision out: by the contract of ``manage.py replay_trace``."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from releases.domain.evidence.counters import bucket_increases, increase
from releases.domain.evidence.replay import looks_of, replay
from tests.simulated import FAULTS, HEALTHY, WORLDS, Trace, simulate

FAULT = {fault.name: fault for fault in FAULTS}
USUAL = WORLDS[1]


@pytest.fixture(scope="module")
def bad() -> Trace:
    return simulate(USUAL, FAULT["errors_5_points"], rps=200, seed=1)


def test_a_bad_release_is_rolled_back_and_the_metric_named(bad: Trace) -> None:
    found = replay(bad)
    assert (found.decision, found.because) == ("rollback", "errors")
    assert found.t is not None
    assert 60 <= found.t <= 600


def test_a_healthy_one_with_traffic_is_promoted_and_one_without_is_left_open() -> None:
    assert replay(simulate(USUAL, HEALTHY, rps=1000, seed=2)).decision == "promote"
    quiet = replay(simulate(USUAL, HEALTHY, rps=0.5, seed=2))
    assert (quiet.decision, quiet.t) == ("inconclusive", None)


def test_a_fault_that_begins_late_is_found() -> None:
    found = replay(simulate(USUAL, FAULT["errors_5_points_late"], rps=200, seed=4))
    assert found.decision == "rollback"
    assert found.t is not None
    assert 1500 < found.t <= 1650


def test_it_never_looks_ahead_nor_at_the_truth(bad: Trace) -> None:
    """Cut off after the decision, and without its truth, the trace is decided the same."""
    found = replay(bad)
    end = bad["t"].index(found.t) + 1
    cut = {name: values for name, values in bad.items() if name != "truth"}
    cut |= {"t": bad["t"][:end], "weight": bad["weight"][:end]}

    assert replay(cut) == found


def test_a_counter_that_starts_again_loses_nothing_but_a_moment(bad: Trace) -> None:
    at = 100
    healthy = simulate(USUAL, HEALTHY, rps=200, seed=2)
    restarted = json.loads(json.dumps(healthy))
    for name, series in restarted["canary"].items():
        base = series[at]
        for i in range(at + 1, len(series)):
            series[i] = (
                [v - b for v, b in zip(series[i], base, strict=True)]
                if name == "latency_bucket"
                else series[i] - base
            )

    looks = dict(looks_of(restarted))
    assert all(one.candidate is not None and one.candidate.is_sound for one in looks.values())
    assert replay(restarted).decision == replay(healthy).decision


def test_increases_across_a_reset_are_what_is_shown_since() -> None:
    assert (increase(10, 14), increase(10, 3)) == (4, 3)
    assert bucket_increases([1, 5, 9], [2, 6, 12]) == [1, 1, 3]
    assert bucket_increases([1, 5, 9], [0, 1, 2]) == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_the_command_prints_a_line_per_trace(bad: Trace, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"traces{suffix}"
    text = json.dumps(bad) + "\n\n" + json.dumps({**bad, "id": "again"}) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    out, err = StringIO(), StringIO()

    call_command("replay_trace", str(path), stdout=out, stderr=err)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["id"] for line in lines] == [bad["id"], "again"]
    assert all(set(line) == {"id", "decision", "t", "because"} for line in lines)
    assert lines[0]["decision"] == lines[1]["decision"] == "rollback"
