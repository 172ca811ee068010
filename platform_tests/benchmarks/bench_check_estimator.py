"""sktime's own conformance suite for ModelZoo: passed / total, and what failed."""

import time
import warnings

from sktime.utils.estimator_checks import check_estimator

from loopcast import ModelZoo


def main() -> None:
    """Print how many checks passed, with nothing excluded."""
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(ModelZoo, verbose=False)
    failed = {name: result for name, result in results.items() if result != "PASSED"}
    print(f"{len(results) - len(failed)} / {len(results)} passed, {time.process_time() - begun:.1f} CPU s")
    for name, error in failed.items():
        print(f"  {name}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
