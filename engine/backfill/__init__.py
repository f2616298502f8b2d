"""Samples and alert records of a time written to the outputs again, beside a running engine.

windows      what is to be written: of a log, its outboxes, or files
writers      where to: InfluxDB by a connection of its own, the embedded store by its owner
pacing       how fast: behind the live outputs, at a bounded rate
progress     how far it has come, durably, so that it can go on
job          one after the other
"""
