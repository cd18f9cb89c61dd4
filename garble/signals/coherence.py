"""Agreement of words, complete sentences, consistent names, and sentences that fit the document."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from garble.columns import lists
from garble.columns.arrays import Floats, Ints, Mask, row_sums
from garble.columns.batch import Batch
from garble.columns.lm import FIRST_WORD
from garble.signals.base import Columns, Survey, marks, measures, weighs
from garble.text.alphabet import KIND, SPACE, Hashes, chain


def _pairs(batch: Batch, name: str) -> Mask:
    """Pairs of words that stand in the list `name`, as "first second" a line."""
    listed = lists.hash_words([word for pair in sorted(batch.language.words(name)) for word in pair.split()])
    firsts = np.flatnonzero(lists.isin(batch.word_hash[:-1], np.sort(listed[::2])) & ~batch.is_first_token[1:])
    pairs = chain(batch.word_hash[firsts], batch.word_hash[firsts + 1])
    firsts = firsts[lists.isin(pairs, np.sort(chain(listed[::2], listed[1::2])))]
    return batch.token_mask(firsts, firsts + 2)


@marks(
    "tokens",
    "“{span}”: subject and verb do not agree",
    needs=("disagreement", "takes_bare_verb", "function_words"),
    prose=True,
)
def agreement(batch: Batch) -> Mask:
    """A pronoun next to a verb of the wrong number: "he don't", "they was", "it have".

    Why it is garble: systems choose the form of the verb without its subject.
    Known false alarms: dialect, song, questions ("Does it have"), subjunctives.
    Reference: BLiMP, Warstadt et al. 2020, subject-verb agreement.
    Garbled: He don't know whether it are true.
    Clean: He doesn't know whether it is true, and they were not there.
    """
    marked = _pairs(batch, "disagreement")
    # After an auxiliary or a preposition the pronoun is not this verb's subject: "does he have", "one of them is".
    other = np.zeros(len(batch.starts), bool)
    other[1:] = lists.isin(batch.word_hash[:-1], batch.hashes("takes_bare_verb")) & ~batch.is_first_word[1:]
    begins = marked & ~np.concatenate([[False], marked[:-1]])
    # "phosphatase I does": a number.
    content = batch.is_word & ~batch.is_function_word & (batch.length > 2)
    other[1:] |= (batch.word_hash[1:] == lists.hash_words(["i"])[0]) & content[:-1]
    excused = np.flatnonzero(begins & other)
    return marked & ~batch.token_mask(excused, excused + 2)


@marks("tokens", "“{span}”: wrong article", needs=("said_with_vowel", "said_with_consonant"), prose=True)
def wrong_article(batch: Batch) -> Mask:
    """The article "a" before a vowel sound, or "an" before a consonant.

    Why it is garble: the article was chosen for a different word.
    Known false alarms: letters and spoken abbreviations (an MP), silent h, historic.
    Reference: grammar checkers since Macdonald et al. 1982.
    Garbled: It was a evil thing and an big one.
    Clean: It was an hour before a European MP, an SOS and a one-off.
    """
    a, an = (batch.word_hash[:-1] == word for word in lists.hash_words(["a", "an"]))
    after = np.flatnonzero((a | an) & ~batch.is_capital[:-1] & (batch.starts[1:] - batch.ends[:-1] == 1)) + 1
    spelt_out = batch.is_spelt_out[after] | batch.is_code[after] | _is_unpronounceable(batch, after)
    after = after[~batch.is_first_word[after] & batch.is_word[after] & (batch.length[after] > 1) & ~spelt_out]
    after = after[~batch.is_code[after - 1]]
    first = batch.folded[batch.starts[after]]
    says_vowel = lists.isin(batch.word_hash[after], batch.hashes("said_with_vowel"))
    says_consonant = lists.isin(batch.word_hash[after], batch.hashes("said_with_consonant"))
    vowel = says_vowel | (np.isin(first, [ord(c) for c in "aeiou"]) & ~says_consonant)
    # An h is silent at times; of digits and accents nothing is known.
    consonant = says_consonant | (np.isin(first, [ord(c) for c in "bcdfgjklmnpqrstvwxyz"]) & ~says_vowel)
    wrong = after[np.where(a[after - 1], vowel, consonant)]
    return batch.token_mask(wrong - 1, wrong + 1)


def _is_unpronounceable(batch: Batch, tokens: Ints) -> Mask:
    """Unknown words that begin with two consonants, of which the first is read out as a letter: "an ntptimeval"."""
    first, second = (batch.folded[np.minimum(batch.starts[tokens] + place, len(batch.folded) - 1)] for place in (0, 1))
    spoken = np.isin(first, [ord(c) for c in "fhlmnrsx"]) & np.isin(second, [ord(c) for c in "bcdfgkmnpqstvwxz"])
    return np.asarray(spoken & (batch.ids[tokens] < FIRST_WORD))


@marks("tokens", "the sentence breaks off at “{span}”", needs=("never_last",), prose=True)
def dangling(batch: Batch) -> Mask:
    """An article, possessive or conjunction at the end of a sentence.

    Why it is garble: the translation was cut short, or its end was lost.
    Known false alarms: headings, interrupted quotations, "and" before a dash.
    Reference: MQM "omission"; Guerreiro et al. 2023.
    Garbled: The minister said that the.
    Clean: The minister said what it was made of.
    """
    sizes = np.diff(batch.token_offsets)
    last = batch.token_offsets[1:][sizes >= 4] - 1
    stop = np.isin(batch.codes[batch.starts[last]], [ord(c) for c in ".!?"]) & (batch.length[last] == 1)
    ends = last[stop] - 1
    ends = ends[lists.isin(batch.word_hash[ends], batch.hashes("never_last")) & ~batch.is_spelt_out[ends]]
    # "Licence A." ends with a letter, "+a." with a variable, and before "or ." an address was taken out.
    joined = batch.starts[ends + 1] == batch.ends[ends]
    ends = ends[
        joined & ~batch.is_capital[ends] & ~batch.is_code[ends] & (KIND[batch.beside(batch.starts[ends], -1)] == SPACE)
    ]
    return batch.token_mask(ends, ends + 2)


@measures("the sentence is cut off at its beginning or end", needs=("lm",), prose=True)
def cut_off(batch: Batch) -> Floats:
    """Surprisal of the beginning or the end of the sentence, the larger, beyond that of most sentences.

    Why it is garble: a fragment begins or ends in the middle of a phrase.
    Known false alarms: headings, list items, interrupted speech.
    Reference: the end-of-sentence event of n-gram models, Chen and Goodman 1999.
    Garbled: of which the minister in the with the
    Clean: The minister said that it was over.
    """
    return np.clip(batch.lm_scores.edges - 7, 0, None)


def _names(batch: Batch) -> tuple[Ints, Hashes]:
    """(names,) tokens that may be misspelt names, and groups of those that may be meant for one another."""
    # In capitals every word looks like a name.
    is_shouted = batch.codes[batch.starts + 1] != batch.folded[batch.starts + 1]
    named = np.flatnonzero(batch.is_capital & batch.is_word & (batch.length >= 5) & ~is_shouted)
    inner = named[(named > 0) & ~batch.is_first_word[named]]
    second = inner[batch.is_capital[inner - 1]]
    long = named[(batch.ids[named] < FIRST_WORD) & (batch.length[named] >= 7)]
    initials = chain(*(batch.folded[batch.starts[long] + place].astype(np.uint64) for place in (0, 1)))
    names = np.concatenate([second, long])
    # Names after the same first name, and long ones that begin alike, are groups of two sorts.
    sort = np.repeat(np.array([0, 1], np.uint64), [len(second), len(long)])
    groups = chain(np.concatenate([batch.word_hash[second - 1], initials]), sort)
    return names, chain(groups, batch.document[batch.sentence[names]].astype(np.uint64))


def _spelt(batch: Batch) -> Columns:
    """(names,) their groups, hashes, whether the vocabulary lacks them, and their letters."""
    names, groups = _names(batch)
    spelt = [batch.pieces(name, name + 1) for name in names.tolist()]
    return groups, batch.word_hash[names], batch.ids[names] < FIRST_WORD, np.array(spelt, object)


def _strays(groups: Hashes, words: Hashes, unknown: Mask, spelt: NDArray[np.object_]) -> Mask:
    """(names,) those close to one that stands more often in their group."""
    mask = np.zeros(len(groups), bool)
    _, spelling, counts = np.unique(chain(groups, words), return_index=True, return_counts=True)
    # What the vocabulary knows is another word: German beside Germany.
    drifting = np.intersect1d(groups[spelling[(counts == 1) & unknown[spelling]]], groups[spelling[counts > 1]])
    rows = np.flatnonzero(np.isin(groups, drifting))
    rows = rows[np.argsort(groups[rows], kind="stable")]
    for group in np.split(rows, np.flatnonzero(np.diff(groups[rows])) + 1):
        _, first, counts = np.unique(words[group], return_index=True, return_counts=True)
        first = group[first]
        common = str(spelt[first[counts.argmax()]]) if len(first) else ""
        for rare in first[(counts == 1) & unknown[first]].tolist():
            mask[rare] = _is_near(spelt[rare].lower(), common.lower()) and not _is_inflected(spelt[rare], common)
    return mask


@marks("tokens", "“{span}” is spelt differently in the rest of the text", needs=("lm",), survey=Survey(_spelt, _strays))
def name_drift(batch: Batch, stray: Mask) -> Mask:
    """A name that differs in one or two letters from a more frequent name of the document.

    Looked for after the same first name, and among long names that the vocabulary lacks and that begin alike.

    Why it is garble: systems compose names from pieces, each time differently.
    Known false alarms: namesakes, families, inflected names.
    Reference: consistency checks as in LIA, Lyu et al. 2021, document-level MT evaluation.
    Garbled: Keir Starmer spoke. Later Keir Starrer left. The press followed Keir Starmer home.
    Garbled: Mikko Lehtonen won. Then Lehtonen sang. The press followed Lehtomen home.
    Clean: Keir Starmer spoke. Later Keir Starmer left. The press followed Victoria Starmer home.
    Clean: Thuringia is green. Few people leave Thuringia. The Thuringian hills are steep.
    Clean: THE WARRANTY ENDS IN MAY. IT IS A LIMITED WARRANTY. ALL WARRANTIES END.
    """
    mask = np.zeros(len(batch.starts), bool)
    mask[_names(batch)[0][stray]] = True
    return mask


def _is_inflected(name: str, stem: str) -> bool:
    """Whether a name is another with an ending: LaserDiscs, Thuringian."""
    return name.lower().startswith(stem.lower().removesuffix("s"))


def _is_near(first: str, second: str) -> bool:
    """Whether the Levenshtein distance is at most _MOST_EDITS; a plural or possessive ending does not count."""
    first, second = first.removesuffix("s"), second.removesuffix("s")
    if abs(len(first) - len(second)) > _MOST_EDITS:
        return False
    # Cells further than that from the diagonal are out of reach, so a row takes a few steps whatever the length.
    far = _MOST_EDITS + 1
    row = {j: j for j in range(far)}
    for i, a in enumerate(first, start=1):
        above, row = row, {}
        for j in range(max(0, i - _MOST_EDITS), min(len(second), i + _MOST_EDITS) + 1):
            steps = above.get(j, far) + 1
            if j:
                steps = min(steps, row.get(j - 1, far) + 1, above.get(j - 1, far) + (a != second[j - 1]))
            row[j] = min(steps, far)
        if min(row.values()) == far:
            return False
    return row[len(second)] <= _MOST_EDITS


# Edits by which a misspelt name may differ from the usual spelling.
_MOST_EDITS = 2


@weighs("“{span}” is unrelated to the words around it", needs=("lm",), prose=True)
def company(batch: Batch) -> Floats:
    """How unrelated each content word is to the others of its sentence, in standard deviations from clean text.

    By the cosine of word vectors that were learnt from which words are met near each other; 0 for function words.

    Why it is garble: fluent nonsense combines words of unrelated topics.
    Known false alarms: figures of speech, lists, first mentions.
    Reference: Levy et al. 2015, on vectors from counts; selectional preference in ACES, Amrhein et al. 2022.
    Garbled: The sonnets were laboratory tractors of the parliamentary breakfast thunderstorm.
    Clean: The parliament elected a new government after the vote of the opposition party.
    """
    return np.where(batch.is_code, 0.0, batch.lm_scores.company)


def _content(batch: Batch) -> Ints:
    return np.flatnonzero(batch.is_word & ~batch.is_function_word & (batch.length > 2))


def _topics(batch: Batch) -> Columns:
    """(content words,) what tells each from other words and other documents."""
    where = _content(batch)
    return (chain(batch.word_hash[where], batch.document[batch.sentence[where]].astype(np.uint64)),)


def _times(keys: Hashes) -> NDArray[np.int32]:
    """(content words,) how often each stands in its document."""
    _, word, counts = np.unique(keys, return_inverse=True, return_counts=True)
    # Half as wide as they come, for a whole long document's stay in memory until its last part is scored.
    return counts.astype(np.int32)[word]


@measures(
    "the sentence shares no word with the rest of the text",
    needs=("function_words",),
    prose=True,
    survey=Survey(_topics, _times),
)
def off_topic(batch: Batch, times: NDArray[np.int32]) -> Floats:
    """How far the share of content words that occur nowhere else in the document is above three fifths.

    Looked at in documents of six sentences or more, and sentences of four content words or more.

    Why it is garble: detached hallucinations are fluent but about something else.
    Known false alarms: lists, round-ups, first sentences.
    Reference: Guerreiro et al. 2023, detached hallucinations; TextTiling, Hearst 1997.
    Garbled: The port is full of ships. The ships wait for the port. The port has no room. The ships bring grain.
    The grain fills the ships. Hotel staff were friendly and breakfast was tasty.
    Clean: The port is full of ships. The ships wait for the port. The port has no room. The ships bring grain.
    The grain fills the ships. The ships leave the port.
    """
    where = _content(batch)
    # What the sentence says twice itself is not shared with others.
    inside = _times(chain(batch.word_hash[where], batch.sentence[where].astype(np.uint64)))
    content, alone = np.zeros((2, len(batch.starts)), bool)
    content[where] = True
    alone[where] = times == inside
    total = row_sums(content, batch.token_offsets)
    long = (batch.total >= _FEWEST_SENTENCES)[batch.document] & (total >= _FEWEST_CONTENT_WORDS)
    return np.where(
        long, np.clip(row_sums(alone, batch.token_offsets) / np.maximum(total, 1) - _USUALLY_NEW, 0, None), 0
    )


# Least size of a document in sentences and of a sentence in content words, below which shared words are chance; and the
# share of content words that are new in a typical sentence.
_FEWEST_SENTENCES, _FEWEST_CONTENT_WORDS, _USUALLY_NEW = 6, 4, 0.6
