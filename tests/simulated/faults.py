"""What may be wrong with a candidate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """``error_factor`` and ``error_add`` change the error rate, ``slower`` all latencies, ``tail`` those of the slowest
    ``tail_share``, ``payment_add`` the share of failed payments, ``dwell`` the dwell time, ``split`` the share of traffic.
    ``onset_seconds`` is when it begins after the candidate's first traffic.
    """

    name: str
    error_factor: float = 1.0
    error_add: float = 0.0
    slower: float = 1.0
    tail: float = 1.0
    tail_share: float = 0.0
    payment_add: float = 0.0
    dwell: float = 1.0
    split: float = 1.0
    onset_seconds: float = 0.0
    in_shock: bool = False

    @property
    def is_harmless(self) -> bool:
        return self.name == "healthy"


HEALTHY = Fault("healthy")
FAULTS: tuple[Fault, ...] = (
    Fault("errors_50_percent", error_add=0.5),
    Fault("errors_5_points", error_add=0.05),
    Fault("errors_5_points_in_shock", error_add=0.05, in_shock=True),
    Fault("errors_half_point", error_add=0.005),
    Fault("errors_times_1.5", error_factor=1.5),
    Fault("errors_5_points_late", error_add=0.05, onset_seconds=1500),
    Fault("slower_10_percent", slower=1.10),
    Fault("slowest_2_percent_twice", tail=2.0, tail_share=0.02),
    Fault("slowest_10_percent_x1.5", tail=1.5, tail_share=0.10),
    Fault("payments_half_point", payment_add=0.005),
    Fault("payments_3_points", payment_add=0.03),
    Fault("dwell_minus_10_percent", dwell=0.90),
    Fault("gets_nothing", split=0.0),
    Fault("gets_double", split=2.0),
)
