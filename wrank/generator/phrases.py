"""Phrases that give a text away: refusals, preambles, leftovers of chat and JSON, names of levels.

English where a phrase is a matter of language, with the commonest openings of a refusal in a few other languages.
"""

import re

_HELP = (
    r"(?:help|assist|provide|fulfil|fulfill|answer|generate|write|create|compose|comply|complete|produce|discuss|"
    r"engage|support|do (?:that|this)|give|offer|respond|continue|access|browse)"
)
_QUALIFIER = r"(?:highly|perfectly|partially|partly|somewhat|marginally|completely|totally|fully|most|less|not|non)"
_TEXT = r"(?:passage|document|paragraph|text|snippet|response)"
_QUERY = r"(?:(?:the|this|your) (?:user'?s? |search |given |original )*(?:query|question|topic)|the user)"

REFUSAL = re.compile(
    r"\W*(?:"
    r"(?:i['’]?m|i am|we are|we['’]re) (?:very |so |really )?sorry,? (?:but|i)\b"
    r"|sorry,? (?:but )?i(?:['’]?m| am| can| do)"
    r"|i apologi[sz]e,? (?:but|for)"
    r"|(?:unfortunately,? )?(?:i|we) (?:can ?not|can['’]?t|won['’]?t|will not|(?:am|are) (?:not able|unable) to"
    r"|could not|couldn['’]?t|must decline to) "
    rf"{_HELP}\b"
    r"|i['’]m (?:not able|unable) to "
    r"|(?:unfortunately,? )?i (?:do not|don['’]?t) (?:have (?:access|information|enough|the ability)|know the answer)"
    r"|as an? (?:ai|artificial intelligence)(?:,| (?:language )?(?:model|assistant|system|chatbot))"
    r"|as a (?:large )?language model|as an? (?:helpful )?assistant"
    r"|(?:很?抱歉|对不起|對不起)[，,]?我|作为(?:一个|一名)?(?:AI|人工智能|语言模型)|我(?:无法|不能)(?:提供|回答|帮助|生成)"
    r"|申し訳(?:ありません|ございません)|죄송(?:합니다|하지만)"
    r"|lo siento,? (?:pero )?(?:no|como)\b|je suis désolée?,? (?:mais )?je"
    r"|es tut mir leid,? (?:aber )?(?:ich|als)\b|als ki[- ]|en tant qu['’]ia\b|como (?:una )?ia\b"
    r"|извините,? (?:но )?я|я не могу (?:помочь|ответить|предоставить)"
    r"|मुझे खेद है|क्षमा करें|(?:عذرًا|آسف)،? (?:لا|لكن)"
    r")",
    re.IGNORECASE,
)

PREAMBLE = re.compile(
    r"\W*(?:"
    r"(?:sure|certainly|of course|absolutely|okay|ok)[,!.]* (?:here|below|i)\b"
    rf"|(?:here|below)(?: is| are|['’]s) (?:an?|the|your|my|some|another|one)\b[^.:\n]{{0,60}}(?:{_TEXT}|answer|quer)"
    rf"|(?:{_TEXT}|query|question|answer|title|user|assistant|system|human|label|output)(?: ?\d+)?\W{{0,4}}:"
    r")",
    re.IGNORECASE,
)

MARKS: tuple[tuple[re.Pattern[str], bool], ...] = (
    (re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?think>|<[｜|]"), False),
    (re.compile(r"```|~~~~"), False),
    (
        re.compile(
            r"</?(?:p|br|div|span|html|body|b|i|h\d|passage|document|text|answer|query|question|level)\b[^<>]{0,80}>",
            re.IGNORECASE,
        ),
        False,
    ),
    (re.compile(r"\{\s*\"|\"\s*\}|\A\W*\[\s*\"|\"\w+\"\s*:\s*[\"\[{]|\\n\\n"), True),
    (re.compile(r"\A\s*#{1,6} |\*\*[^*\n]{1,80}\*\*"), False),
)
"""What is left over of chat templates, fences, tags, JSON (True) and Markdown."""

NAMES_LEVEL_ALWAYS = re.compile(
    rf"\b(?:this|the (?:above|following|given)) {_TEXT} (?:is|was|would be|seems|has) (?:\w+ ){{0,3}}(?:ir)?releva\w+"
    rf"|\b(?:this|the) {_TEXT} (?:does not|doesn['’]t|do not|partially|directly|perfectly|fully) (?:\w+ ){{0,2}}"
    rf"(?:answers?|addresse?s?) {_QUERY}"
    r"|\b(?:relevance|relevancy) (?:level|grade|score|label|rating)s? ?(?:is|of|=|:)? ?\d"
    rf"|\b(?:this|the (?:above|following|given)) {_TEXT} (?:\w+ ){{0,8}}(?:gives?|is of) no (?:help|use)\b"
    r"|\b(?:dieser|der (?:obige|folgende)) (?:Text|Abschnitt|Absatz) ist (?:\w+ ){0,2}(?:ir)?relevant\b"
    r"|\b(?:ce|le) (?:texte|passage|paragraphe) (?:est|n['’]est pas) (?:\w+ ){0,2}pertinent\b"
    r"|\beste (?:texto|pasaje|párrafo) (?:no )?es (?:\w+ ){0,2}(?:ir)?relevante\b"
    r"|\A\W*(?:relevance|level|grade|score|label)\W{0,3}(?:level|grade|score)?\W{0,3}\d+\b",
    re.IGNORECASE,
)
"""The text speaks of its own relevance; looked for whatever the query is about."""

NAMES_LEVEL = re.compile(
    rf"\b{_QUALIFIER}[- ]relevant {_TEXT}|\birrelevant {_TEXT}"
    r"|\b(?:relevance|relevancy) (?:level|grade|label)"
    rf"|\b(?:relevant|irrelevant|unrelated|related) to {_QUERY}"
    rf"|\bnothing to do with {_QUERY}|\bon the (?:query['’]?s?|same) topic,? but (?:does|do|it)"
    rf"|\b(?:does not|doesn['’]t|without) (?:directly |fully |actually )?answer(?:ing)? {_QUERY}"
    r"|\bholds (?:the exact|some) answer\b",
    re.IGNORECASE,
)
"""Judges' words; not looked for when the query itself is about relevance."""


def label_phrases(label: str) -> re.Pattern[str]:
    """Where a text names a level: ``Related: ...``, ``related passage``, ``the passage is related``."""
    name = r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", label.strip()))
    return re.compile(
        rf"\A\W*{name}\W{{0,3}}[:：—–\n]|\A\W*[\[(]{name}[\])]|\b{name} {_TEXT}\b|\b{_TEXT} is {name}\b",
        re.IGNORECASE,
    )
