"""Alerts end to end without Dagster: findings go in, a real mail server on this machine says what people got."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alert_servers import MailSink
from loopcast.alerts.alert import Finding, Over
from loopcast.alerts.targets import AlertSettings
from loopcast.loop.alerts.book import BOOK, Observed, read_book
from loopcast.loop.alerts.mutes import Mute, mute
from loopcast.loop.alerts.rounds import Round, tell, try_targets
from loopcast.loop.project import Project
from made_use_case import YAML, make_project

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OUTPUT = Finding(
    kind="failed_check",
    asset="forecast",
    rule="output",
    severity="error",
    at=START,
    event="e0",
    found="Broken: lower <= upper (3 rows)",
    expected="no rule of its schema is broken",
    to_do="Look at the check.",
    path="/assets/counts/forecast?view=checks&checkDetail=output",
    version="v00000001",
)
DRIFT = replace(OUTPUT, asset="profile", rule="drift", severity="warning", found="two variables drift")
NOTHING = Observed()


class Desk:
    """A use case whose people get mail, and a clock that a test moves."""

    def __init__(self, folder: Path, alerts: str = "channels: [{kind: mail}]") -> None:
        self.yaml = YAML.format(name="counts").replace("steward:", f"alerts: {{{alerts}}}\n  steward:")
        self.folder, self.now = folder, START
        self.project: Project = make_project(folder, yaml=self.yaml)
        self.sink = MailSink()
        self.sink.start()

    def look(self, observed: Observed = NOTHING, *, after: timedelta = timedelta()) -> Round:
        self.now += after
        environment = {"LOOPCAST_SMTP": self.sink.url, "LOOPCAST_ALERTS_FROM": "loopcast@example.org"}
        self.settings = AlertSettings(self.folder / "alerts", "http://ui.example.org", environment)
        return tell(self.project, observed, settings=self.settings, now=self.now)

    def find(self, *findings: Finding, after: timedelta = timedelta()) -> Round:
        at = self.now + after
        dated = tuple(replace(finding, at=at, event=f"{at} {finding.event}") for finding in findings)
        return self.look(Observed(dated), after=after)

    def end(self, *findings: Finding, after: timedelta = timedelta()) -> Round:
        at = self.now + after
        return self.look(
            Observed(over=tuple(Over(one.key, at, "passes with v00000011") for one in findings)), after=after
        )

    def restart(self) -> None:
        """Open everything anew, as after a crash: nothing is kept but what is on the disk."""
        self.project = make_project(self.folder)

    @property
    def subjects(self) -> list[str]:
        return [mail.subject.removeprefix("[loopcast] counts: ") for mail in self.sink.mails]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.sink.stop()


def open_desk(folder: Path, alerts: str) -> Desk:
    return Desk(folder, alerts)


def test_ten_repeats_of_the_same_failure_are_one_mail_and_its_end_another(desk: Desk) -> None:
    for number in range(10):
        desk.find(replace(OUTPUT, version=f"v{number + 1:08d}"), after=20 * MINUTE)
        desk.restart()
    assert desk.subjects == ["error: check output of forecast fails (v00000001)"]
    desk.end(OUTPUT, after=20 * MINUTE)
    desk.restart()
    for _ in range(5):
        desk.look(after=20 * MINUTE)
    assert desk.subjects[1:] == ["resolved: check output of forecast fails (v00000010)"]
    assert "2026-03-02 08:20 UTC, 10 times, last 2026-03-02 11:20 UTC" in desk.sink.mails[1].text
    assert read_book(desk.project).alerts == ()


def test_a_mail_says_all_that_whoever_is_on_call_needs(desk: Desk) -> None:
    desk.find(OUTPUT)
    (mail,) = desk.sink.mails
    assert mail.to == ("ana@example.org",)
    assert mail.content["From"] == "loopcast@example.org"
    assert mail.text.splitlines() == [
        "error: check output of forecast fails (v00000001)",
        "  asset     counts/forecast",
        "  version   v00000001",
        "  rule      output",
        "  found     Broken: lower <= upper (3 rows)",
        "  expected  no rule of its schema is broken",
        "  since     2026-03-02 08:00 UTC, once",
        "  to do     Look at the check.",
        "  look      http://ui.example.org/assets/counts/forecast?view=checks&checkDetail=output",
        "",
        "All that is open: loopcast alerts list counts",
    ]


def test_the_same_occurrence_met_again_is_no_repeat_and_nothing_is_written(desk: Desk) -> None:
    seen = Observed((OUTPUT,), marks={"runs": "1"})
    desk.look(seen)
    written = len(desk.project.store.references.history(BOOK))
    for _ in range(3):
        desk.look(seen, after=MINUTE)
    assert len(desk.project.store.references.history(BOOK)) == written == 2
    assert read_book(desk.project).alerts[0].count == 1


def test_what_fails_again_after_its_end_was_told_is_told_again(desk: Desk) -> None:
    desk.find(OUTPUT)
    desk.end(OUTPUT, after=MINUTE)
    desk.look(after=30 * MINUTE)
    desk.find(OUTPUT, after=MINUTE)
    desk.look(after=30 * MINUTE)
    assert [subject.partition(":")[0] for subject in desk.subjects] == ["error", "resolved", "error"]


def test_what_fails_again_before_its_end_was_told_goes_on_silently(desk: Desk) -> None:
    desk.find(OUTPUT)
    desk.end(OUTPUT, after=30 * MINUTE)
    desk.find(OUTPUT, after=MINUTE)
    desk.look(after=30 * MINUTE)
    assert len(desk.subjects) == 1
    assert read_book(desk.project).alerts[0].count == 2


def test_a_warning_waits_for_the_digest_and_is_not_told_when_it_is_over_by_then(desk: Desk) -> None:
    desk.find(DRIFT)
    desk.end(DRIFT, after=5 * MINUTE)
    desk.look(after=30 * MINUTE)
    assert desk.subjects == []
    desk.find(DRIFT)
    desk.look(after=11 * MINUTE)
    assert desk.subjects == ["warning: check drift of profile fails (v00000001)"]


def test_a_warning_that_becomes_an_error_is_told_again(desk: Desk) -> None:
    desk.find(DRIFT)
    desk.look(after=11 * MINUTE)
    desk.find(replace(DRIFT, severity="error"), after=11 * MINUTE)
    assert [subject.partition(":")[0] for subject in desk.subjects] == ["warning", "error"]


def test_who_was_told_of_the_end_is_told_when_it_fails_again_and_the_others_need_not(tmp_path: Path) -> None:
    desk = open_desk(
        tmp_path,
        "channels: [{kind: mail, to: [eva@example.org]}, "
        "{kind: mail, name: days, to: [dan@example.org], quiet: '09:00-10:00'}]",
    )
    desk.find(OUTPUT)
    desk.end(OUTPUT, after=55 * MINUTE)
    desk.look(after=11 * MINUTE)
    desk.find(OUTPUT, after=11 * MINUTE)
    desk.look(after=timedelta(hours=1))
    got = [(mail.to[0][:3], mail.subject.partition("counts: ")[2].partition(":")[0]) for mail in desk.sink.mails]
    assert got == [("eva", "error"), ("dan", "error"), ("eva", "resolved"), ("eva", "error")]
    desk.sink.stop()


def test_what_comes_up_within_the_digest_goes_out_in_one_mail_errors_first(desk: Desk) -> None:
    desk.find(OUTPUT)
    for asset in ("dataset", "accuracy_report"):
        desk.find(replace(OUTPUT, asset=asset), after=MINUTE)
    desk.find(DRIFT, after=MINUTE)
    desk.end(OUTPUT, after=MINUTE)
    assert len(desk.subjects) == 1
    desk.look(after=8 * MINUTE)
    assert desk.subjects[1:] == ["2 errors, 1 warning, 1 resolved"]
    heads = [line for line in desk.sink.mails[1].text.splitlines() if line and not line.startswith((" ", "All"))]
    assert [head.partition(":")[0] for head in heads] == ["error", "error", "warning", "resolved"]


def test_a_mail_server_that_is_down_loses_nothing_and_gets_one_mail_when_it_is_back(desk: Desk) -> None:
    desk.sink.stop()
    down = desk.find(OUTPUT)
    assert "does not take it" in dict(down.problems)["mail:ana@example.org"]
    for number in range(6):
        desk.restart()
        desk.find(replace(OUTPUT, rule=f"clause_{number}"), after=10 * MINUTE)
    desk.end(replace(OUTPUT, rule="clause_0"), after=MINUTE)
    assert len(read_book(desk.project).letters) == 1
    desk.sink.start()
    desk.look(after=timedelta(hours=1))
    desk.look(after=timedelta(minutes=11))
    assert desk.subjects == ["error: check output of forecast fails (v00000001)", "5 errors, 1 resolved"]
    assert read_book(desk.project).letters == ()
    assert "over: check clause_0 of forecast fails" in desk.sink.mails[1].text


def test_retries_wait_twice_as_long_each_time_and_at_most_an_hour(desk: Desk) -> None:
    desk.sink.stop()
    desk.find(OUTPUT)
    waits = []
    for _ in range(10):
        (letter,) = read_book(desk.project).letters
        waits.append((letter.next_at - desk.now).total_seconds())
        desk.look(after=letter.next_at - desk.now)
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_letter_that_arrived_before_a_crash_is_sent_again_with_the_same_id(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("loopcast.loop.alerts.rounds._deliver", lambda *_, **__: 1 / 0)  # dies before it can send
        with pytest.raises(ZeroDivisionError):
            desk.find(OUTPUT)
    (letter,) = read_book(desk.project).letters
    desk.restart()
    desk.look(after=MINUTE)
    assert [str(mail.content["Message-ID"]) for mail in desk.sink.mails] == [f"<{letter.message.id}@loopcast.invalid>"]


def test_an_error_that_stays_is_told_again_daily_and_a_warning_is_not(desk: Desk) -> None:
    desk.find(OUTPUT, DRIFT)
    for _ in range(48):
        desk.look(after=timedelta(hours=1))
    assert desk.subjects == ["1 error, 1 warning"] + ["still error: check output of forecast fails (v00000001)"] * 2


def test_two_recipients_get_one_mail_each_with_what_either_of_their_channels_wants(tmp_path: Path) -> None:
    desk = open_desk(
        tmp_path,
        "channels: [{kind: mail, to: [eva@example.org, dan@example.org], kinds: [failed_run]}, "
        "{kind: mail, name: all, to: [eva@example.org], least: error}]",
    )
    desk.find(OUTPUT, DRIFT, replace(OUTPUT, kind="failed_run", rule="run"))
    got = {mail.to: mail.subject.partition("counts: ")[2] for mail in desk.sink.mails}
    assert got == {
        ("eva@example.org",): "2 errors",
        ("dan@example.org",): "error: the run of forecast failed (v00000001)",
    }
    desk.sink.stop()


def test_one_recipient_whom_the_server_refuses_keeps_nobody_else_from_being_told(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, "channels: [{kind: mail, to: [eva@example.org, dan@example.org]}]")
    desk.sink.refused = ("eva@example.org",)
    done = desk.find(OUTPUT)
    assert "550" in dict(done.problems)["mail:eva@example.org"]
    desk.look(after=timedelta(hours=2))
    assert [mail.to for mail in desk.sink.mails] == [("dan@example.org",)]
    desk.sink.stop()


def test_in_quiet_hours_nothing_is_told_and_afterwards_all_of_it(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, "channels: [{kind: mail, quiet: '22:00-09:00'}]")
    desk.find(OUTPUT)
    desk.look(after=59 * MINUTE)
    assert desk.subjects == []
    desk.look(after=MINUTE)
    assert len(desk.subjects) == 1
    desk.sink.stop()


def test_what_is_muted_is_counted_and_told_when_the_mute_ends(desk: Desk) -> None:
    mute(desk.project, Mute("failed_check", START + timedelta(hours=4), "ana", "repairs"), now=START)
    for _ in range(3):
        desk.find(OUTPUT, replace(OUTPUT, kind="overdue", rule="freshness"), after=timedelta(hours=1))
    assert desk.subjects == ["error: forecast is overdue (v00000001)"]
    desk.look(after=timedelta(hours=2))
    assert desk.subjects[1:] == ["error: check output of forecast fails (v00000001)"]
    assert "3 times" in desk.sink.mails[1].text


def test_a_mute_is_taken_back_by_one_that_ends_now(desk: Desk) -> None:
    mute(desk.project, Mute("*", START + timedelta(hours=4), "ana", "repairs"), now=START)
    assert mute(desk.project, Mute("*", START, "ana", "done"), now=START) == []
    desk.find(OUTPUT)
    assert len(desk.subjects) == 1


def test_a_trial_goes_to_every_target_and_says_where_it_did_not_arrive(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, "channels: [{kind: mail}, {kind: file}, {kind: slack, url: {env: NO_SLACK}}]")
    desk.look()
    problems = try_targets(desk.project, settings=desk.settings, now=START)
    assert [bool(problem) for problem in problems.values()] == [False, False, True]
    assert "the variable NO_SLACK is not set" in problems["slack"]
    assert "somebody tries whether alerts arrive" in desk.sink.mails[0].text
    assert read_book(desk.project).alerts == ()
    desk.sink.stop()
