"""Readability statistics by textstat. They are not part of any score."""

from __future__ import annotations


def readability(text: str) -> dict[str, float]:
    """Words, sentences and four readability indexes by textstat, without network access.

    ari and coleman_liau are US school grades; lix is 25 for easy and 55 for hard text; rix is long words per sentence.
    A text without words has counts only. For scripts written without spaces, such as Chinese or Thai, the result is
    empty, because textstat separates words at spaces.
    """
    from garble.text.alphabet import IDEOGRAPH, KIND, LETTER, encode

    kinds = KIND[encode(text)]
    if (kinds == IDEOGRAPH).sum() > (kinds == LETTER).sum():
        return {}
    # Slow to import. Other formulas, such as Gunning fog and Dale-Chall, download a dictionary of syllables.
    import textstat

    words = textstat.lexicon_count(text)
    if not words:
        return {"words": 0.0, "sentences": 0.0}
    return {
        "words": float(words),
        "sentences": float(textstat.sentence_count(text)),
        "ari": textstat.automated_readability_index(text),
        "coleman_liau": textstat.coleman_liau_index(text),
        "lix": textstat.lix(text),
        "rix": textstat.rix(text),
    }
