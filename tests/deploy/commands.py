"""Says whether the product's own command line would take some words, without running anything."""

from collections.abc import Sequence
from typing import Any

import typer.main

from vision.cli import app


def parsed(words: Sequence[str]) -> dict[str, Any]:
    """The values of the command's parameters; raises what the command line would say of wrong ones."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    context = None
    while hasattr(command, "resolve_command"):
        context = command.make_context(rest[0] if context else "vision", rest, parent=context)
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
    return dict(command.make_context(name, rest, parent=context).params)
