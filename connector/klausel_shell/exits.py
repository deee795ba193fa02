"""What went wrong, as an exit code and a sentence.

0 done, 1 findings or held items where asked to fail on them, 2 bad input or configuration,
3 the ERP refused or is unreachable, 70 our own bug.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback

import click

from klausel_shell.out import say

EXIT_FINDINGS, EXIT_INPUT, EXIT_ERP, EXIT_BUG = 1, 2, 3, 70
EXIT_INTERRUPTED = 130

_kept: list[object] = []


def keep(value: object) -> None:
    """Keeps a large ``value`` as long as the process lives, or until the next one: a process that
    ends right after is not to take it down piece by piece."""
    _kept[:] = [value]


def run(command: click.Command, arguments: list[str]) -> int:
    """Exit code of ``command`` with ``arguments``. Never raises for a user's mistake."""
    from klausel.problems import ErpError, ProblemError

    streams = sys.stdout, sys.stderr
    try:
        code = command.main(args=arguments, prog_name="klausel", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.Abort:
        say("interrupted; nothing was changed", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        stream = io.StringIO()
        error.show(stream)
        say(stream.getvalue(), err=True, end="")
        return EXIT_INPUT
    except ProblemError as error:
        say("\n".join(str(found) for found in error.problems), err=True)
        return EXIT_INPUT
    except ErpError as error:
        say(f"error: {error}", err=True)
        return EXIT_INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else EXIT_ERP
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit:
        if sys.stdout is streams[0]:
            raise
        sys.stdout, sys.stderr = streams  # click wraps them where the reader has gone, and exits
        return _nobody_reads()
    except OSError as error:
        return _file_failed(error)
    except Exception as error:
        return _bug(error)


def _nobody_reads() -> int:
    """The reader has seen enough (``| head``): that is no mistake."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _file_failed(error: OSError) -> int:
    """A file, a folder or the output cannot be used: that is the machine's doing, not ours."""
    if error.errno is None:
        return _bug(error)
    said = (error.strerror or "it cannot be used").lower()
    if error.filename is None:
        said = "no space is left" if error.errno == errno.ENOSPC else said
        say(f"error: the output cannot be written: {said}", err=True)
    else:
        say(f"error: {os.fsdecode(error.filename)}: {said}", err=True)
        say("    see that it is there and that you may use it", err=True)
    if os.environ.get("KLAUSEL_DEBUG"):
        say("".join(traceback.format_exception(error)), err=True, end="")
    return EXIT_INPUT


def _bug(error: Exception) -> int:
    say(f"internal error: {type(error).__name__}: {error}", err=True)
    say("    This is a mistake in Klausel; no customer is half written. Report it", err=True)
    say("    with the output of the same command after: export KLAUSEL_DEBUG=1", err=True)
    if os.environ.get("KLAUSEL_DEBUG"):
        say("".join(traceback.format_exception(error)), err=True, end="")
    return EXIT_BUG
