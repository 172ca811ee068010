"""Monitoring: `/metrics` for Prometheus, and `/health`, which says whether the platform is well.

Here belong the two routes, and gathering what they tell. Not here: the figures' names (`loopcast.web.figures`).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from loopcast.errors import LoopcastError
from loopcast.loop.board import Board
from loopcast.loop.project import Settings
from loopcast.orchestration.run_health import RunHealth
from loopcast.store.lake import probe_lake
from loopcast.web.figures import Sample, expose

KEEP = timedelta(seconds=5)


@dataclass
class Monitoring:
    """The two routes.

    Args:
        settings: where the use cases and their lake are.
        health: what the orchestrator knows; None: nothing.
        keep: for how long an answer is given again, so that a storm of questions costs no more than one.
        clock: gives the present time, aware.
    """

    settings: Settings
    health: RunHealth | None
    keep: timedelta = KEEP
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _sample: Sample | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _board: Board = field(init=False)

    def __post_init__(self) -> None:
        """Open nothing yet."""
        self._board = Board(self.settings)

    async def metrics(self, _: Request) -> Response:
        """Return the figures in Prometheus' text format."""
        content = await run_in_threadpool(lambda: expose(self.sample()))
        return Response(content, headers={"content-type": CONTENT_TYPE_LATEST})

    async def check(self, _: Request) -> JSONResponse:
        """Return whether all is well, with the reasons where it is not: status 200, or 503."""
        sample = await run_in_threadpool(self.sample)
        reasons = list_reasons(sample)
        told = {"is_healthy": not reasons, "reasons": reasons, "checked_at": sample.taken_at.isoformat()}
        return JSONResponse(told, status_code=503 if reasons else 200)

    def sample(self) -> Sample:
        """Return the newest figures; those gathered a moment ago are good enough."""
        with self._lock:
            now = self.clock()
            if self._sample is None or now - self._sample.taken_at >= self.keep:
                self._sample = self._gather(now)
            return self._sample

    def _gather(self, now: datetime) -> Sample:
        health = self.health
        overviews = self._board.describe(now=now, failed=health.list_failed(now=now) if health else None)
        runs = {o.use_case: health.count_runs(o.use_case, now=now) for o in overviews} if health else {}
        return Sample(
            taken_at=now,
            overviews=overviews,
            runs=runs,
            daemon=health.is_daemon_running(now=now) if health else None,
            heartbeat_age_s=health.heartbeat_age_s(now=now) if health else None,
            lake=_try_lake(self.settings),
            seconds=(self.clock() - now).total_seconds(),
        )


def list_reasons(sample: Sample) -> list[str]:
    """Return why the platform is not well, in words; nothing where it is.

    Late data and bad forecasts are no reasons: they are the use cases' own, and a restart would not mend them.
    """
    reasons = [f"{o.use_case} cannot be read: {o.why}" for o in sample.overviews if o.is_unreadable]
    if sample.daemon is False:
        reasons.append("the daemon has given no sign of life for two minutes: no run is started")
    if sample.lake is not None:
        reasons.append(f"the lake cannot be used: {sample.lake}")
    return reasons


def _try_lake(settings: Settings) -> str | None:
    try:
        probe_lake(settings.lake)
    except LoopcastError as error:
        return str(error)
    return None
