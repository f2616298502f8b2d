"""Rule kinds, one a file, found through the entry points `lifeline.rules`.

`<kind>.py` registers the kind, `<kind>_spec.py` is its written form and compiler, `<kind>_kernels.py`
its measure where that is not the value itself.
"""
