"""Records that an HTTP endpoint delivers: all pages of one answer, and of its records those that are new.

Here belong the only calls of requests. Not here: what an answer's bytes mean (`loopcast.sources.records`).

What came in the answer before is left out by its content. So it does not matter whether the endpoint takes the cursor
as "from" or "after", or knows none and delivers the last days again and again: what is new or corrected is taken once.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ReadTimeout

from loopcast.errors import SourceError
from loopcast.sources.batch import Fetched, Position, Rows, Shape, digest_row, leave_out_taken, make_batch
from loopcast.sources.records import find_field, join_rows, load_json, order_of, read_rows
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.use_case.sources import PLACE, FromEnvironment, HttpSource

OK, EMPTY = 200, 204
CHUNK_BYTES, MOST_BYTES = 1 << 20, 1 << 29


def fetch_http(source: HttpSource, position: Position, *, shape: Shape, secrets: Secrets) -> Fetched:
    """Return the records that were not in the answer before.

    Args:
        source: the endpoint.
        position: what was taken before.
        shape: how records become rows of the table.
        secrets: what the source takes from the environment.

    Raises:
        SourceError: the endpoint does not answer as it should.
    """
    last = position.get("cursor", source.initial)
    bodies = list(_read_pages(source, cursor=last, secrets=secrets))
    rows = join_rows([read_rows(body, source=source, spec=shape.spec) for body in bodies])
    if source.cursor is not None and rows.cells:
        rows = _sort(rows, by=source.cursor)
    new = leave_out_taken(rows, frozenset(position.get("seen", ())))
    if not new.cells:
        return Fetched(None, position)
    after = {
        "cursor": _next_cursor(source, rows, bodies, last=last),
        "seen": sorted({digest_row(rows.names, row) for row in rows.cells}),
    }
    reached = f" up to {after['cursor']}" if after["cursor"] is not None else ""
    return Fetched(make_batch(new, shape=shape, reason=f"{len(new.cells)} records{reached}"), after)


def _sort(rows: Rows, *, by: str) -> Rows:
    """Return the rows in the order of the cursor: endpoints deliver the newest first, or the last."""
    cursors = rows.column(by)
    order, at = order_of(cursors), rows.names.index(by)
    return replace(rows, cells=sorted(rows.cells, key=lambda row: order(row[at])))


def _next_cursor(source: HttpSource, rows: Rows, bodies: list[bytes], *, last: Any) -> Any:
    """Return the cursor after an answer: what the last page says, or the greatest of a column; else the one before."""
    if source.cursor_field is not None:
        told = find_field(load_json(bodies[-1]), source.cursor_field)
        return last if told is None else told
    if source.cursor is None:
        return None
    known = [*rows.column(source.cursor)[-1:], *([] if last is None else [last])]
    return max(known, key=order_of(known))


def _read_pages(source: HttpSource, *, cursor: Any, secrets: Secrets) -> Iterator[bytes]:
    """Yield the bodies of all pages, which together take no longer than the timeout."""
    deadline = time.monotonic() + source.timeout_s
    url = _fill(secrets.resolve(source.url), quote(str(cursor), safe=""))
    params = {name: _fill(secrets.resolve(text), str(cursor)) for name, text in source.params.items()}
    headers = {name: secrets.resolve(text) for name, text in source.headers.items()}
    seen: set[str] = set()
    for _ in range(source.max_pages):
        seen.add(url)
        body, links = _get(source, url, params, headers, deadline=deadline, secrets=secrets)
        yield body
        following = _next_url(source, url, body, links)
        if following is None:
            return
        if following in seen:
            raise SourceError(f"{describe_url(source.url)} names a next page that it had delivered already")
        there = parse_qs(urlsplit(following).query)
        secret = {name for name, text in source.params.items() if isinstance(text, FromEnvironment)}
        url, params = following, {name: params[name] for name in secret if name in params and name not in there}
    raise SourceError(
        f"{describe_url(source.url)} has more than {source.max_pages} pages; ask for less, or raise max_pages"
    )


def _next_url(source: HttpSource, url: str, body: bytes, links: Mapping[str, Any]) -> str | None:
    """Return where the next page is, None where there is none; never on another server: it would get the headers."""
    if source.next_page is None:
        return None
    told = links.get("next", {}).get("url") if source.next_page == "link" else None
    if source.next_page != "link":
        told = find_field(load_json(body), source.next_page)
    if not told:
        return None
    following = urljoin(url, str(told))
    if urlsplit(following)[:2] != urlsplit(url)[:2]:
        here, there = describe_url(source.url), describe_url(following)
        raise SourceError(f"{here} names a next page on another server, {there}; expected the same server")
    return following


def _get(
    source: HttpSource,
    url: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    deadline: float,
    secrets: Secrets,
) -> tuple[bytes, Mapping[str, Any]]:
    """Return one page's body and the links in its headers."""
    place = describe_url(source.url, secrets=secrets)
    left = max(0.1, deadline - time.monotonic())
    try:
        with requests.get(
            url, params=params, headers=headers, timeout=left, stream=True, allow_redirects=False
        ) as response:
            _check_status(response, place=place)
            return _read_body(response, place=place, deadline=deadline), response.links
    except (requests.Timeout, ReadTimeout):
        raise SourceError(f"{place} did not answer within {source.timeout_s:g} s") from None
    except (requests.RequestException, HTTPError, UnicodeError) as error:
        raise SourceError(f"{place} cannot be reached: {_root(error)}") from None


def _check_status(response: requests.Response, *, place: str) -> None:
    """Raise SourceError unless an answer brings what was asked for."""
    if response.status_code in {OK, EMPTY}:
        return
    if response.is_redirect:
        elsewhere = describe_url(urljoin(response.url, response.headers["location"]))
        raise SourceError(f"{place} answered {response.status_code}: it has moved to {elsewhere}; write that URL")
    wait = response.headers.get("retry-after", "")
    raise SourceError(
        f"{place} answered {response.status_code} {response.reason}",
        retry_after_s=float(wait) if wait.isdigit() else None,
    )


def _read_body(response: requests.Response, *, place: str, deadline: float) -> bytes:
    """Return the body, given up when it takes or is too much: a server that drips must hold up nobody."""
    body = bytearray()
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):  # what has arrived, not what was asked for
        body += chunk
        if time.monotonic() > deadline:
            raise requests.Timeout
        if len(body) > MOST_BYTES:
            raise SourceError(f"{place} delivers more than {MOST_BYTES >> 20} MiB at once; ask for less")
    return bytes(body)


def _fill(text: str, cursor: str) -> str:
    return text.replace(PLACE, cursor)


def _root(error: BaseException) -> BaseException:
    """Return the error at the bottom: those above it quote the URL."""
    while error.__context__ is not None:
        error = error.__context__
    return error
