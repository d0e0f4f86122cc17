"""A person before a screen: a browser window with a language, a theme and a width, logged in as a role."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

WIDE, PHONE = 1440, 360
HEIGHT = 900
SETTLED_MS = 20_000
_AXE = Axe()
# Best practices are left to taste; what WCAG 2.2 A and AA ask for is not.
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody likes to see it. ``width`` is in CSS pixels."""

    language: str = "en"
    theme: str = "light"
    width: int = WIDE

    def __str__(self) -> str:
        return f"{self.language}-{self.theme}-{self.width}"


class Visitor:
    """One window. Complaints of the browser (policy violations, script errors, failed requests) are kept."""

    def __init__(self, context: BrowserContext, *, look: Look, artefacts: Path) -> None:
        self.look = look
        self.page: Page = context.new_page()
        self.page.set_default_timeout(SETTLED_MS)
        self.complaints: list[str] = []
        self._context = context
        self._artefacts = artefacts
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} at {self.page.url}")

    def go(self, path: str) -> Page:
        """Open a page and wait until it has what it shows."""
        self.page.goto(path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the page has its heading and nothing is announced as loading."""
        self.page.wait_for_load_state("load")
        expect(self.page.get_by_role("heading", level=1).first).to_be_visible(timeout=SETTLED_MS)
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0, timeout=SETTLED_MS)

    def shoot(self, name: str, *, whole: bool = True) -> None:
        """Keep a picture under ``tests/artefacts``."""
        self.page.screenshot(path=self._artefacts / f"{name}-{self.look}.png", full_page=whole)

    def barriers(self) -> list[str]:
        """Return what axe finds on the page: rule and element, a line each."""
        found = _AXE.run(self.page, options=_RULES).response["violations"]
        return [
            f"{rule['id']}: {' '.join(map(str, node['target']))} {node.get('failureSummary', '')}"
            for rule in found
            for node in rule["nodes"]
        ]

    def sticks_out(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wide: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide

    def close(self) -> None:
        """Close the window. Raises AssertionError with what the browser complained about."""
        self._context.close()
        assert not self.complaints, self.complaints


class Browsers:
    """Opens windows; each account logs in by the log-in page once, later windows bring its cookies."""

    def __init__(self, browser: Browser, *, facts: dict[str, Any], artefacts: Path) -> None:
        self._browser = browser
        self._facts = facts
        self._artefacts = artefacts
        self._sessions: dict[str, StorageState] = {}

    def open(self, account: str, *, look: Look) -> Visitor:
        """Open a window as an account of the lab; nobody, for an empty name."""
        if account and account not in self._sessions:
            self._sessions[account] = self._log_in(account)
        context = self._browser.new_context(
            base_url=self._facts["portal"],
            viewport={"width": look.width, "height": HEIGHT},
            color_scheme="dark" if look.theme == "dark" else "light",
            locale="zh-CN" if look.language == "zh-hans" else "en-US",
            timezone_id="Asia/Shanghai",
            has_touch=look.width == PHONE,
            storage_state=self._sessions.get(account),
            reduced_motion="reduce",
        )
        return Visitor(context, look=look, artefacts=self._artefacts)

    def _log_in(self, account: str) -> StorageState:
        context = self._browser.new_context(base_url=self._facts["portal"], locale="en-US")
        page = context.new_page()
        page.goto("/admin/login/?next=/")
        page.get_by_label("Username").fill(account)
        page.get_by_label("Password", exact=True).fill(self._facts["accounts"][account]["password"])
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        state = context.storage_state()
        context.close()
        return state
