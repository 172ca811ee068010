"""What `docs/automation.md` says is what the code does."""

import re

import yaml

from loopcast.loop.turns import FINISHED
from loopcast.orchestration import sensors
from loopcast.orchestration.automation import MADE
from loopcast.orchestration.names import DELIVERIES, EXPERIMENTS
from made_use_case import ROOT

PAGE = (ROOT / "docs" / "automation.md").read_text("utf-8")


def test_the_table_says_what_the_assets_say() -> None:
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE)) == {
        noun: when for noun, when in MADE.items() if noun != "source_feed"
    }


def test_its_numbers_and_names_are_those_of_the_code() -> None:
    said = " ".join(PAGE.split())
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))["concurrency"]
    for words in (
        f"every {sensors.INTERVAL_SECONDS} seconds for files",
        f"every {2 * sensors.INTERVAL_SECONDS} seconds by `<use case>_automation`",
        f"at most {sensors.MOST_FILES} files, and at most {sensors.MOST_WAITING} runs",
        f"after {sensors.REST_SECONDS} seconds, {sensors.ATTEMPTS} times in all",
        f"lets {settings['runs']['max_concurrent_runs']} runs work at a time",
        f"pools `{EXPERIMENTS}` and `{DELIVERIES}`",
        f"(`{FINISHED}`)",
    ):
        assert words in said
    assert settings["pools"] == {"granularity": "run", "default_limit": 1}
