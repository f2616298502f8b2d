"""The command line `lifeline`: one module a command; nothing heavy is imported before it is needed.

    app  exits                       the commands together; what their exit codes mean
    console  format  plant_files     the terminal; records as lines; where a plant's data are
    check  schema  acl               files
    run  replay  digest              the engine, live and again
    alerts  commands  doctor         beside a running engine

Commands of other rooms come by the entry point group `lifeline.commands`: a function with typer's
annotations, found by name.
"""

from .app import main

__all__ = ["main"]
