"""Simulated releases in the form of a recorded trace, for any seed, service and fault: to test and to measure the judge."""

from tests.simulated.faults import FAULTS, HEALTHY, Fault
from tests.simulated.trace import Trace, simulate
from tests.simulated.worlds import WORLDS, World

__all__ = ["FAULTS", "HEALTHY", "WORLDS", "Fault", "Trace", "World", "simulate"]
