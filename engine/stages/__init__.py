"""A stage: a core that is stepped from a log of its own on this machine's disk.

looping      the stepping thread
stepping     log → core → outbox          ticking        the log's time, and its ticks
snapshotting when, and on what            appending      one entry, durable
delivering   the outputs of its outbox
feeding      what other stages recorded, on its way into a log
call_stage   call and respond             call_feeding   what it hears, and drills

The embedded engine has one for its sites, its areas and its calls; in a cluster `lifeline sink calls`
has one for the calls, while sites and areas are stepped from Kafka (`cluster`).
"""
