"""Which judge it was. Verdicts are stored with it, so that one judged by other formulas is not taken for one that was changed."""

from __future__ import annotations

JUDGE_VERSION = 2
"""Raise it with every change of a formula or a constant here: of a test, a bound, the gate, a forecast, an experiment.

``tests/domain/evidence/test_version.py`` pins what each version makes of a table of counts. Verdicts from before versions were
noted have 0.
"""
