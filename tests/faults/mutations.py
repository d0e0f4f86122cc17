"""Break each invariant on purpose and see a test fail: ``python -m tests.faults.mutations [I1 ...]``. Prints the table of the README.

Each mutation is one text in one file, changed in a copy of the tree; the named test must fail there. The tests themselves are
run unchanged first: a test that fails anyway proves nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tests.lab.kubeapi.process import REPOSITORY

STORIES = "tests/faults/test_invariants.py::"
POINTS = "tests/faults/test_ended_at_every_point.py"
TABLE = "tests/faults/test_fault_table.py::"
WRITES = "tests/flow/test_forward_writes.py::"
BY_HAND = "tests/faults/test_change_ended_anywhere.py::"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One way to break one invariant. ``selects`` is pytest's ``-k``, for tests with parameters."""

    invariant: str
    what: str
    file: str
    before: str
    after: str
    test: str
    selects: str = ""


MUTATIONS = (
    Mutation(
        "I1",
        "the constraint forgets running rollouts",
        "releases/models/rollout.py",
        'condition=Q(state__in=sorted(LIVE)), name="one_live_rollout_per_service"',
        'condition=Q(state="pending"), name="one_live_rollout_per_service"',
        STORIES + "test_i1_the_database_refuses_a_second_live_rollout",
    ),
    Mutation(
        "I2",
        "one percent more than approved",
        "releases/flow/shift.py",
        "replace(step.traffic, candidate_weight=weight), live",
        "replace(step.traffic, candidate_weight=weight + 1), live",
        POINTS,
        "person_rolls_back and after_event",
    ),
    Mutation(
        "I3",
        "the votes are not looked at before a write",
        "releases/flow/advance.py",
        "approval_problem=approval_problem(rollout)",
        'approval_problem=""',
        STORIES + "test_i3_a_vote_taken_back_stops_the_next_write",
    ),
    Mutation(
        "I3",
        "what is restored asks no calendar",
        "releases/flow/drift.py",
        "        _check_forward(rollout, clock=clock)\n",
        "        pass\n",
        WRITES + "TestRestore::test_what_gives_more_than_the_mesh_does_needs_an_open_calendar",
    ),
    Mutation(
        "I4",
        "a rollback leaves no fence",
        "releases/flow/conclude.py",
        "return with_annotations(back, changes={FENCE: fence_for(rollout, live=live)}), note",
        "return with_annotations(back, changes={}), note",
        STORIES + "test_i4_a_write_begun_before_a_rollback_of_nothing_is_refused",
    ),
    Mutation(
        "I4",
        "a fence may come twice on one object",
        "releases/flow/mesh_write.py",
        "and int(left) >= rollout.revision:",
        "and int(left) < 0:",
        WRITES + "TestFences::test_a_rollback_in_the_middle_of_a_first_write_holds_in_each_rollout",
    ),
    Mutation(
        "I5",
        "a write by hand is told by nobody when its writer ended",
        "releases/flow/traffic_change/landing.py",
        "    if landed(change, live=live):\n",
        "    if landed(change, live=live) and change.pk is None:\n",
        BY_HAND + "test_a_change_that_ends_anywhere_is_written_and_told_once",
    ),
    Mutation(
        "I5",
        "whoever comes last records the write again",
        "releases/flow/mesh_write.py",
        'Rollout.objects.filter(pk=rollout.pk, writing__token=intent["token"])',
        "Rollout.objects.filter(pk=rollout.pk)",
        STORIES + "test_i5_a_late_worker_does_not_record_what_was_settled_for_it",
    ),
    Mutation(
        "I6",
        "nobody settles what a killed worker left",
        "releases/flow/mesh_write.py",
        "    if rollout.writing is None:\n        return False\n",
        "    if rollout.writing is None or rollout.pk:\n        return False\n",
        POINTS,
        "person_rolls_back and after_mesh_write",
    ),
    Mutation(
        "I7",
        "a lease keeps nobody out",
        "releases/flow/move.py",
        "Q(leased_until__isnull=True) | Q(leased_until__lte=now),",
        "Q(leased_until__isnull=True) | Q(leased_until__isnull=False),",
        STORIES + "test_i7_a_leased_row_is_left_alone",
    ),
    Mutation(
        "I8",
        "an overdue step is taken however late",
        "releases/domain/decision.py",
        "if facts.due_at is None or now - facts.due_at <= facts.grace:",
        "if facts.due_at is None or now - facts.due_at <= 1000 * facts.grace:",
        STORIES + "test_i8_after_a_long_outage_nothing_goes_on_without_a_person",
    ),
    Mutation(
        "I8",
        "a first step is begun however late",
        "releases/domain/decision.py",
        "return _overdue(facts, now, position=0) or _reason_not_to_begin(facts, now, position=0) or Shift(0)",
        "return _reason_not_to_begin(facts, now, position=0) or Shift(0)",
        WRITES + "TestOverdue::test_a_first_step_is_not_begun_long_after_its_time",
    ),
    Mutation(
        "I8",
        "an approval begins however late",
        "releases/flow/advance.py",
        "wake=rollout.next_wake_up or clock(),",
        "wake=clock(),",
        WRITES + "TestOverdue::test_an_approval_that_nobody_looked_at_in_time_begins_with_a_person",
    ),
    Mutation(
        "I9",
        "no data is enough for plans with guards",
        "releases/domain/decision.py",
        'enough = {Outcome.PASS, Outcome.INCONCLUSIVE} if policy.policy == "guard"',
        'enough = set(Outcome) if policy.policy == "guard"',
        TABLE + "test_a_prometheus_without_samples_is_no_data_and_never_a_pass",
    ),
    Mutation(
        "I10",
        "a freeze answers while a worker is in the middle of a pass",
        "releases/flow/waiting.py",
        "while held and time.monotonic() < deadline:",
        "while held and time.monotonic() < 0:",
        WRITES + "TestStops::test_a_freeze_answers_when_the_passes_that_had_begun_are_over",
    ),
    Mutation(
        "I10",
        "a resume forgets what was left of the bake",
        "releases/flow/intervene.py",
        "timedelta(seconds=run.bake_left_seconds or 0)",
        "timedelta(seconds=0)",
        STORIES + "test_i10_resuming_bakes_what_was_left",
    ),
)


def main(wanted: Collection[str]) -> int:
    """Run every mutation, or those of the named invariants; return 1 if one survives or its test fails without it."""
    with tempfile.TemporaryDirectory(prefix="weir-mutations-") as name:
        tree = _copied(Path(name))
        print("| invariant | mutation | in | caught by | outcome |\n|---|---|---|---|---|", flush=True)
        chosen = [mutation for mutation in MUTATIONS if not wanted or mutation.invariant in wanted]
        outcomes = [_tried(tree, mutation) for mutation in chosen]
    return 0 if all(outcome == "caught" for outcome in outcomes) else 1


def _tried(tree: Path, mutation: Mutation) -> str:
    file = tree / mutation.file
    original = file.read_text()
    if original.count(mutation.before) != 1:
        outcome = "the text to change is not there once"
    elif not _passes(tree, mutation):
        outcome = "fails without the mutation"
    else:
        file.write_text(original.replace(mutation.before, mutation.after))
        outcome = "SURVIVED" if _passes(tree, mutation) else "caught"
        file.write_text(original)
    test = mutation.test.rpartition("::")[2] or mutation.test
    where = f"`{test}`" + (f" ({mutation.selects})" if mutation.selects else "")
    print(f"| {mutation.invariant} | {mutation.what} | `{mutation.file}` | {where} | {outcome} |", flush=True)
    return outcome


def _passes(tree: Path, mutation: Mutation) -> bool:
    # Without migrations: the tables follow the models at once, mutated constraints included.
    command = [sys.executable, "-m", "pytest", "--no-migrations", "-q", "-x", mutation.test]
    chosen = ["-k", mutation.selects] if mutation.selects else []
    done = subprocess.run([*command, *chosen], cwd=tree, check=False, capture_output=True, text=True)
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{mutation.test} could not be run:\n{done.stdout}\n{done.stderr}")
    return done.returncode == 0


def _copied(folder: Path) -> Path:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in files.stdout.splitlines():
        source = REPOSITORY / name
        if not name.startswith("frontend/") and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
