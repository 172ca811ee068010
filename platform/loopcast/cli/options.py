"""Options and arguments that several commands share."""

import click

use_case_argument = click.argument("use_case")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
version_option = click.option(
    "--version", "version", default=None, help="Version key, for instance v00000017; default: the newest."
)
