"""`sinet completion`: the words that a shell completes."""

import click

HELP = """Print the script that completes sinet in a shell.

\b
bash:  sinet completion bash >> ~/.bashrc
zsh:   sinet completion zsh >> ~/.zshrc
fish:  sinet completion fish > ~/.config/fish/completions/sinet.fish
"""


@click.command("completion", help=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print; the help text is `HELP`."""
    from click.shell_completion import get_completion_class

    from sinet.cli import COMPLETION_VARIABLE, group

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(group, {}, "sinet", COMPLETION_VARIABLE).source())
    return 0
