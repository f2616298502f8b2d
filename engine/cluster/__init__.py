"""The cluster: the same core on Kafka. Nothing here is imported before it is used.

spec          how the cluster is reached, as `lifeline.yaml` says; secrets
topics        names and settings of the topics; which partition a site is in
partitioning  a city's configuration taken apart by partition
configs       configurations on their topic: whole or as delta, in chunks
apply, admin  what `lifeline cluster init|apply|status|lag` does
connection    the same settings for aiokafka and for faust

loop          the Kafka clients' event loop in a thread, for everything that is threads
node          what agents and sinks have in common; following: the configuration in force
agent         the plant's side: splitting, forward: from the local log to Kafka, in order
sink          outputs on a mirror of the alert topics: mirror, mirror_store, sequence, delivered
sink_mqtt, sink_influx    two of them; topic_log: series straight from the log
sink_calls    call and respond on such a mirror
commands      into the log of a site's partition or an area's, and the answers
"""
