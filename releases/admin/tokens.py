"""API tokens: a person makes them for herself, sees the secret once, and ends them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from releases import flow
from releases.admin.actor import actor_of, may_everywhere, person
from releases.admin.base import OperationsAdmin
from releases.admin.widgets import MomentInput
from releases.domain import BadPlan, DomainError
from releases.domain.roles import Action
from releases.models import ApiToken
from releases.said import said_of
from releases.templatetags.weir import chip, moment

_USUAL = timedelta(days=90)


class TokenForm(forms.Form):
    """A new token of the person who asks."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("What it is for, as in CI of the product team."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=[
            ("read", gettext_lazy("read")),
            ("write", gettext_lazy("write")),
            ("approve", gettext_lazy("approve")),
        ],
        widget=forms.CheckboxSelectMultiple,
        initial=["read"],
    )
    expires_at = forms.DateTimeField(label=gettext_lazy("Ends"), widget=MomentInput)


@admin.register(ApiToken)
class ApiTokenAdmin(OperationsAdmin[ApiToken]):
    """One's own tokens; user administrators see everybody's. The secret is stored nowhere."""

    list_display = ("name", "user", "said_scopes", "status", "expires_at", "last_used_at", "ending")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    empty_help = gettext_lazy("Add a token for a machine that acts for you. Its secret is shown once.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        tokens = super().get_queryset(request)
        return tokens if self._administers(request) else tokens.filter(user=person(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).is_active

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:token_id>/revoke/", wrap(self.revoke_view), name="releases_apitoken_revoke"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("scopes"))
    def said_scopes(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description=gettext_lazy("state"))
    def status(self, token: ApiToken) -> SafeString:
        if token.revoked_at:
            return format_html(
                '{}<p class="meta">{}</p>', chip("none", "none", _("revoked")), moment(token.revoked_at)
            )
        if token.is_valid(timezone.now()):
            return chip("pass", "check", _("valid"))
        return chip("none", "clock", _("ended"))

    @admin.display(description="")
    def ending(self, token: ApiToken) -> SafeString | str:
        if token.revoked_at:
            return ""
        url = reverse("admin:releases_apitoken_revoke", args=[token.pk])
        return format_html(
            '<button class="btn danger" form="revoke" formaction="{}">{}</button>', url, _("Revoke")
        )

    @sensitive_variables("secret")
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        form = TokenForm(request.POST or None, initial={"expires_at": timezone.now() + _USUAL})
        if form.is_valid():
            try:
                token, secret = flow.issue_token(
                    user=person(request), by=actor_of(request), **form.cleaned_data
                )
            except BadPlan as error:
                form.add_error(error.field if error.field in form.fields else None, said_of(error))
            except DomainError as error:
                form.add_error(None, said_of(error))
            else:
                return never_cache(self._shown_once)(request, token=token, secret=secret)
        context = {
            **self.admin_site.each_context(request),
            "title": _("New API token"),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "releases/token_form.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """There is nothing on a token's page that the list does not say."""
        return HttpResponseRedirect(reverse("admin:releases_apitoken_changelist"))

    def revoke_view(self, request: HttpRequest, token_id: int) -> HttpResponse:
        return require_POST(self._revoke)(request, token_id)

    def _revoke(self, request: HttpRequest, token_id: int) -> HttpResponse:
        token = get_object_or_404(self.get_queryset(request), pk=token_id)
        try:
            flow.revoke_token(token, by=actor_of(request))
        except DomainError as error:
            raise PermissionDenied(said_of(error)) from error
        self.message_user(request, _("%(token)s is revoked.") % {"token": token}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:releases_apitoken_changelist"))

    def _shown_once(self, request: HttpRequest, *, token: ApiToken, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": token.name,
            "token": token,
            "secret": secret,
            "opts": self.opts,
        }
        return TemplateResponse(request, "releases/token_shown.html", context)

    def _administers(self, request: HttpRequest) -> bool:
        return may_everywhere(request, Action.EDIT_USERS)
