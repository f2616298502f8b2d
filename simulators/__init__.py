"""Plants that do not exist, described well enough to be judged: physics, instruments, labels, load.

    incidents  faults            what goes wrong, as labels with times and expected levels
    manhole  hydraulics  embankment      the physics: gas in a box, water in a pipe, a wet dam
    rhythm  sensor               the day, and what an instrument makes of the truth
    plant  stream                points and gateways; the deterministic stream of samples
    city_gas  pipeline  tailings  sites  the three sites, and their registry
    shapes  publish  ledger  audit       payloads, real MQTT, what was sent, what arrived
    configs                      the configuration that an engine needs to read them

Everything but `publish` is pure: no wall clock, no socket, the same result for the same seed.
"""
