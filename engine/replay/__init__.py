"""Recorded data against rules, and a log against itself: the same `core.step` as live.

columns  times       what the columns of a file mean
tables               CSV, JSON lines and Parquet to samples
recorded             samples alone, stepped self-clocked
logged               a log's samples by their own times
series               a database's samples, slice by slice: influx_series, stored_series
history              a log: verbatim, or its samples and ticks under other rules
digest               whether a log leads to the records that it left
"""
