"""Bad files of every sort through a real store: how many are refused by name."""

import tempfile

from bad_input_stores import count_refusals
from bad_inputs import list_bad_inputs


def main() -> None:
    """Print the count; a file that makes anything raise ends the run with its stack trace."""
    with tempfile.TemporaryDirectory() as folder:
        print(count_refusals(folder, list_bad_inputs()))
