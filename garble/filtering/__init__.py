"""The pre-filter: keep or drop documents (`decisions`), and filter files (`run`)."""

from __future__ import annotations

from garble.filtering.decisions import UNITS, Cut, Decision, OtherLanguages, Prefilter, Statistics, Unit, annotation

__all__ = ["UNITS", "Cut", "Decision", "OtherLanguages", "Prefilter", "Statistics", "Unit", "annotation"]
