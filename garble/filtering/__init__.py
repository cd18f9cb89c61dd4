"""The filter for corpora: what of each document stays (`decisions`), and files in, files out (`run`)."""

from __future__ import annotations

from garble.filtering.decisions import UNITS, Cut, Decision, OtherLanguages, Prefilter, Statistics, Unit, annotation

__all__ = ["UNITS", "Cut", "Decision", "OtherLanguages", "Prefilter", "Statistics", "Unit", "annotation"]
