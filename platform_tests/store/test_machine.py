"""Whatever is done in whatever order, the store says what a plain dict says."""

from store_machine import run_machine


def test_the_store_is_what_a_plain_dict_says():
    done = run_machine(examples=8, steps=22, derandomize=True)
    assert set(done) == {
        "claim",
        "settle",
        "send_again",
        "read",
        "compare",
        "checkpoint",
        "erase",
        "reopen",
        "meet_a_fault",
        "meet_a_fault_while_erasing",
    }
