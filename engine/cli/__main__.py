"""`python -P -m lifeline.engine.cli`, for processes that a command starts itself."""

from . import main

if __name__ == "__main__":
    main()
