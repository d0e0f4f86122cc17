"""Two versions on the same axes, with the threshold and the steps: a line chart's geometry."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

HEIGHT = 168
"""Pixels of the plot, without the labels below it."""

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis: pixels from the top, or percent from the left."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One version's line: ``path`` in a box of 100 x HEIGHT, and where it ends."""

    css: str
    name: str
    path: str
    end_y: float
    label_y: float
    end_x: float
    last: float
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    """The time of one step: percent from the left, percent wide."""

    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything a template needs to draw it and to say it in words."""

    title: str
    summary: str
    curves: tuple[Curve, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    bands: tuple[Band, ...] = ()
    threshold: Tick | None = None
    height: int = HEIGHT


Points = Sequence[tuple[float, float]]
"""(epoch seconds, value), oldest first."""

Scale = Callable[[float], float]


def draw_chart(
    title: str,
    *,
    series: Mapping[str, Points],
    unit: str,
    digits: int,
    clock: Mapping[float, str],
    threshold: tuple[float, str] | None = None,
    bands: Sequence[tuple[float, float, str]] = (),
) -> Chart | None:
    """Lay out one figure of the stable (first) and the candidate (second) version; None without a point.

    ``clock`` names the instants that the time axis shows; ``threshold`` is (value, what happens above it);
    ``bands`` are (from, to, label) in epoch seconds.
    """
    present = {name: points for name, points in series.items() if points}
    if not present:
        return None
    instants = [at for points in present.values() for at, _ in points]
    begin, end = min(instants), max(instants)
    length = (end - begin) or 1.0
    peak = max(
        [value for points in present.values() for _, value in points] + ([threshold[0]] if threshold else [])
    )
    step = nice_step(peak)
    top = step * max(1, math.ceil(peak / step - 1e-9))

    def x(at: float) -> float:
        return round(100 * min(max((at - begin) / length, 0.0), 1.0), 2)

    def y(value: float) -> float:
        return round(HEIGHT * (1 - value / top), 1)

    curves = _spread(
        [
            _curve(css, name=name, points=series[name], x=x, y=y, label=f"{series[name][-1][1]:.{digits}f}")
            for css, name in zip(("1", "2"), series, strict=False)
            if name in present
        ]
    )
    said = "; ".join(f"{curve.name} {curve.label} {unit}".strip() for curve in curves)
    return Chart(
        title=title,
        summary=f"{title}: {said}",
        curves=tuple(curves),
        y_ticks=tuple(
            Tick(y(step * count), f"{step * count:.{_digits(step)}f}")
            for count in range(round(top / step) + 1)
        ),
        x_ticks=tuple(Tick(x(at), label) for at, label in clock.items()),
        bands=tuple(Band(x(since), round(x(until) - x(since), 2), label) for since, until, label in bands),
        threshold=Tick(y(threshold[0]), threshold[1]) if threshold else None,
    )


def nice_step(peak: float, *, steps: int = 3) -> float:
    """Return a distance of grid lines that people like: 1, 2, 2.5 or 5 times a power of ten."""
    rough = (peak or 1.0) / steps
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in _NICE if factor * power >= rough * (1 - 1e-9))


def _digits(step: float) -> int:
    """Return how many decimals the labels of an axis with this distance need."""
    return next(digits for digits in range(10) if abs(round(step, digits) - step) < step * 1e-6)


def _curve(css: str, *, name: str, points: Points, x: Scale, y: Scale, label: str) -> Curve:
    path = " ".join(f"{'L' if index else 'M'}{x(at)} {y(value)}" for index, (at, value) in enumerate(points))
    last_at, last = points[-1]
    return Curve(
        css=css,
        name=name,
        path=path,
        end_y=y(last),
        label_y=y(last),
        end_x=x(last_at),
        last=last,
        label=label,
    )


def _spread(curves: list[Curve]) -> list[Curve]:
    """Keep the labels at the line ends readable: at least 16 pixels apart."""
    if len(curves) < 2 or abs(curves[0].label_y - curves[1].label_y) >= 16:
        return curves
    middle = min(max((curves[0].label_y + curves[1].label_y) / 2, 8), HEIGHT - 8)
    upper, lower = sorted(curves, key=lambda curve: curve.label_y)
    places = {upper.css: middle - 8, lower.css: middle + 8}
    return [replace(curve, label_y=places[curve.css]) for curve in curves]
