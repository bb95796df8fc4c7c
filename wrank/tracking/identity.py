"""What a run is called: the same names in the store, in W&B and in tables; nothing secret among them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

REMOVED = "***"
"""What stands in a text where a secret was."""

_WORDS = (
    *("secrets?", "password", "passwd", "passphrase", "pwd"),
    *("credentials?", "auth", "authorization", "bearer", "cookie", "conn(ection)?[_-]?str(ing)?", "dsn"),
)
_HOLDERS = (  # whose key or tokens are a secret, unlike content_key and max_tokens
    *("api", "access", "private", "secret", "account", "admin", "app", "auth", "bot", "client", "consumer", "deploy"),
    *("(en|de)cryption", "host", "jwt", "license", "master", "personal", "refresh", "service", "session", "shared"),
    *("sign(ing|ature)?", "storage", "subscription", "webhook", "gpg", "pgp", "rsa", "ssh", "ssl", "tls", "user"),
    *("anthropic", "aws", "azure", "cohere", "gcp", "gemini", "github", "gitlab", "google", "groq", "hf"),
    *("hugging[_-]?face", "jina", "mistral", "openai", "openrouter", "slack", "together", "voyage", "wandb"),
)
_SECRET = re.compile(
    rf"(^|[_-])(({'|'.join(_WORDS)})([_-]|$)|({'|'.join(_HOLDERS)})[_-]?(keys?([_-]|$)|tokens$)|token$)", re.IGNORECASE
)
_OF_TEXT = re.compile(r"(mask|pad|sep|cls|eos|bos|unk|last|type)_token$", re.IGNORECASE)  # tokens of a vocabulary
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # apiKey is api_Key, SSHKey is SSH_Key
_HEX40 = re.compile(r"[0-9a-f]{40}")  # a key of W&B, or a commit of git: the name decides
_ABOUT_KEY = re.compile(r"(^|[_-])(wandb|login|relogin|key|pass)([_-]|$)", re.IGNORECASE)
_ABOUT_COMMIT = re.compile(r"(^|[_-])(commit|revision|sha1?|hash|digest|version|content)([_-]|$)", re.IGNORECASE)
_LOGIN = re.compile(r"(?i)\b((?:wandb|login|relogin|password|key)\s+(?:--?\S+\s+)*)[0-9a-f]{40}\b")
_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_SHAPES = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16}|wandb_v1_\w{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_PAIR = re.compile(r"""([A-Za-z_][\w./@-]*)(["']?\s*[=:]\s*)(?!//)("[^"]*"|'[^']*'|[^\s,;&{}\[\]()]+)""")
_GROUP = 128  # characters of a group's name in W&B
_TAG = 64  # of a tag


@dataclass(frozen=True)
class RunIdentity:
    """A run's names, without what looks like a secret.

    Attributes:
        id: derived from the stage's key, so that a resumed or repeated run is the same run.
        name: for people.
        group: the study.
        job_type: the stage: ``generate``, ``train`` or ``evaluate``.
        tags: words for searching.
        choices: config group -> option, e.g. ``loss -> ws2``; logged flat, so that dashboards can group by them.
        config: the resolved configuration.
    """

    id: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tags = dict.fromkeys(scrub_text(tag)[:_TAG] for tag in self.tags if tag)
        clean = {
            "name": scrub_text(self.name),
            "group": scrub_text(self.group)[:_GROUP],
            "tags": tuple(tags),
            "choices": {group: scrub_text(option) for group, option in self.choices.items()},
            "config": scrub(self.config),
        }
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    def flat_config(self) -> dict[str, Any]:
        """``choice_<group>`` and the configuration as dotted keys."""
        flat = {f"choice_{group}": option for group, option in self.choices.items()}
        return flat | dict(_flatten(self.config, ""))


def scrub(value: Any) -> Any:
    """A value without what looks like a secret: keys by their names, at any depth; texts by what stands in them.

    Args:
        value: mappings, sequences, texts, numbers.
    """
    if isinstance(value, Mapping):
        return {key: scrub(one) for key, one in value.items() if not _is_secret_pair(str(key), one)}
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [scrub(one) for one in value]
    return value


def scrub_text(text: str) -> str:
    """A text with ``***`` for passwords in addresses, for values of ``api_key=...``, and for tokens of known shapes."""

    def pair(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{REMOVED}" if _is_secret_pair(found[1], found[3].strip("\"'")) else found[0]

    text = _BEARER.sub(rf"\1 {REMOVED}", _IN_URL.sub(REMOVED, str(text)))
    return _LOGIN.sub(rf"\1{REMOVED}", _SHAPES.sub(REMOVED, _PAIR.sub(pair, text)))


def is_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret: ``api_key``, ``hf_token``, ``clientSecret``."""
    name = _own_name(key)
    return _SECRET.search(name) is not None and _OF_TEXT.search(name) is None


def _is_secret_pair(key: str, value: Any) -> bool:
    """The same with the value at hand: 40 hexadecimal digits are a key of W&B where the name speaks of one."""
    if is_secret(key):
        return True
    if not isinstance(value, str) or _HEX40.fullmatch(value) is None:
        return False
    name = _own_name(key)
    return _ABOUT_KEY.search(name) is not None and _ABOUT_COMMIT.search(name) is None


def _own_name(key: str) -> str:
    return _CAMEL.sub("_", key.rpartition(".")[2])


def _flatten(node: Any, prefix: str) -> list[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        return [(prefix, node)]
    rows: list[tuple[str, Any]] = []
    for key, value in node.items():
        rows += _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return rows
