"""A walk over a page by the Tab key alone."""

from __future__ import annotations

from playwright.sync_api import Page

MOST_STOPS = 400

# A group of radio buttons is one stop; what is folded away or not displayed is none.
_MARK = """() => {
  const asked = 'a[href], button, input, select, textarea, summary, [tabindex]'
  const shown = (e) => e.checkVisibility({ visibilityProperty: true })
  const able = (e) => e.tabIndex >= 0 && !e.disabled && !e.closest('[inert]') && e.type !== 'hidden'
  const groups = new Set()
  const first = (e) => e.type !== 'radio' || (!groups.has(e.name) && groups.add(e.name))
  const places = [...document.querySelectorAll(asked)].filter((e) => able(e) && shown(e) && first(e))
  places.forEach((e, index) => e.setAttribute('data-place', e.type === 'radio' ? e.name : index))
  return places.map((e) => [e.getAttribute('data-place'), e.outerHTML.slice(0, 160)])
}"""
_HERE = """() => {
  const e = document.activeElement
  if (!e || e === document.body) return null
  const style = getComputedStyle(e), box = e.getBoundingClientRect()
  const ring = (s) => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none'
  const near = [e, e.parentElement, e.nextElementSibling, e.labels?.[0]].filter(Boolean)
  return {
    place: e.type === 'radio' ? e.name : e.getAttribute('data-place'),
    html: e.outerHTML.slice(0, 160),
    seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    ring: near.some((n) => ring(getComputedStyle(n))),
  }
}"""


def walk(page: Page) -> list[str]:
    """Press Tab from the top to the end. Return a line for each control that is never reached, is reached out of sight
    or does not show that it has the focus.
    """
    page.evaluate("document.activeElement?.blur()")
    left: dict[str, str] = {str(place): html for place, html in page.evaluate(_MARK)}
    faults: list[str] = []
    for _stop in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here is None:
            break
        left.pop(str(here["place"]), None)
        if not here["seen"]:
            faults.append(f"out of sight: {here['html']}")
        if not here["ring"]:
            faults.append(f"no sign of focus: {here['html']}")
    else:
        faults.append(f"no end after {MOST_STOPS} stops")
    return faults + [f"never reached: {html}" for html in left.values()]
