"""What a command ends with, in this process."""

from models.system.errors import run_main


def exit_code(main, words) -> int:
    """Exit code of ``main``, whether it returns, refuses, or argparse stops it."""
    try:
        return run_main(main, [str(word) for word in words])
    except SystemExit as stop:
        return stop.code
