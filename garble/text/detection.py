"""Which language a text is in: by langdetect, seeded, and only where cheaper evidence leaves a doubt."""

from __future__ import annotations

from functools import cache
from typing import Any

# langdetect is unsure below about seven words and needs no more than this many characters.
_SAMPLE = 2000


def detect(text: str) -> str:
    """ISO 639-1 code of the likeliest language of `text`; "und" when it has no letters."""
    from langdetect.lang_detect_exception import LangDetectException

    detector = _factory().create()
    detector.append(text[:_SAMPLE])
    try:
        found: str = detector.detect()
    except LangDetectException:
        return "und"
    # langdetect tells "zh-cn" from "zh-tw"; the code alone is what reports carry.
    return "und" if found == "unknown" else found.split("-")[0]


@cache
def _factory() -> Any:
    from langdetect import PROFILES_DIRECTORY, DetectorFactory

    # Without a seed langdetect changes its answer from call to call.
    DetectorFactory.seed = 0
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory
