"""The updates of the lifecycle benchmark through the same jobs and assets, without daemon: minutes instead of many.

A killed run and a daemon that stands still need processes: here those days are ordinary ones.
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench_lifecycle import NAME, PICTURE, make_home, read_history, show_steps
from lifecycle_chart import draw_lifecycle
from lifecycle_plan import Delivery, plan_deliveries
from lifecycle_report import read_steps, tabulate_events

from loopcast.loop.project import find_project
from loopcast.orchestration.instance import open_instance
from loopcast.orchestration.runs import Runner
from loopcast.orchestration.settings import read_settings
from loopcast.store.version_records import Upload


def main() -> None:
    """Play, and print what was noticed, decided and recovered from."""
    begun, deliveries = time.process_time(), dict[str, Delivery]()
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder))
        project = find_project(NAME, settings=read_settings({"LOOPCAST_HOME": str(home)}))
        with open_instance(home) as instance:
            runner = Runner(project, instance)
            for delivery in plan_deliveries(read_history()):
                upload = Upload(name=delivery.name, content=delivery.content, source="bench", actor="bench")
                claim = project.store.versions.claim(upload, now=datetime.now(UTC))
                deliveries[claim.version] = delivery
                runner.turn_all()
                runner.follow()
            steps = read_steps(project, instance, deliveries, {})
    events = tabulate_events(steps)
    show_steps(steps, events)
    PICTURE.write_text(draw_lifecycle(steps, events), "utf-8")
    print(f"{time.process_time() - begun:.0f} CPU s")
