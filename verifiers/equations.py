"""The equations in a text, each side as arithmetic without the words around it.

Promise: a word is left out only where nothing hangs on it. Where one that would be left out holds a digit,
may be an operator or denies something, or where two numbers stand together with nothing but words between
them, the side is Unreadable. Knows English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from . import algebra
from .algebra import Unreadable

_EQUALS = re.compile(r"(?<![<>!=])=(?!=)|≈")
_STRONG_END = re.compile(r"[.;:](?:\s+|$)|[!?]\s+(?=[A-Z])|,?\s+(?i:so|then|therefore|thus|hence),?\s+")
_WEAK_END = re.compile(r",\s+")
_BULLET = re.compile(
    r"\s*(?:[#>]+\s+)?(?:(?P<dash>[-\u2013])|[*+\u2022]|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s+(?=[\w$€£(\\`]|-\d)"
)
_BOLD = re.compile(r"(?<![^\s(])\*\*(?=\S)(.+?)(?<=\S)\*\*(?![\w(])")
_TIMES_X = re.compile(r"(?<=\d)[xX](?=\d)|(?<=[\w)%$€£])\s+[xX]\s+(?=[-$€£(.]?[\d(])")
_VARIABLE_X = re.compile(r"(?<![^\W\d_])[xX](?!\w)")
_SPOKEN = (
    (re.compile(r"\\times|\\cdot|\b(?:times|multiplied by)\b", re.I), " * "),
    (re.compile(r"\\div|\bdivided by\b|(?<!left )\bover\b", re.I), " / "),
    (re.compile(r"\bplus\b", re.I), " + "),
    (re.compile(r"\bminus\b", re.I), " - "),
    (re.compile(r"(?<=[\d)])\s+squared\b(?!\s+[^\W\d_])", re.I), "^2"),
    (re.compile(r"(?<=[\d)])\s+cubed\b(?!\s+[^\W\d_])", re.I), "^3"),
    (re.compile(r"\bto the power of\b", re.I), " ^ "),
    (re.compile(r"\bper ?cent\b", re.I), "%"),
    (re.compile(r"\bmod(?:ulo)?\b", re.I), " % "),
    (re.compile(r"\\[()\[\]]|[`\"\u201c\u201d]"), " "),
    (re.compile(r"\(((?=[^()]*[^\W\d_]{2})[^()\d=*/+^]*)\)"), r" \1 "),  # (already eaten)
)
_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![,\d])|\d+(?:\.\d+)?|\.\d+)|(?P<operator>\*\*|[-+*/^])|(?P<percent>%)"
    r"|(?P<factorial>!)|(?P<open>\()|(?P<close>\))|(?P<money>[$€£¥])"
    r"|(?P<word>[^\W\d_]\w*(?:['\u2019][^\W\d_]+)*(?:(?<=\w\w)[-/][^\W\d_]\w+)*)|(?P<other>\S)"
)
_MONEY = {"dollar": "$", "buck": "$", "euro": "€", "pound": "£", "yen": "¥"}
_LEAD = re.compile(
    r"so|thus|then|therefore|hence|and|but|now|also|let|if|when|where|given|because|since|we|get|have|is|are|it|gives"
    r"|makes|exactly|just|only|the|a|total|of"
)
_NO_UNIT = re.compile(
    r"an?|the|is|are|was|were|be|left|remain(?:s|ing)?|in|total|altogether|so|and|but|for|each|per|at|on|to|that"
    r"|which|with|of|now|still|all|together|then|more|he|she|they|it|we|you|i|from|by|as|this|these"
)
_GLUED = re.compile(
    r"[kcm]m|[km]?g|ml|mins?|hrs?|secs?|lbs?|oz|ft|in|yd|mph|kph|kmh|am|pm|[gmt]b", re.I
)  # 5km; other letters at a number are names in a product
_SAYS_MORE = re.compile(
    r"\w*\d\w*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|fou?rty|fifty"
    r"|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|score|pairs?|couple"
    r"|hal(?:f|ves|ved)|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|\w+tieths?"
    r"|doubl\w+|twice|tripl\w+|thrice|quadrupl\w+|squared?|squares|cubed?|cubes|roots?|power|factorial|negative"
    r"|inverse|reciprocal|add\w*|subtract\w*|multipl\w+|divid\w+|increas\w+|decreas\w+|reduc\w+|less|than|off|without"
    r"|st|nd|rd|th|no|not|never|\w+n['\u2019]t|cannot|nor|neither|wrong\w*|false|incorrect\w*|mistake\w*|instead",
    re.I,
)
_LABEL = re.compile(r"steps?|day|week|line|number|case|question|problem|example|chapter|page|part")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an equation: its `readings` as arithmetic, the likeliest first; none for a name in words.

    `units` are what its numbers count; `adds` and `works` say whether it holds a sum, and any operator.
    """

    readings: tuple[str, ...] = ()
    units: frozenset[str] = frozenset()
    adds: bool = False
    works: bool = False

    @property
    def text(self) -> str:
        return self.readings[0] if self.readings else ""

    def __str__(self) -> str:
        return self.text


Sides = list[Side | Unreadable]


def equations(text: str) -> Iterator[Sides]:
    """The sides of each equation in `text`, in order."""
    by_x = not _VARIABLE_X.search(_TIMES_X.sub(" ", text))
    for line in text.splitlines():
        yield from _of_line(line, by_x=by_x)


def read(text: str) -> Side:
    """`text` as one side. Raises Unreadable."""
    return _Reading(_spoken(text, by_x=True)).side()


def _of_line(line: str, *, by_x: bool) -> Iterator[Sides]:
    line = _BOLD.sub(r"\1", line)
    bullet = _BULLET.match(line)
    line = _spoken(line[bullet.end() :] if bullet else line, by_x=by_x)
    dashed = bool(bullet and bullet["dash"])
    for sentence in _STRONG_END.split(line):
        listed = False  # numbers stand before a comma, and may belong to what follows it
        for clause in _WEAK_END.split(sentence):
            if _EQUALS.search(clause):
                sides = [
                    _read_or_fault(part, dashed=dashed and not at) for at, part in enumerate(_parts(clause))
                ]
                if listed:
                    sides[0] = Unreadable("numbers before a comma may belong to it")
                yield sides
                listed = False
            else:
                listed = any(char.isdigit() for char in clause)
            dashed = False


def _parts(clause: str) -> list[str]:
    return [part.strip().rstrip(".,;:") for part in _EQUALS.split(clause)]


def _read_or_fault(part: str, *, dashed: bool) -> Side | Unreadable:
    try:
        side = _Reading(part).side()
    except Unreadable as fault:
        return fault
    if dashed and side.readings:
        return Side((*side.readings, f"-{side.text}"), side.units, side.adds, side.works)
    return side


def _spoken(text: str, *, by_x: bool) -> str:
    """`text` with its operators as signs."""
    if by_x:
        text = _TIMES_X.sub(" * ", text)
    for words, sign in _SPOKEN:
        text = words.sub(sign, text)
    return text.translate(algebra.SIGNS)


@dataclass
class _Reading:
    """Reads one side from left to right."""

    source: str
    parts: list[str] = field(default_factory=list)
    plain: list[str] = field(
        default_factory=list
    )  # the same, with a percentage as the number before its sign
    gap: list[str] = field(default_factory=list)  # the words since the last part
    lead: list[str] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    numbers: int = 0
    percents: int = 0
    open_end: bool = True  # an operand comes next

    def side(self) -> Side:
        if len(self.source) > algebra.LONGEST_CHARS:
            raise Unreadable("it is too long to be read")
        tokens = list(_TOKEN.finditer(self.source))
        for at, token in enumerate(tokens):
            after = tokens[at + 1] if at + 1 < len(tokens) else None
            getattr(self, f"_{token.lastgroup}")(token, after)
        return self._whole()

    def _whole(self) -> Side:
        if not self.parts and self.gap:
            _check_droppable([word.casefold() for word in self.gap])
            return Side()
        self._end_operand()
        if self.open_end:
            raise Unreadable(f"{self.source.strip()!r} is not arithmetic")
        signs = [part for part in self.parts[1:] if part in {"+", "-", "*", "/", "^", "**", "%", "!"}]
        adds = any(sign in "+-" for sign in signs)
        signs += [part for part in self.parts if part in algebra.FUNCTIONS]
        if self.percents and adds and self.percents != self.numbers:
            raise Unreadable("what its percentage is of is not said")
        if not signs and not all(map(_LEAD.fullmatch, self.lead)):
            raise Unreadable(f"what {' '.join(self.lead)!r} says of its number is not clear")
        readings = [self.parts]
        if self.percents:
            readings.append(self.plain)
        if self.parts[-1] == "!":
            readings.append(self.parts[:-1])  # it was an exclamation
        texts = tuple(map(_written, readings))
        for text in texts:
            algebra.tree(text)
        return Side(texts, frozenset(self.units), adds, bool(signs))

    def _put(self, part: str, plain: str | None = None) -> None:
        self.parts.append(part)
        self.plain.append(part if plain is None else plain)

    def _operand(self, part: str, *, may_touch: bool) -> None:
        """An operand begins. Beside another it is a factor, when it `may_touch` it and no word is between."""
        if not self.open_end and (self.gap or not may_touch):
            raise Unreadable("two of its numbers stand together without an operator")
        self._before_operand()
        self._put(part)
        self.open_end = False

    def _before_operand(self) -> None:
        """Leaves out the words before an operand."""
        words = [word.casefold() for word in self.gap]
        _check_droppable(words)
        last = words[-1] if words else ""
        bound = last in {"of", "per"} and words[-2:] != ["total", "of"]
        if bound or (not self.parts and _LABEL.fullmatch(last)):
            raise Unreadable(f"what {last!r} does in it is not clear")
        if not self.parts:
            self.lead = words
        self.gap = []

    def _end_operand(self) -> None:
        """What the words after an operand say that it counts."""
        counted = ""
        for word in self.gap:
            if _NO_UNIT.fullmatch(word.casefold()):
                break
            counted = word
        words = [word.casefold() for word in self.gap]
        _check_droppable(words[1:] if words[:1] in (["square"], ["cubic"]) and len(words) > 1 else words)
        if counted:
            unit = re.sub(r"e?s?$", "", counted.casefold())
            self.units.add(_MONEY.get(unit, unit))
        self.gap = []

    def _number(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        self._operand(token.group(), may_touch=False)
        self.numbers += 1

    def _open(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        self._operand("(", may_touch=True)
        self.open_end = True

    def _close(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        self._end_operand()
        self._put(")")

    def _operator(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        if self.open_end:
            glued = after is not None and after.start() == token.end() and after.lastgroup != "operator"
            if token.group() != "-" or not glued:
                raise Unreadable("an operator in it has nothing on one side")
            self._before_operand()
        else:
            self._end_operand()
        self._put(token.group())
        self.open_end = True

    def _percent(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        if self.open_end or self.gap:
            raise Unreadable("a percentage in it has no number")
        if after is not None and after.lastgroup in {"number", "open"}:
            return self._operator(token, after)
        number = self.parts[-1]
        if not number[-1].isdigit():
            raise Unreadable("a percentage in it has no number")
        self.parts[-1] = f"{Decimal(number.replace(',', '')).scaleb(-2):f}"
        self.percents += not (after is not None and after.group().casefold() == "of")

    def _factorial(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        if self.open_end or self.gap:
            raise Unreadable("a ! stands behind nothing")
        self._put("!")

    def _money(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        self.units.add(token.group())

    def _word(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        word = token.group()
        touches = self.source[token.start() - 1 : token.start()].isdigit()
        if touches and len(word) > 1 and not _GLUED.fullmatch(word):
            raise Unreadable(f"what {word!r} does behind its number is not clear")
        called = word in algebra.FUNCTIONS and after is not None and after.lastgroup == "open"
        letter = len(word) == 1 and word.isascii() and not _is_article(word, after)
        if word.casefold() == "of" and self._ends_in_a_part():
            self._put("*")
            self.open_end = True
        elif called or letter or word == "pi":
            self._operand(word, may_touch=True)
        else:
            self.gap.append(word)

    def _ends_in_a_part(self) -> bool:
        """Whether a percentage or a fraction stands before, which nothing before it divides."""
        if self.gap or self.open_end:
            return False
        if self.parts[-1] != self.plain[-1]:
            return self.parts[-2:-1] not in (["/"], ["^"], ["**"])
        above, sign, below = self.parts[-3:] if len(self.parts) >= 3 else ("", "", "")
        divided = self.parts[-4:-3] in (["/"], ["^"], ["**"])
        return sign == "/" and above[-1].isdigit() and below[-1].isdigit() and not divided

    def _other(self, token: re.Match[str], after: re.Match[str] | None) -> None:
        raise Unreadable(f"{token.group()!r} in it is not known")


def _written(parts: list[str]) -> str:
    """The parts as a line of arithmetic."""
    line = " ".join(parts).replace("( ", "(").replace(" )", ")")
    return re.sub(r"(^|[-+*/^%(] ?)- ", r"\1-", line)


def _is_article(word: str, after: re.Match[str] | None) -> bool:
    """Whether the letter is a word: "a day", "I have"."""
    return word in "aAI" and after is not None and after.lastgroup == "word" and len(after.group()) > 1


def _check_droppable(words: list[str]) -> None:
    for word in words:
        if any(_SAYS_MORE.fullmatch(piece) for piece in (word, *re.split(r"[-/]", word))):
            raise Unreadable(f"what {word!r} does in it is not clear")
