"""The slow oracle: docs/semantics.md in the most obvious plain Python, and data to compare by.

Nothing here may import the engine beyond its values (frame, quality, rule, configuration, entry,
command, record, level, limits), so that the two implementations can only agree by the page.
"""
