"""`python -m vision` is the same as the command `vision`."""

from vision.cli import main

main()
