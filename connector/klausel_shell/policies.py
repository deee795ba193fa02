"""Commands about policy files."""

from __future__ import annotations

import click


@click.command()
@click.option("--result", is_flag=True, help="That of what preview --format json prints.")
def schema(result: bool) -> None:
    """Print the JSON Schema of policy files, for editors.

    In an editor with a YAML language server, save it as policy.schema.json beside the policy and
    begin the file with: # yaml-language-server: $schema=policy.schema.json
    """
    from klausel_run.schema import schema_text

    click.echo(schema_text("result" if result else "policy"), nl=False)


#: What the command line adds to its own.
COMMANDS: tuple[click.Command, ...] = (schema,)
