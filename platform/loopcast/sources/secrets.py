"""Texts that come from the environment: read when they are needed, and never told.

Where a message is made of what a library says, it goes through `Secrets.mask` first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, quote_plus, unquote, urlsplit

from loopcast.errors import SourceError
from loopcast.use_case.fields import Frozen
from loopcast.use_case.sources import FromEnvironment, Text

MASK = "***"
SHORTEST = 3  # what is shorter would mask half of every message


@dataclass(frozen=True)
class Secrets:
    """The texts that one source, or one channel of alerts, takes from the environment.

    Args:
        values: by the names of their variables; those that are not set are not there.
    """

    values: Mapping[str, str]

    @classmethod
    def of(cls, source: Frozen, environment: Mapping[str, str]) -> Self:
        """Return what a source, or a channel of alerts, takes from some environment."""
        return cls({name: environment[name] for name in _variables_in(source.model_dump()) if environment.get(name)})

    def resolve(self, text: Text) -> str:
        """Return a text, that of a variable where it names one; raises SourceError where the variable is not set."""
        if isinstance(text, str):
            return text
        if text.env not in self.values:
            raise SourceError(f"the variable {text.env} is not set; set it where the daemon is started")
        return self.values[text.env]

    def mask(self, text: str) -> str:
        """Return a message in which everything that comes from the environment is covered."""
        parts = {part for value in self.values.values() for part in _parts_of(value)}
        for secret in sorted(parts, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text


def describe_url(text: Text, *, secrets: Secrets | None = None) -> str:
    """Return where a URL points without user, password and parameters, and which variable it comes from.

    Args:
        text: a URL, or the variable that holds it.
        secrets: what the source takes from the environment; None: the variable's name alone is told.

    Examples:
        >>> describe_url("https://api.example.org/v1?key=abc")
        'https://api.example.org/v1'
        >>> describe_url(FromEnvironment(env="HEAT_DB"))
        '$HEAT_DB'
    """
    if isinstance(text, FromEnvironment):
        value = secrets.values.get(text.env) if secrets else None
        return f"${text.env} ({_bare(value)})" if value else f"${text.env}"
    return _bare(text)


def _variables_in(document: Any) -> set[str]:
    """Return the names of all variables that a dumped source names, wherever it does."""
    if isinstance(document, Mapping):
        here = {str(document["env"])} if document.keys() == {"env"} else set()
        return here.union(*(_variables_in(value) for value in document.values()))
    return set()


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    if not parts.scheme:
        return MASK
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parts_of(value: str) -> set[str]:
    """Return a secret and its parts in every spelling in which a message may quote them."""
    parts = {value}
    try:
        url = urlsplit(value)
        parts |= {url.password or "", url.query} | {item.partition("=")[2] for item in url.query.split("&")}
    except ValueError:
        parts.discard("")
    spellings = {spell(part) for part in parts for spell in (str, quote, quote_plus, unquote)}
    return {spelling for spelling in spellings if len(spelling) >= SHORTEST}
