"""The machine: values, mechanics, core, log, agents, outputs, runtimes, command line.

Nothing is imported here, so that each part loads only what it needs. Start reading at
`lifeline.engine.core` (what an entry does) or `lifeline.engine.embedded` (what runs a plant).
"""
