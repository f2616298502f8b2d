"""`python -P -m lifeline.engine.cli`, for processes that a command starts itself."""

from . import main

main()
