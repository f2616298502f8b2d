"""Outputs: what leaves the engine, each by a thread and a durable cursor of its own.

    topics, text, payload, standing, commands, health      the MQTT contract, pure
    window, mqtt_output                                    MQTT: records, alerts, states, commands
    lineprotocol, influx_retry                             InfluxDB: encoding and retry, pure
    influx_http, influx_feeds, influx_output               InfluxDB: series and alerts
    acl, passwords                                         Mosquitto's files
    owner                                                  outputs of one process, watched
    ports                                                  what is needed of the log and of MQTT

An output that is down delays nothing else: it reads the log or the outbox at its own pace.
"""
