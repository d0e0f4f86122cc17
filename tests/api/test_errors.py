"""Every refusal has one shape, and the status says whose turn it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from istio import mesh, telemetry
from istio.checks import Finding, Severity
from istio.documents import TrafficError
from releases import flow
from releases.api.errors import as_refusal
from releases.domain import BadPlan, Blocked, DomainError, IllegalMove, LostRace, NotAllowed, Stale
from releases.models import AuditEvent
from tests.api.conftest import World, draft

Bearer = Callable[..., APIClient]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadPlan("no"), 400, "bad_plan"),
        (NotAllowed("no"), 403, "not_allowed"),
        (IllegalMove("no"), 409, "illegal_move"),
        (LostRace("no"), 409, "lost_race"),
        (Stale("no"), 409, "stale_fingerprint"),
        (flow.VersionConflict("no"), 409, "version_conflict"),
        (DomainError("no"), 409, "refused"),
        (Blocked("no"), 422, "blocked_by_checks"),
        (TrafficError("no"), 422, "TrafficError"),
        (mesh.NotFound("no"), 502, "mesh_not_found"),
        (mesh.Conflict("no"), 502, "mesh_conflict"),
        (mesh.Rejected("no"), 502, "mesh_rejected"),
        (mesh.Unreachable("no"), 502, "mesh_unreachable"),
        (telemetry.TelemetryUnreachable("no"), 502, "metrics_unreachable"),
        (telemetry.QueryRejected("no"), 502, "metrics_unreachable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_of_the_lower_floors_has_its_status(error: Exception, status: int, code: str) -> None:
    refusal = as_refusal(error)
    assert refusal is not None
    assert refusal.status_code == status
    assert refusal.get_codes() == code
    assert refusal.items == [{"code": code, "detail": "no", "attr": None}]


def test_an_error_of_nobody_is_not_ours() -> None:
    assert as_refusal(ZeroDivisionError()) is None


def test_a_bad_plan_names_its_field_as_serializers_do() -> None:
    refusal = as_refusal(BadPlan("no", field="steps[2].weight"))
    assert refusal is not None
    assert refusal.items[0]["attr"] == "steps.2.weight"


def test_findings_are_told_one_by_one() -> None:
    finding = Finding(
        code="WEIR0101", severity=Severity.ERROR, path="spec/http[0]", message="No such subset."
    )
    refusal = as_refusal(Blocked("1 check stands against it.", findings=[finding]))
    assert refusal is not None
    assert refusal.items == [{"code": "WEIR0101", "detail": "No such subset.", "attr": "spec/http[0]"}]


def test_an_unknown_path_is_answered_in_the_same_shape(world: World, bearer: Bearer) -> None:
    answer = bearer(world.viewer).get("/api/v1/no/such/thing/")
    assert answer.status_code == 404
    assert answer.json() == {
        "type": "client_error",
        "code": "not_found",
        "detail": "Not found.",
        "errors": [{"code": "not_found", "detail": "Not found.", "attr": None}],
    }


def test_an_unknown_event_is_not_found(world: World, bearer: Bearer) -> None:
    assert bearer(world.operator).post("/api/v1/rollouts/1/explode/", {}).status_code == 404


def test_an_event_of_the_engine_is_no_door(world: World, bearer: Bearer) -> None:
    for event in ("complete", "done", "expire", "void", "edit"):
        assert bearer(world.operator).post(f"/api/v1/rollouts/1/{event}/", {}).status_code == 404


def test_wrong_fields_are_named_and_none_is_left_out(world: World, bearer: Bearer) -> None:
    answer = bearer(world.requester).post("/api/v1/plans/", {"steps": [{"weight": 101, "bake_seconds": 1}]})
    body = answer.json()
    assert answer.status_code == 400
    assert (body["type"], body["code"]) == ("validation_error", "invalid")
    assert {item["attr"] for item in body["errors"]} == {"name", "steps.0.weight"}
    assert body["detail"] == body["errors"][0]["detail"]


def test_broken_json_is_a_clear_400(world: World, bearer: Bearer) -> None:
    answer = bearer(world.requester).generic("POST", "/api/v1/plans/", "{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "parse_error"
    assert answer.json()["type"] == "client_error"


def test_another_media_type_is_415(world: World, bearer: Bearer) -> None:
    answer = bearer(world.requester).generic("POST", "/api/v1/plans/", "a=b", content_type="text/plain")
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


def test_a_body_of_ten_megabytes_is_413(world: World, bearer: Bearer) -> None:
    body = '{"name": "' + "x" * 10_000_000 + '"}'
    answer = bearer(world.requester).generic("POST", "/api/v1/plans/", body, content_type="application/json")
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_the_answer_speaks_the_language_of_the_question(world: World, bearer: Bearer) -> None:
    client = bearer(world.viewer)
    english = client.get("/api/v1/rollouts/999999/", headers={"accept-language": "en"}).json()
    chinese = client.get("/api/v1/rollouts/999999/", headers={"accept-language": "zh-hans"}).json()
    assert english["code"] == chinese["code"] == "not_found"
    assert english["detail"] != chinese["detail"]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "Step 2 goes down from 50 % to 10 %: a plan only goes up; to go back, set the weight or roll back.",
        ),
        ("zh-hans", "步骤 2 从 50 % 降到 10 %：计划只能递增；要退回，请手动设置权重或回滚。"),
    ],
)
def test_a_bad_plan_is_told_in_the_language_of_the_question(
    world: World, bearer: Bearer, language: str, said: str
) -> None:
    steps = [{"weight": weight, "bake_seconds": 60} for weight in (50, 10)]
    answer = bearer(world.requester).post(
        "/api/v1/plans/", {"name": "down", "steps": steps}, headers={"accept-language": language}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": "bad_plan", "detail": said, "attr": "steps.1.weight"}]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "There is no Service order.shop.svc.cluster.local: requests sent there get 503. Correct the host, or create the Service.",
        ),
        (
            "zh-hans",
            "Service order.shop.svc.cluster.local 不存在：发往那里的请求会得到 503。请更正主机，或创建该 Service。",
        ),
    ],
)
def test_findings_are_told_in_the_language_of_the_question(
    world: World, bearer: Bearer, language: str, said: str
) -> None:
    rollout = draft(world)
    world.mesh.remove(mesh.Ref(mesh.SERVICE, "shop", "order"))
    client, asked = bearer(world.requester), {"accept-language": language}
    refused = client.post(f"/api/v1/rollouts/{rollout.pk}/submit/", {}, headers=asked).json()
    shown = client.get(f"/api/v1/rollouts/{rollout.pk}/preview/", headers=asked).json()
    assert said in {item["detail"] for item in refused["errors"]}
    assert said in {item["message"] for item in shown["findings"]}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "A rollout that is draft can not resume; possible now: submit, cancel, edit."),
        ("zh-hans", "发布单处于“草稿”状态，不能执行“继续”；现在可以：提交、取消、编辑。"),
    ],
)
def test_an_illegal_move_is_told_in_the_language_of_the_question(
    world: World, bearer: Bearer, language: str, said: str
) -> None:
    answer = bearer(world.operator).post(
        f"/api/v1/rollouts/{draft(world).pk}/resume/",
        {"reason": "Go on."},
        headers={"accept-language": language},
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")
    assert answer.json()["detail"] == said


def test_the_audit_trail_keeps_the_english_sentence(world: World, bearer: Bearer) -> None:
    bearer(world.operator).post(
        f"/api/v1/rollouts/{draft(world).pk}/resume/",
        {"reason": "Go on."},
        headers={"accept-language": "zh-hans"},
    )
    told = AuditEvent.objects.latest("seq")
    assert (told.outcome, told.reason) == (
        "refused",
        "A rollout that is draft can not resume; possible now: submit, cancel, edit.",
    )
