"""Shadow mode in the operators' face: said wherever somebody could think that a verdict does something."""

from __future__ import annotations

import re

from django.urls import reverse

from services.models import Service
from tests.admin.conftest import SignIn
from tests.admin.test_decision import page_of
from tests.admin.world import World

CHIP = "</svg>Shadow mode</span>"
SAID = "nothing is done by them: no guard rolls back, no gate holds."


def test_the_decision_page_says_it_before_and_during_the_rollout(world: World, sign_in: SignIn) -> None:
    pending = world.pending()
    Service.objects.update(shadow=True)
    client = sign_in(world.approver)
    asked = client.get(page_of(pending)).content.decode()
    Service.objects.update(shadow=False)
    without = client.get(page_of(pending)).content.decode()

    assert SAID in asked
    assert SAID not in without
    text, plain = (re.sub(r"<[^>]+>", "", html) for html in (asked, without))
    assert "no guard brings the traffic back by itself" in text
    assert "if a guard fails, all traffic returns to v1" not in text
    assert "if a guard fails, all traffic returns to v1" in plain


def test_a_running_rollout_says_it(world: World, sign_in: SignIn) -> None:
    rollout = world.running()
    Service.objects.update(shadow=True)
    html = sign_in(world.viewer).get(page_of(rollout)).content.decode()
    assert SAID in html


def test_the_services_say_it_in_the_list_and_in_the_form(world: World, sign_in: SignIn) -> None:
    service = world.draft().service
    Service.objects.update(shadow=True)
    client = sign_in(world.operator)
    listed = client.get(reverse("admin:services_service_changelist")).content.decode()
    form = client.get(reverse("admin:services_service_change", args=[service.pk])).content.decode()

    assert CHIP in listed
    assert 'class="note hold" role="note"' in form
    assert 'name="shadow"' in form
    Service.objects.update(shadow=False)
    assert CHIP not in client.get(reverse("admin:services_service_changelist")).content.decode()
