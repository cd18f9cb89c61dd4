"""What an incomplete template leaves in a text."""

from __future__ import annotations

import re

from garble.columns.arrays import Mask
from garble.columns.batch import Batch
from garble.signals.base import marks


@marks("characters", "“{span}” is a placeholder that was not filled in")
def placeholder(batch: Batch) -> Mask:
    """Placeholders in square brackets that tell the writer what to fill in.

    Why it is garble: the text was generated from a template, or by a language model, and never completed.
    Known false alarms: guides that explain a template.
    Reference: none.
    Garbled: The mayor of [insert city] opened the new bridge.
    Garbled: Dear [Your Name], the tide turned at noon.
    Clean: The mayor [of Ghent] opened “teh [sic] bridge”, see [12] and [Insertion].
    """
    return batch.chars_of(batch.matches(_PLACEHOLDER, batch.places("[")))


# A space and not \s, which would match the border between two sentences, \u2029.
_PLACEHOLDER = re.compile(r"\[(?:insert|your|enter|name of) [^\[\]\n\u2029]{1,40}\]", re.IGNORECASE)
