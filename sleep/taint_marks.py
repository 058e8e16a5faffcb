"""The marks by which words are known for somebody else's: regular expressions, each with its reason.

Promise: a mark that is a reason says so in a clause for a person. How far a mark reaches is `taint`'s.
"""

from __future__ import annotations

import re

ANY_CASE = re.IGNORECASE
MI = re.IGNORECASE | re.MULTILINE

DOCUMENT = (
    r"(?:(?:web|home|landing|wiki)[ -]?pages?|pages?|web ?sites?|sites?|articles?|documents?|docs?|pdfs?"
    r"|files?"
    r"|read-?mes?|e-?mails?|messages?|letters?|notes?|memos?|reports?|blogs?|posts?|tweets?|comments?|reviews?"
    r"|(?:weather|search|translation|news|web) services?|wikis?|wikipedia|tools?|functions?|plugins?|apis?|endpoints?|servers?|search(?: engines?| results?)?"
    r"|results?|outputs?|responses?|repl(?:y|ies)|logs?|consoles?|terminals?|screenshots?|images?|photos?"
    r"|pictures?|signs?|captions?|subtitles?|transcripts?|recordings?|voice ?mails?|videos?|podcasts?"
    r"|ads?|adverts?|advertisements?|banners?|pop-?ups?|notifications?|calendars?|invit(?:es?|ations?)|tickets?"
    r"|issues?|pull requests?|commits?|spreadsheets?|sheets?|tables?|forms?|books?|manuals?|leaflets?"
    r"|brochures?|posters?|labels?|packages?|databases?|records?|json|xml|html|csv|yaml|snippets?|pastes?"
    r"|clipboards?|texts?|excerpts?|passages?|paragraphs?|headlines?|newspapers?|news|chat ?bots?|bots?"
    r"|assistants?|ai|llms?|models?|agents?|chatgpt|gpt|claude|gemini|copilot|siri|alexa|google|bing|internet|web"
    r"|qr codes?|metadata|footers?|headers?|descriptions?|attachments?|links?|feeds?|threads?|dms?|captchas?|errors?"
    r"|prompts?|instructions|novels?|stor(?:y|ies)|songs?|lyrics|poems?|quot(?:e|ation)s?|recipes?|cookies?|code"
    r"|hero(?:ine)?|characters?|authors?|narrators?|films?|movies?|shows?|forums?|chats?|lines?|words)"
)
SAYS = (
    r"(?:says?|said|saying|reads?|reading|states?|stated|stating|tells?|told|claims?|claimed|mentions?|mentioned"
    r"|returns?|returned|contains?|contained|shows?|showed|writes?|wrote|reports?|reported|prints?|printed"
    r"|outputs?|suggests?|suggested|asks?|asked|instructs?|instructed|goes|lists?|listed|notes|noted|replied"
    r"|replies|answers?|answered|responds?|responded|gave|gives|is|was|came back|begins|starts|ends|decodes?|decoded"
    r"|appeared|appears|popped up)"
)
TELLS = (
    r"(?:says?|said|saying|reads|states?|stated|tells?|told|claims?|claimed|mentions?|mentioned|returns?|returned"
    r"|contains?|contained|shows?|showed|reports?|reported|prints?|printed|outputs?|suggests?|instructs?|lists?"
    r"|repl(?:y|ies|ied)|answers?|answered|responds?|responded|came back|decodes?|decoded|popped up)"
)
REMEMBER = re.compile(
    r"\b(?:remember|memori[sz]e|keep in mind|make a note|take note|note that|don'?t forget|store|save|record"
    r"|also)\b",
    ANY_CASE,
)
FIRST_PERSON = re.compile(r"\b(?:i|my|me|mine|we|our|us|ours)\b|\bi'", ANY_CASE)
SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?!\s|$)[^.!?\n]*)*(?:[.!?]+|\n|$)")

# What follows the mark, or begins with it, to the end of the turn: where a document ends cannot be known.
TO_END: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^[ \t]*[\w .]{1,40}?[ \t]?(?:=>|->|>)[ \t]", re.MULTILINE), "it is labelled as output"),
    (re.compile(r"\bdear (?:user|reader|assistant|ai|customer|all)\b", ANY_CASE), "it is a letter"),
    (
        re.compile(
            rf"\b(?:text|copy|contents?|transcript|excerpt|summary) of (?:the|a|an|this|that|my) (?:\w+ )?{DOCUMENT}\b[^.!?\n]*[.!?:\n]",
            ANY_CASE,
        ),
        "it was brought from elsewhere",
    ),
    (re.compile(r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>", ANY_CASE), "it is written as chat markup"),
    (
        re.compile(r"^\s*#{2,4}\s*(?:instruction|system|response|human|assistant|user|input)\b", MI),
        "it is written as a prompt",
    ),
    (
        re.compile(
            r"^\W{0,4}(?:system|assistant|ai|bot|tool|function|observation|thought|action(?: input)?|model"
            r"|human"
            r"|tool[ _-]?(?:call|result|output|response)s?|function[ _-]?(?:call|result|output)s?"
            r"|search results?|retrieved(?: \w+)?|api response|stdout|stderr|output|result|response|context"
            r"|document|source|url|title|abstract|content|body|transcript|file|attachment)\b[^:\n]{0,40}:",
            MI,
        ),
        "it is labelled as output, a source or another speaker",
    ),
    (
        re.compile(
            r"^\W{0,12}(?:original message|begin forwarded message|forwarded message|forwarded from)\b", MI
        ),
        "it is a forwarded message",
    ),
    (re.compile(r"^.{0,80}\bwrote:\s*$", MI), "it is a quoted message"),
    (
        re.compile(r"^(?:from|to|subject|date|sent|cc|reply-to):.*\n(?:from|to|subject|date|sent|cc):", MI),
        "it has the headers of a message",
    ),
    (re.compile(r"^#{1,6} \S.*$", re.MULTILINE), "it is a document with headings"),
    (re.compile(r"^(?:diff --git |@@ |\+\+\+ |--- a/)", re.MULTILINE), "it is a patch"),
    (re.compile(r"^\s*(?:\$ |>>> |In \[\d+\]:|[A-Z]:\\.*>)", re.MULTILINE), "it is a terminal's output"),
    (
        re.compile(
            r"\b(?:ignore|disregard|forget|override)\b.{0,30}\b(?:previous|prior|above|earlier|preceding|all|your)"
            r"\b.{0,20}\b(?:instruction|prompt|rule|message|direction|context)s?",
            ANY_CASE,
        ),
        "it tells an assistant to drop its instructions",
    ),
    (
        re.compile(
            r"\b(?:ignore|disregard|forget|override)\b[^.!?\n]{0,12}\b(?:everything|anything|all|what(?:ever)?|things)"
            r"\b[^.!?\n]{0,12}?\byou(?:'ve|'re)? (?:(?:have|had|were|was|are|been|already|just) ){0,2}"
            r"(?:know|told|learn(?:ed|t)|remember(?:ed)?|given|instructed|taught)(?=\s*(?:$|[.!?,;:\n]|and\b|before\b))"
            r"|\b(?:ignore|disregard) (?:all (?:of )?)?(?:the )?above\b",
            ANY_CASE,
        ),
        "it tells an assistant to drop its instructions",
    ),
    (
        re.compile(
            r"\bif you(?:'re| are) (?:an? )?(?:\w+ )?(?:ai|llm|language model|assistant|(?:chat ?)?bot|agent)\b"
            r"|\bwhen(?:ever)? you (?:summari[sz]e|translate|process|read|parse) (?:this|the)\b"
            r"|\bto whom it may concern\b|\bwhoever (?:reads|is reading)\b"
            r"|^\W{0,8}(?:attention|notice|warning|important|note)\W+(?:(?:to|for|all|any) ){0,2}"
            r"(?:ais?|llms?|assistants?|(?:chat ?)?bots?|agents?)\b",
            MI,
        ),
        "it is addressed to assistants",
    ),
    (
        re.compile(r"\b\w+\([^()\n]*\)[ \t]*(?:->|=>|=|returns|returned|gave)[ \t]", ANY_CASE),
        "it is labelled as output",
    ),
    (
        re.compile(r"\b[a-z]+(?:_[a-z]+)+(?:\(\))? (?:returned|returns|gave|says|said|answered|replied)\b"),
        "it is labelled as output",
    ),
    (
        re.compile(
            r"^[ \t]*(?:\[[A-Za-z]\w*\]|<[A-Za-z]\w*>|@[A-Za-z]\w*:|[A-Za-z]\w*>)[ \t]+\S"
            r"|^[^.!?:,;\n]{1,30}[ ,(]+\d{1,2}[:.]\d\d(?: ?[AP]M)?\)?[ \t]*\n",
            MI,
        ),
        "it is a line of a log or a transcript",
    ),
    (
        re.compile(
            r"\b(?:summari[sz]e|translate|proofread|rewrite|rephrase|paraphrase|edit|review|analy[sz]e|classify"
            r"|explain|correct(?! my)|shorten|extract|format|(?:reply|respond) to|what does|read"
            r"|parse|transcribe|check)\b"
            r"[^.!?:\n]{0,60}(?::|\n)"
            r"|\b(?:read|look at|consider) (?:this|these|the following|it)\b[^:]{0,60}?(?::|\n)",
            ANY_CASE,
        ),
        "it is material for a task",
    ),
    (
        re.compile(
            r"\b(?:here(?:'s| is| are| was)|this is|these are|below (?:is|are)|attached (?:is|are)|look at"
            r"|see"
            r"|(?:i|we)(?:'ve)? (?:just )?(?:found|got|copied|pasted|received|read|saw|have|fetched"
            r"|opened))\b"
            rf"[^.!?:\n]{{0,60}}\b{DOCUMENT}\b[^.!?:\n]{{0,60}}(?::|\n)",
            ANY_CASE,
        ),
        "it was brought from elsewhere",
    ),
    (
        re.compile(
            rf"\b{DOCUMENT}\b(?:(?!\b(?:i|my|we|our)\b)[^.!?:\n]){{0,60}}?\b{SAYS}\b[^.!?:\n]{{0,40}}(?::|\n)",
            ANY_CASE,
        ),
        "it is what a document or a tool says",
    ),
    (re.compile(rf"\b(?:it|he|she|they) {SAYS}[^.!?:\n]{{0,30}}(?::|\n)", ANY_CASE), "it is another's words"),
    (
        re.compile(
            r"\b(?:check|fix|proofread|translate|summari[sz]e|rewrite|review|edit|correct|improve|shorten|rephrase"
            r"|explain|polish|analy[sz]e|classify|paraphrase) (?:\w+ ){0,2}?(?:this|these|that|following|below|text"
            r"|sentences?|paragraphs?|grammar|spelling)\b[^.!?\n]*[.!?\n]",
            ANY_CASE,
        ),
        "it is material for a task",
    ),
    (
        re.compile(
            r"\b(?:past(?:e|ing|ed)|copy(?:ing)?|copied|attach(?:ing|ed)|forward(?:ing|ed)|quoting|shar(?:ing|ed))\b"
            r"[^.!?\n]{0,60}\b(?:below|here|following|this|it|from|above)\b[^.!?\n]*[.!?:\n]",
            ANY_CASE,
        ),
        "it was brought from elsewhere",
    ),
    (
        re.compile(
            r"^[^.!?\n]{0,40}\b(?:this is|it'?s|it is) (?!i\b|me\b|my\b)(?-i:[A-Z])[\w ]{1,24}?(?: here|, not| speaking| typing| writing)\b"
            r"|\b(?:is|'s|am|i'm) (?:typing|writing|texting|using) (?:now|this|here|for|from|my|her|his|their|\w+'s)\b"
            r"|\bon behalf of\b",
            MI,
        ),
        "somebody else is writing",
    ),
    (re.compile(r"(?:^|\s)Q\d*[:.].*?\sA\d*[:.]", MI | re.DOTALL), "it is written as questions and answers"),
    (
        re.compile(
            rf"^[^.!?:\n]{{0,60}}\b(?:from|in|on) (?:the|a|an|this|that|my|his|her)\b[^.!?:\n]{{0,30}}"
            rf"\b{DOCUMENT}\b[^.!?:\n]{{0,30}}:",
            MI,
        ),
        "it was brought from elsewhere",
    ),
)
BLOCKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"\A.*\((?:source|from|via|according|cited|quoted|ref)\b[^()]*\)", ANY_CASE | re.DOTALL),
        "its source is given",
    ),
    (re.compile(r"\{\{.*?(?:\}\}|\Z)|/\*.*?(?:\*/|\Z)", re.DOTALL), "it is code"),
    (re.compile(r"(?:^|\s)//\s.*$", re.MULTILINE), "it is code"),
    (re.compile(r"!?\[[^\[\]\n]*\]\([^()\n]*\)?"), "it is a link"),
    (re.compile(r"(?:```|~~~).*?(?:```|~~~|\Z)", re.DOTALL), "it stands in a code block"),
    (re.compile(r"^[ \t]*(?:>|\|).*$", re.MULTILINE), "it is a quoted line"),
    (
        re.compile(r"^[ \t]*([^\w\s>|])\1{2,}.*?$.*?(?:^[ \t]*\1{3,}.*?$|\Z)", re.MULTILINE | re.DOTALL),
        "it stands between ruled lines",
    ),
    (
        re.compile(r"^\W+(?:begin|start)\b.*?(?:^\W+(?:end|stop)\b.*?$|\Z)", MI | re.DOTALL),
        "it stands between ruled lines",
    ),
    (re.compile(r"\b\w+(?:\.\w+)*\([^()\n]*['\"][^\n]*"), "it is code"),
    (re.compile(r"^.*\b(?:insert into|select .* from|update \w+ set)\b.*$", MI), "it is code"),
    (re.compile(r"^.*(?:&(?:lt|gt|amp|quot|nbsp);|;\s*$).*$", re.MULTILINE), "it is code"),
    (re.compile(r"\b\w+ ?= ?['\"\d][^\n]*"), "it is code"),
    (re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL), "it is a comment in a document"),
    (
        re.compile(r"<([A-Za-z_][\w:-]*)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL),
        "it stands between tags",
    ),
    (
        re.compile(
            r"\[{1,2}(?:system|begin|start|tool|memory|note|doc)\b.*?(?:\[/?(?:end|/).*?\]|\Z)",
            ANY_CASE | re.DOTALL,
        ),
        "it stands between tags",
    ),
    (re.compile(r"\A---\s*\n.*?\n---\s*$", re.DOTALL | re.MULTILINE), "it is a document's header"),
    (re.compile(r"^BEGIN:V\w+.*?(?:^END:V\w+|\Z)", re.DOTALL | MI), "it is a calendar entry or a card"),
    (re.compile(r"-----BEGIN .*?(?:-----END [^\n]*|\Z)", re.DOTALL), "it is a pasted block"),
    (re.compile(r"\b(?:https?|ftp|data|file)://?\S+|\bdata:\S+", ANY_CASE), "it stands in an address"),
    (
        re.compile(
            r"^(?:\[?\d{4}-\d\d-\d\d[T ]\d{1,2}:\d\d|[\[(]\d{1,2}:\d\d|\d{1,2}:\d\d:\d\d).*$", re.MULTILINE
        ),
        "it is a line of a log or a transcript",
    ),
    (
        re.compile(r"^\d\d:\d\d:\d\d[.,]\d+ -->.*?(?:\n\s*\n|\Z)", re.DOTALL | re.MULTILINE),
        "it is a subtitle",
    ),
    (re.compile(r"(?:^[^,\n\s]+(?:,[^,\n\s][^,\n]*)+$\n?){2,}", re.MULTILINE), "it is a table"),
    (re.compile(r"(?:^[^\t\n]+\t[^\n]+$\n?){2,}", re.MULTILINE), "it is a table"),
    (re.compile(r"^[^|\n]+\|[^|\n]+(?:\|.*)?$", re.MULTILINE), "it is a table"),
    (
        re.compile(r"(?:^[ \t]*-?[ \t]*[a-z][\w.-]*[ \t]*[:=][ \t]*\S.*$\n?){2,}", re.MULTILINE),
        "it is a list of settings",
    ),
    (re.compile(r"(?:^[A-Z][\w .'-]{0,24}:\s.*$\n?){2,}", re.MULTILINE), "it is a dialogue"),
    (re.compile(r"^(?:\[\d+\]|\d+[.)]) .*\b(?:https?:|www\.).*$", re.MULTILINE), "it is a search result"),
    (re.compile(r"\\(?:begin|section|text\w*|title|item)\b.*$", re.MULTILINE), "it is LaTeX"),
    (
        re.compile(
            r"[\"\u201c\u201e\u00ab][^\s\"\u201d\u00bb]+"
            r"(?:[ \t]+[^\s\"\u201d\u00bb]+){4,}[ \t]*[\"\u201d\u00bb]"
        ),
        "it stands in quotation marks",
    ),
    (
        re.compile(r"(?<!\w)['\u2018][^\s'\u2019]+(?:[ \t]+[^\s'\u2019]+){4,}[ \t]*['\u2019](?!\w)"),
        "it stands in quotation marks",
    ),
    (
        re.compile(
            r"^.*[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\U000e0001-\U000e007f].*$", re.MULTILINE
        ),
        "it holds hidden characters",
    ),
)
SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            rf"\b{DOCUMENT}(?:\W+\w+){{0,5}}?\W+(?:is|was)\W+(?:my|your|the user'?s?|i)\b.*\b(?:is|was|are|am|live|lives|work|works|like|have|has)\b",
            ANY_CASE,
        ),
        "it is what a document says",
    ),
    (
        re.compile(rf"\b{TELLS}\s+(?:the|a|an|this|that)\s+(?:\w+\s){{0,2}}?{DOCUMENT}\b", ANY_CASE),
        "it is what a document says",
    ),
    (
        re.compile(
            r"\b(?:displayed|printed|echoed|logged|emitted)\b.*\b(?:my|i)\b|\b(?:was|were|got) (?:displayed|printed|returned|echoed|logged) by\b",
            ANY_CASE,
        ),
        "it is output",
    ),
    (
        re.compile(r"\b(?:over)?heard (?:\w+ ){1,3}?(?:say|said|saying|claim|tell)\b", ANY_CASE),
        "it is another's words",
    ),
    (
        re.compile(rf"\b{DOCUMENT} (?:on|in) (?:my|the|his|her) \w+ {TELLS}\b", ANY_CASE),
        "it is what a document or a tool says",
    ),
    (
        re.compile(rf"\b{DOCUMENT}\b(?:\W+(?!(?:i|my|we|our)\b)\w+){{0,6}}?\W+{TELLS}\b", ANY_CASE),
        "it is what a document or a tool says",
    ),
    (
        re.compile(
            r"\bit (?:says?|said|reads|states|stated|claims|claimed|goes|told me)(?: here)?(?: that|:|,? ['\"]| my| your| to| i)\b",
            ANY_CASE,
        ),
        "it is what a document or a tool says",
    ),
    (
        re.compile(r"\b(?:pretend)\b", ANY_CASE),
        "it is made up",
    ),
    (
        re.compile(rf"\b(?:according to|as per|based on|per) (?:\w+ ){{0,3}}{DOCUMENT}\b", ANY_CASE),
        "it is what a document says",
    ),
    (
        re.compile(
            rf"\b(?:from|in|on) (?:the|a|an|this|that) (?:\w+ )?{DOCUMENT}\b.{{0,20}}\b(?:that|:)", ANY_CASE
        ),
        "it is what a document says",
    ),
    (
        re.compile(
            r"\b(?:the|this|your|our) (?:user|owner|customer|human|account holder)(?:'s|s')?\b", ANY_CASE
        ),
        "it speaks of the user as of somebody else",
    ),
    (
        re.compile(
            r"\b(?:ai|language models?|llms?|assistants?|chat ?bots?|agents?|models?)\b.{0,30}"
            r"\b(?:must|should|shall|needs? to|has to|have to|are to|is to|reading this|please)\b",
            ANY_CASE,
        ),
        "it is addressed to assistants",
    ),
    (
        re.compile(r"\bsystem (?:prompt|message|note|notice|override|instruction|update)s?\b", ANY_CASE),
        "it passes for an instruction of the system",
    ),
    (
        re.compile(
            r"\b(?:memory|profile|fact) (?:update|entry|record|injection|note)s?\b"
            r"|\bnew (?:fact|memory|memories)\b",
            ANY_CASE,
        ),
        "it passes for a record",
    ),
    (
        re.compile(
            r"\byou (?:just |once |already |also )?(?:said|told me|mentioned|wrote|answered|replied|claimed)",
            ANY_CASE,
        ),
        "it repeats what the assistant said",
    ),
    (
        re.compile(
            r"(?<!you )(?<!\bi )\b(?:asked|told|wants?|wanted|begged|instructed|reminded|said) (?:me |us |you )?"
            r"(?:to |that )?(?:i |you )?(?:should |must |to )?"
            r"(?:tell|let|have|ask|remind|inform|paste|pass|forward|say|type|remember|know)\b"
            r"(?: (?:you|this|it|that))?",
            ANY_CASE,
        ),
        "it is passed on for somebody else",
    ),
    (
        re.compile(
            r"\b(?:says?|said|writes?|wrote|asks?|asked|wants?|wanted|requests?|requested|tells?|told|orders?|reminds?)"
            r" (?:(?:you|me|us|everyone|readers|that|to|please|i|should|must|we) ?){1,4}\b(?:remember|memori[sz]e)\b"
            r"|\b(?:requests?|requested) remembering\b",
            ANY_CASE,
        ),
        "it is passed on for somebody else",
    ),
    (
        re.compile(
            r"\b(?:found|gave|gave me|gave back|had|has|got|goes|typed|offered|came up with|with|then|answered|text)"
            r"[,:]? remember (?:that )?(?:my|i|i'm|your|the user)\b",
            ANY_CASE,
        ),
        "it is what a document or a tool says",
    ),
    (
        re.compile(
            r"\b(?:some(?:one|body)|rumou?r|(?:on|the) (?:tv|radio|news)(?: they)?|alexa|siri|chatgpt"
            r"|(?:chat ?)?bots?|autocomplete) (?:(?!i )\w+ ){0,5}?(?:said|says|has it|announced|claims|claimed|thinks|believes"
            r"|convinced|wrote|offered)\b[^.!?\n]{0,20}?\b(?:my|i|i'm)\b"
            r"|(?<!i )(?<!i've )\bi read (?:online |somewhere |there )?that (?:my|i)\b",
            ANY_CASE,
        ),
        "it is another's words",
    ),
    (
        re.compile(
            r"(?<!do )(?<!if )\byou (?:seem to )?(?:think|believe|assume) (?:that )?(?:my|i)\b", ANY_CASE
        ),
        "it repeats what the assistant said",
    ),
    (
        re.compile(
            r"\bhow (?:do|would|can|could) (?:you|i|one|we) (?:say|write|put|spell)\b.* in (?-i:[A-Z])\w+"
            r"|\btranslate (?:in)?to (?-i:[A-Z])\w+\b",
            ANY_CASE,
        ),
        "it is material for a task or a question",
    ),
    (
        re.compile(
            r"\b(?:\w+) (?:says?|said|wrote|texted|messaged|e-?mailed|posted|commented)\b"
            r"[^.!?\n]{0,20}[,:]\s*['\"\u201c\u2018]",
            ANY_CASE,
        ),
        "it is another's words",
    ),
)
COLON = re.compile(r":(?=\s|$)|\s[-\u2013\u2014]\s")
BROUGHT = re.compile(
    rf"\b(?:{DOCUMENT}|copied|pasted|found|received|heard|overheard|quote|says?|said|wrote|writes|texted|emailed"
    r"|messaged|translate|spell|for (?:ai|bots?|assistants?))\b(?!.*\bmy\b)",
    ANY_CASE,
)
SPEAKS = re.compile(r"\b(?:i|i'm|my|me|your|you|user|user's|owner|owner's|remember)\b", ANY_CASE)
MENDS = re.compile(
    r"^\W*you (?:asked|wanted)\b|\b(?:correct|correction|small fix|wrong|mixed|turns out|sorry)\b", ANY_CASE
)
OWN_LEAD = re.compile(
    r"(?:\W|ok(?:ay)?|so|well|hi|hello|hey|thanks?|thank you|please|remember|note|fyi|ps|p\.s|also|update|correction|btw"
    r"|by the way|question|quick question|another|one more thing|anyway|(?:big |good |bad |great )?news|guess what"
    r"|tl;?dr|reminder|(?:fun )?facts?|the thing is|the point is|today|yesterday|tomorrow|this (?:week|morning|evening)"
    r"|just so you know|for the record|don'?t forget|this|that|keep in mind|and|but|yes|no|right|true|confession"
    r"|quick|story|time|long|short|a|the|in|it|to|make|you|know|should)+",
    ANY_CASE,
)
DATA = re.compile(r"[{\[]\s*(?:[{\[]\s*)*[\"']?[^\"'{}\[\]\n:]{1,80}[\"']?\s*:\s*[\"'{\[\w-]")
YOUR = re.compile(r"\b(?:you|your|yours|you're)\b", ANY_CASE)
COMMAND = re.compile(
    r"\b(?:remember|memori[sz]e|keep in mind|note|don'?t forget|store|save|record|learn|update)\b", ANY_CASE
)
