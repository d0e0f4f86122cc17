"""``proof``: faults of several kinds played through a running lab, and a table of what Weir did about each.

Judged from outside: the weight by the live VirtualService, the harm by Prometheus' counters. The brown-out hits both versions
alike and must not be blamed on the candidate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder
from deploy.lab.kube import KubeApi
from deploy.lab.story.api import StoryError, Weir
from deploy.lab.story.outside import live_weight
from deploy.lab.story.rollout import Cast, Release, approved_rollout, follow, next_release
from deploy.lab.verbs import Fault, switch_fault

PLAN = "proof of faults"
WEIGHTS = (20, 50)
BAKE_SECONDS = 60
EVIDENCE = {"policy": "guard", "interval_seconds": 2, "wait_limit_seconds": 120}
_SECONDS = 240.0
_POLL_SECONDS = 0.2
_SCRAPED_SECONDS = 3.0
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault. ``harmed`` counts harmed requests in PromQL, with SERVICE and VERSION for the names."""

    name: str
    service: str
    fault: Fault
    harmed: str
    both: bool = False

    @property
    def wanted(self) -> str:
        return "completed" if self.both else "rolled_back"


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a trial. ``seconds`` from the fault to weight 0, None where nothing was taken back."""

    trial: Trial
    state: str
    seconds: float | None
    harmed: float
    because: str

    @property
    def is_right(self) -> bool:
        return self.state == self.trial.wanted


_MESH = 'reporter="source", destination_service_name="SERVICE", destination_version="VERSION"'
_ERRORS = f'sum(istio_requests_total{{{_MESH}, response_code=~"5.."}}) or vector(0)'
_ALL = f"sum(istio_requests_total{{{_MESH}}}) or vector(0)"
_UNANSWERED = 'sum(istio_requests_total{reporter="source", destination_service_name="SERVICE", response_code="503"}) or vector(0)'
_DECLINED = (
    'sum(shop_payments_attempted_total{service="SERVICE", version="VERSION"}) - '
    'sum(shop_payments_succeeded_total{service="SERVICE", version="VERSION"}) or vector(0)'
)
TRIALS = (
    Trial("20 % errors", "order", Fault(error_ratio=0.20), _ERRORS),
    Trial("2 % errors", "product", Fault(error_ratio=0.02), _ERRORS),
    Trial("+300 ms", "product", Fault(latency_ms=300), _ALL),
    Trial("payment failures 10 %", "payment", Fault(payment_failure_ratio=0.10), _DECLINED),
    Trial("no endpoints", "order", Fault(no_endpoints=True), _UNANSWERED),
    Trial(
        "brown-out of both: 20 % errors, +200 ms",
        "order",
        Fault(error_ratio=0.20, latency_ms=200),
        _ERRORS,
        both=True,
    ),
)


async def prove(
    folder: LabFolder,
    *,
    say: Callable[[str], None],
    names: Sequence[str] = (),
    bake_seconds: int = BAKE_SECONDS,
) -> bool:
    """Play the trials of these names, or every one, write the table to ``proof.md`` in the lab's folder, and answer whether all
    came out as wanted. Steps are held for ``bake_seconds``."""
    unknown = sorted(set(names) - {trial.name for trial in TRIALS})
    if unknown:
        raise LabError(
            f"No trial is called {', '.join(unknown)}; there are {', '.join(t.name for t in TRIALS)}."
        )
    lab = folder.read_lab()
    if not lab["portal"]:
        raise LabError("This lab runs without a portal, and the proof is about one.")
    tokens = {role: account["token"] for role, account in lab["accounts"].items()}
    rows: list[Row] = []
    async with (
        Weir(lab["portal"], token=tokens["requester"]) as requester,
        Weir(lab["portal"], token=tokens["approver"]) as approver,
        KubeApi(folder.kubeconfig) as api,
        httpx.AsyncClient(base_url=lab["prometheus"], trust_env=False, timeout=_ANSWER_SECONDS) as prometheus,
    ):
        cast = Cast(folder, requester=requester, approver=approver, api=api, mesh=lab["mesh"], say=say)
        plan = await _plan(requester, bake_seconds=bake_seconds)
        for trial in TRIALS:
            if names and trial.name not in names:
                continue
            rows.append(await _tried(cast, trial, plan=plan, prometheus=prometheus))
            say(f"{trial.name}: {rows[-1].state}, {rows[-1].harmed:.0f} harmed requests")
    table = as_table(rows)
    (folder.root / "proof.md").write_text(table)
    say(table)
    return all(row.is_right for row in rows)


async def _plan(requester: Weir, *, bake_seconds: int) -> str:
    """Return the name of the plan with steps of this length; make it if there is none."""
    name = PLAN if bake_seconds == BAKE_SECONDS else f"{PLAN}, {bake_seconds} s"
    if not await requester.rows("plans/", name=name):
        steps = [{"weight": weight, "bake_seconds": bake_seconds} for weight in WEIGHTS]
        await requester.post("plans/", name=name, steps=steps, evidence=EVIDENCE)
    return name


def as_table(rows: list[Row]) -> str:
    """Write the rows as a Markdown table."""
    lines = [
        "| fault of v2 | service | ended | weight 0 after | harmed requests | because |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        after = "-" if row.seconds is None else f"{row.seconds:.0f} s"
        ended = row.state.replace("_", " ") + ("" if row.is_right else " (not as wanted)")
        lines.append(
            f"| {row.trial.name} | {row.trial.service} | {ended} | {after} | {row.harmed:.0f} | {row.because or '-'} |"
        )
    return "\n".join(lines) + "\n"


async def _tried(cast: Cast, trial: Trial, *, plan: str, prometheus: httpx.AsyncClient) -> Row:
    release = await next_release(cast, service=trial.service)
    broken = [release.candidate, release.stable] if trial.both else [release.candidate]
    cast.say(f"{trial.name}: {trial.service} {release.stable} -> {release.candidate}")
    try:
        return await _played(cast, trial, plan=plan, release=release, broken=broken, prometheus=prometheus)
    finally:
        for version in broken:
            await switch_fault(cast.folder, service=trial.service, version=version, wanted=Fault())


async def _played(
    cast: Cast,
    trial: Trial,
    *,
    plan: str,
    release: Release,
    broken: list[str],
    prometheus: httpx.AsyncClient,
) -> Row:
    rollout = await approved_rollout(cast, release, reason=f"Proof: {trial.name}.", plan=plan)
    begun: float | None = None
    before = 0.0
    state = ""
    back: asyncio.Task[float] | None = None
    async for now in follow(cast, rollout, seconds=_SECONDS):
        state = now["state"]
        if begun is None and any(step["outcome"] == "baking" and step["written"] for step in now["steps"]):
            before = await _counted(trial, release=release, prometheus=prometheus)
            for version in broken:
                await switch_fault(cast.folder, service=trial.service, version=version, wanted=trial.fault)
            begun = time.monotonic()
            back = asyncio.create_task(_weight_zero(cast, release=release))
    if begun is None or back is None:
        raise StoryError(f"{trial.name}: the release ended {state} before its first step was held.")
    seconds = await back - begun if state == "rolled_back" else None
    back.cancel()
    await asyncio.sleep(_SCRAPED_SECONDS)  # the last harmed request has to be scraped
    harmed = await _counted(trial, release=release, prometheus=prometheus) - before
    return Row(trial, state, seconds, harmed, await _because(cast, rollout))


async def _weight_zero(cast: Cast, *, release: Release) -> float:
    deadline = time.monotonic() + _SECONDS
    while await live_weight(cast.api, service=release.service, subset=release.candidate):
        if time.monotonic() > deadline:
            raise StoryError(
                f"{release.service} {release.candidate} still had traffic after {_SECONDS:.0f} s."
            )
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic()


async def _counted(trial: Trial, *, release: Release, prometheus: httpx.AsyncClient) -> float:
    query = trial.harmed.replace("SERVICE", trial.service).replace("VERSION", release.candidate)
    answer = await prometheus.get("/api/v1/query", params={"query": query})
    answer.raise_for_status()
    rows = answer.json()["data"]["result"]
    return float(rows[0]["value"][1]) if rows else 0.0


async def _because(cast: Cast, rollout: int) -> str:
    verdicts = await cast.requester.rows(f"rollouts/{rollout}/verdicts/")
    failed = [verdict for verdict in verdicts if verdict["outcome"] == "fail"]
    return str(failed[0]["metric"]) if failed else ""
