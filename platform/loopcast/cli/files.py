"""Files that commands write: whole or not at all, and never over another one unasked.

What is in them comes from the loop.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import click

from loopcast.errors import CallerError

force_option = click.option("--force", is_flag=True, help="Overwrite the file if it is there.")


@contextmanager
def create_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Give a file to write to, which appears under its name when it is whole, and not at all after an error.

    Args:
        path: the file.
        force: whether it may replace another file.

    Raises:
        CallerError: the file is there already, or its folder is not, or it cannot be written.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise CallerError(f"cannot write {path}: expected a file's name in a folder that is there")
    if path.exists() and not force:
        raise CallerError(f"found {path} already; give another name, or --force to replace it")
    staged = path.with_name(f".{uuid4().hex}.part")
    try:
        with staged.open("xb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        staged.replace(path)
    except OSError as error:
        raise CallerError(f"cannot write {path}: {error.strerror}; check the space and the permissions") from error
    finally:
        staged.unlink(missing_ok=True)
