"""Real servers for tests and benchmarks, started on 127.0.0.1 at free ports.

    mosquitto.py   the MQTT broker, and the independent clients mosquitto_sub and mosquitto_pub
    influx.py      InfluxDB 1.8.10 with its v2 write and query API
    kafka.py       Apache Kafka in KRaft mode, with a second listener by TLS and SCRAM
    process.py     what they have in common: start, stop, kill -9, restart on the same data
    ports.py       free ports that no outgoing connection can take while a server is down
    binaries.py    where the programs are, and what to say when they are not
    fixtures.py    the pytest fixtures `mosquitto`, `start_mosquitto`, `influx`, `start_influx`,
                   `kafka` (one for all tests), `kafka_prefix`, `start_kafka`

A server that is missing fails the test that asked for it; nothing is skipped.
`make integration` installs them.
"""
