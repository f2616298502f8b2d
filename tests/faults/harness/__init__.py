"""The fault harness: the real engine as a process, killed and started again, and what it left.

plant     simulated sites whose noise makes alarms all the time
child     the script that runs the engine, observed, and with a mutant where a control wants one
mutants   the six engines that are wrong, of which the harness must catch each
engine    one life of the engine after another
publishers  real telemetry, each site with its ledger
people    who acknowledges and shelves meanwhile
evidence  what was promised, compared with what lies on the disk
tail      what the log holds so far
campaign  all of it together: a plan of deaths
verdict   what was found
"""
