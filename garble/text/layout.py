"""Blocks of a text, each with its span and kind, and the layout of plain text.

A block is a unit of layout: a paragraph, a heading, a list item, a line of a table or of code. It consists of runs of
characters. Marks before lines (bullets, quote marks, comment leaders, time stamps), markup and line ends are not part
of any run. All offsets refer to the original text. `garble.text.markups` handles all markups; this module contains what
they share.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import unescape
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from garble.languages import ENGLISH

# First character, one past the last.
Span = tuple[int, int]
# A stretch of characters, and what it says where that is not the characters themselves (an entity).
Run = tuple[int, int, str | None]

KINDS = ("prose", "heading", "list", "table", "code", "verse", "cue", "record", "boilerplate", "ignored")
PROSE, HEADING, LIST, TABLE, CODE, VERSE, CUE, RECORD, BOILERPLATE, IGNORED = range(len(KINDS))
# Kinds that no signal runs on.
UNSCORED = frozenset({TABLE, CODE, RECORD, BOILERPLATE, IGNORED})
# Kinds that count as prose if they are sentences.
PROSE_LIKE = frozenset({LIST, CUE})

# Typesetting software hyphenates words with these; people type the ASCII hyphen.
SOFT_HYPHENS = ("\u00ad", "\u2010")
# Longest heading, in words and characters. News agencies allow headlines of about twelve words.
HEADING_WORDS, HEADING_WIDTH = 12, 120
LINE_ENDS = r"\r\n\v\f\x85\u2028\u2029"
_LINE = re.compile(f"[^{LINE_ENDS}]+")
_BREAK = rf"(?>\r\n|[{LINE_ENDS}])"
_BLANK = re.compile(rf"{_BREAK}[^\S\r\n]*{_BREAK}")
_STOP = re.compile(r"[.!?…。！？:;]['\"’”»)\]]*$")

# Marks at the beginning of a line.
_QUOTED = re.compile(r"(?:>[ \t]?)+(?=\s|$)|(?:> )+")
_BULLET = re.compile(r"(?:[-*+•‣▪◦·–—]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+(?:\[[ xX]\]\s+)?")
# A term before its definition, in manual pages; a term is no sentence.
_TERM = re.compile(r"\S{1,24}(?: \S{1,16}){0,2}(?<![.!?…]) {4,}(?=\S)(?!.*\S {3})")
_LEADER = re.compile(r"(?://[/!]?|#+|;+|--+|%+)(?=\s|$)")
_STARRED = re.compile(r"/\*+!?|\*+/|\*(?=\s|$)")
_TITLE = re.compile(r"#{1,6}[ \t]+")
_FENCE = re.compile(r"`{3,}|~{3,}")

# Subtitles and transcripts.
CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_TIMING = re.compile(rf"{CLOCK}[ \t]*--+>[ \t]*{CLOCK}")
_STAMP = re.compile(
    rf"[\[(]{CLOCK}(?:[ \t]*--?>?[ \t]*{CLOCK})?[\])][ \t]*|\d{{1,3}}:\d{{2}}:\d{{2}}(?:[.,]\d{{1,3}})?[ \t]+"
)
_NUMBER = re.compile(r"\d+$")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,40}\}")
_VTT_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)\b")
# Share of cues that end in a full stop, below which a file has no punctuation and each cue is one sentence.
_CUES_WITH_STOPS = 0.15

# Beginnings of log lines.
_LOG_LINE = re.compile(
    r"[\[<(]?\d{4}[-/]\d\d[-/]\d\d[T ,]{0,2}\d\d:\d\d|\d\d/[A-Z][a-z]{2}/\d{4}|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    r"|\[?(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|TRACE)\b[\]:]?\s|\S+ - - \["
)

# First and last line of a manual page.
_RUNNING_HEAD = re.compile(r"(\S{1,80}\(\d\w{0,8}\))\s.{0,120}\s\1$")

# Lines of code. Matched at the first character of a line; no pattern crosses a line end.
_CODE = re.compile(
    r"(?:def|class|async|function|fn|func|public|private|protected|static|const|let|var|struct|enum|impl|interface)\s"
    r"[^.!?]{1,120}[({=;:]"
    r"|(?:if|elif|for|while|switch|with|catch|match|return|else|try|except|finally|print|printf|assert)\b.{0,150}?[:{;)]\s*$"
    r"|(?:import|from|using|package|namespace|require|include)\s[\w.:/\"'<>{}*, ]{1,100};?$"
    r"|\#(?:include|define|ifdef|ifndef|endif|pragma|if)\b|\#!/"
    r"|return\s[\w.\[\]()\"' +*/-]{1,60}$|return$|pass$|break;?$|continue;?$|try:$|else:$|end$"
    r"|[\w.\[\]\"'*&$:<> ]{1,60}\s?(?:[-+*/|&:]?=|=>|->|<-|\+\+|<<|==)\s?\S.{0,200}$"
    r"|[\w.$:>-]{1,60}\([^()]{0,120}\)[;,{:]?(?:\s*\{)?$|[\w.$]{1,60}\(.{0,200}\);?$|[\w.]{1,60}\($"
    r"|[)}\]]+[;,]?(?:\s*else\s*\{)?$|\{$|.{0,160}[)}\]\w\"'] ?[;{]\s*$|@\w+(?:\(|$)"
    r"|(?:\$|>>>|%|C:\\>|\w+@\w+[:~].{0,40}[$#])\s\S|\"[\w-]{1,40}\"\s?:\s|</?\w[^<>]{0,200}>$"
)
# Characters that are frequent in code.
_SIGNS = re.compile(r"[(){}\[\]=<>_\\$&|@#*/+\"]|->")
_COMMENT = re.compile(r"#|//|/\*|\*|--|\"\"\"|'''|;")
# Least number of code lines, and most lines between two of them.
_FEWEST_CODE, _LONGEST_BRIDGE = 2, 2

# A directive of reStructuredText with its options, and the attributes of a block in kramdown.
_DIRECTIVE = re.compile(
    r"\.\. (?:\|[^|]{1,60}\| |_[^:]{1,80}:|\[[^\]]{1,40}\] )?(?:[\w:+-]{1,40}::)?(?:\s|$)"
    r"|\{:[^{}]{1,300}\}$|\{% .{0,300}%\}$"
)
_OPTION = re.compile(r":[\w -]{1,40}:(?:\s|$)")
_CODE_DIRECTIVE = re.compile(r"\.\. (?:code|code-block|sourcecode|parsed-literal|productionlist|testcode|doctest)::")
# Words of a synopsis: options, optional parts, alternatives, and placeholders.
_SYNTAX = re.compile(r"--?[\w\[]|[\[({<|]|.{0,40}[\]})>|]\.{0,3}$|[A-Z][A-Z0-9_-]+(?:=|$)|.{1,40}=|\.\.\.$")
# Least share of such words, least number of options, and most lines of a synopsis.
_SYNOPSIS, _FEWEST_OPTIONS, _LONGEST_SYNOPSIS = 0.5, 2, 40
_ONE_STOP = re.compile(r"(?<!\.)[.!?:]$")
_OPTIONAL = re.compile(r"\[-{<\w\[|]|(?<![\w-])--?\w")

_ROW = re.compile(r"\|.*\|\s*$|[+|][-=+:| ]{3,}$|[-=:| ]{3,}\|[-=:| ]*$|.*\S ?(?:\.{4,}|(?:\. ){4,}\.?) ?(?:\w{1,6})?$")
_RULER = re.compile(r"[-=_*~+|#:.· ]{3,}$")
_GAP = re.compile(r"\S(?: {3,}|\t+ *)(?=\S)")
_SEPARATED = re.compile(r"\s*[|·•»›>]\s+|\s+/\s+|\t+")

# Most words and characters per line of a menu, and its least number of lines.
_MENU_WORDS, _MENU_WIDTH, _FEWEST_MENU = 4, 40, 3
# From this number of copies of each line on, the lines are a loop and not a menu.
_MENU_COPIES = 4
_CLOSED_ENDS = '.!?…,;:。！？)”"'

# Longest line of verse, and least number of lines of a stanza.
_VERSE_WIDTH, _FEWEST_LINES = 60, 3
_AFTER_COMMA = re.compile(r"[,;]['\"’”)]*\s+(?!I\b)(\w+)")
# Share of a text in recognised stanzas from which the weaker test for stanzas applies.
_VERSE_SHARE = 0.2
# Longest stanza on a single line without commas.
_SHORT_STANZA = 160
# Least width of wrapped lines.
_NARROW = 20

# Literals, roles and the colons before a code block in reStructuredText, code in backticks, and placeholders.
# If there are fewer than `_FEWEST_LITERALS`, they are taken as text.
_LITERAL = re.compile(
    r"(?<![`\w])``(?=[^\s`])(?P<literal>[^`\n]{1,200})(?<=\S)``(?![`\w])"
    r"|(?<![`\w:])`(?=[^\s`'])(?P<code>[^`'\n]{1,100})(?<=\S)`(?![`\w])"
    r"|\{\{(?P<name>[^{}\n]{1,80})\}\}"
    r"|(?<![:\w]):[a-zA-Z][\w.+-]{0,30}(?::[a-zA-Z][\w.+-]{0,30})?:`(?P<role>[^`\n]{1,200})`|(?<=\S)::(?=[ \t]{0,20}$)",
    re.MULTILINE,
)
_FEWEST_LITERALS = 3
# Character references of HTML. They are decoded in texts with at least `_FEWEST_ENTITIES`.
_ENTITY = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip);")
_FEWEST_ENTITIES = 5

# Replaces code and addresses in a sentence.
_PLACEHOLDER = "it"


class Block(NamedTuple):
    """A unit of layout: its span including marks, its kind, and the runs of each line."""

    start: int
    end: int
    kind: int
    lines: tuple[tuple[Run, ...], ...]


class Line(NamedTuple):
    """A line: span without marks, whether a blank line precedes it, and offset of its first mark."""

    start: int
    end: int
    after_blank: bool
    first: int
    kind: int = PROSE


def is_prose(kind: int | str, sentence: str) -> bool:
    """Whether a sentence of this kind counts as prose, and for the score of the document."""
    number = KINDS.index(kind) if isinstance(kind, str) else kind
    return number == PROSE or (number in PROSE_LIKE and is_sentence(sentence))


def is_sentence(text: str) -> bool:
    """Whether a text ends like a sentence, or is too long for a heading."""
    return ends_sentence(text) or len(text) > HEADING_WIDTH or len(text.split()) > HEADING_WORDS


def ends_sentence(text: str) -> bool:
    """Whether a text ends in a full stop or similar mark, or in a colon."""
    return bool(_STOP.search(text[-4:]))


def strip(text: str, start: int, end: int) -> Span:
    """The span without white space at its ends."""
    piece = text[start:end]
    filled = piece.strip()
    if len(filled) == len(piece):
        return start, end
    start = end - len(piece.lstrip())
    return start, start + len(filled)


def text_of(text: str, block: Block) -> str:
    """The text of a block, with its lines joined by spaces."""
    return " ".join("".join(text[a:b] if new is None else new for a, b, new in line) for line in block.lines)


# Plain text.


def bare_blocks(text: str) -> list[Block]:
    """Each line of `text` as a paragraph of prose."""
    return [_block(PROSE, [Line(*span, False, span[0])]) for span in _bare_lines(text)]


def plain_blocks(text: str) -> list[Block]:
    """The blocks of plain text or subtitles, in order."""
    lines = _unquoted(text, _all_lines(text))
    timed = _cues(text, lines)
    if timed is not None:
        return timed
    lines = _uncommented(text, lines)
    lines = _with_kinds(text, lines)
    return _apply_marks(text, list(_grouped(text, lines)))


def _apply_marks(text: str, blocks: list[Block]) -> list[Block]:
    """Replace literals and roles by placeholders, and entities by characters."""
    literals = list(_LITERAL.finditer(text))
    marks: list[Run] = [mark for literal in literals for mark in _literal_marks(text, literal)]
    if len(literals) < _FEWEST_LITERALS:
        marks = []
    entities = list(_ENTITY.finditer(text)) if "&" in text else []
    if len(entities) >= _FEWEST_ENTITIES:
        decoded: list[Run] = [
            (entity.start(), entity.end(), unescape(entity.group()).replace("\xa0", " ")) for entity in entities
        ]
        marks = non_overlapping([*marks, *decoded])
    if not marks:
        return blocks
    starts = [start for start, _, _ in marks]

    def marked_up(block: Block) -> Block:
        inside = marks[bisect_left(starts, block.start) : bisect_left(starts, block.end)]
        if not inside or block.kind in UNSCORED:
            return block
        lines = (trimmed(text, [run for a, b, _ in line for run in runs_between(a, b, inside)]) for line in block.lines)
        return block._replace(lines=tuple(line for line in lines if line) or block.lines)

    return [marked_up(block) for block in blocks]


def _literal_marks(text: str, literal: re.Match[str]) -> list[Run]:
    """Runs that replace a literal or role; of two colons at a line end, one remains."""
    start, end = max(literal.span(name) for name in ("literal", "code", "name", "role"))
    if start < 0:
        return [(literal.end() - 1, literal.end(), "")]
    # A name in braces is a reference or a field of a template, and no word of the sentence.
    is_name = literal.group("name") is not None
    code: list[Run] = (
        [(start, end, _PLACEHOLDER)]
        if is_name
        else [run for run in placeholder(text, start, end) if run[2] is not None]
    )
    return [(literal.start(), start, ""), *code, (end, literal.end(), "")]


def _bare_lines(text: str) -> Iterator[Span]:
    """Spans of non-blank lines, without white space at their ends."""
    for line in _LINE.finditer(text):
        start, end = strip(text, *line.span())
        if start < end:
            yield start, end


def _all_lines(text: str) -> list[Line]:
    lines: list[Line] = []
    above = 0
    for start, end in _bare_lines(text):
        lines.append(Line(start, end, bool(lines) and bool(_BLANK.search(text, above, start)), start))
        above = end
    return lines


def _strip_leaders(text: str, lines: Iterable[Line], leader: Callable[[Line], re.Match[str] | None]) -> list[Line]:
    """Remove marks before lines. A line that contains nothing else becomes a blank line."""
    stripped: list[Line] = []
    after_blank = False
    for line in lines:
        match = leader(line)
        start = line.start if match is None else match.end()
        start, end = strip(text, start, line.end)
        after_blank = after_blank or line.after_blank
        if start < end:
            stripped.append(line._replace(start=start, after_blank=after_blank))
            after_blank = False
        else:
            after_blank = True
    return stripped


def _unquoted(text: str, lines: list[Line]) -> list[Line]:
    if not any(text[line.start] == ">" for line in lines):
        return lines
    return _strip_leaders(text, lines, lambda line: _QUOTED.match(text, line.start, line.end))


def _uncommented(text: str, lines: list[Line]) -> list[Line]:
    """Remove comment leaders that neighbouring lines share."""
    leaders: list[re.Match[str] | None] = []
    starred = False
    for line in lines:
        star = _STARRED.match(text, line.start, line.end) if starred or text.startswith("/*", line.start) else None
        if star is not None:
            starred = "*/" not in text[line.start : line.end]
        elif starred:
            starred = False
        leaders.append(star or _LEADER.match(text, line.start, line.end))
    if not any(leaders):
        return lines
    same = [leader.group() if (leader and leader.group()[0] not in "/*") or (leader and leader.group()[:2] == "//") else
            ("*" if leader else "") for leader in leaders]  # fmt: skip
    kept: list[re.Match[str] | None] = []
    for i, leader in enumerate(leaders):
        beside = (i > 0 and same[i - 1] == same[i]) or (i + 1 < len(same) and same[i + 1] == same[i])
        kept.append(leader if beside else None)
    marks = iter(kept)
    return _strip_leaders(text, lines, lambda _: next(marks))


def _with_kinds(text: str, lines: list[Line]) -> list[Line]:
    """Set the kind of lines of code, tables, logs and menus."""
    kinds = [PROSE] * len(lines)
    pieces = [text[line.start : line.end] for line in lines]
    fenced = _fenced(pieces, kinds)
    if fenced or any(map(_looks_like_code, pieces)):
        _mark_code(text, lines, pieces, kinds)
    _mark_directives(lines, pieces, kinds)
    if ".. " in text:
        _mark_code_blocks(text, lines, pieces, kinds)
    _mark_synopses(lines, pieces, kinds)
    _mark_runs(pieces, kinds, lambda piece: bool(_RUNNING_HEAD.match(piece)), BOILERPLATE, 1)
    _mark_runs(pieces, kinds, lambda piece: bool(_LOG_LINE.match(piece)), RECORD, 2)
    _mark_runs(pieces, kinds, _is_row, TABLE, 2)
    _mark_runs(pieces, kinds, _is_navigation, BOILERPLATE, 1)
    _mark_menus(text, lines, pieces, kinds)
    return [line if kind == PROSE else line._replace(kind=kind) for line, kind in zip(lines, kinds, strict=True)]


def _fenced(pieces: list[str], kinds: list[int]) -> bool:
    """Mark lines between two fences; a fence that is not closed is ignored."""
    opened: tuple[int, str] | None = None
    has_fence = False
    for i, piece in enumerate(pieces):
        if not (fence := _FENCE.match(piece)):
            continue
        if opened is None:
            opened = i, fence.group()
        elif fence.group().startswith(opened[1]) and not piece[fence.end() :].strip():
            kinds[opened[0] : i + 1] = [CODE] * (i + 1 - opened[0])
            opened, has_fence = None, True
    return has_fence


def _looks_like_code(piece: str) -> bool:
    if len(piece) > 400 or not _CODE.match(piece):
        return False
    words = piece.split()
    # Prose contains such characters, too, but few per word.
    signs = len(_SIGNS.findall(piece))
    return (signs > 0 and len(words) <= 4 + 4 * signs) or len(words) <= 2 or piece.startswith(("import ", "from "))


def _mark_code(text: str, lines: list[Line], pieces: list[str], kinds: list[int]) -> None:
    """Mark runs of lines of code, including comments between them."""
    like = [kind == PROSE and _looks_like_code(piece) for kind, piece in zip(kinds, pieces, strict=True)]
    indented = [line.start > 0 and text[line.start - 1] in " \t" for line in lines]

    def bridges(i: int) -> bool:
        return kinds[i] == PROSE and len(pieces[i]) <= 120 and (indented[i] or bool(_COMMENT.match(pieces[i])))

    i = 0
    while i < len(lines):
        if not like[i]:
            i += 1
            continue
        first = last = i
        count = 1
        i += 1
        while i < len(lines):
            if like[i]:
                last, count = i, count + 1
            elif i - last > _LONGEST_BRIDGE or not bridges(i):
                break
            i += 1
        if count >= _FEWEST_CODE:
            while (
                first
                and not lines[first].after_blank
                and kinds[first - 1] == PROSE
                and _COMMENT.match(pieces[first - 1])
            ):
                first -= 1
            kinds[first : last + 1] = [CODE] * (last + 1 - first)
        i = last + 1


def _mark_directives(lines: list[Line], pieces: list[str], kinds: list[int]) -> None:
    """Mark directives, and their options on the following lines."""
    inside = False
    for i, piece in enumerate(pieces):
        inside = kinds[i] == PROSE and bool(
            _DIRECTIVE.match(piece) or (inside and not lines[i].after_blank and _OPTION.match(piece))
        )
        if inside:
            kinds[i] = CODE


def _mark_code_blocks(text: str, lines: list[Line], pieces: list[str], kinds: list[int]) -> None:
    """Mark the lines below a code directive of reStructuredText that are indented further than it."""
    border = None
    for i, (line, piece) in enumerate(zip(lines, pieces, strict=True)):
        indent = line.start - text.rfind("\n", 0, line.start)
        if border is not None and indent > border:
            kinds[i] = CODE
            continue
        border = indent if _CODE_DIRECTIVE.match(piece) else None


def _mark_synopses(lines: list[Line], pieces: list[str], kinds: list[int]) -> None:
    """Mark groups of lines that describe the usage of a command: half of their words are options or placeholders."""
    for first, last in _groups(lines):
        # The first lines rule out most prose.
        if last - first > _LONGEST_SYNOPSIS or not any(_OPTIONAL.search(piece) for piece in pieces[first : first + 2]):
            continue
        joined = " ".join(pieces[first:last])
        words = joined.split()
        signs = sum(_SYNTAX.match(word) is not None for word in words)
        options = len(_OPTIONAL.findall(joined))
        if signs >= _SYNOPSIS * len(words) and options >= _FEWEST_OPTIONS and not _ONE_STOP.search(joined):
            kinds[first:last] = [CODE if kind == PROSE else kind for kind in kinds[first:last]]


def _mark_runs(pieces: list[str], kinds: list[int], shows: Callable[[str], bool], kind: int, least: int) -> None:
    first = None
    for i in range(len(pieces) + 1):
        if i < len(pieces) and kinds[i] == PROSE and shows(pieces[i]):
            first = i if first is None else first
        elif first is not None:
            if i - first >= least:
                kinds[first:i] = [kind] * (i - first)
            first = None


def _is_row(piece: str) -> bool:
    """Whether a line is a table row: cells between bars, tabs or wide gaps, or mostly numbers."""
    if _ROW.match(piece) or (_RULER.match(piece) and not piece.isspace()):
        return True
    if "\t" in piece or "   " in piece:
        cells = _GAP.split(piece)
        return len(cells) > 1 and max(map(len, cells)) <= 40 and (len(cells) > 2 or not ends_sentence(piece))
    words = piece.split()
    figures = sum(any(char.isdigit() for char in word) for word in words)
    return len(words) >= 3 and figures >= 0.6 * len(words)


def _is_navigation(piece: str) -> bool:
    """Whether a line consists of short names with separators."""
    if len(piece) > 300 or not _SEPARATED.search(piece):
        return False
    names = [name for name in _SEPARATED.split(piece) if name.strip()]
    few = sum(len(name.split()) <= _MENU_WORDS and len(name) <= _MENU_WIDTH for name in names)
    return len(names) >= 3 and few == len(names) and not ends_sentence(piece)


def _mark_menus(text: str, lines: list[Line], pieces: list[str], kinds: list[int]) -> None:
    """Mark runs of lines with names that are not wrapped text."""

    def is_name(i: int) -> bool:
        piece = pieces[i]
        return (
            kinds[i] == PROSE
            and len(piece) <= _MENU_WIDTH
            and len(piece.split()) <= _MENU_WORDS
            and not piece[0].islower()
            and piece[-1] not in _CLOSED_ENDS
            and any(char.isalpha() for char in piece)
            and not _BULLET.match(piece)
        )

    names = [is_name(i) for i in range(len(lines))]
    for first, last in _groups(lines):
        group = range(first, last)
        if not all(names[i] for i in group):
            # Full lines are wrapped text, not names.
            width = max(len(pieces[i]) for i in group)
            for i in group[:-1]:
                names[i] = names[i] and len(pieces[i]) + 1 + _first_word(text, lines[i + 1]) <= width
    i = 0
    while i < len(lines):
        first = i
        while i < len(lines) and names[i]:
            i += 1
        if i - first >= _FEWEST_MENU:
            goes_on = i < len(lines) and not lines[i].after_blank and pieces[i][0].islower()
            words = sum(len(piece.split()) for piece in pieces[first:i])
            # Lines that repeat many times are a loop, not a menu.
            if not goes_on and words <= 3 * (i - first) and _MENU_COPIES * len(set(pieces[first:i])) > i - first:
                listed = sum(is_boilerplate(piece) for piece in pieces[first:i])
                kinds[first:i] = [BOILERPLATE if listed else LIST] * (i - first)
        i += i == first


def _groups(lines: Sequence[Line]) -> Iterator[Span]:
    """Ranges [first, last) of lines between blank lines."""
    starts = [i for i, line in enumerate(lines) if line.after_blank or not i]
    return pairwise([*starts, len(lines)]) if lines else iter(())


def is_boilerplate(line: str) -> bool:
    """Whether a line is in the list of boilerplate."""
    return len(line) <= HEADING_WIDTH and line.strip(" .!:…»›→").lower() in ENGLISH.words("boilerplate")


def _grouped(text: str, lines: list[Line]) -> Iterator[Block]:
    groups: list[list[Line]] = []
    for line in lines:
        if not groups or line.after_blank or line.kind != groups[-1][-1].kind:
            groups.append([])
        groups[-1].append(line)
    verse = _verse(text, groups)
    for group, is_verse in zip(groups, verse, strict=True):
        kind = group[0].kind
        if kind != PROSE:
            yield from (_block(kind, [_unbulleted(text, line)[0] if kind == LIST else line]) for line in group)
        elif is_verse:
            yield from (_block(VERSE, lines_of_paragraph) for lines_of_paragraph in _paragraph_lines(text, group))
        else:
            yield from _paragraphs(text, group)


def _paragraphs(text: str, group: list[Line]) -> Iterator[Block]:
    for lines in _paragraph_lines(text, group):
        first, is_item = _unbulleted(text, lines[0])
        if is_item:
            yield _block(LIST, [first, *lines[1:]])
        elif len(lines) == 1 and (title := _TITLE.match(text, first.start, first.end)) and title.end() < first.end:
            yield _block(HEADING, [first._replace(start=title.end())])
        elif not _RULER.match(text[first.start : first.end]) or len(lines) > 1 or len(group) == 1 == len(text.split()):
            words = text[lines[0].start : lines[-1].end]
            yield _block(BOILERPLATE if is_boilerplate(words) else PROSE, lines)
        else:
            yield _block(TABLE, lines)


def _unbulleted(text: str, line: Line) -> tuple[Line, bool]:
    bullet = _BULLET.match(text, line.start, line.end) or _TERM.match(text, line.start, line.end)
    if bullet is None or bullet.end() >= line.end:
        return line, False
    return line._replace(start=bullet.end()), True


def _block(kind: int, lines: Sequence[Line]) -> Block:
    return Block(lines[0].first, lines[-1].end, kind, tuple(((line.start, line.end, None),) for line in lines))


def _paragraph_lines(text: str, group: list[Line]) -> list[list[Line]]:
    """Join wrapped lines to paragraphs.

    A line is full if the first word of the next line would make it longer than the longest line. If most lines are
    full, the group is wrapped, and full lines are joined with the next. Otherwise a full line is joined only if its
    sentence continues.
    """
    if len(group) == 1:
        return [group]
    width = max(line.end - line.start for line in group)
    full = [line.end - line.start + 1 + _first_word(text, after) > width >= _NARROW for line, after in pairwise(group)]
    is_wrapped = 2 * sum(full) > len(full) > 1
    bulleted = [_BULLET.match(text, line.start, line.end) is not None for line in group]
    # In wrapped text, a dash or number at the beginning of a line may not be a bullet.
    is_list = bulleted[0] or sum(bulleted) > 1 or not is_wrapped
    joined = [[group[0]]]
    for i, line in enumerate(group[1:]):
        goes_on = full[i] and not (is_list and bulleted[i + 1])
        if goes_on and not is_wrapped:
            goes_on = text[line.start].islower() or text[group[i].end - 1] not in '.!?…:"”'
        goes_on = goes_on or text[group[i].end - 1] in SOFT_HYPHENS
        if goes_on:
            joined[-1].append(line)
        else:
            joined.append([line])
    return joined


def _first_word(text: str, line: Line) -> int:
    """Length of the first word, up to 100 characters."""
    word = text[line.start : min(line.end, line.start + 100)].split(None, 1)
    return len(word[0])


# Verse.


def _verse(text: str, groups: list[list[Line]]) -> list[bool]:
    """Which groups are verse. In texts with stanzas, a weaker test applies to the other groups."""
    sizes = [group[-1].end - group[0].start if group[0].kind == PROSE else 0 for group in groups]
    sure = [bool(size) and _is_stanza(text, group) for group, size in zip(groups, sizes, strict=True)]
    in_verse = sum(size for size, is_sure in zip(sizes, sure, strict=True) if is_sure)
    if in_verse < _VERSE_SHARE * sum(sizes) or not in_verse:
        return sure
    return [
        is_sure or (bool(size) and _is_like_stanza(text, group))
        for group, size, is_sure in zip(groups, sizes, sure, strict=True)
    ]


def _is_stanza(text: str, group: list[Line]) -> bool:
    lines = [text[line.start : line.end] for line in group]
    if len(lines) >= _FEWEST_LINES and max(map(len, lines)) <= _VERSE_WIDTH:
        open_ended = sum(line[-1] not in ".!?…" for line in lines)
        bullets = sum(_BULLET.match(line) is not None for line in lines)
        if 2 * open_ended >= len(lines) and 2 * bullets < len(lines) and not _is_wrapped_prose(text, group):
            return True
    # "..., And all the": capitalised function words after a comma, at least two and a quarter of all.
    words = _AFTER_COMMA.findall(text, group[0].start, group[-1].end)
    turns = sum(word.istitle() and word.lower() in ENGLISH.words("function_words") for word in words)
    return bool(turns >= 2 and turns >= len(words) / 4)


def _is_wrapped_prose(text: str, group: list[Line]) -> bool:
    """Whether most lines are full, and many begin in lower case."""
    width = max(line.end - line.start for line in group)
    full = sum(line.end - line.start + 1 + _first_word(text, after) > width for line, after in pairwise(group))
    capitals = sum(text[line.start].isupper() for line in group)
    return 2 * full > len(group) - 1 and capitals < 0.7 * len(group)


def _is_like_stanza(text: str, group: list[Line]) -> bool:
    """The weaker test: lines begin with capitals and lack full stops; or, on one line, capitals after commas."""
    start, end = group[0].start, group[-1].end
    if len(group) == 1:
        words = _AFTER_COMMA.findall(text, start, end)
        turns = sum(word.istitle() for word in words)
        return turns >= len(words) / 4 if words else end - start <= _SHORT_STANZA
    open_ended = sum(text[line.end - 1] not in ".!?…" for line in group)
    capitals = sum(text[line.start] in "\"'“‘—-(" or text[line.start].isupper() for line in group)
    is_open = 2 * open_ended >= len(group) and capitals >= 0.7 * len(group)
    return is_open and not _is_wrapped_prose(text, group)


# Subtitles.


def _cues(text: str, lines: list[Line]) -> list[Block] | None:
    """The blocks of subtitles or a transcript; None for other texts."""
    timing = {i for i, line in enumerate(lines) if _TIMING.match(text, line.start, line.end)}
    if not timing:
        return _transcript(text, lines)
    cues: list[list[tuple[Run, ...]]] = []
    out: list[Block] = []
    is_cue, is_aside = False, False
    for i, line in enumerate(lines):
        if i in timing:
            cues.append([])
            is_cue, is_aside = True, False
            continue
        if i + 1 in timing and (_NUMBER.match(text, line.start, line.end) or line.after_blank):
            is_cue = False
            continue
        if line.after_blank:
            is_cue = is_cue and not cues[-1]
            is_aside = False
        if is_cue:
            if runs := _untagged(text, line.start, line.end):
                cues[-1].append(runs)
            continue
        if text.startswith("WEBVTT", line.start) or _VTT_ASIDE.match(text, line.start) or is_aside:
            is_aside = True
            continue
        out += _joined_cues(text, cues)
        cues = []
        out.append(_block(PROSE, [line]))
    return out + _joined_cues(text, cues)


def _untagged(text: str, start: int, end: int) -> tuple[Run, ...]:
    """The runs of a line of a cue, without tags."""
    runs: list[Run] = []
    for tag in _TAG.finditer(text, start, end):
        runs.append((start, tag.start(), None))
        start = tag.end()
    return trimmed(text, [*runs, (start, end, None)])


def _transcript(text: str, lines: list[Line]) -> list[Block] | None:
    """The blocks of a transcript with times before its lines; None for other texts."""
    stamps = [_STAMP.match(text, line.start, line.end) for line in lines]
    count = sum(stamp is not None for stamp in stamps)
    if count < 2 or 2 * count < len(lines):
        return None
    cues: list[list[tuple[Run, ...]]] = []
    for line, stamp in zip(lines, stamps, strict=True):
        start, end = strip(text, stamp.end() if stamp else line.start, line.end)
        if stamp or not cues:
            cues.append([])
        if start < end:
            cues[-1].append(((start, end, None),))
    return _joined_cues(text, cues)


def _joined_cues(text: str, cues: list[list[tuple[Run, ...]]]) -> list[Block]:
    """Blocks of cues; a sentence may continue in the next cue."""
    filled = [cue for cue in cues if cue]
    ended = [ends_sentence(text[cue[-1][-1][0] : cue[-1][-1][1]]) for cue in filled]
    has_stops = sum(ended) >= _CUES_WITH_STOPS * len(filled)
    joined: list[list[tuple[Run, ...]]] = []
    for i, cue in enumerate(filled):
        is_turn = text[cue[0][0][0]] in "-–—[(♪"
        goes_on = not ended[i - 1] or text[cue[0][0][0]].islower()
        if i and has_stops and goes_on and not is_turn and text[filled[i - 1][-1][-1][1] - 1] not in "])♪":
            joined[-1] += cue
        else:
            joined.append(list(cue))
    return [built(CUE, _undashed(text, lines)) for lines in joined]


def _undashed(text: str, lines: list[tuple[Run, ...]]) -> list[tuple[Run, ...]]:
    """Remove the dash of a new speaker."""
    start, end, replacement = lines[0][0]
    bullet = _BULLET.match(text, start, end) if text[start] in "-–—" else None
    if bullet is None or bullet.end() >= end:
        return lines
    return [((bullet.end(), end, replacement), *lines[0][1:]), *lines[1:]]


# Used by all markups.


def non_overlapping(marks: list[Run]) -> list[Run]:
    """The marks in order, without those that overlap a previous one."""
    kept: list[Run] = []
    for mark in sorted(marks, key=lambda mark: mark[:2]):
        if not kept or mark[0] >= kept[-1][1]:
            kept.append(mark)
    return kept


def within(text: str, start: int, end: int) -> list[Block]:
    """The blocks of text[start:end], as plain text."""

    def shifted(block: Block) -> Block:
        lines = tuple(tuple((a + start, b + start, replacement) for a, b, replacement in line) for line in block.lines)
        return Block(block.start + start, block.end + start, block.kind, lines)

    return [shifted(block) for block in plain_blocks(text[start:end])]


def placeholder(text: str, start: int, end: int) -> list[Run]:
    """Runs for code or an address in a sentence: itself if alphabetic, else a word that no signal marks."""
    start, end = strip(text, start, end)
    return [(start, end, None if text[start:end].isalpha() else _PLACEHOLDER)] if start < end else []


def runs_between(start: int, end: int, marks: list[Run]) -> Iterator[Run]:
    """The runs of [start, end) between marks, and the replacements of marks. marks: in order, without overlaps."""
    for index in range(bisect_right(marks, start, key=itemgetter(1)), len(marks)):
        first, last, replacement = marks[index]
        if first >= end:
            break
        if start < first:
            yield start, first, None
        if replacement:
            yield max(start, first), min(last, end), replacement
        start = max(start, last)
    if start < end:
        yield start, end, None


def built(kind: int, lines: Sequence[tuple[Run, ...]]) -> Block:
    """A block of non-empty lines."""
    return Block(lines[0][0][0], lines[-1][-1][1], kind, tuple(lines))


def trimmed(text: str, runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs of a line, without empty runs and without white space at its ends."""
    kept = [run for run in runs if run[0] < run[1] and run[2] != ""]
    while kept:
        start, end, replacement = kept[0]
        if replacement is None:
            start = end - len(text[start:end].lstrip())
        if start < end and (replacement is None or replacement.strip()):
            kept[0] = start, end, replacement
            break
        kept.pop(0)
    while kept:
        start, end, replacement = kept[-1]
        if replacement is None:
            end = start + len(text[start:end].rstrip())
        if start < end and (replacement is None or replacement.strip()):
            kept[-1] = start, end, replacement
            break
        kept.pop()
    return tuple(kept)
