"""Files that commands write: whole or not at all, and never over another one unasked.

What is in them comes from the loop.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import click

from loopcast.errors import CallerError

force_option = click.option("--force", is_flag=True, help="Overwrite the file if it is there.")


def write_file(path: Path, parts: Iterable[bytes], *, force: bool) -> int:
    """Write a file and return its bytes; it appears under its name only when it is whole.

    Args:
        path: the file.
        parts: its content, piece by piece.
        force: whether it may replace another file.

    Raises:
        CallerError: the file is there already, or its folder is not, or it cannot be written.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise CallerError(f"cannot write {path}: expected a file's name in a folder that is there")
    if path.exists() and not force:
        raise CallerError(f"found {path} already; give another name, or --force to replace it")
    staged = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with staged.open("xb") as handle:
            for part in parts:
                handle.write(part)
            handle.flush()
            os.fsync(handle.fileno())
            size = handle.tell()
        staged.replace(path)
    except OSError as error:
        raise CallerError(f"cannot write {path}: {error.strerror}; check the space and the permissions") from error
    finally:
        staged.unlink(missing_ok=True)
    return size
