"""The figures of every use case and of the platform, as Prometheus reads them: names, meanings, where they are read.

Names stay what they are: people's dashboards and rules are written in them. How anything is measured is said in
`loopcast.loop.overview` and `loopcast.orchestration.run_health`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from loopcast.loop.overview import Overview

Values = float | Mapping[str, float | None] | None


@dataclass(frozen=True)
class Sample:
    """All that one answer is made of.

    Args:
        taken_at: when it was gathered.
        overviews: of all use cases.
        runs: by use case, runs by what they are doing; nothing where there is no instance.
        daemon: whether it lives; None: there is no instance.
        heartbeat_age_s: seconds since its last sign of life.
        lake: what is wrong with the lake; None: nothing.
        seconds: how long gathering took.
    """

    taken_at: datetime
    overviews: Sequence[Overview]
    runs: Mapping[str, Mapping[str, float]]
    daemon: bool | None
    heartbeat_age_s: float | None
    lake: str | None
    seconds: float


@dataclass(frozen=True)
class Figure:
    """One figure of a use case.

    Args:
        name: as Prometheus has it, with its unit.
        text: what it is.
        read: its value, or values by a further label; None: not known, and left out.
        label: name of that further label.
    """

    name: str
    text: str
    read: Callable[[Overview, Sample], Values]
    label: str | None = None


def _judged(name: str) -> Callable[[Overview, Sample], Values]:
    return lambda overview, _: _number((overview.judgement or {}).get(name))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100.0


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _since(moment: datetime | None, now: datetime) -> float | None:
    if moment is None:
        return None
    return (now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()


FIGURES = (
    Figure("loopcast_status", "1 for the status that the use case has.", lambda o, _: {o.status: 1.0}, "status"),
    Figure(
        "loopcast_update_age_seconds",
        "Seconds since the newest accepted update came.",
        lambda o, s: _since(o.arrived_at, s.taken_at),
    ),
    Figure(
        "loopcast_data_age_seconds",
        "Seconds since the last timestamp of the data, taken as UTC where the use case has no time zone.",
        lambda o, s: _since(o.data_end, s.taken_at),
    ),
    Figure("loopcast_cadence_seconds", "Seconds between updates as promised.", lambda o, _: _seconds(o.cadence)),
    Figure(
        "loopcast_overdue_seconds",
        "Seconds since the next update is overdue, after the grace; below 0: until it is.",
        lambda o, s: _since(o.overdue_at, s.taken_at),
    ),
    Figure(
        "loopcast_forecast_latency_seconds",
        "Seconds from an update's arrival to its first forecast, over the newest 30 versions.",
        lambda o, _: {"0.5": o.recent.latency_s(0.5), "0.95": o.recent.latency_s(0.95)},
        "quantile",
    ),
    Figure(
        "loopcast_mae",
        "Mean absolute error of the forecasts that the newest 30 versions scored, in the target's unit.",
        lambda o, _: o.recent.mae,
    ),
    Figure(
        "loopcast_promised_mae",
        "The error that the zoo in force promised for what was judged last, in the target's unit.",
        _judged("promised_mae"),
    ),
    Figure(
        "loopcast_judged_mae",
        "The error of what was judged last, in the target's unit.",
        _judged("production_mae"),
    ),
    Figure(
        "loopcast_skill_ratio",
        "Share by which that error is below the best seasonal naive's.",
        lambda o, _: _share(o.recent.skill_pct),
    ),
    Figure(
        "loopcast_coverage_ratio",
        "Share of actuals inside their interval.",
        lambda o, _: _share(o.recent.coverage_pct),
    ),
    Figure("loopcast_level_ratio", "Share of actuals that should be.", lambda o, _: _share(o.level_pct)),
    Figure(
        "loopcast_scored_forecasts",
        "Forecasts that the newest 30 versions scored.",
        lambda o, _: float(o.recent.scored),
    ),
    Figure(
        "loopcast_deterioration_score", "Statistic of the test that errors are worse than promised.", _judged("score")
    ),
    Figure("loopcast_deterioration_limit", "What that statistic must not exceed.", _judged("limit")),
    Figure("loopcast_worse_than_promised", "1 where it does.", _judged("is_worse")),
    Figure(
        "loopcast_concept_drift_score",
        "How far errors differ from those of the backtest, in standard deviations: bias, spread, autocorrelation.",
        lambda o, _: {sign["name"]: sign["score"] for sign in (o.judgement or {}).get("signs", ())},
        "sign",
    ),
    Figure(
        "loopcast_drifting_variables",
        "Variables whose own values are not as they were, among what was judged last.",
        lambda o, _: float(len(o.judgement.get("data_drift", ()))) if o.judgement else None,
    ),
    Figure(
        "loopcast_data_drift_score",
        "Strongest drift statistic of the newest profile over its limit; above 1 is drift.",
        lambda o, _: o.recent.drift_score,
    ),
    Figure(
        "loopcast_data_signals",
        "Control charts and drift tests that fired in the newest profile.",
        lambda o, _: _number(o.recent.signals),
    ),
    Figure(
        "loopcast_zoo_age_seconds",
        "Data time since the last target that the zoo in force was built on.",
        lambda o, _: _seconds(o.zoo_age),
    ),
    Figure("loopcast_zoo_pinned", "1 where a person has pinned a zoo.", lambda o, _: float(o.pinned is not None)),
    Figure("loopcast_versions", "Versions that ever took a number.", lambda o, _: float(o.recent.claimed)),
    Figure(
        "loopcast_refused_versions", "Refused ones among the newest 30 versions.", lambda o, _: float(o.recent.refused)
    ),
    Figure("loopcast_unfinished_versions", "Versions that wait for a run.", lambda o, _: float(len(o.unfinished))),
    Figure("loopcast_failed", "Versions, builds and zoos whose newest run failed.", lambda o, _: float(len(o.failed))),
    Figure(
        "loopcast_runs",
        "Runs that are queued or started now, and that failed in the last day.",
        lambda o, s: s.runs.get(o.use_case),
        "state",
    ),
    Figure("loopcast_builds", "Builds asked for so far.", lambda o, _: float(o.builds)),
    Figure("loopcast_zoos", "Zoos that passed their gate so far.", lambda o, _: float(o.zoos)),
    Figure("loopcast_decisions", "The newest 30 decisions.", lambda o, _: o.decisions, "action"),
    Figure("loopcast_alerts_open", "Open alerts.", lambda o, _: _number(o.alerts)),
)


@dataclass(frozen=True)
class PlatformFigure:
    """One figure of the platform as a whole.

    Args:
        name: as Prometheus has it, with its unit.
        text: what it is.
        read: its value; None: not known, and left out.
    """

    name: str
    text: str
    read: Callable[[Sample], float | None]


PLATFORM_FIGURES = (
    PlatformFigure("loopcast_use_cases", "Use cases.", lambda s: float(len(s.overviews))),
    PlatformFigure("loopcast_daemon_up", "1 where the daemon lives.", lambda s: _number(s.daemon)),
    PlatformFigure(
        "loopcast_daemon_heartbeat_age_seconds",
        "Seconds since the daemon's last sign of life.",
        lambda s: s.heartbeat_age_s,
    ),
    PlatformFigure("loopcast_lake_up", "1 where the lake can be written and read.", lambda s: float(s.lake is None)),
    PlatformFigure("loopcast_scrape_seconds", "How long these figures took to gather.", lambda s: s.seconds),
)


def expose(sample: Sample) -> bytes:
    """Return the figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(sample))
    return generate_latest(registry)


class _Collector:
    """Gives a sample to a registry."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def collect(self) -> Iterable[Metric]:
        """Yield one family per figure."""
        for figure in FIGURES:
            family = GaugeMetricFamily(
                figure.name, figure.text, labels=["use_case", *([figure.label] if figure.label else [])]
            )
            for overview in self._sample.overviews:
                for labels, value in _spread(figure.read(overview, self._sample)):
                    family.add_metric([overview.use_case, *labels], value)
            yield family
        for of_all in PLATFORM_FIGURES:
            whole = GaugeMetricFamily(of_all.name, of_all.text)
            known = of_all.read(self._sample)
            if known is not None:
                whole.add_metric([], known)
            yield whole


def _spread(values: Values) -> Iterable[tuple[list[str], float]]:
    """Yield each value that is known with its label."""
    if isinstance(values, Mapping):
        yield from (([label], value) for label, value in values.items() if value is not None)
    elif values is not None:
        yield [], values
