"""Where updates come from, as a user may write it under `source:` in `defs.yaml`.

How each of them is asked for what is new is in `loopcast.sources`.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlparse

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from loopcast.use_case.fields import Column, Duration, Frozen, Name

INBOX = "inbox"
CURSOR = re.compile(r"(?<![:\w\\]):cursor\b")
PAST_CURSOR = re.compile(r">\s*:cursor\b")
CAST_CURSOR = re.compile(r":cursor::")
PLACE = "{cursor}"
SCHEMES = ("file", "memory", "s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "http", "https")


class FromEnvironment(Frozen):
    """A text that is no business of the YAML file: it is read from a variable when it is needed."""

    env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Name of the environment variable.")


Text = str | FromEnvironment


def _check_url(value: Text) -> Text:
    if isinstance(value, FromEnvironment):
        return value
    try:
        parts = urlparse(value)
        has_password = parts.password is not None
    except ValueError as error:
        raise ValueError("a URL") from error
    if not parts.scheme:
        raise ValueError("a URL with its scheme, such as sqlite:///plant.db, https://... or file:///data")
    if has_password:
        raise ValueError("a URL without a password: put the whole URL into a variable and write url: {env: NAME}")
    return value


def _check_initial(value: Any) -> Any:
    """Return dates and times as text with a blank between them, which all databases take."""
    return str(value) if isinstance(value, date) else value


Url = Annotated[Text, AfterValidator(_check_url)]
Initial = Annotated[int | float | str, BeforeValidator(_check_initial)]


class InboxSource(Frozen):
    """Files dropped into a folder, each one an update."""

    kind: Literal["inbox"] = Field(default="inbox", description="Always inbox.")
    folder: str | None = Field(
        default=None, description="Folder to watch, absolute or below the inbox folder; default: the name."
    )
    pattern: str = Field(default="*", description="Which file names are updates, for instance *.csv.")
    enabled: bool = Field(default=True, description="Whether files dropped there are taken.")


class PolledSource(Frozen):
    """What all sources have that are asked for news every so often."""

    name: Name | None = Field(default=None, description="Name of the source; default: its kind.")
    every: Duration | None = Field(
        default=None, description="Time between two polls; default: a 24th of the cadence, at most an hour."
    )
    timeout_s: float = Field(default=20.0, gt=0.0, le=40.0, description="How long one answer may take, in seconds.")
    alert_after: int = Field(default=3, ge=1, description="Failures in a row after which it is an alert.")

    @property
    def label(self) -> str:
        """The source's name, its kind where it has none of its own."""
        return self.name or str(getattr(self, "kind", ""))


class RowSource(PolledSource):
    """What sources have that deliver rows."""

    columns: dict[Column, Column | None] = Field(
        default_factory=dict, description="New names of columns; null leaves a column out; others stay as they are."
    )


class SqlSource(RowSource):
    """Rows of a SQL query, each batch those that follow the cursor."""

    kind: Literal["sql"] = Field(description="sql.")
    url: Url = Field(description="SQLAlchemy URL; {env: NAME} where it has a password.")
    query: str = Field(min_length=1, description="SELECT without ORDER BY; :cursor stands for the cursor.")
    cursor: Column = Field(description="Column that grows: a time of change or a serial number, never NULL.")
    initial: Initial | None = Field(default=None, description="Where to start; default: at the first row.")
    lookback: Duration | float | None = Field(
        default=None, description="How far behind the cursor rows may still appear: 10min, or a number."
    )
    batch_rows: int = Field(default=200_000, ge=1, description="Most rows in one version.")

    @model_validator(mode="after")
    def _check_start(self) -> Self:
        if CURSOR.search(self.query) and self.initial is None:
            raise ValueError("an initial value: the query uses :cursor, which has none at first")
        if PAST_CURSOR.search(self.query):
            raise ValueError(">= :cursor, or no condition: > loses rows whose cursor equals the last one")
        if CAST_CURSOR.search(self.query):
            raise ValueError("CAST(:cursor AS ...): a colon may not follow :cursor")
        if self.query.rstrip().endswith(";"):
            raise ValueError("a query without a semicolon at its end")
        return self


class HttpSource(RowSource):
    """Records that an HTTP endpoint delivers."""

    kind: Literal["http"] = Field(description="http.")
    url: Url = Field(description="URL; {cursor} in it stands for the cursor.")
    params: dict[str, Text] = Field(default_factory=dict, description="Query parameters; {cursor} as in the URL.")
    headers: dict[str, Text] = Field(default_factory=dict, description="Headers; {env: NAME} where they are secret.")
    format: Literal["json", "jsonl", "csv"] = Field(default="json", description="What the answer is.")
    records: str = Field(default="", description="JSON: where the list of records is, such as data.items.")
    cursor: Column | None = Field(default=None, description="Column whose greatest value is the next cursor.")
    cursor_field: str | None = Field(default=None, description="JSON: where the answer says the next cursor.")
    next_page: str | None = Field(
        default=None, description="link: the Link header; else where the JSON says the next page's URL."
    )
    max_pages: int = Field(default=100, ge=1, description="Most pages in one poll.")
    initial: Initial | None = Field(default=None, description="Cursor of the first poll.")

    @model_validator(mode="after")
    def _check_cursor(self) -> Self:
        if self.cursor and self.cursor_field:
            raise ValueError("a cursor or a cursor_field, not both")
        texts = [self.url, *self.params.values()]
        if any(isinstance(text, str) and PLACE in text for text in texts):
            if self.initial is None:
                raise ValueError("an initial value: {cursor} has none at first")
            if not (self.cursor or self.cursor_field):
                raise ValueError("a cursor or a cursor_field, which says what to put for {cursor}")
        if self.format != "json" and (self.records or self.cursor_field or self.next_page not in {None, "link"}):
            raise ValueError("records, cursor_field and a next_page other than link with the format json alone")
        return self


class FilesSource(PolledSource):
    """Files in a folder or an object store, each one an update."""

    kind: Literal["files"] = Field(description="files.")
    url: Url = Field(description="file:///folder, s3://bucket/folder, gs://..., az://...")
    pattern: str = Field(default="*", description="Which paths below the URL are updates, for instance *.csv.")

    @model_validator(mode="after")
    def _check_scheme(self) -> Self:
        if isinstance(self.url, str) and urlparse(self.url).scheme not in SCHEMES:
            raise ValueError(f"a URL that begins with one of {', '.join(SCHEMES)}")
        return self


Polled = SqlSource | HttpSource | FilesSource
Source = Annotated[InboxSource | SqlSource | HttpSource | FilesSource, Field(discriminator="kind")]


def _as_list(value: Any) -> Any:
    """Return one source as a list of one, and what has no kind as an inbox."""
    sources = value if isinstance(value, list | tuple) else [value]
    return [{"kind": INBOX, **source} if isinstance(source, dict) else source for source in sources]


def _check_sources(value: tuple[Any, ...]) -> tuple[Any, ...]:
    labels = [INBOX if isinstance(source, InboxSource) else source.label for source in value]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(f"sources with names that differ; {', '.join(twice)} is there twice")
    return value


Sources = Annotated[tuple[Source, ...], BeforeValidator(_as_list), AfterValidator(_check_sources)]
