"""Prompt files: sections with placeholders, and texts of users put into them as data.

A file holds ``--- system`` and ``--- user``, each on a line of its own, and below each the text, with placeholders
``$name`` or ``${name}`` (``$$`` is a dollar sign).
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from wrank.errors import WrankError
from wrank.files import read_lines, sha256_of_file

FOLDER = Path(__file__).parent / "prompt"
"""The prompts that ship with wrank."""

_HEADER = re.compile(r"---\s+(\S+)\s*\Z")
_PLACEHOLDER = re.compile(r"\$(?:(\$)|([a-z_]+)|\{([a-z_]+)\}|)")
_TAG = re.compile(r"</([A-Za-z][\w-]*)>")
_CONTROL = (
    r"[|｜][^\s<>|｜]{1,64}[|｜]>",  # <|im_end|>, <|eot_id|> and the like
    r"/?(?:s|bos|eos|pad|unk|mask|cls|sep)>",
    r"/?(?:start_of_turn|end_of_turn|start_of_image|think|tool_call|tool_response|endoftext)>",
    r"/?(?:end_of_utterance|eop|sop|eod|gmask|(?:special|unused|extra_id|reserved)[_\d][\w-]*|unused\d+)>",
    r"</?SYS>>",
)
_BRACKETS = re.compile(
    r"\[(?=/?(?:gMASK|sMASK|INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK)\])",
    re.IGNORECASE,
)
_HIDDEN = re.compile("(?<=[<\uff1c])[\u200b-\u200f\u2060\ufeff]+")  # invisible, behind a bracket
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Template:
    """A prompt file, read and checked once.

    Args:
        prompt: the name of a prompt that ships with wrank (``graded``), or the path of a file (it ends in ``.txt``).
        known: section -> placeholders that it may hold; a file holds exactly these sections.
        needed: placeholders that the ``user`` section must hold.

    Attributes:
        path: the file.
        hash: SHA-256 of the file, hexadecimal.

    Raises:
        WrankError: no such file, a section or placeholder that is unknown or missing; with file and line.
    """

    def __init__(self, prompt: str, known: Mapping[str, Collection[str]], needed: Collection[str]) -> None:
        self.path = _find(prompt)
        self.hash = sha256_of_file(self.path)
        self._sections = _sections(self.path, known)
        for name in known:
            if name not in self._sections:
                raise WrankError(f"{self.path}: no section {name}: wanted a line `--- {name}`, and its text below")
        for name in needed:
            if not any(_name(match) == name for match in _PLACEHOLDER.finditer(self._sections["user"])):
                raise WrankError(f"{self.path}: section user has no ${name}, so the model would not be told it")
        self._data = _data_pattern(set(_TAG.findall(self._sections["user"])))

    def render(self, section: str, values: Mapping[str, str]) -> str:
        """A section with its placeholders filled in; values are put in as they are.

        Args:
            section: ``system`` or ``user``.
            values: a value for every known placeholder; an empty one leaves no blank line behind.
        """
        lines = []
        for line in self._sections[section].split("\n"):
            filled = _PLACEHOLDER.sub(lambda match: "$" if match[1] else values[_name(match)], line)
            if filled.strip() or not line.strip():
                lines.append(filled)
        return "\n".join(lines).strip()

    def as_data(self, text: str) -> str:
        """A text that cannot end its tags or the turn: a space follows the bracket of what would (``< /query>``).

        Control characters are left out, except tabs and line ends.
        """
        visible = _HIDDEN.sub("", _UNWANTED.sub("", text))
        return _BRACKETS.sub("[ ", self._data.sub("< ", visible)).strip()


def _find(prompt: str) -> Path:
    if prompt.endswith(".txt"):
        path = Path(prompt).expanduser()
        if not path.is_file():
            raise WrankError(f"prompt={prompt}: no such file; give a file's path, or a name: {_shipped()}")
        return path
    path = FOLDER / f"{prompt}.txt"
    if not re.fullmatch(r"\w+", prompt) or not path.is_file():
        raise WrankError(f"prompt={prompt}: no such prompt; known are {_shipped()}, or the path of a .txt file")
    return path


def _shipped() -> str:
    return ", ".join(sorted(path.stem for path in FOLDER.glob("*.txt")))


def _sections(path: Path, known: Mapping[str, Collection[str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    current = ""
    for number, line in read_lines(path):
        if header := _HEADER.match(line):
            current = header[1]
            if current not in known or current in found:
                what = "comes twice" if current in found else f"is unknown; wanted {', '.join(known)}"
                raise WrankError(f"{path}:{number}: section {current} {what}")
            lines = found[current] = []
            continue
        if lines is None:
            if line.strip():
                raise WrankError(f"{path}:{number}: text before the first section; wanted a line such as `--- system`")
            continue
        _check_line(path, number, line, current, known[current])
        lines.append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def _check_line(path: Path, number: int, line: str, section: str, known: Collection[str]) -> None:
    for match in _PLACEHOLDER.finditer(line):
        name = _name(match)
        if not match[1] and name not in known:
            wanted = ", ".join(f"${one}" for one in sorted(known)) or "none"
            raise WrankError(
                f"{path}:{number}: ${name} is no placeholder of section {section} (known: {wanted}); "
                "a dollar sign is written $$"
            )


def _name(match: re.Match[str]) -> str:
    return match[2] or match[3] or ""


def _data_pattern(tags: set[str]) -> re.Pattern[str]:
    own = "|".join(re.escape(tag) for tag in sorted(tags))
    endings = [*_CONTROL, rf"\s*/?\s*(?:{own})\b"] if own else list(_CONTROL)
    return re.compile(f"[<\uff1c](?={'|'.join(endings)})", re.IGNORECASE)
