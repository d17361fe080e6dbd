"""`label-pipeline`: the command line's way in and its exit codes; arguments are in `arguments`, deeds in `commands`.

Exit codes: 0 done (for nightly: published), 1 a gate stopped the night, 2 bad input or configuration,
3 a fault of the pipeline itself, or of the machine: a full disk, say.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from label_pipeline.arguments import parser
from label_pipeline.errors import MachineError, UserError, refused
from label_pipeline.remote import working

OK, STOPPED, BAD_INPUT, FAULT = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        # Each command is its own module, imported only when asked for, so that --help answers at once.
        with working(arguments):
            code: int = import_module(f"label_pipeline.commands.{arguments.command.replace('-', '_')}").run(arguments)
    except UserError as error:
        print(f"label-pipeline: {error}", file=sys.stderr)
        return FAULT if isinstance(error, MachineError) else BAD_INPUT
    except BrokenPipeError:
        return OK
    except KeyboardInterrupt:
        print("label-pipeline: interrupted; what was computed stays, the rest runs next time.", file=sys.stderr)
        return FAULT
    except Exception as error:  # Python's own exit code for it is 1, which says that a gate stopped the night
        told = refused(error)
        if told:
            print(f"label-pipeline: {told}", file=sys.stderr)
        else:
            traceback.print_exc()
        return FAULT
    return code


if __name__ == "__main__":
    sys.exit(main())
