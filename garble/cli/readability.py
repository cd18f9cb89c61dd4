"""Readability figures by textstat, for those who ask; no score depends on them."""

from __future__ import annotations

from garble.text.alphabet import IDEOGRAPH, KIND, LETTER, encode


def readability(text: str) -> dict[str, float]:
    """Words, sentences and four readability indexes; all by textstat, none of which needs the network.

    ari and coleman_liau are US school grades; of lix, 25 is easy and 55 hard; rix is long words a sentence.
    A text without words has counts only. A text mostly in a script written without spaces, such as Chinese
    or Thai, gets an empty answer: textstat finds words by the spaces between them.
    """
    kinds = KIND[encode(text)]
    if (kinds == IDEOGRAPH).sum() > (kinds == LETTER).sum():
        return {}
    # Slow to import. Its other formulas, Gunning fog and Dale-Chall too, download a dictionary of syllables.
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
