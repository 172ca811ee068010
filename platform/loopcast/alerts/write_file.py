"""Alerts in a file: one JSON document per line, which needs neither network nor server.

Here belongs adding a line. Not here: what is in it.
"""

import json
import os
from pathlib import Path

from loopcast.alerts.message import Message
from loopcast.errors import ChannelError


def append_line(message: Message, *, file: Path) -> None:
    """Add a message to a file, on the disk when this returns; raises ChannelError where it cannot be written."""
    line = json.dumps(message.to_dict(), ensure_ascii=False).encode() + b"\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+b") as handle:
            if handle.tell():  # a line that a crash cut off must not spoil the next one
                handle.seek(-1, os.SEEK_END)
                line = line if handle.read(1) == b"\n" else b"\n" + line
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise ChannelError(f"cannot write {file}: {error.strerror}; check the space and the permissions") from error
