"""What stands in the way of a rollout is said in the reader's language, on its page and in the trail; old rows stay readable."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.utils import translation
from rest_framework.test import APIClient

from istio.mesh import DEPLOYMENT, Manifest, Ref, Rejected
from istio.sentence import Sentence
from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout
from releases.selectors import drift_seen
from releases.sentences import audit_sentence, why
from services.models import Policy
from tests.factories import Scene

pytestmark = pytest.mark.django_db

CANDIDATE = Ref(DEPLOYMENT, "shop", "product-v2")
ENGLISH_WORDS = re.compile(
    r"\b(?:the|is|are|runs|registered|approvals|ready|content|mesh|could|answered)\b", re.I
)


def give_v2(weight: int) -> Callable[[Manifest], None]:
    def change(document: Manifest) -> None:
        for entry in document["spec"]["http"][0]["route"]:
            entry["weight"] = weight if entry["destination"]["subset"] == "v2" else 100 - weight

    return change


def another_image(scene: Scene, at: State = State.APPROVED) -> Rollout:
    rollout = scene.rollout(at=at)
    scene.mesh.edit(
        CANDIDATE,
        lambda item: item["spec"]["template"]["spec"]["containers"][0].update(image="shop/product:other"),
    )
    return scene.until(rollout, State.PAUSED)


def another_image_while_baking(scene: Scene) -> Rollout:
    return another_image(scene, State.RUNNING)


def pods_not_ready(scene: Scene) -> Rollout:
    rollout = scene.rollout(at=State.APPROVED)
    scene.mesh.edit(CANDIDATE, lambda item: item["status"].update(readyReplicas=0))
    return scene.pulse(rollout, times=3)


def another_policy(scene: Scene) -> Rollout:
    rollout = scene.rollout(at=State.RUNNING)
    Policy.objects.filter(pk=scene.world.policy.pk).update(number=2)
    return scene.until(rollout, State.PAUSED)


def refused_write(scene: Scene) -> Rollout:
    rollout = scene.rollout(at=State.APPROVED)
    scene.mesh.fail_next(Rejected(Sentence("Could not {doing}: the answer is no object.", doing="write")))
    return scene.pulse(rollout)


SITUATIONS: list[tuple[Callable[[Scene], Rollout], str, str]] = [
    (another_image, "product-v2 runs shop/product:other; registered is", "登记的镜像是"),
    (another_image_while_baking, "product-v2 runs shop/product:other; registered is", "登记的镜像是"),
    (pods_not_ready, "WEIR0103: 0 of 2 pods", "WEIR0103："),
    (another_policy, "the content is ", "不再是批准过的"),
    (refused_write, "Could not write: the answer is no object.", "write"),
]


@pytest.mark.parametrize(
    ("happens", "english", "chinese"), SITUATIONS, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_stands_in_the_way_is_said_in_the_reader_s_language(
    scene: Scene, happens: Callable[[Scene], Rollout], english: str, chinese: str
) -> None:
    rollout = Rollout.objects.get(pk=happens(scene).pk)
    assert english in why(rollout)
    assert english in rollout.reason_params["problem"], "stored as the English text that it was before"
    with translation.override("zh-hans"):
        said = why(rollout)
    assert chinese in said
    assert not ENGLISH_WORDS.search(said), said


def test_the_trail_says_it_too_and_keeps_the_english_text(scene: Scene) -> None:
    rollout = another_image(scene)
    event = AuditEvent.objects.get(rollout=rollout, action="pause")
    assert event.after is not None
    assert event.after["problem"] in audit_sentence(event)
    with translation.override("zh-hans"):
        said = audit_sentence(event)
    assert "登记的镜像是" in said
    assert not ENGLISH_WORDS.search(said), said


def test_an_adopted_mesh_is_no_english_among_chinese(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    scene.mesh.edit(rollout.service.virtual_service_ref, give_v2(12))
    rollout = scene.by_hand(scene.until(rollout, State.PAUSED), Event.ADOPT)
    assert "adopted from the mesh" in why(rollout)
    with translation.override("zh-hans"):
        assert "它采纳自网格现状" in why(rollout)
        assert "adopted" not in why(rollout)


def test_a_person_who_adopts_in_chinese_leaves_english_behind(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    scene.mesh.edit(rollout.service.virtual_service_ref, give_v2(12))
    rollout = scene.until(rollout, State.PAUSED)
    with translation.override("zh-hans"):
        rollout = scene.by_hand(rollout, Event.ADOPT)
    assert "adopted from the mesh" in why(rollout)


def test_rows_from_before_are_read_as_they_are(scene: Scene) -> None:
    rollout = another_image(scene)
    rollout.reason_params = {"problem": "a sentence of an older version"}
    old = AuditEvent(action="pause", after={"reason": "version_changed", "problem": "an older one"})
    with translation.override("zh-hans"):
        assert why(rollout).endswith("a sentence of an older version")
        assert audit_sentence(old).endswith("an older one")


def test_the_parts_of_another_problem_are_not_said(scene: Scene) -> None:
    rollout = another_image(scene)
    rollout.reason_params = {**rollout.reason_params, "problem": "ValueError: 7"}
    with translation.override("zh-hans"):
        assert why(rollout).endswith("ValueError: 7")
        assert "登记的镜像是" not in why(rollout)


def test_the_api_says_it_in_the_language_that_is_asked_for(scene: Scene) -> None:
    rollout = another_image(scene)
    client = APIClient()
    client.force_authenticate(scene.world.approver)
    address = f"/api/v1/rollouts/{rollout.pk}/"
    assert "登记的镜像是" in str(client.get(address, headers={"accept-language": "zh-hans"}).json())
    assert "registered is" in str(client.get(address).json())


def test_a_live_object_that_can_not_be_read_is_told_among_the_drift(scene: Scene) -> None:
    rollout = scene.rollout(at=State.RUNNING)
    scene.mesh.edit(rollout.service.virtual_service_ref, lambda document: document["spec"].update(http=[]))
    rollout = Rollout.objects.get(pk=scene.until(rollout, State.PAUSED).pk)
    assert rollout.drift is not None
    assert "problem_parts" in rollout.drift["live"]
    english = {row["path"]: row["live"] for row in (drift_seen(rollout.drift) or {})["rows"]}
    with translation.override("zh-hans"):
        chinese = {row["path"]: row["live"] for row in (drift_seen(rollout.drift) or {})["rows"]}
    assert "problem_parts" not in english
    assert english["problem"] == rollout.drift["live"]["problem"]
    assert re.search("[\u4e00-\u9fff]", chinese["problem"])
