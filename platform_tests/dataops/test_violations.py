from loopcast.dataops.violations import VIOLATION_LIMIT, Findings, Refusal, Violation, join_findings

WRONG = Violation("not_a_number", "'x'", "a number", 3, "load", "write a number")


def test_a_refusal_survives_the_way_through_a_dict():
    refusal = Refusal("update.csv", (WRONG, Violation("no_rows", "no rows", "rows", None, None, "send rows")), 2)
    assert Refusal.from_dict(refusal.to_dict()) == refusal


def test_the_summary_names_file_rule_row_column_and_what_to_do():
    summary = Refusal("update.csv", (WRONG,), 1).summary()
    for part in ("update.csv", "1 violation ", "not_a_number", "row 3", "column load", "'x'", "write a number"):
        assert part in summary


def test_the_summary_is_bounded_and_says_how_many_more_there_are():
    long = Violation("rule", "f" * 200, "e" * 200, 1, "c" * 200, "a" * 200)
    summary = Refusal("u.csv", (long,) * 1_000, 5_000).summary()
    assert len(summary) <= 2_000
    assert "5000 violations" in summary
    assert "and 4995 more" in summary


def test_joined_findings_are_in_row_order_and_cut_but_all_counted():
    later = Findings.of(*[Violation("b", "", "", row, None, "") for row in range(600, 0, -1)])
    whole_file = Findings.of(*[Violation("a", "", "", None, None, "")] * 600)
    joined = join_findings([later, whole_file])
    assert joined.total == 1_200
    assert len(joined.violations) == VIOLATION_LIMIT
    assert [violation.row for violation in joined.violations[598:602]] == [None, None, 1, 2]


def test_the_table_of_violations_keeps_a_missing_row_missing():
    frame = Refusal("u.csv", (WRONG, Violation("no_rows", "none", "rows", None, None, "send")), 2).to_frame()
    assert frame["row"].tolist()[0] == 3
    assert frame["row"].isna().tolist() == [False, True]
    assert frame["column"].isna().tolist() == [False, True]


def test_the_table_of_no_violations_has_the_same_columns():
    assert list(Refusal("u.csv", (), 0).to_frame().columns) == ["rule", "row", "column", "found", "expected", "action"]
