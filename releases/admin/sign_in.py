"""Coming in, and giving the password again before a production decision."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from releases.admin.actor import person
from releases.domain import PasswordNeeded
from releases.said import said_of
from releases.sessions import check_password, refuse_guessing


class SignInForm(AuthenticationForm):
    """Everybody with an account comes in here, staff or not; guessing is slowed down before the password is looked at."""

    def clean(self) -> dict[str, Any]:
        refuse_guessing(self.request, name=self.cleaned_data.get("username") or "")
        return super().clean()


class ConfirmForm(forms.Form):
    """The password of the person who is signed in."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
        strip=False,
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        check_password(self.request, person(self.request), self.cleaned_data["password"])
        return ""


def to_password(request: HttpRequest, error: PasswordNeeded, *, there: str) -> HttpResponse:
    """Lead to the page that asks for the password, and from there back to where the decision waits."""
    messages.warning(request, said_of(error))
    return HttpResponseRedirect(f"{reverse('confirm')}?{urlencode({'next': there})}")


@sensitive_post_parameters("password")
@never_cache
@login_required
def confirm_view(request: HttpRequest) -> HttpResponse:
    """Ask for the password and lead back to where the decision waits."""
    there = request.POST.get("next") or request.GET.get("next") or "/"
    if not url_has_allowed_host_and_scheme(there, {request.get_host()}, require_https=request.is_secure()):
        there = "/"
    form = ConfirmForm(request.POST or None, request=request)
    if form.is_valid():
        messages.success(request, _("Thank you. Now decide."))
        return HttpResponseRedirect(there)
    context = {
        **admin.site.each_context(request),
        "title": _("Your password, please"),
        "form": form,
        "next": there,
        "oidc": settings.OIDC_ENABLED and not person(request).has_usable_password(),
    }
    return TemplateResponse(request, "releases/confirm.html", context)


admin.site.login_form = SignInForm
