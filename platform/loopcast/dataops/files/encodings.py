"""From a text file's bytes to UTF-8: byte order marks, declared encodings, and Windows text where it is beyond doubt.

Here belongs how characters are written as bytes. Not here: what the characters mean.
"""

import re
from functools import lru_cache

from loopcast.dataops.files.raw_table import refuse_file
from loopcast.dataops.violations import Findings

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Those in which a European file that is not Unicode is written in practice.
_EUROPEAN = ("cp1252", "latin-1", "iso8859-15", "cp1250", "iso8859-2")
_EXPECTED = "text in UTF-8, UTF-16 with a byte order mark, or the encoding that the use case declares"
_ACTION = "write the file in UTF-8, or declare its encoding in the use case, as in format: {encoding: cp1252}"
# Text of an alphabet other than the Latin one has long runs of such bytes; words in Latin letters have not.
_FOREIGN = re.compile(rb"[\x80-\xff]{3}")


def decode_text(content: bytes, *, encoding: str | None) -> tuple[bytes | None, str, Findings]:
    """Return a file's text in UTF-8, the name of its encoding, and why it cannot be read.

    Args:
        content: the file's bytes.
        encoding: the declared encoding; a byte order mark says more. None: UTF-8, or an encoding of Western Europe
            if every byte beyond ASCII means the same in all European ones.
    """
    mark, marked = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", ""))
    name = marked or encoding or "utf-8"
    body = content[len(mark) :]
    try:
        text = body.decode(name)
    except UnicodeDecodeError as error:
        if encoding or marked or not _is_beyond_doubt(body):
            return None, name, _explain(body, error)
        name = "cp1252"
        text = body.decode(name)
    except (UnicodeError, LookupError) as error:  # LookupError: not every Python has every encoding
        found = f"text that is not {name}: {error}"
        return None, name, refuse_file("unknown_encoding", found, expected=_EXPECTED, action=_ACTION)
    if "\0" in text:
        return None, name, _explain_nul(text)
    return (body if name == "utf-8" else text.encode("utf-8", "replace")), name, Findings()


def _is_beyond_doubt(body: bytes) -> bool:
    """Return whether bytes that are not UTF-8 mean the same text in all European encodings."""
    return not set(body) - _agreed_bytes() and _FOREIGN.search(body) is None


@lru_cache(maxsize=1)
def _agreed_bytes() -> frozenset[int]:
    """Return the bytes that stand for the same character in all European encodings."""
    meanings = {byte: {bytes([byte]).decode(name, "replace") for name in _EUROPEAN} for byte in range(256)}
    return frozenset(byte for byte, characters in meanings.items() if len(characters) == 1)


def _explain(body: bytes, error: UnicodeDecodeError) -> Findings:
    """Return the finding for bytes that are not what they should be."""
    line = body[: error.start].count(b"\n") + 1
    found = f"the byte 0x{body[error.start]:02x} in line {line}, which is not {error.encoding}"
    return refuse_file("unknown_encoding", found, expected=_EXPECTED, action=_ACTION, row=line)


def _explain_nul(text: str) -> Findings:
    """Return the finding for text that holds NUL characters, as files that are no text do."""
    line = text[: text.index("\0")].count("\n") + 1
    found = f"{text.count(chr(0))} NUL characters, the first in line {line}"
    return refuse_file("nul_character", found, expected="text without NUL characters", action=_ACTION, row=line)
