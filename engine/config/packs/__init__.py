"""Packs: rules of a domain with the source of each limit, which a site takes and may change with a reason.

    pack = Library(base, problems).find("gas.combustible")    # its written form
    written = Taking(…).written(…)                            # its rules as rules of lifeline.yaml

A pack becomes plain rules, `<pack>.<rule>`: the core, the hash and a replay know nothing of packs.
"""
