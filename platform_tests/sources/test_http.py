"""HTTP sources on a local server: pages, cursors, corrections, failures, and servers that never come to an end."""

import gzip
import io
import json
from typing import Any

import pandas as pd
import pytest

from loopcast.dataops.updates import Update, read_update
from loopcast.errors import SourceError
from loopcast.use_case.sources import HttpSource
from source_reading import SPEC, Reader
from source_servers import HOST, Answer, Asked, Endpoint, free_port

TOKEN = {"env": "PLANT_TOKEN"}


def record(hour: int, count: float, **more: Any) -> dict[str, Any]:
    return {"at": f"2024-01-01T{hour:02}:00:00", "count": count, **more}


class HttpReader(Reader):
    """An HTTP source on the endpoint."""

    def __init__(self, endpoint: Endpoint, path: str = "/readings", **options: Any) -> None:
        source = HttpSource(**{"kind": "http", "url": endpoint.url + path, "timeout_s": 5.0, **options})
        super().__init__(source, PLANT_TOKEN="hush-hush & more")

    def rows(self) -> list[tuple[int, float]]:
        """Return hour and count of what is new."""
        if self.source.format == "csv":
            batch = self.fetch().batch
            frame = pd.read_csv(io.BytesIO(batch.content)) if batch else None
        else:
            frame = self.frame()
        if frame is None:
            return []
        return [(int(at[11:13]), float(n)) for at, n in zip(frame["at"].astype("str"), frame["count"], strict=True)]


def since(rows: list[dict[str, Any]], *, is_inclusive: bool) -> Any:
    """Return an endpoint that takes a cursor, as most do in one of two ways."""

    def answer(asked: Asked) -> Answer:
        start = asked.query["since"]
        return Answer({"data": {"items": [r for r in rows if r["at"] > start or (is_inclusive and r["at"] == start)]}})

    return answer


@pytest.mark.parametrize("is_inclusive", [True, False])
def test_new_and_only_new_records_come_whichever_way_the_endpoint_takes_the_cursor(
    endpoint: Endpoint, is_inclusive: bool
) -> None:
    rows = [record(0, 1), record(1, 2)]
    endpoint.answer = since(rows, is_inclusive=is_inclusive)
    reader = HttpReader(
        endpoint, "/readings?since={cursor}", records="data.items", cursor="at", initial="2023-12-31T23:00:00"
    )
    assert reader.rows() == [(0, 1), (1, 2)]
    assert reader.rows() == []
    rows.append(record(2, 3))
    assert reader.rows() == [(2, 3)]
    assert reader.rows() == []
    assert endpoint.asked[-1].query == {"since": "2024-01-01T02:00:00"}


def test_an_endpoint_without_a_cursor_gives_what_is_new_or_corrected_in_its_last_days(endpoint: Endpoint) -> None:
    window = [record(0, 1), record(1, 2), record(2, 3)]
    endpoint.answer = lambda _: Answer(window)
    reader = HttpReader(endpoint)
    assert reader.rows() == [(0, 1), (1, 2), (2, 3)]
    assert reader.rows() == []
    window[:] = [record(1, 2), record(2, 9), record(3, 4), record(3, 4)]
    assert reader.rows() == [(2, 9), (3, 4)]
    window[0] = record(1, 5)
    assert reader.rows() == [(1, 5)]
    window[0] = record(1, 2)
    assert reader.rows() == [(1, 2)], "back again is a correction too"


@pytest.mark.parametrize("changes", [("1", "2"), ("9", "10"), (9, 10)])
def test_of_two_records_of_one_hour_the_newer_counts_in_whatever_order_they_come(
    endpoint: Endpoint, changes: tuple[Any, Any]
) -> None:
    older, newer = (record(0, value, changed=change) for value, change in zip((1, 2), changes, strict=True))
    for window in ([older, newer], [newer, older]):
        endpoint.answer = lambda _, window=window: Answer(window)
        reader = HttpReader(endpoint, cursor="changed")
        assert reader.rows() == [(0, 2)]
        assert reader.position["cursor"] == changes[1]


def test_a_token_of_the_answer_may_be_the_cursor(endpoint: Endpoint) -> None:
    items, token = [record(0, 1)], "t1"
    endpoint.answer = lambda asked: Answer({"items": items, "meta": {"next": token if items else None}})
    reader = HttpReader(
        endpoint, params={"from": "{cursor}"}, records="items", cursor_field="meta.next", initial="begin"
    )
    assert reader.rows() == [(0, 1)]
    items, token = [record(1, 2)], "t2"
    assert reader.rows() == [(1, 2)]
    items = []
    assert reader.rows() == []
    assert [asked.query["from"] for asked in endpoint.asked] == ["begin", "t1", "t2"]


def in_pages(pages: list[list[dict[str, Any]]], *, by_link: bool) -> Any:
    def answer(asked: Asked) -> Answer:
        number = int(asked.query.get("page", 1))
        following = f"?page={number + 1}" if number < len(pages) else None
        if by_link:
            headers = {"link": f'<{following}>; rel="next"'} if following else {}
            return Answer(pages[number - 1], headers=headers)
        return Answer({"items": pages[number - 1], "next": following})

    return answer


@pytest.mark.parametrize("by_link", [True, False])
def test_all_pages_make_one_batch_and_each_gets_the_secrets(endpoint: Endpoint, by_link: bool) -> None:
    endpoint.answer = in_pages([[record(0, 1)], [record(1, 2, note="x")], [record(2, 3)]], by_link=by_link)
    form = {"next_page": "link"} if by_link else {"next_page": "next", "records": "items"}
    reader = HttpReader(endpoint, headers={"Authorization": TOKEN}, params={"key": TOKEN, "all": "1"}, **form)
    assert reader.rows() == [(0, 1), (1, 2), (2, 3)]
    assert reader.rows() == []
    assert {asked.headers["Authorization"] for asked in endpoint.asked} == {"hush-hush & more"}
    assert {asked.query["key"] for asked in endpoint.asked} == {"hush-hush & more"}


def test_more_pages_than_allowed_and_pages_in_a_circle_take_nothing(endpoint: Endpoint) -> None:
    endpoint.answer = in_pages([[record(hour, 1)] for hour in range(5)], by_link=True)
    with pytest.raises(SourceError, match="more than 3 pages; ask for less, or raise max_pages"):
        HttpReader(endpoint, next_page="link", max_pages=3).fetch()
    endpoint.answer = lambda _: Answer([record(0, 1)], headers={"link": '</readings>; rel="next"'})
    with pytest.raises(SourceError, match="a next page that it had delivered already"):
        HttpReader(endpoint, next_page="link").fetch()


def test_the_secrets_go_to_no_other_server(endpoint: Endpoint) -> None:
    other = Endpoint()
    endpoint.answer = lambda _: Answer([record(0, 1)], headers={"link": f'<{other.url}/x>; rel="next"'})
    with pytest.raises(SourceError, match="a next page on another server"):
        HttpReader(endpoint, next_page="link", headers={"Authorization": TOKEN}).fetch()
    endpoint.answer = lambda _: Answer(status=302, headers={"location": f"{other.url}/moved?key=1"})
    with pytest.raises(SourceError, match=rf"answered 302: it has moved to {other.url}/moved; write that URL"):
        HttpReader(endpoint, headers={"Authorization": TOKEN}).fetch()
    assert other.asked == []
    other.close()


BODIES = {
    "json": ("json", "", b'[{"at": "2024-01-01T00:00", "count": 1}, {"at": "2024-01-01T01:00", "count": 2}]'),
    "jsonl": ("jsonl", "", b'{"at": "2024-01-01T00:00", "count": 1}\n\n{"at": "2024-01-01T01:00", "count": 2}\n'),
    "csv": ("csv", "", b"at,count\n2024-01-01T00:00,1\n2024-01-01T01:00,2\n"),
    "columns": ("json", "hourly", b'{"hourly": {"at": ["2024-01-01T00:00", "2024-01-01T01:00"], "count": [1, 2]}}'),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_format_gives_the_same_rows(endpoint: Endpoint, name: str) -> None:
    form, records, body = BODIES[name]
    endpoint.answer = lambda _: Answer(body)
    reader = HttpReader(endpoint, format=form, records=records, cursor="at")
    assert reader.rows() == [(0, 1), (1, 2)]
    assert reader.position["cursor"] == "2024-01-01T01:00"


def test_numbers_of_a_csv_answer_are_left_to_the_rules_that_tell_how_they_are_written(endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answer(b"at;count;changed\n2024-01-01 00:00;1,5;7\n2024-01-01 01:00;2,25;8\n")
    batch = HttpReader(endpoint, format="csv", cursor="changed").fetch().batch
    assert batch is not None
    assert batch.content == b'at,count\n2024-01-01 00:00,"1,5"\n2024-01-01 01:00,"2,25"\n'
    update = read_update(batch.content, name=batch.name, spec=SPEC)
    assert isinstance(update, Update)
    assert list(update.frame["count"]) == [1.5, 2.25]


@pytest.mark.parametrize("body", [b"", b"[]", b"null"])
def test_an_empty_answer_is_no_news(endpoint: Endpoint, body: bytes) -> None:
    endpoint.answer = lambda _: Answer(body, status=204 if not body else 200)
    assert HttpReader(endpoint, cursor="at").rows() == []


def test_an_empty_last_page_ends_the_pages_and_leaves_the_cursor(endpoint: Endpoint) -> None:
    pages = {None: Answer({"items": [record(0, 1)], "next": "?page=2"}), "2": Answer(b"", status=204)}
    endpoint.answer = lambda asked: pages[asked.query.get("page")]
    reader = HttpReader(endpoint, next_page="next", records="items", cursor_field="since", initial="begin")
    assert reader.rows() == [(0, 1)]
    assert reader.position["cursor"] == "begin"


def test_objects_inside_of_records_give_columns_that_may_be_renamed(endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answer([{"time": "2024-01-01T00:00", "value": {"mw": 7, "quality": "good"}}])
    columns = {"time": "at", "value.mw": "count", "value.quality": None}
    assert HttpReader(endpoint, columns=columns).rows() == [(0, 7)]


WRONG = {
    "no JSON": ({}, b"<html>", "expected JSON"),
    "no records there": ({"records": "data.items"}, b'{"data": {"rows": []}}', "expected the field 'items'"),
    "an object": ({}, b'{"rows": [], "n": 1}', "name it in `records`"),
    "records that are none": ({}, b"[1, 2]", "expected an object with a field for each column"),
    "columns of different lengths": ({}, b'{"at": [1, 2], "count": [1]}', "columns of different lengths"),
    "no cursor": ({"cursor": "changed"}, b'[{"at": 1}]', "expected one called 'changed'"),
    "cursors of two kinds": ({"cursor": "at"}, b'[{"at": 1}, {"at": "x"}]', "cursors of the kinds"),
    "a record without a cursor": ({"cursor": "at"}, b'[{"at": 1}, {"count": 2}]', "cursors of the kinds"),
    "two columns of one name": ({"columns": {"b": "at"}}, b'[{"at": 1, "b": 2}]', "names that differ"),
    "a CSV row too wide": ({"format": "csv"}, b"at,count\n1,2,3\n", "2 cells"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_cannot_be_understood_is_told(endpoint: Endpoint, name: str) -> None:
    options, body, told = WRONG[name]
    endpoint.answer = lambda _: Answer(body)
    with pytest.raises(SourceError, match=told):
        HttpReader(endpoint, **options).fetch()


def test_a_failing_server_is_told_with_how_long_it_wants_to_rest(endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answer(b"key=hush-hush", status=503, headers={"retry-after": "120"})
    reader = HttpReader(endpoint, params={"key": TOKEN})
    with pytest.raises(SourceError, match=rf"{endpoint.url}/readings answered 503") as refused:
        reader.fetch()
    assert refused.value.retry_after_s == 120
    endpoint.answer = lambda _: Answer([record(0, 1)])
    assert reader.rows() == [(0, 1)]


@pytest.mark.parametrize(
    "answer", [Answer([record(0, 1)], wait_s=30), Answer([record(0, 1)], drip_s=0.05)], ids=["silent", "dripping"]
)
def test_a_hung_server_is_given_up_after_the_timeout(endpoint: Endpoint, answer: Answer) -> None:
    endpoint.answer = lambda _: answer
    with pytest.raises(SourceError, match=r"did not answer within 0\.4 s"):
        HttpReader(endpoint, timeout_s=0.4).fetch()


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(endpoint: Endpoint) -> None:
    body = b"at,count\n2024-01-01T00:00,1\n2024-01-01T01:00,2\n"
    endpoint.answer = lambda _: Answer(body[:28], headers={"content-length": str(len(body))})
    reader = HttpReader(endpoint, format="csv", timeout_s=1.0)
    with pytest.raises(SourceError, match=r"cannot be reached|did not answer"):
        reader.fetch()
    endpoint.answer = lambda _: Answer(body)
    assert reader.rows() == [(0, 1), (1, 2)]


def test_a_compressed_answer_is_read(endpoint: Endpoint) -> None:
    body = gzip.compress(json.dumps([record(hour, hour) for hour in range(24)]).encode())
    endpoint.answer = lambda _: Answer(body, headers={"content-encoding": "gzip"})
    assert len(HttpReader(endpoint).rows()) == 24


def test_what_cannot_be_reached_is_told_without_secrets() -> None:
    url = f"http://{HOST}:{free_port()}/readings"
    source = HttpSource(kind="http", url=url, params={"key": TOKEN}, headers={"X-Key": TOKEN}, timeout_s=1.0)
    with pytest.raises(SourceError, match=rf"{url} cannot be reached: .*refused") as refused:
        Reader(source, PLANT_TOKEN="hush-hush").fetch()
    assert "hush" not in str(refused.value)


def test_a_url_from_the_environment_is_told_without_its_secrets(endpoint: Endpoint) -> None:
    endpoint.answer = lambda _: Answer(status=401)
    source = HttpSource(kind="http", url={"env": "PLANT_URL"})
    with pytest.raises(SourceError, match=r"\$PLANT_URL \(http://127\.0\.0\.1.*answered 401") as refused:
        Reader(source, PLANT_URL=endpoint.url.replace("://", "://ana:hush@") + "/readings?key=secret-key").fetch()
    assert not any(text in str(refused.value) for text in ("hush", "secret-key", "ana"))
    assert endpoint.asked[0].headers["Authorization"].startswith("Basic ")
