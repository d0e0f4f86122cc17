"""The catalogue, people and tokens: changed by role, audited, and secrets shown once."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone, translation

from releases import flow
from releases.domain.roles import RoleName
from releases.models import ApiToken, AuditEvent, Proposal, Role, User
from services.models import Cluster, Policy, Version
from tests.admin.conftest import SignIn
from tests.admin.world import PASSWORD, World, actor, person


def test_a_change_of_the_catalogue_is_audited_with_before_and_after(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:services_cluster_change", args=[world.cluster.pk])
    given = {"name": "test", "prometheus_url": "http://new.istio-system:9090", "time_zone": "Asia/Shanghai"}
    response = sign_in(world.operator).post(url, given)
    assert response.status_code == 302, response.content.decode()[:2000]
    event = AuditEvent.objects.get(action="change_cluster")
    assert {**(event.before or {})}["prometheus_url"] == "http://prometheus.istio-system:9090"
    assert {**(event.after or {})}["prometheus_url"] == "http://new.istio-system:9090"
    assert event.user == world.operator


def test_the_catalogue_is_changed_by_role(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:services_cluster_change", args=[world.cluster.pk])
    assert sign_in(world.viewer).post(url, {"name": "mine"}).status_code == 403
    assert Cluster.objects.get().name == "test"


def test_a_policy_changes_and_counts_up_when_somebody_else_agrees(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:services_policy_change", args=[world.policy.pk])
    assert sign_in(world.operator).post(url, {"name": "one vote", "approvals_needed": 2}).status_code == 403
    sign_in(world.administrator).post(
        url, {"name": "one vote", "approvals_needed": 2, "signing": "quorum", "guard_allowed": True}
    )
    assert Policy.objects.get().approvals_needed == 1
    flow.agree(Proposal.objects.get(), by=actor(world.approver))
    policy = Policy.objects.get()
    assert (policy.approvals_needed, policy.number) == (2, 2)


def test_a_service_is_added_with_its_metrics_unset(world: World, sign_in: SignIn) -> None:
    given = {
        "cluster": world.cluster.pk,
        "namespace": "shop",
        "name": "cart",
        "host": "cart",
        "virtual_service": "cart",
        "destination_rule": "cart",
        "http_routes": "[]",
        "metrics_source": "istio",
        "policy": world.policy.pk,
    }
    response = sign_in(world.operator).post(reverse("admin:services_service_add"), given)
    assert response.status_code == 302, response.content.decode()[:3000]
    assert AuditEvent.objects.filter(action="create_service").count() == 1


def test_a_version_is_registered_once_for_one_image(world: World, sign_in: SignIn) -> None:
    service = world.service("product")
    client = sign_in(world.requester)
    given = {
        "service": service.pk,
        "name": "v3",
        "subset": "v3",
        "labels": '{"version": "v3"}',
        "image": "shop/product:v3",
    }
    client.post(reverse("admin:services_version_add"), given)
    assert Version.objects.get(name="v3").registered_by == world.requester
    again = client.post(reverse("admin:services_version_add"), {**given, "image": "shop/product:other"})
    assert again.status_code in {200, 302}
    assert Version.objects.get(name="v3").image == "shop/product:v3"


# People and tokens


def test_a_role_is_asked_for_on_one_page_and_agreed_to_on_another(world: World, sign_in: SignIn) -> None:
    given = {"user": world.viewer.pk, "name": "operator", "why": "Joins the people on call."}
    asker = sign_in(world.administrator)
    assert asker.post(reverse("admin:releases_role_add"), given).status_code == 302
    proposal = Proposal.objects.get()
    link = reverse("admin:releases_proposal_change", args=[proposal.pk])
    assert not Role.objects.filter(user=world.viewer, name="operator").exists()
    answer = {"decision": "agree", "answer": "Yes."}
    asker.post(link, answer)
    assert not Role.objects.filter(user=world.viewer, name="operator").exists(), "the first person again"
    second = sign_in(world.approver)
    assert link in second.get(reverse("admin:index")).content.decode()
    second.post(link, answer)
    assert Role.objects.filter(user=world.viewer, name="operator").exists()
    event = AuditEvent.objects.get(action="agreed_give_role")
    assert {**(event.after or {})}["target"] == str(world.viewer)


def test_no_page_gives_a_role_to_who_asks_or_changes_one(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.administrator)
    own = {"user": world.administrator.pk, "name": "operator", "why": "I need it."}
    client.post(reverse("admin:releases_role_add"), own)
    assert not Proposal.objects.exists()
    mine, other = Role.objects.filter(user=world.administrator)[0], Role.objects.get(user=world.viewer)
    for role in (mine, other):
        url = reverse("admin:releases_role_change", args=[role.pk])
        assert client.post(url, {"user": role.user_id, "name": "operator"}).status_code == 403
    assert (
        client.post(reverse("admin:releases_role_delete", args=[mine.pk]), {"post": "yes"}).status_code == 403
    )
    assert (
        client.post(reverse("admin:releases_role_delete", args=[other.pk]), {"post": "yes"}).status_code
        == 302
    )
    assert list(Role.objects.filter(user=world.viewer)) == []
    assert Role.objects.filter(user=world.administrator).count() == 2


def test_the_account_page_proposes_a_group_and_takes_one_away_at_once(world: World, sign_in: SignIn) -> None:
    sre, qa = Group.objects.create(name="sre"), Group.objects.create(name="qa")
    world.approver.groups.add(qa)
    url = reverse("admin:releases_user_change", args=[world.approver.pk])
    given = {
        "username": "approver",
        "title": "Approver",
        "is_active": "on",
        "is_staff": "on",
        "groups": [sre.pk],
    }
    sign_in(world.administrator).post(url, {**given, "is_superuser": "on", "password": "x", "password1": "y"})
    fresh = User.objects.get(pk=world.approver.pk)
    assert (list(fresh.groups.all()), fresh.is_superuser, fresh.check_password(PASSWORD)) == ([], False, True)
    assert Proposal.objects.get().after == {"added_groups": [sre.pk], "group_names": ["sre"]}


def test_an_auditor_becomes_neither_approver_nor_operator(world: World, sign_in: SignIn) -> None:
    given = {"user": world.auditor.pk, "name": "approver"}
    response = sign_in(world.administrator).post(reverse("admin:releases_role_add"), given)
    assert response.status_code == 200
    assert not Role.objects.filter(user=world.auditor, name="approver").exists()


def test_only_user_administrators_change_people(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:releases_user_change", args=[world.viewer.pk])
    assert sign_in(world.operator).post(url, {"username": "x"}).status_code == 403
    assert sign_in(world.operator).post(reverse("admin:releases_role_add"), {"user": 1}).status_code == 403


def test_a_new_account_has_its_password_and_no_secret_in_the_trail(world: World, sign_in: SignIn) -> None:
    given = {"username": "new", "title": "New", "password1": PASSWORD, "password2": PASSWORD}
    response = sign_in(world.administrator).post(reverse("admin:releases_user_add"), given)
    assert response.status_code == 302, response.content.decode()[:3000]
    assert User.objects.get(username="new").check_password(PASSWORD)
    assert PASSWORD not in AuditEvent.objects.get(action="create_user").text


def test_the_secret_of_a_token_is_shown_once(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.requester)
    ends = (timezone.localtime() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    given = {"name": "ci", "scopes": ["read", "write"], "expires_at": ends}
    response = client.post(reverse("admin:releases_apitoken_add"), given)
    secret = response.context["secret"]
    token = ApiToken.objects.get()
    assert token.digest == ApiToken.digest_of(secret)
    assert "no-store" in response["Cache-Control"]
    assert secret not in client.get(reverse("admin:releases_apitoken_changelist")).content.decode()


def test_a_person_sees_and_ends_only_her_own_tokens(world: World, sign_in: SignIn) -> None:
    ends = timezone.now() + timedelta(days=1)
    token, _secret = flow.issue_token(
        user=world.requester, name="ci", scopes=["read"], expires_at=ends, by=actor(world.requester)
    )
    url = reverse("admin:releases_apitoken_revoke", args=[token.pk])
    assert sign_in(world.operator).post(url).status_code == 404
    assert sign_in(world.requester).get(url).status_code == 405
    sign_in(world.requester).post(url)
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_roles_are_called_in_the_readers_language_and_kept_in_english(world: World, sign_in: SignIn) -> None:
    administrator = person("keeper", RoleName.USER_ADMINISTRATOR)
    client = sign_in(administrator)
    url = reverse("admin:releases_role_add")
    chinese = {"accept-language": "zh-hans"}
    assert '<option value="viewer">只读用户</option>' in client.get(url, headers=chinese).content.decode()
    role = Role.objects.get(user=world.requester)
    with translation.override("zh-hans"):
        assert str(role) == f"{world.requester}: 申请人"
    client.post(reverse("admin:releases_role_delete", args=[role.pk]), {"post": "yes"}, headers=chinese)
    told = AuditEvent.objects.get(action="delete_role", object_id=str(role.pk)).before
    assert told
    assert told["name"] == f"{world.requester}: requester"
