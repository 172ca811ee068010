"""Leakage: 1,000 random cutoffs over random panels; nothing that came later, or was not there yet, changes anything.

Forecasts of members and of whole zoos, feature matrices, members updated up to the cutoff, and backtest cells.
"""

import time
from datetime import UTC, datetime

from history import keep

from leakage import count_violations

CASES, CUTOFFS, LEARNING = 20, 50, 2


def main() -> None:
    """Print how much was looked at, and the violations, which must be none."""
    started = time.process_time()
    looked, wrong = count_violations(CASES, CUTOFFS, n_learning=LEARNING)
    print(f"{CASES * CUTOFFS} random cutoffs over {CASES} random panels, {CASES * LEARNING} more for what learns")
    print(f"{'what':<18}{'looked at':>12}{'violations':>12}")
    for what, count in looked.items():
        print(f"{what:<18}{count:>12}{wrong[what]:>12}")
    spent = time.process_time() - started
    print(f"{'all':<18}{looked.total():>12}{wrong.total():>12}")
    figures = {"looked_at": looked.total(), "violations": wrong.total()}
    keep("leakage", figures, now=datetime.now(UTC), cpu_s=spent)


if __name__ == "__main__":
    main()
