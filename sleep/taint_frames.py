"""Frames: sentences that say of the rest of a turn that it is a document, not the user's talk.

Promise: three kinds are known: a task or question about a text taints what stands before and after it; one
that only announces a text taints what follows; a letter's closing with a name taints the whole turn. What
people say of letters and pages in passing, and of what they told themselves, frames nothing. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .spans import Span
from .taint_marks import ANY_CASE, SENTENCE

_FORMS = (
    r"(?:texts?|documents?|docs?|pdfs?|articles?|(?:web|wiki) ?pages?|pages?|web ?sites?|e-?mails?|messages?"
    r"|letters?|notes?|memos?|reports?|(?:blog )?posts?|tweets?|comments?|reviews?|transcripts?|excerpts?"
    r"|passages?|paragraphs?|sentences?|phrases?|snippets?|pastes?|outputs?|results?|responses?|replies|reply"
    r"|logs?|files?|read-?mes?|contracts?|clauses?|essays?|abstracts?|papers?|chapters?|speech(?:es)?"
    r"|statements?|drafts?|announcements?|newsletters?|press releases?|descriptions?|captions?|quotes?"
    r"|quotations?|poems?|lyrics|threads?|conversations?|dialogues?|stack ?traces?|error messages?|invoices?"
    r"|notices?|listings?|adverts?|ads?)"
)
_POINTED = (
    r"(?:th(?:is|ese) (?:\w+ ){0,2}?" + _FORMS + r"|the (?:above|following|text|passage|excerpt)"
    r"|(?:the |my )?(?:\w+ )?" + _FORMS + r" (?:above|below)"
    r"|(?:the )?(?:above|following|attached|pasted|quoted) (?:\w+ )?" + _FORMS + r")\b"
)
_ELSEWHERE = (
    r"(?! (?:from|of|on|in|at|that|which|who|by|my|he|she|they|about|(?:i|we)(?! (?:past|cop|quot)))\b)"
)
_NAMED = rf"\bthe (?:\w+ )?{_FORMS}\b{_ELSEWHERE}"
_BARE = (
    r"th(?:is|at|ese)(?= ?[.!?:,]| ?$"
    r"|,? (?:for me|for us|in|into|to|please|pls|as|down|up|and|so|too|now|briefly|quickly)\b)"
)
_REWORKS = (
    r"(?:summari[sz](?:e|ing)|sum up|translat(?:e|ing)|proof-?read(?:ing)?|rewrit(?:e|ing)|rephras(?:e|ing)"
    r"|reword(?:ing)?|paraphras(?:e|ing)|condens(?:e|ing)|shorten(?:ing)?|transcrib(?:e|ing)|spell-?check"
    r"|fact-?check|simplify|polish|edit(?:ing)?|parse|tl;?\s?dr)"
)
_READS = (
    r"(?:fix|correct|check|review|read|explain|analy[sz]e|improve|(?:have a )?look (?:at|over|through)"
    r"|go (?:over|through)|comment on|(?:reply|respond) to|answer|outline|extract|classify|format"
    r"|make sense of|understand|help (?:me )?with)"
)
_REQUEST = re.compile(
    r"^\W*(?:(?:hi|hey|hello|ok(?:ay)?|so|and|also|now|then|thanks?|thank you|please|pls)\b\W*)*"
    r"(?:can|could|would|will|kindly|give|tell|help|let|what|whats|who|which|why|how|where|when|is|are|does|do"
    r"|did|any|have|take|list|show|i (?:need|want)|i'd like|need|want|in (?:one|two|a|short|brief)"
    rf"|{_REWORKS}|{_READS})\b|\?\W*$",
    ANY_CASE,
)
_GIST = re.compile(
    r"\b(?:gist|(?:main|key|central|major|most important) (?:points?|ideas?|takeaways?|messages?|arguments?"
    r"|findings?|facts?)|takeaways?|(?:summary|translation))\b"
    r"(?=(?: (?:here|please|pls|then))*\W*$| ?:"
    rf"| (?:of|in|from) (?:th(?:is|at|ese)|it|{_POINTED}|{_NAMED})\b)",
    ANY_CASE,
)
_ASKS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, ANY_CASE)
    for pattern in (
        rf"\b{_REWORKS}\b[^.!?\n]{{0,30}}?(?:\b(?:{_POINTED}|{_BARE})|{_NAMED})",
        rf"\b{_READS}\b[^.!?\n]{{0,30}}?(?:\b{_POINTED}|{_NAMED})",
        rf"\b{_POINTED}(?! (?:i|we) (?:sent|wrote|told|gave)\b)",
        rf"{_NAMED}[^.!?\n]{{0,30}}\b(?:about|say|says|mean|means|spam|phishing|conclude|tell us)\b",
        (
            r"\b(?:does|do) (?:this|it|that) (?:sound|read) (?:\w+ )?(?:natural|polite|professional|formal"
            r"|fluent|native|grammatical)\b"
        ),
        r"\bis (?:this|that|it) (?:\w+ )?(?:grammatical(?:ly)?|spam|phishing|good english)\b",
        r"\b(?:is|are|fix|check|correct) the (?:grammar|spelling|punctuation|wording)\b",
    )
)
_TLDR = re.compile(
    r"^\W*tl;?\s?dr\b(?:\W*$|(?:\W+(?:this|please|pls|of|the|it|for|me|version|text|article|page|document))+"
    r"\W*(?:$|:))",
    ANY_CASE,
)
_REWORKS_IT = re.compile(
    rf"\b{_REWORKS} (?:it|them)\b|^\W*(?:a )?(?:\w+ )?summary\W*(?:please)?\W*$", ANY_CASE
)
_OF_ONES_OWN = re.compile(
    r"\b(?:i|we)(?:'ve| have)? (?:just |already |only |ever )?(?:told|said|mentioned|explained|described"
    r"|discussed|talked)\b|\bour (?:chat|conversation|talk)\b|\babout (?:me|myself|us)\b"
    r"|\b(?:remember|save|store|keep|remind|memori[sz]e|forget|note down|write down)\b",
    ANY_CASE,
)


def _sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence or line of `text` that holds a word."""
    return [found.span() for found in SENTENCE.finditer(text) if re.search(r"\w", found.group())]


def _lone(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is a line, or several, of its own."""
    return not text[:start].rpartition("\n")[2].strip() and not text[end - 1 :].partition("\n")[0].strip(
        " .!?"
    )


def _asked(text: str, start: int, end: int) -> re.Match[str] | None:
    """What in this sentence asks for something to be done with a text that stands in the turn."""
    words = text[start:end].rstrip("\n")
    if found := _TLDR.search(words):
        return found
    if not _REQUEST.search(words) or _OF_ONES_OWN.search(words):
        return None
    found = next((found for ask in _ASKS if (found := ask.search(words))), None) or _GIST.search(words)
    if found is None and _lone(text, start, end):
        found = _REWORKS_IT.search(words)
    return None if found and _told_of(found.group(), text[:start].rpartition("\n")[2]) else found


def _told_of(asked: str, before: str) -> bool:
    """Whether the text asked about is one that the user spoke of just before, and not what stands here."""
    forms = re.findall(rf"\b{_FORMS}\b", asked, ANY_CASE)
    if not forms or re.search(r"\b(?:above|below|following|attached|pasted)\b", asked, ANY_CASE):
        return False
    form = re.escape(forms[-1])
    return bool(
        re.search(
            rf"\b(?:i|i'm|we|my|our)\b[^.!?\n]*?\b(?:an?|my|our|his|her|their) (?:\w+ ){{0,2}}?{form}\b"
            rf"|\b(?:my|our) (?:\w+ ){{0,2}}?{form}\b",
            before,
            ANY_CASE,
        )
    )


_LEFT_OVER_WORDS = 3  # after a request, like "Thanks a lot!"


def requested(text: str) -> Iterator[Span]:
    """What stands around a task or a question about a text, in all lines.

    What stands before it in the first line is the user's own, unless nothing follows that could be the text
    and the request speaks of no text elsewhere, or the words before it are to be remembered.
    """
    why = "it is material for a task or a question"
    for start, end in _sentences(text):
        found = _asked(text, start, end)
        if not found:
            continue
        colon = text.find(":", start + found.end() - 1, end)
        after = colon + 1 if colon >= 0 else end
        yield Span(after, len(text), why)
        follows = len(re.findall(r"\w+", text[after:])) > _LEFT_OVER_WORDS
        if "\n" in text[:start].lstrip() or (not follows and _points_back(found.group(), text[:start])):
            yield Span(0, start, why)


def _points_back(asked: str, before: str) -> bool:
    return re.search(rf"\b{_FORMS}\b(?! above)", asked, ANY_CASE) is None or any(
        _ORDER.search(before[start:end]) for start, end in _sentences(before)
    )


_SENDER = r"(?: (?:from|by|of|about|on|in|off|at|for|to|with) [^,;:.!?\n]{1,40})?"
_WHEN = (
    r"(?: (?:today|yesterday|just now|this (?:morning|evening|week)|last (?:night|week)|earlier|here|below))*"
)
_INTRO = r"\W*(?:(?:so|ok(?:ay)?|hi|hey|hello|well|look|and|btw)\b\W*)?"
_FOR_YOU = r"(?!.*\b(?:of|about|on|for) (?:my|me|myself|our|us|you)\b)"
_ANNOUNCES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(rf"{_INTRO}(?:{pattern})\W*", ANY_CASE)
    for pattern in (
        # "Here's the output", "This is the response I received", "Here's what the page had on it"
        (
            rf"{_FOR_YOU}(?:here(?:'s| is| are| was)|this (?:is|was)|these are|below (?:is|are)|see"
            rf"|the following(?: is| was| are| were)?)\b[^,;:.!?\n]{{0,30}}?"
            r"\b(?:the|an?|some|this|what|from|on|in)\b"
            rf"[^,;:.!?\n]{{0,30}}?\b{_FORMS}\b[^,;:.!?\n]{{0,40}}"
        ),
        # "The tool result is below", "Article text follows", "My mother's letter begins like this"
        (
            rf"(?!(?:i|we|my|our) )?[^,;:.!?\n]{{0,40}}?\b(?:{_FORMS}|answers?|tools?|jokes?|songs?|story)\b"
            r"[^,;:.!?\n]{0,30}?,? ?\b(?:follows|as follows|like this|like so|below|verbatim|attached"
            r"|(?:is|was|had|has|contained) (?:this|these|the following)(?: line| text| sentence)?)"
        ),
        # a heading without a verb: "Tool output", "Text message from Bob", "Review of the Acme toaster"
        (
            r"(?:the )?(?:tool|search|function|api|command|script|web|ocr)(?:'s)? (?:outputs?|results?"
            r"|responses?|answers?|calls?|hits?)"
        ),
        (
            r"(?:an? |the )?(?:\w+ )?(?:message|e-?mail|letter|post|memo|note|voice ?mail|sms|dm|newsletter)"
            r" (?:from|by) [^,;:.!?\n]{1,40}"
        ),
        r"(?:an? )?review of [^,;:.!?\n]{1,40}",
        r"(?:e-?mail|article|page|document|letter|message) (?:body|text|contents?)",
        r"abstract|press release|faq|verse (?:\w+)|chapter (?:\w+)|outputs?|search results|transcript",
        r"posted by \S+[^,;:.!?\n]{0,30}",
        (
            r"(?:(?:cat|less|more|open(?:ed|ing)?|from) )?[\w/-]+(?:\.[\w-]+)*\.(?:txt|md|pdf|docx?|odt|rtf"
            r"|html?|json|xml|csv|ya?ml|log|eml|py|js|ts|rst|tex|ics|vcf)"
        ),
        r"(?:git|curl|npm|pip|docker|kubectl|sudo) [\w./:-]+",
        r"(?:assistant|ai|agent|bot|llm|chat ?bot|system|new|updated) instructions?",
    )
)
_COMES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(rf"{_INTRO}(?:{pattern}){_WHEN}\W*", ANY_CASE)
    for pattern in (
        (
            r"(?:i|we)(?:'ve| have)? (?:just |also |now )?(?:got|received|found|downloaded|opened|saw|read"
            r"|fetched|copied|saved|came across|was sent|were sent|had)"
            rf"(?: (?:this|these|an?|the|another|some))?(?: [\w'-]+){{0,2}}? {_FORMS}{_SENDER}"
        ),
        (
            rf"(?:an?|another|the|this|some|one) (?:\w+ )?{_FORMS} (?:arrived|came|came in|popped up"
            rf"|appeared){_SENDER}"
        ),
        (
            r"(?!(?:i|we) )[\w' ]{1,30} (?:e-?mailed|texted|messaged|wrote(?: to)?|dm'?e?d|forwarded|sent"
            rf"|left|gave|pasted|showed)(?: me| us| this)+(?: (?:an?|this|the|some) (?:\w+ )?{_FORMS})?"
        ),
        (
            r"(?:the|an?|this|that|my|our|his|her) (?:[\w'-]+ ){1,4}?(?:has|had|contains|contained|bears"
            rf"|carries) (?:an?|this|one|some|the following) (?:\w+ )?(?:line|clause|{_FORMS}){_SENDER}"
            r"(?: it)?"
        ),
    )
)
_ORDER = re.compile(
    r"^\W*(?:(?:please|also|and|now|so|p\.?s\.?)\W+)*(?:remember|memori[sz]e|keep in mind|make a note"
    r"|take note|note that|don'?t forget|store|save|record|update)\b",
    ANY_CASE,
)
_ADDRESSES = re.compile(
    r"^\W*(?:hi|hello|hey|dear|good (?:morning|day|evening|afternoon)|attention|important|reminder"
    r"|thank you for|congratulations|your)\b",
    ANY_CASE,
)


def announced(text: str) -> Iterator[Span]:
    """What follows a sentence that does nothing but announce a text.

    That a text came may also be the beginning of one's own talk about it; then it is a text only what stands
    in a new line, greets, or is told to be remembered.
    """
    sentences = _sentences(text)
    for number, (start, end) in enumerate(sentences):
        words = text[start:end].strip()
        rest = sentences[number + 1 :]
        if any(pattern.fullmatch(words) for pattern in _ANNOUNCES) or (
            any(pattern.fullmatch(words) for pattern in _COMES) and _is_the_text(text, end, rest)
        ):
            yield Span(end, len(text), "it was announced as a text from elsewhere")
            return


def _is_the_text(text: str, end: int, rest: list[tuple[int, int]]) -> bool:
    if not rest:
        return False
    first = text[slice(*rest[0])]
    return (
        "\n" in text[end - 1 : rest[0][0] + 1]
        or _ADDRESSES.search(first) is not None
        or any(_ORDER.search(text[slice(*sentence)]) for sentence in rest)
    )


_NAME = r"(?-i:[A-Z])[\w'.-]*(?:[ \t]+(?-i:[A-Z])[\w'.-]*){0,3}"
_CLOSED = re.compile(
    r"(?:^|(?<=[.!?])[ \t]+)\W{0,3}(?:"
    r"(?:(?:(?:kind|best|warm|kindest|warmest|with (?:kind|best)) )?regards|(?:best|warm|kind|good) wishes"
    r"|(?:yours )?(?:sincerely|faithfully|truly)|sincerely yours|respectfully)[ \t]*[,.!-]?\s*"
    r"|(?:all the best|best|cheers|thanks|many thanks|thank you|love|yours|warmly)[ \t]*[,!-]?[ \t]*\n\s*)"
    rf"{_NAME}[ \t]*[.!]?[ \t]*(?:\n[^\n]{{0,60}}){{0,5}}\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)


def signed(text: str) -> Iterator[Span]:
    """The whole turn, where a letter's closing and a name end it."""
    if _CLOSED.search(text):
        yield Span(0, len(text), "it is a letter with its sender's name")
