"""Commands about contracts: what the data's provider promises, whether it is kept, what a new version would break."""

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_record
from loopcast.cli.read import open_use_case
from loopcast.use_case.contract import to_contract_yaml, to_odcs


@click.group(epilog="Example: loopcast contract show interstate_traffic > contract.yaml")
def contract() -> None:
    """What the data's provider promises, in the Open Data Contract Standard."""


@contract.command(epilog="Example: loopcast contract show interstate_traffic > contract.yaml")
@use_case_argument
@json_option
def show(use_case: str, as_json: bool) -> None:
    """Print the contract as YAML; where there is no contract.yaml, the one that defs.yaml makes."""
    document = to_odcs(open_use_case(use_case).use_case)
    if as_json:
        print_record(document, as_json=True)
    else:
        click.echo(to_contract_yaml(document), nl=False)
