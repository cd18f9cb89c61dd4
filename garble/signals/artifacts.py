"""Artifacts of machine translation and of the pipelines around it."""

from __future__ import annotations

import re

import numpy as np

from garble.columns import lists
from garble.columns.arrays import Ints, Mask, offsets, runs, spans_of
from garble.columns.batch import Batch
from garble.columns.lm import FIRST_WORD
from garble.signals.base import Columns, Survey, marks
from garble.text.alphabet import CASE, DIGIT, IDEOGRAPH, KIND, LETTER, LOWER, SPACE, UPPER
from garble.text.detection import detect


def _tokens_matched(batch: Batch, pattern: re.Pattern[str], places: Ints) -> Mask:
    """(tokens,) the tokens that the pattern matches from beginning to end; it matches nowhere but at `places`."""
    edges = spans_of(batch.matches(pattern, places))
    return batch.token_mask(np.searchsorted(batch.starts, edges[:, 0]), np.searchsorted(batch.ends, edges[:, 1]) + 1)


@marks("characters", "“{span}” is leftover markup")
def leftover_markup(batch: Batch) -> Mask:
    """Placeholders of translation systems, HTML entities and tags.

    Why it is garble: `<unk>`, `@@`, `▁` are internal tokens of a decoder; entities and tags belong to a web page.
    Known false alarms: texts about HTML.
    Reference: HPLT notes; Sennrich et al. 2016 for `@@`, SentencePiece for `▁`.
    Garbled: The <unk> met the king.
    Garbled: The par@@ liament voted for bread &amp; butter.
    Clean: AT&T is < 5 and > 3, so mail a@b.org.
    """
    return batch.chars_of(batch.matches(_MARKUP, batch.places("<[@#▁&")))


_MARKUP = re.compile(
    r"<unk>|\[UNK\]|<(?:url|num|name|pad|s|/s|mask|eos|bos)>|@@(?=\s|$)|(?<=\s)##[a-z]+|▁|@-@|@,@|@\.@"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,5});"
    r"|</?(?:br|p|div|span|b|i|em|strong|a|li|ul|ol|h[1-6]|td|tr|img|font)\b[^<>\n]{0,80}>"
)


@marks("tokens", "“{span}” is in another language", language="en")
def untranslated(batch: Batch) -> Mask:
    """Runs of three words or more without English function words, in which langdetect sees another language.

    Asked only of runs with two function words of another language, or one and two words that are no English ones.

    Why it is garble: the system copied what it could not translate.
    Known false alarms: titles, quotations, loan phrases (je ne sais quoi).
    Reference: Ott et al. 2018; Khayrallah and Koehn 2018, on copied source.
    Garbled: The mayor said dass die Stadt nicht mehr zahlen kann and left.
    Clean: The mayor of Rio de Janeiro and the band Los Lobos met in Den Haag.
    """
    foreign = lists.isin(batch.word, lists.hashes("foreign_function_words")) & ~batch.is_capital
    english = batch.is_small
    shared = lists.isin(batch.word, lists.hashes("shared_function_words"))
    comma = batch.codes[batch.starts] == ord(",")
    found = runs(foreign | comma | batch.is_word & (shared | ~english), batch.tokens)
    count = offsets(foreign)
    strange = batch.is_word & (batch.ids < FIRST_WORD) & ~foreign
    strange_before = offsets(strange & ~batch.is_capital)
    known_as_foreign, unknown = (at[found.ends] - at[found.starts] for at in (count, strange_before))
    proof = (known_as_foreign >= 2) | ((known_as_foreign == 1) & (unknown >= 2))
    suspicious = np.flatnonzero(proof & (found.lengths >= 3))
    # Words that English has as well belong to the run only between others.
    places = np.flatnonzero(foreign | strange)
    firsts = places[np.searchsorted(places, found.starts[suspicious])]
    lasts = places[np.searchsorted(places, found.ends[suspicious]) - 1] + 1
    runs_on = zip(firsts.tolist(), lasts.tolist(), strict=True)
    sure = [i for i, run in enumerate(runs_on) if detect(batch.pieces(*run)) != "en"]
    return batch.token_mask(firsts[sure], lasts[sure])


@marks("characters", "“{span}” is an abbreviation of the source language")
def carried_abbreviation(batch: Batch) -> Mask:
    """German abbreviations, whole or half translated: "such as: B. a scholarship" from "z. B.".

    Why it is garble: systems that split the sentence at the full stop translate half of the abbreviation.
    Known false alarms: initials after a colon.
    Reference: seen on German-English web pages; see the catalogue of MQM "untranslated" errors, Lommel et al. 2014.
    Garbled: There are ways to pay, such as: B. a scholarship.
    Garbled: There are ways to pay, z. B. a loan.
    Clean: There are ways to pay, e.g. a loan, said J. B. Priestley.
    """
    colons, stops = batch.places(":"), batch.places(".")
    before = batch.beside(stops, -1)
    short, long = (stops[np.isin(before, [ord(letter) for letter in letters])] for letters in ("zduoipc", "w"))
    places = np.concatenate([colons, colons - 1, short - 1, long - 3])
    return batch.chars_of(batch.matches(_ABBREVIATION, places[places >= 0]))


_ABBREVIATION = re.compile(
    r"(?:(?<=such as)|(?<=for example)|(?<=e\.g\.)|(?<=like)) ?: ?B\."
    r"|(?<!\w)(?:z\. ?B\.|d\. ?h\.|u\. ?a\.(?!\w)|o\. ?ä\.|bzw\.|usw\.|i\. ?d\. ?R\.|p\. ?ej\.|c\.-à-d\.)"
)


def _close(batch: Batch) -> Columns:
    """(documents,) each document's number, and whether any mark in it stands close to the word before it."""
    places = batch.places(",;:.!?")
    before, after = batch.beside(places, -1), KIND[batch.beside(places, 1)]
    close = np.isin(batch.codes[places], [ord(sign) for sign in ",;:"]) & (before == ord(")"))
    close |= ((KIND[before] & (LETTER | DIGIT | IDEOGRAPH)) != 0) | (before == ord("_"))
    sentence = np.searchsorted(batch.chars, places[close & (after == SPACE)], side="right") - 1
    number = np.arange(len(batch.total))
    return number, np.bincount(batch.document[sentence], minlength=len(number)) > 0


def _usual(numbers: Ints, close: Mask) -> Mask:
    return np.isin(numbers, numbers[close])


@marks("characters", "“{span}” has an extra space", survey=Survey(_close, _usual))
def spaced_punctuation(batch: Batch, usual: Mask) -> Mask:
    """A space before a comma, full stop or closing bracket, in a document that has no such spaces elsewhere.

    Why it is garble: decoder output that was not detokenised.
    Known false alarms: " ..." and " .5"; documents that are tokenised throughout are not marked.
    Reference: surface cues of MLQE, Fomicheva et al. 2022.
    Garbled: He paid the bill , then left ( by taxi ), and came back.
    Clean: He paid .5 of the bill ... then left (by taxi), and came back.
    Clean: He paid the bill , then left ( by taxi ) , and came back .
    """
    signs, opening = batch.places(",;:!?.)"), batch.places("(")
    apart = signs[np.isin(batch.beside(signs, -1), _BLANKS)]
    # The space begins where the word before it ends.
    gaps = batch.ends[np.searchsorted(batch.starts, apart) - 1]
    edges = spans_of(
        batch.matches(_SPACED, np.concatenate([gaps, opening[np.isin(batch.beside(opening, 1), _BLANKS)]]))
    )
    kept = edges[usual[batch.document[np.searchsorted(batch.chars, edges[:, 0], side="right") - 1]]]
    return batch.char_mask(kept[:, 0], kept[:, 1])


_BLANKS = [ord(" "), ord("\t")]
_SPACED = re.compile(r"(?<=\w)[ \t]+[,;:!?](?=\s)|(?<=\w)[ \t]+[,.](?=\s*\u2029)|\([ \t]+(?=\w)|(?<=[\w.])[ \t]+\)")


@marks("characters", "“{span}” doubles a punctuation mark")
def doubled_punctuation(batch: Batch) -> Mask:
    """Two commas, colons or semicolons in a row.

    Why it is garble: two pieces, each with its own punctuation, were joined.
    Known false alarms: code; two full stops are not marked; in chat they are an ellipsis.
    Reference: surface cues of MLQE, Fomicheva et al. 2022.
    Garbled: John left,, and he said:: never.
    Clean: John left ... and he said: "Never!!!"
    """
    signs = batch.places(",:;")
    after = batch.beside(signs, 1)
    close = np.isin(after, [ord(sign) for sign in ",:;."]) | (
        (after == ord(" ")) & (batch.beside(signs, 2) == ord(","))
    )
    return batch.chars_of(batch.matches(_DOUBLED, signs[close]))


_DOUBLED = re.compile(r"(?<=\w)(?:, ?,+|::(?!\w)|;;+|,\.|;,|,;)(?=\s|\w)")


@marks("tokens", "“{span}” is two words run together", language="en")
def glued_words(batch: Batch) -> Mask:
    """Lower-case words with a capital inside, or words in capitals with a lower-case ending.

    Why it is garble: a lost space after or before a name, or subword pieces joined wrongly.
    Known false alarms: product names (iPhone and McDonald are not marked), code.
    Reference: HPLT notes on glued words.
    Garbled: Then Hans EICHELBundesminister spoke.
    Garbled: He is a poor brodnikStudent from the south.
    Clean: McDonald bought an iPhone, a PowerPoint licence and two PCs for the NGOs on YouTube.
    """
    unknown = batch.ids < FIRST_WORD
    return _tokens_matched(batch, _GLUED, batch.inside(unknown & batch.is_spelt_out)) & unknown


_GLUED = re.compile(r"(?<![\w@./#-])(?:[a-z]{3,}[A-Z][a-z]{2,}|[A-Z]{4,}[a-z]{4,})(?![\w@/])")


@marks("tokens", "missing space in “{span}”")
def missing_space(batch: Batch) -> Mask:
    """The words on both sides of a full stop with no space after it.

    Why it is garble: two sentences, or a heading and a sentence, were joined.
    Known false alarms: hasty typing, URLs and file names.
    Reference: HPLT notes on glued words.
    Garbled: It closed yesterday.The next day it rained.
    Clean: It closed yesterday. The site www.example.Com went down, too.
    """
    stops = batch.places(".!?")
    before, after = batch.beside(stops, -1), batch.beside(stops, 1)
    joined = stops[(CASE[before] == LOWER) & (CASE[after] == UPPER)]
    return _tokens_matched(batch, _UNSPACED, batch.inside(np.searchsorted(batch.starts, joined) - 1))


_UNSPACED = re.compile(r"(?<![\w.@/:-])[a-z]{3,}[.!?][A-Z][a-z]{1,}(?=[\s,;])")


def _marks(batch: Batch) -> Ints:
    """(quotes,) where they stand; of a row of the same mark, which quotes nothing, the first and the last."""
    quotes = batch.places('"“”')
    sign = batch.codes[quotes]
    return np.asarray(quotes[(batch.beside(quotes, -1) != sign) | (batch.beside(quotes, 1) != sign)])


def _quotes(batch: Batch) -> Columns:
    """(quotes,) the paragraph, whether it opens, may be a sign for inches, could open, is in a paragraph of several."""
    quotes = _marks(batch)
    sign, before = batch.codes[quotes], batch.beside(quotes, -1)
    sentence = np.searchsorted(batch.chars, quotes, side="right") - 1
    # A straight mark opens or closes by what stands beside it.
    joined = (KIND[before] & (LETTER | DIGIT | IDEOGRAPH)) != 0
    joined |= np.isin(before, [ord(char) for char in ".,!?…;:%)]'’"])
    opens = (sign == ord("“")) | ((sign == ord('"')) & ~joined)
    inches = (sign == ord('"')) & np.array([chr(code).isdigit() for code in before.tolist()], bool)
    paragraph = (batch.document[sentence] << 40) + batch.paragraph[sentence]
    return paragraph, opens, inches, sign != ord("”"), batch.neighbours[sentence] > 1


def _stray(paragraph: Ints, opens: Mask, inches: Mask, fore: Mask, several: Mask) -> Mask:
    """(quotes,) the marks of a paragraph that open without a close or close without an open."""
    if not len(paragraph):
        return np.zeros(0, bool)
    new = np.concatenate([[True], paragraph[1:] != paragraph[:-1]])
    last = np.append(new[1:], True)
    closes_next = np.append(~opens[1:], False) & ~last
    opened_before = np.concatenate([[False], opens[:-1]]) & ~new
    # After a digit a straight mark is the sign for inches.
    stray = np.where(opens, ~closes_next, ~opened_before & ~inches) & several
    # A speech over several paragraphs opens again in the next.
    place = np.flatnonzero(stray)
    final = place[np.append(paragraph[place][1:] != paragraph[place][:-1], True)] if len(place) else place
    goes_on = final[opens[final] & np.isin(paragraph[final] + 1, paragraph[new & fore])]
    return np.asarray(stray & ~np.isin(paragraph, paragraph[goes_on]))


@marks("characters", "unmatched quotation mark", survey=Survey(_quotes, _stray))
def broken_quote(batch: Batch, stray: Mask) -> Mask:
    """Quotation marks without a partner in a paragraph of several sentences, judged over the whole document.

    Why it is garble: quotation marks get lost when sentences are translated one by one.
    Known false alarms: speeches over several paragraphs (not marked if the next one opens again), inches.
    Reference: MQM "punctuation", Freitag et al. 2021; an unpaired mark in a lone sentence is common in human news
    and says nothing, so it is not looked at.
    Garbled: “We are ready, she said. The rest is up to them. Nobody else came.
    Clean: “We are ready,” she said. “The rest is up to them.” Nobody else came.
    """
    found = np.zeros(len(batch.codes), bool)
    found[_marks(batch)[stray]] = True
    return found


@marks("characters", "“{span}” is not a valid number")
def malformed_number(batch: Batch) -> Mask:
    """Numbers whose points and commas follow neither the English nor the continental rule.

    Why it is garble: systems copy numbers piece by piece and lose their format.
    Known false alarms: version numbers and dates; Indian grouping (1,23,456) is not marked.
    Reference: DEMETR, Karpinska et al. 2022, perturbation 10; MQM "locale convention".
    Garbled: The price rose to 103,63.18 dollars.
    Clean: The price rose to 1,103.18 dollars, or 1.103,18 in Berlin, in version 2.0.1 on 24.12.2020.
    """
    digits = batch.signs[KIND[batch.codes[batch.signs]] == DIGIT]
    numbers = batch.matches(_NUMBER, digits[KIND[batch.beside(digits, -1)] != DIGIT])
    return batch.chars_of(number for number in numbers if not _WELL_FORMED.fullmatch(number.group()))


_NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?:[.,:]\d+)+(?![\w:/-])")
_WELL_FORMED = re.compile(
    r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:\.\d+)*|\d+(?:,\d+)+"
    r"|\d{1,4}(?::\d{1,3})+(?:[.,]\d+)?|\d+[.,]\d+:\d+(?:[.,]\d+)?"
)
