"""`facedetect` and `python -m facedetect`: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly, even while it is still being imported."""
    try:
        from facedetect.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        sys.exit(130)  # cli.exit_codes.INTERRUPTED, which may not be imported yet


if __name__ == "__main__":
    main()
