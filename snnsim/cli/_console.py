"""What the commands share: where they write and how they fail."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from snnsim._errors import SnnsimError


def tell(message: str) -> None:
    """One line on stderr, which leaves stdout to results."""
    typer.echo(message, err=True)


@contextmanager
def clear_errors(interrupted: str = "interrupted") -> Iterator[None]:
    """End the command with one line: code 2 after an error of snnsim's, 130 after Ctrl-C."""
    try:
        yield
    except SnnsimError as error:
        tell(f"snnsim: {' '.join(str(error).split())}")
        raise typer.Exit(2) from error
    except KeyboardInterrupt as interrupt:
        tell(f"snnsim: {interrupted}")
        raise typer.Exit(130) from interrupt
