"""Alerts in a file: whole lines, whatever was there, and a reason where it cannot be written."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loopcast.alerts.message import Message
from loopcast.alerts.write_file import append_line
from loopcast.errors import ChannelError

MESSAGE = Message("0f", "counts", datetime(2026, 3, 2, tzinfo=UTC), "Prüfung", ({"kind": "overdue"},))


def test_each_message_is_one_line_and_the_folder_is_made(tmp_path: Path) -> None:
    file = tmp_path / "alerts" / "counts.jsonl"
    for _ in range(2):
        append_line(MESSAGE, file=file)
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == [MESSAGE.to_dict()] * 2


def test_a_line_that_a_crash_cut_off_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "counts.jsonl"
    file.write_text('{"id": "cut o')
    append_line(MESSAGE, file=file)
    assert json.loads(file.read_text("utf-8").splitlines()[1])["id"] == "0f"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("a file where a folder should be")
    with pytest.raises(ChannelError, match=r"cannot write .*counts\.jsonl"):
        append_line(MESSAGE, file=tmp_path / "alerts" / "counts.jsonl")
