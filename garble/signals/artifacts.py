"""Artifacts of machine translation and of the pipelines around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from garble.columns import lists
from garble.columns.arrays import Floats, Ints, Mask, offsets, runs, spans_of
from garble.columns.batch import Batch
from garble.columns.lm import FIRST_WORD
from garble.languages import ENGLISH, Language
from garble.signals.base import Columns, Survey, marks
from garble.text.alphabet import CASE, DIGIT, IDEOGRAPH, KIND, LETTER, LOWER, SPACE, UPPER, Hashes, hash_runs
from garble.text.detection import detect


def _tokens_matched(batch: Batch, pattern: re.Pattern[str], places: Ints) -> Mask:
    """(tokens,) the tokens that the pattern matches from beginning to end; it matches nowhere but at `places`."""
    edges = spans_of(batch.matches(pattern, places))
    return batch.token_mask(np.searchsorted(batch.starts, edges[:, 0]), np.searchsorted(batch.ends, edges[:, 1]) + 1)


def _what_is_left(span: str) -> str:
    """The reason, by what kind of remnant it is."""
    kinds = (description for pattern, description in _KINDS if pattern.match(span))
    return f"“{{span}}” is {next(kinds, 'left over from a decoder')}"


@marks("characters", "“{span}” is left over from a page, a template or a decoder", explain=_what_is_left)
def leftover_markup(batch: Batch) -> Mask:
    """What decoders, templates, encoders and pages leave behind: tokens, placeholders, escapes, entities and tags.

    Let pass are those that stand in quotation marks, or beside a word such as "tag"; whole placeholders where the
    sentence is about code; and a tag that stands by itself and is never closed.

    Why it is garble: `<unk>`, `@@`, `▁` are internal to a decoder; placeholders to a template; entities and tags to a
    page.
    Known false alarms: texts about HTML.
    Reference: HPLT notes; Sennrich et al. 2016 for `@@`, SentencePiece for `▁`.
    Garbled: The <unk> met the king.
    Garbled: The par@@ liament voted for bread &amp; butter.
    Garbled: TheĠmayorĠopened the caf<0xC3><0xA9> for {{name}}.<|im_end|>
    Clean: AT&T is < 5 and > 3, so mail a@b.org.
    Clean: The tag <b> is closed, “{{name}}” is a template, and @@@@ is nothing.
    """
    places = batch.places("<[@#▁&_>⁇｟%{$=\\|")
    # Letters that stand for a space in vocabularies of bytes.
    places = np.concatenate([places, batch.non_ascii[np.isin(batch.codes[batch.non_ascii], [0x120, 0x10A])]])
    return batch.chars_of(match for match in batch.matches(_LEFT, places) if _is_left(batch, match))


_DECODER = (
    r"<unk>|\[UNK\]|<(?:num|pad|s|/s|mask|eos|bos)>|\[(?:CLS|SEP|PAD|MASK|BOS|EOS)\]"
    r"|<\|[a-z][a-z0-9_]{2,30}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<extra_id_\d{1,3}>|<unused\d{1,3}>"
    r"|(?<=\w)@@(?=\s|$)|(?<=\s)##[a-z]+|▁|@-@|@,@|@\.@|⁇|｟[^｠\n]{0,40}｠|(?<=[a-z.,])[ĠĊ](?=[A-Za-z])"
    r"|(?:<0x[0-9A-F]{2}>)+|>>[a-z]{2,3}(?:_[A-Z][a-z]{3})?<<"
    r"|(?<!\w)__(?:en|de|fr|es|it|pt|nl|pl|cs|ru|uk|ro|hu|fi|sv|da|nb|el|tr|ar|he|fa|hi|zh|ja|ko|vi|th)__(?!\w)"
    r"|<arg\d>(?=[^\u2029]{0,200}</(?:arg\d|rel)>)|</(?:arg\d|rel)>"
)
_BROKEN = (
    r"%(?: \d ?\$ ?|\d \$ ?|\d\$ )[sd](?!\w)|\{\d+ \}|\{ \d+ ?\}|\{ \{ ?\w+ ?\} ?\}|\$ \{ ?\w+ ?\}|% \(\w+\) ?s(?!\w)"
    r"|__(?:PH|NUM|VAR|TAG|NE|PLACEHOLDER|ENTITY|EMAIL|URL)_?\d*__"
)
_WHOLE = (
    r"\{\{ ?[A-Za-z][\w.]{1,30} ?\}\}|\$\{[A-Za-z][\w.]{1,30}\}|(?<!\S)%\d\$[sd](?!\w)|(?<!\S)%[sd](?=[\s.,!?])"
    r"|(?<!\S)\{\w*name\}(?!\w)"
)
_ESCAPE = r"(?<=[A-Za-z])(?:\\u(?:00|01|20)[0-9a-fA-F]{2}|\\x(?:c[2-5]|e2\\x80)\\x[89ab][0-9a-f]|(?:=[0-9A-F]{2}){2,})"
_ENTITY = (
    r"&(?:amp;)*(?:amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip|[aeiou](?:acute|grave|circ|uml)|ntilde|ccedil"
    r"|#\d{2,5}|#x[0-9a-fA-F]{2,5});"
)
_TAG = r"</?(?:br|p|div|span|b|i|em|strong|a|li|ul|ol|h[1-6]|td|tr|img|font)\b[^<>\n]{0,80}>"
_CHOICE = r"\{[a-z][a-z' ]*(?:\|[a-z' ]+)+\}|\| [a-z]+ \| [a-z]+(?= (?:in|of|to|the|a|for|on|with|and|that|by|from)\b)"
_LEFT = re.compile(
    rf"(?P<decoder>{_DECODER})|(?P<broken>{_BROKEN})|(?P<whole>{_WHOLE})|(?P<escape>{_ESCAPE})|(?P<entity>{_ENTITY})"
    rf"|(?P<tag>{_TAG})|(?P<choice>{_CHOICE})"
)
_KINDS = (
    (re.compile(rf"&|{_TAG}"), "markup left over"),
    (re.compile(r"\||\{[^{|]*\|"), "a choice between words that was never made"),
    (re.compile(r"[{$%]|__[A-Z]"), "a placeholder that was never filled in"),
    (re.compile(r"[\\=]"), "a character that was never decoded"),
)
# Characters around a remnant that tell whether it is one.
_NEAR = 300
_OPENING, _CLOSING = "`\"'“‘«", "`\"'”’»"
# What is written down is a mention, and the others of its sentence with it: "type &amp; for an ampersand".
_NAMED = re.compile(
    r"\b(?:type|types|typed|write|writes|written|use|uses|insert|enter|called|named) [&<]", re.IGNORECASE
)
_PAIRED = re.compile(r"<(?!br|img)(\w+)")
_WORD = re.compile(r"[a-z-]+")
_NAME_PART = re.compile(r"[a-z]+|(?<=[A-Za-z])[A-Z][a-z]+")


def _is_left(batch: Batch, match: re.Match[str]) -> bool:
    """Whether a remnant is no mention of one."""
    kind, span = match.lastgroup, match.group()
    sentence = int(np.searchsorted(batch.char_offsets, match.start(), side="right")) - 1
    # What stands further off says nothing, and looking at all of a long sentence each time would take too long.
    first = max(int(batch.char_offsets[sentence]), match.start() - _NEAR)
    last = min(int(batch.char_offsets[sentence + 1]) - 1, match.end() + _NEAR)
    before, after = batch.text[first : match.start()], batch.text[match.end() : last]
    if before and after and before[-1] in _OPENING and after[0] in _CLOSING:
        return False
    if kind in ("whole", "escape", "choice") and _is_about_code(batch.text[first:last]):
        return False
    if kind == "whole":
        # Other names belong to notations: references in standards, variables of a shell.
        return "%" in span or not ENGLISH.words("template_fields").isdisjoint(_NAME_PART.findall(span))
    if kind == "choice":
        return _is_choice(before, 1 if span.startswith("{") else 3)
    apart = before[-1:] == " " and after[:1] in (" ", ",", ".")
    if kind in ("decoder", "tag") or (kind == "entity" and apart):
        beside = " ".join([*before.split()[-1:], *after.split()[:1]])
        if _is_about_code(beside) or _NAMED.search(batch.text, first, last):
            return False
    if kind == "tag" and before[-1:] in ("", " ", "(") and after[:1] in ("", " ", ",", ".", ")"):
        opened = _PAIRED.match(span)
        return bool(before or after) if opened is None else f"</{opened[1]}" in after
    return True


def _is_about_code(words: str) -> bool:
    return not ENGLISH.words("code_talk").isdisjoint(_WORD.findall(words.lower()))


def _is_choice(before: str, near: int) -> bool:
    """Whether a function word stands among the last words before bars or braces: a command has none."""
    words = before.split()[-3:]
    return len(words) > 1 and words[-1].isalpha() and not ENGLISH.words("function_words").isdisjoint(words[-near:])


@marks(
    "tokens",
    "“{span}” is in another language",
    needs=("lm", "function_words", "foreign_function_words", "shared_function_words"),
    prose=True,
)
def untranslated(batch: Batch) -> Mask:
    """Runs of three words or more without English function words, in which langdetect sees another language.

    Asked only of runs with two function words of another language, or one and two words that are no English ones. Let
    pass are runs of words that English has borrowed (je ne sais quoi, coq au vin blanc) and those in quotation marks;
    words read in the wrong encoding are not counted.

    Why it is garble: what the system could not translate it copied.
    Known false alarms: titles, dialect.
    Reference: Ott et al. 2018; Khayrallah and Koehn 2018, on copied source.
    Garbled: The mayor said dass die Stadt nicht mehr zahlen kann and left.
    Clean: The mayor of Rio de Janeiro and the band Los Lobos met in Den Haag.
    Clean: The coq au vin blanc has a certain je ne sais quoi, and “ça ne se fait pas” is what she said.
    """
    foreign = lists.isin(batch.word_hash, batch.hashes("foreign_function_words")) & ~batch.is_capital
    english = batch.is_function_word
    shared = lists.isin(batch.word_hash, batch.hashes("shared_function_words"))
    comma = batch.codes[batch.starts] == ord(",")
    candidates = runs(foreign | comma | batch.is_word & (shared | ~english), batch.token_offsets)
    count = offsets(foreign)
    strange = batch.is_word & (batch.ids < FIRST_WORD) & ~foreign
    wrong = np.flatnonzero(batch.is_misread)
    strange[np.searchsorted(batch.starts, wrong, side="right") - 1] = False
    strange_before = offsets(strange & ~batch.is_capital)
    known_as_foreign, unknown = (at[candidates.ends] - at[candidates.starts] for at in (count, strange_before))
    proof = (known_as_foreign >= 2) | ((known_as_foreign == 1) & (unknown >= 2))
    suspicious = np.flatnonzero(proof & (candidates.lengths >= 3))
    # Words that English has as well belong to the run only between others.
    places = np.flatnonzero(foreign | strange)
    firsts = places[np.searchsorted(places, candidates.starts[suspicious])]
    lasts = places[np.searchsorted(places, candidates.ends[suspicious]) - 1] + 1
    borrowed = offsets(lists.isin(batch.word_hash, batch.hashes("loan_words")))
    kept = (borrowed[lasts] - borrowed[firsts] < lasts - firsts) & ~_quoted(batch, firsts, lasts)
    firsts, lasts = firsts[kept], lasts[kept]
    runs_on = zip(firsts.tolist(), lasts.tolist(), strict=True)
    sure = [i for i, run in enumerate(runs_on) if detect(batch.pieces(*run)).code != batch.language.code]
    return batch.token_mask(firsts[sure], lasts[sure])


def _quoted(batch: Batch, firsts: Ints, lasts: Ints) -> Mask:
    """(runs,) those that stand in quotation marks by themselves, a mark of punctuation at the end included."""
    before, after = batch.codes[batch.starts[np.maximum(firsts - 1, 0)]], np.minimum(lasts, len(batch.starts) - 1)
    after = np.where(np.isin(batch.codes[batch.starts[after]], [ord(sign) for sign in ",.!?"]), after + 1, after)
    closing = batch.codes[batch.starts[np.minimum(after, len(batch.starts) - 1)]]
    quotes = [[ord(sign) for sign in signs] for signs in (_OPENING + "„‚", _CLOSING + "“")]
    return np.asarray(np.isin(before, quotes[0]) & np.isin(closing, quotes[1]))


@marks(
    "characters",
    "“{span}” is an abbreviation carried over from the source",
    needs=("foreign_abbreviations",),
    prose=True,
)
def carried_abbreviation(batch: Batch) -> Mask:
    """Abbreviations of other languages, whole or half translated: "such as: B. a scholarship" from "z. B.".

    Why it is garble: systems that cut the sentence at the stop translate half an abbreviation.
    Known false alarms: initials after a colon; quotations from other languages.
    Reference: seen on German-English web pages; see the catalogue of MQM "untranslated" errors, Lommel et al. 2014.
    Garbled: There are ways to pay, such as: B. a scholarship.
    Garbled: There are ways to pay, z. B. a loan.
    Garbled: There are ways to pay, p. ej. a loan.
    Garbled: There are ways to pay, for. B. a loan.
    Clean: There are ways to pay, e.g. a loan, said J. B. Priestley.
    Clean: That is what it is for. B. Smith and D. H. Lawrence paid.
    """
    entries, pattern = _abbreviations(batch.language)
    return batch.chars_of(batch.matches(pattern, _abbreviated(batch, entries)))


def _abbreviated(batch: Batch, entries: Sequence[str]) -> Ints:
    """Where an abbreviation or half of one may begin: at the colon or stop before a "B.", and at words with a stop."""
    stops, colons = batch.places("."), batch.places(":")
    token = np.searchsorted(batch.starts, stops, side="right") - 1
    # One of several letters is one token or several, of which each has its stop.
    token = np.unique(np.maximum(np.concatenate([token, token - 1]), 0))
    begins = batch.starts[token]
    begins = begins[np.isin(batch.codes[begins], [ord(entry[0]) for entry in entries])]
    halves = np.concatenate([stops, colons, colons - 1])
    return np.concatenate([begins, halves[halves >= 0]])


_HALF = r"(?:(?<=such as)|(?<=for example)|(?<=e\.g\.)|(?<=like)) ?: ?B\."


@cache
def _abbreviations(language: Language) -> tuple[list[str], re.Pattern[str]]:
    """The abbreviations of other languages, and what finds them and their halves."""
    entries = sorted(language.words("foreign_abbreviations"), key=len, reverse=True)
    written = "|".join(re.escape(entry).replace(r"\ ", " ?") for entry in entries)
    pattern = rf"{_HALF}|(?:(?<=\bsuch)|(?<=\bfor)|(?<=\blike))\. B\.(?= [a-z])|(?<!\w)(?:{written})(?!\w)"
    return entries, re.compile(pattern)


def _attached_marks(batch: Batch) -> Columns:
    """(documents,) each document's number, and whether any mark in it stands close to the word before it."""
    places = batch.places(",;:.!?")
    before, after = batch.beside(places, -1), KIND[batch.beside(places, 1)]
    close = np.isin(batch.codes[places], [ord(sign) for sign in ",;:"]) & (before == ord(")"))
    close |= ((KIND[before] & (LETTER | DIGIT | IDEOGRAPH)) != 0) | (before == ord("_"))
    sentence = np.searchsorted(batch.char_offsets, places[close & (after == SPACE)], side="right") - 1
    number = np.arange(len(batch.total))
    return number, np.bincount(batch.document[sentence], minlength=len(number)) > 0


def _is_detokenised(numbers: Ints, close: Mask) -> Mask:
    return np.isin(numbers, numbers[close])


@marks("characters", "“{span}” has an extra space", survey=Survey(_attached_marks, _is_detokenised))
def spaced_punctuation(batch: Batch, is_detokenised: Mask) -> Mask:
    """A space before a comma, full stop or closing bracket, in a document that has no such spaces elsewhere.

    Why it is garble: decoder output that was not detokenised.
    Known false alarms: " ..." and " .5"; documents that are tokenised throughout are not marked.
    Reference: surface cues of MLQE, Fomicheva et al. 2022.
    Garbled: He paid the bill , then left ( by taxi ), and came back.
    Clean: He paid .5 of the bill ... then left (by taxi), and came back.
    Clean: He paid the bill , then left ( by taxi ) , and came back .
    """
    signs, opening = batch.places(batch.language.close_marks + ")"), batch.places("(")
    apart = signs[np.isin(batch.beside(signs, -1), _BLANKS)]
    # The space begins where the word before it ends.
    gaps = batch.ends[np.searchsorted(batch.starts, apart) - 1]
    edges = spans_of(
        batch.matches(_SPACED, np.concatenate([gaps, opening[np.isin(batch.beside(opening, 1), _BLANKS)]]))
    )
    kept = edges[is_detokenised[batch.document[np.searchsorted(batch.char_offsets, edges[:, 0], side="right") - 1]]]
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


def _names(batch: Batch) -> Columns:
    """(words,) the document of each word with capitals inside that the language model does not know."""
    return (batch.document[batch.sentence[np.flatnonzero(_capitals_inside(batch))]],)


def _several(document: Ints) -> Mask:
    """(words,) those of documents that have several such words: those are its names for things."""
    return np.bincount(document)[document] > 1


def _capitals_inside(batch: Batch) -> Mask:
    return _tokens_matched(batch, _GLUED, batch.inside(_unknown(batch) & batch.is_spelt_out))


@marks(
    "tokens",
    "“{span}” is words run together",
    needs=("lm", "function_words", "in_no_compound"),
    prose=True,
    survey=Survey(_names, _several),
)
def glued_words(batch: Batch, several: Mask) -> Mask:
    """Words with a capital inside, in capitals with a tail in lower case, or made of other words and a small one.

    The last are those that cost less as words, by how frequent those are, than letter by letter. Words with capitals
    inside are let pass where the document has several: they are its names for things.

    Why it is garble: a space lost between a name and what follows, or two pieces of words joined.
    Known false alarms: product names (iPhone and McDonald are let pass), code.
    Reference: HPLT notes on glued words; segmentation by unigrams as in Norvig 2009, "Natural Language Corpus Data".
    Garbled: Then Hans EICHELBundesminister spoke.
    Garbled: He is a poor brodnikStudent from the south.
    Garbled: The claylayerthere is thick andkeepsthe rain.
    Clean: McDonald bought an iPhone, a PowerPoint licence and two PCs for the NGOs on YouTube.
    Clean: Set maxRetries to 3 and keepAlive to true; nevertheless the thereupon is hepatocellular.
    """
    mask = _capitals_inside(batch)
    mask[np.flatnonzero(mask)[several]] = False
    return mask | _made_of_words(batch)


_GLUED = re.compile(
    r"(?<![\w@./#\-(<\"“'‘`$])(?:[a-z]{3,}[A-Z][a-z]{2,}|[A-Z]{4,}[a-zà-öø-ÿ]{4,})(?![\w@/(>=\"”`]|\.\w)"
)
# Letters of the longest word that others are made of, bits by which the words must be cheaper, and letters at least.
_LONGEST, _CHEAPER, _LEAST = 16, 15.0, 8


def _unknown(batch: Batch) -> Mask:
    """(tokens,) words that the language model does not know; none without one."""
    return batch.is_word & (batch.ids < FIRST_WORD) & (batch.lm is not None)


def _plain(batch: Batch, tokens: Mask) -> Ints:
    """Those of the tokens that are ASCII letters, but for the first in lower case, and part of no name or address."""
    places = np.flatnonzero(tokens)
    edges = np.stack([batch.beside(batch.starts[places], -1), batch.beside(batch.ends[places], 0)])
    joined = np.isin(edges, [ord(sign) for sign in "-/_@#'’\\:+<=$`(>"]).any(axis=0) | (edges[0] == ord("."))
    after = batch.beside(batch.ends[places], 1)
    places = places[~joined & ~((edges[1] == ord(".")) & ((KIND[after] & LETTER) != 0))]
    return np.array([i for i in places.tolist() if _LETTERS.fullmatch(batch.text, *_edges(batch, i))], np.int64)


_LETTERS = re.compile(r"[A-Za-z][a-z]+")


def _edges(batch: Batch, token: int) -> tuple[int, int]:
    return int(batch.starts[token]), int(batch.ends[token])


def _spelt(batch: Batch, tokens: Ints) -> Floats:
    """(tokens,) what words that are not known cost, letter by letter."""
    assert batch.lm is not None
    letters = batch.lm.spelling(batch.codes, batch.starts[tokens], batch.ends[tokens]) * (batch.length[tokens] + 1)
    return np.asarray(batch.lm.words.unigram(batch.ids[tokens]) + letters)


def _ids(batch: Batch, hashes: Hashes) -> Ints:
    """(words,) the numbers of lower-case words of these hashes in the language model."""
    assert batch.lm is not None
    return batch.lm.lookup(hashes, np.zeros(len(hashes), bool), np.ones(len(hashes), bool))


def _costs(batch: Batch, hashes: Hashes) -> Floats:
    """(words,) what words of these hashes cost; infinite for one that is not known."""
    assert batch.lm is not None
    ids = _ids(batch, hashes)
    return np.where(ids >= FIRST_WORD, batch.lm.words.unigram(ids), np.inf)


def _made_of_words(batch: Batch) -> Mask:
    """(tokens,) words that are not known but made of others, a small one among them."""
    mask = np.zeros(len(batch.starts), bool)
    if batch.lm is None:
        return mask
    tokens = _plain(batch, _unknown(batch) & (batch.length >= _LEAST) & (batch.length <= 8 * _LONGEST))
    holds = [_SMALL.search(batch.text, *_edges(batch, token)) is not None for token in tokens.tolist()]
    tokens = tokens[np.array(holds, bool)]
    for token, whole in zip(tokens.tolist(), _spelt(batch, tokens).tolist(), strict=True):
        cost, words = _cut(batch, *_edges(batch, token))
        # "Here" and "there" begin compounds: "thereupon".
        small = not ENGLISH.words("in_no_compound").isdisjoint(words) or words[-1:] in (("there",), ("here",))
        mask[token] = small and whole - cost > _CHEAPER
    return mask


_SMALL = re.compile("|".join(["there", "here", *sorted(ENGLISH.words("in_no_compound"))]), re.IGNORECASE)


def _cut(batch: Batch, start: int, end: int) -> tuple[float, tuple[str, ...]]:
    """The cheapest words that these letters are made of, and their cost: infinite where there are none."""
    starts, ends = (places.ravel() for places in np.mgrid[start:end, 1 : _LONGEST + 1])
    ends = starts + ends
    inside = ends <= end
    starts, ends = starts[inside], ends[inside]
    costs = _costs(batch, hash_runs(batch.folded, starts, ends))
    best: dict[int, tuple[float, tuple[str, ...]]] = {start: (0.0, ())}
    small = batch.language.words("function_words")
    # Rising starts, so that what leads to a place is known before what goes on from it.
    for first, last, cost in zip(starts.tolist(), ends.tolist(), costs.tolist(), strict=True):
        word = batch.text[first:last].lower()
        if (
            first in best
            and cost < np.inf
            and (len(word) > 2 or word in small)
            and (len(word) > 1 or word in ("a", "i"))
        ):
            total = best[first][0] + cost
            if total < best.get(last, (np.inf, ()))[0]:
                best[last] = total, (*best[first][1], word)
    return best.get(end, (np.inf, ()))


@marks("tokens", "“{span}” is a word cut in pieces", needs=("lm",), prose=True)
def split_words(batch: Batch) -> Mask:
    """Neighbours of which one at the least is rare or no word, and which are a word when joined.

    Why it is garble: text extraction takes the gaps between letters, or the ends of lines, for spaces.
    Known false alarms: compounds that are also written as two words.
    Reference: Nguyen et al. 2021, survey of post-OCR processing: over- and under-segmentation.
    Garbled: The doc tor wro te a let ter.
    Garbled: The gov ern ment will de cide to mor row.
    Clean: You may be sure that any one of the stake holders will be in to some thing.
    Clean: I never knew that you were gon na say this, but you got ta.
    """
    mask = np.zeros(len(batch.starts), bool)
    if batch.lm is None:
        return mask
    strange = (batch.ids < FIRST_WORD) | ((batch.ids > _COMMON) & (batch.length <= _SHORT))
    # (tokens,) a word in lower case that follows the one before it after a space, and not as it often does.
    follows = batch.is_word & ~batch.is_capital & ~batch.is_first_token & (strange | batch.lm_scores.unseen)
    follows[1:] &= batch.is_word[:-1] & (batch.starts[1:] == batch.ends[:-1] + 1)
    follows &= batch.beside(batch.starts, -1) == ord(" ")
    # "We are gon na win".
    by_tokeniser = lists.isin(batch.word_hash, batch.hashes("cut_by_tokenisers"))
    for size in (3, 2):
        first = np.flatnonzero(follows[1:]) if size == 2 else np.flatnonzero(follows[1:-1] & follows[2:])
        joined = np.stack([first + step for step in range(size)], axis=1)
        joined = joined[strange[joined].any(axis=1) & ~mask[joined].any(axis=1)]
        if size == 2:
            joined = joined[~by_tokeniser[joined[:, 1]]]
        letters = batch.folded[batch.inside(joined.ravel())]
        rows = offsets(batch.length[joined].sum(axis=1))
        whole = _costs(batch, hash_runs(letters, rows[:-1], rows[1:]))
        joined, whole = joined[np.isfinite(whole)], whole[np.isfinite(whole)]
        tokens = joined.ravel()
        known = batch.ids[tokens] >= FIRST_WORD
        apart = np.where(known, batch.lm.words.unigram(batch.ids[tokens]), _spelt(batch, tokens)).reshape(joined.shape)
        mask[joined[apart.sum(axis=1) - whole > _CHEAPER * (size - 1)]] = True
    return mask


# Words up to this number are common, and longer ones than this are words of their own, however rare.
_COMMON, _SHORT = 8000, 3


@marks("tokens", "“{span}” has letters that a scanner misread", needs=("lm",), prose=True)
def letter_shapes(batch: Batch) -> Mask:
    """Words that are not known, and that are a common word with letters in place of others of much the same shape.

    Why it is garble: a reader of scanned pages takes "h" for "li", "m" for "rn", "d" for "cl".
    Known false alarms: slips of the keyboard that look alike.
    Reference: Nguyen et al. 2021, survey of post-OCR processing, on character confusions.
    Garbled: Tlie girl ran to tlie gate.
    Garbled: He looked dowu the roacl aud saw a rnan.
    Clean: The bunting flits by, and mult1 has fractious eiders in Chiu.
    Clean: He ran the heat in 21.72 secs and the final in 21.70 secs.
    """
    mask = np.zeros(len(batch.starts), bool)
    if batch.lm is None:
        return mask
    wanted = _unknown(batch) & (batch.length > 2) & (batch.length <= 20) & (~batch.is_capital | batch.is_first_word)
    # After a number stands a unit: "21.72 secs".
    is_number = (batch.char_kinds[:-1] & (DIGIT | LETTER)) == DIGIT
    wanted[1:] &= ~(is_number & (batch.sentence[1:] == batch.sentence[:-1]))
    tokens = _plain(batch, wanted)
    forms = [_alike(batch.text[slice(*_edges(batch, token))].lower()) for token in tokens.tolist()]
    words = [word for of_word in forms for word in of_word]
    if not words:
        return mask
    ids = _ids(batch, lists.hash_words(words))
    owner = np.repeat(np.arange(len(tokens)), [len(of_word) for of_word in forms])
    common = (ids >= FIRST_WORD) & (ids < _FREQUENT)
    gain = _spelt(batch, tokens)[owner] - batch.lm.words.unigram(ids)
    mask[tokens[owner[common & (gain > _CHEAPER)]]] = True
    return mask


# Words up to this number are what a misread word is taken for.
_FREQUENT = 4000


def _alike(word: str) -> list[str]:
    """The words that differ from this in one place where letters look alike."""
    found = []
    for seen, meant in _SHAPES:
        at = word.find(seen)
        while at >= 0:
            found.append(word[:at] + meant + word[at + len(seen) :])
            at = word.find(seen, at + 1)
    return [form for form in found if form.isalpha()]


_SHAPES = [entry.split() for entry in sorted(ENGLISH.words("letter_shapes"))]


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
    quotes = batch.places(batch.language.quotes)
    sign = batch.codes[quotes]
    return np.asarray(quotes[(batch.beside(quotes, -1) != sign) | (batch.beside(quotes, 1) != sign)])


def _quotes(batch: Batch) -> Columns:
    """(quotes,) the paragraph, whether it opens, may be a sign for inches, could open, is in a paragraph of several."""
    quotes = _marks(batch)
    sign, before = batch.codes[quotes], batch.beside(quotes, -1)
    sentence = np.searchsorted(batch.char_offsets, quotes, side="right") - 1
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


@marks("characters", "unmatched quotation mark", needs=("quotes",), survey=Survey(_quotes, _stray))
def broken_quote(batch: Batch, stray: Mask) -> Mask:
    """Quotation marks without a partner in a paragraph of several sentences, judged over the whole document.

    Why it is garble: quotation marks get lost when sentences are translated one by one.
    Known false alarms: speeches over several paragraphs (not marked if the next one opens again), inches.
    Reference: MQM "punctuation", Freitag et al. 2021; an unpaired mark in a lone sentence is common in human news
    and says nothing, so it is not looked at.
    Garbled: “We are ready, she said. The rest is up to them. Nobody else came.
    Clean: “We are ready,” she said. “The rest is up to them.” Nobody else came.
    """
    mask = np.zeros(len(batch.codes), bool)
    mask[_marks(batch)[stray]] = True
    return mask


@marks("characters", "“{span}” is not a valid number")
def malformed_number(batch: Batch) -> Mask:
    """Numbers whose points and commas follow neither the English nor the continental rule.

    Why it is garble: systems copy numbers piece by piece and lose their format.
    Known false alarms: version numbers and dates; Indian grouping (1,23,456) is not marked.
    Reference: DEMETR, Karpinska et al. 2022, perturbation 10; MQM "locale convention".
    Garbled: The price rose to 103,63.18 dollars.
    Garbled: The line was shut from 0:00:24:00,5 on.
    Clean: The price rose to 1,103.18 dollars, or 1.103,18 in Berlin, in version 2.0.1 on 24.12.2020.
    Clean: By IEC 559:1989, the limit is 1024:4095.
    """
    digits = batch.signs[KIND[batch.codes[batch.signs]] == DIGIT]
    numbers = batch.matches(_NUMBER, digits[KIND[batch.beside(digits, -1)] != DIGIT])
    return batch.chars_of(number for number in numbers if not _WELL_FORMED.fullmatch(number.group()))


_NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?:[.,:]\d+)+(?![\w:/-])")
_WELL_FORMED = re.compile(
    r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:\.\d+)*|\d+(?:,\d+)+"
    r"|\d{1,5}:\d{1,5}|\d{1,4}(?::\d{1,3}){1,2}(?:[.,]\d+)?|\d{1,4}(?::\d{1,3})+|\d+[.,]\d+:\d+(?:[.,]\d+)?"
)
