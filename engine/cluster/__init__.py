"""The cluster: the same core on Kafka. Nothing here is imported before it is used.

spec          how the cluster is reached, as `lifeline.yaml` says; secrets
topics        names and settings of the topics; which partition a site is in
partitioning  a city's configuration taken apart by partition
configs       configurations on their topic: whole or as delta, in chunks
apply, admin  what `lifeline cluster init|apply|status|lag` does
connection    the same settings for aiokafka and for faust
"""
