"""What the commands share: bounds of their options, where they write and how they fail."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from snnsim._errors import SnnsimError

MAX_SEED = 2**63 - 1


def tell(message: str) -> None:
    """One line on stderr, which leaves stdout to results."""
    typer.echo(message, err=True)


@contextmanager
def clear_errors(interrupted: str = "interrupted") -> Iterator[None]:
    """End the command with one line: code 2 after an error of snnsim's or of the file system, 130 after Ctrl-C."""
    try:
        yield
    except SnnsimError as error:
        tell(f"snnsim: {' '.join(str(error).split())}")
        raise typer.Exit(2) from error
    except BrokenPipeError:  # the reader of stdout has gone, which Typer handles
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        tell(f"snnsim: {where}{error.strerror or error}")
        raise typer.Exit(2) from error
    except KeyboardInterrupt as interrupt:
        tell(f"snnsim: {interrupted}")
        raise typer.Exit(130) from interrupt
