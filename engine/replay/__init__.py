"""Recorded data against rules, and a log against itself: the same `core.step` as live.

columns  times       what the columns of a file mean
tables               CSV and Parquet to samples
recorded             samples alone, stepped self-clocked
history              a log: verbatim, or its samples and ticks under other rules
digest               whether a log leads to the records that it left
"""
