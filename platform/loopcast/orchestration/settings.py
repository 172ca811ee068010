"""Where things are, from the environment: the one place that reads it.

| variable | meaning | default |
|---|---|---|
| `LOOPCAST_HOME` | folder for everything below | the working directory |
| `LOOPCAST_USE_CASES` | folder of use cases | `platform/use_cases` |
| `LOOPCAST_LAKE` | folder or object-store URL of the lake | `.loopcast/lake` |
| `LOOPCAST_INBOX` | folder with one inbox per use case | `inbox` |
| `LOOPCAST_WAREHOUSE` | DuckDB file for queries | `.loopcast/warehouse.duckdb` |
| `LOOPCAST_ALERTS` | folder of files with alerts | `.loopcast/alerts` |
| `LOOPCAST_URL` | where people find the UI, for links in alerts | `http://127.0.0.1:3000` |
"""

import os
from collections.abc import Mapping
from pathlib import Path

from loopcast.alerts.targets import AlertSettings
from loopcast.loop.project import Settings


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that the environment names; relative folders are below `LOOPCAST_HOME`."""
    given = os.environ if environment is None else environment
    home = Path(given.get("LOOPCAST_HOME") or ".").absolute()
    lake = given.get("LOOPCAST_LAKE") or ".loopcast/lake"
    return Settings(
        use_cases=home / (given.get("LOOPCAST_USE_CASES") or "platform/use_cases"),
        lake=lake if "://" in lake else str(home / lake),
        inbox=home / (given.get("LOOPCAST_INBOX") or "inbox"),
        warehouse=home / (given.get("LOOPCAST_WAREHOUSE") or ".loopcast/warehouse.duckdb"),
    )


def write_settings(settings: Settings) -> dict[str, str]:
    """Return the environment that names these settings, for processes that start in another folder."""
    return {
        "LOOPCAST_USE_CASES": str(settings.use_cases),
        "LOOPCAST_LAKE": settings.lake,
        "LOOPCAST_INBOX": str(settings.inbox),
        "LOOPCAST_WAREHOUSE": str(settings.warehouse),
    }


def read_alert_settings(environment: Mapping[str, str] | None = None) -> AlertSettings:
    """Return what alerts take from the environment: where their files and the UI are, the mail server, secrets."""
    given = read_environment() if environment is None else environment
    home = Path(given.get("LOOPCAST_HOME") or ".").absolute()
    return AlertSettings(
        folder=home / (given.get("LOOPCAST_ALERTS") or ".loopcast/alerts"),
        url=(given.get("LOOPCAST_URL") or "http://127.0.0.1:3000").rstrip("/"),
        environment=given,
    )


def read_environment() -> Mapping[str, str]:
    """Return the environment as it is now, for secrets that a use case names by variable."""
    return dict(os.environ)
