"""The cluster's fault harness: real workers on a real Kafka, killed, frozen and moved, and what is left.

recording  a simulated city through its real configuration and decoders, stepped once by one core
feeding    its entries into the partitions, verbatim, in step with what is done to the workers
nursery    a process that has everything loaded and forks workers, so that a life begins at once
fleet      the workers of a run: started, killed, frozen, replaced
reading    what lies on the topics, by plain Kafka clients
evidence   the alert topic against the recording and against one replay of the log
deaths     when and where they are killed
plots      what happens to the workers of a run
campaign   all of it together: a run
live       a run by the clock, without a recording
verdict    what was found
mutants    the workers that are wrong, of which the harness must catch each
"""
