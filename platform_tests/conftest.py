"""What all tests share: none of them sees the settings of whoever runs them."""

import os

import pytest

from source_servers import find_postgres

for name in [name for name in os.environ if name.startswith(("LOOPCAST_", "DAGSTER_"))]:
    del os.environ[name]
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # servers of our own are asked directly


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tests were left out, and why."""
    if find_postgres() is None and any(
        "postgres" in report.nodeid for report in terminalreporter.stats.get("skipped", [])
    ):
        terminalreporter.write_line(
            "POSTGRES IS NOT INSTALLED: the tests of SQL sources on a real Postgres were LEFT OUT. "
            "Install it (apt-get install postgresql) and run them again.",
            red=True,
            bold=True,
        )
