"""Every named limit of the engine, with the reason for its number.

A limit that is reached is counted by whoever enforces it and told to the operator; none of them
drops an alarm. Times are in ns where the name ends in `_NS`.
"""

from __future__ import annotations

from typing import Final

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

# --- time and quality (design §4) ---------------------------------------------------------------
# A sample may be this far ahead of its receipt before its clock counts as faulty: NTP-less
# loggers drift by minutes a month, and a wrong time zone is off by at least 15 minutes.
FUTURE_ALLOWANCE_NS: Final = 5 * MINUTE_NS
# Network and batching delay that a timer waits for beyond its deadline unless the source names one.
GRACE_NS: Final = 2 * SECOND_NS
# A set clock must be seen on this many samples, intervals and seconds before it is believed.
CLOCK_SET_SAMPLES: Final = 3
CLOCK_SET_SPAN_NS: Final = 10 * SECOND_NS
CLOCK_SET_INTERVALS: Final = 3
# Older than this at append (or three intervals, or the source's reorder allowance): historic.
HISTORIC_AGE_NS: Final = MINUTE_NS
HISTORIC_INTERVALS: Final = 3
# A subject has caught up at the first tick this long after its last historic sample, or this long
# after its first one, whichever comes first.
CAUGHT_UP_QUIET_NS: Final = 10 * SECOND_NS
CAUGHT_UP_LATEST_NS: Final = 5 * MINUTE_NS
# A tick later than this after the one before it says `resumed`: the engine was blind.
BLIND_NS: Final = 5 * SECOND_NS
# The owner of a partition appends a tick at least this often.
TICK_INTERVAL_NS: Final = 2 * SECOND_NS
# A sensor is stale after this many of its own intervals (or heartbeats) without a sample.
STALE_INTERVALS: Final = 3

# --- windows (design §5) -------------------------------------------------------------------------
# The window is the last 12 panes, the current one included: an error of at most 1/12 of its length.
PANES: Final = 12

# --- entries and Frames (design §3) --------------------------------------------------------------
# Rows of one Frame: beyond it the columns no longer fit the second-level cache beside the state.
MAX_FRAME_ROWS: Final = 65_536
# Bytes of one entry: SQLite's own default limit for a BLOB is 1e9; a configuration of 100,000
# sensors takes about 3 MB compressed.
MAX_ENTRY_BYTES: Final = 256 * 1024 * 1024

# --- commands ------------------------------------------------------------------------------------
# Shelving always expires; the maximum by level (blue, yellow, orange, red): the graver, the shorter.
MAX_SHELVE_NS: Final = (7 * DAY_NS, 3 * DAY_NS, DAY_NS, 8 * HOUR_NS)
# Ids of commands that are remembered so that a repeat is harmless: an hour of one a second.
REMEMBERED_COMMANDS: Final = 4_096

# --- records -------------------------------------------------------------------------------------
# Digests of alarms' identities that are made with a plan, so that a flood of first alarms does not wait for
# them: some 0.5 s of a change of configuration. Those of further instances are made when they speak.
IDENTITIES_AHEAD: Final = 262_144

# --- units and durations -------------------------------------------------------------------------
# No delay or window of a rule is longer: ten years, so that a deadline added to any date of this
# century still fits a 64-bit count of nanoseconds (292 years).
LONGEST_DURATION_NS: Final = 3_660 * DAY_NS

# --- MQTT (engine/mqtt) --------------------------------------------------------------------------
# Messages a broker may send us unacknowledged (MQTT 5 says so in CONNECT; under 3.1.1 the broker's
# own window rules). Two commits' worth at the client's highest rate, so that a commit never stalls
# the flow, and little enough to be sent again after a crash.
MQTT_RECEIVE_WINDOW: Final = 4_096
# Received and not yet taken by the agent; at either limit the client stops reading its socket. Twice
# the window, so that acknowledged delivery alone never reaches it: only QoS 0 and brokers with a
# wider window of their own do.
MQTT_QUEUE_MESSAGES: Final = 2 * MQTT_RECEIVE_WINDOW
MQTT_QUEUE_BYTES: Final = 64 * 1024 * 1024
# One packet. A million samples in one JSON message is no telemetry; a broker refuses larger ones.
MQTT_MAX_PACKET_BYTES: Final = 1024 * 1024 + 65_536
# Publications without PUBACK: Mosquitto's own default window, so that order holds on a reconnect.
MQTT_PUBLISH_WINDOW: Final = 20
# Reconnecting: first soon (a broker restart takes about a second), then doubling, each drawn between
# half and the whole so that a thousand agents do not come back in one second. The maximum keeps a
# broker that is back from being missed for longer than an operator's patience.
MQTT_BACKOFF_FIRST_S: Final = 0.25
MQTT_BACKOFF_MOST_S: Final = 15.0
# A connection that lived this long was healthy: the backoff starts anew.
MQTT_STABLE_S: Final = 10.0
# So many lost connections in so long a time are a storm (a poison message, a taken client id).
MQTT_STORM_DISCONNECTS: Final = 5
MQTT_STORM_SPAN_S: Final = 60.0
# Connecting to a broker on a bad link takes seconds; waiting longer would hide that it is away.
MQTT_CONNECT_TIMEOUT_S: Final = 5.0
# A broker answers SUBSCRIBE at once; ten seconds without an answer is a fault.
MQTT_SUBACK_WITHIN_S: Final = 10.0
# A filter that is not wanted any more is held while messages may wait in the broker on its account, but
# no longer: where that is always so, they would be sent twice for ever. A queue that is a minute old is
# either kept by the broker whatever the filters are (Mosquitto) or thrown away for its size anyway.
MQTT_FILTER_HELD_S: Final = 60.0
# The loop thread turns at least once a second; name resolution and TLS can hold it for some seconds.
MQTT_LOOP_STUCK_S: Final = 30.0
# Not connected, or not reading for back-pressure, for so long is told.
MQTT_AWAY_TOLD_S: Final = 10.0
MQTT_PAUSED_TOLD_S: Final = 10.0
# The embedded broker is for one plant on one machine: agents, outputs, a console and some tools.
BROKER_CONNECTIONS: Final = 1_000
# What the embedded broker keeps per subscription filter for readers that are behind (16 x 8 MiB).
BROKER_SEGMENT_BYTES: Final = 8 * 1024 * 1024
BROKER_SEGMENTS: Final = 16
# Unacknowledged messages of the embedded broker to one client: rumqttd holds exactly so many,
# whatever its configuration says (measured), and closes the connection of a client that
# acknowledges in another order than it received.
BROKER_WINDOW: Final = 100

# --- configuration -------------------------------------------------------------------------------
# Problems of a check that are kept and shown; beyond them a person fixes the first and asks again.
MAX_PROBLEMS: Final = 1_000
# One configuration file: a tag list of 1,000,000 sensors with long names takes about 200 MB.
MAX_CONFIG_BYTES: Final = 256 * 1024 * 1024
# Depth and number of values of one YAML file, aliases expanded: ours are six deep, and 10,000
# sites take 100,000 values; a file of aliases of aliases would never end.
MAX_CONFIG_DEPTH: Final = 64
MAX_CONFIG_VALUES: Final = 2_000_000
# Bytes of an id, tenant or part of an area: seven of them and our prefix fit a topic many times
# over, and the log of a terminal still shows them.
MAX_NAME_BYTES: Final = 128
# Parts of an area path: city/district/street. Topics have a fixed depth because of it.
MAX_AREA_PARTS: Final = 3

# --- outputs (design §8) -------------------------------------------------------------------------
# MQTT messages beyond the durable cursor: what may be sent again after a crash. Mosquitto's own
# default window is 20 a client, so that more would only wait at the broker.
OUTPUT_WINDOW: Final = 20
# How often an output looks for new records where nobody woke it.
OUTPUT_POLL_NS: Final = 100_000_000
# Retained topics are taken as read when none came for this long; what comes later is still judged.
RETAINED_QUIET_NS: Final = SECOND_NS
# Retained state topics of one broker that are kept in memory while they are compared: ten alarms
# on each of 20,000 sensors. Beyond it the comparison is repeated after this part is settled.
MAX_RETAINED_TOPICS: Final = 200_000
# The health topic; three missed ones mean that the engine is silent.
HEALTH_INTERVAL_NS: Final = 10 * SECOND_NS
# A command is a few ids and a sentence; MQTT itself would allow 256 MB.
MAX_COMMAND_BYTES: Final = 16 * 1024
# Replies that wait to be published while the broker is away; the oldest go first, counted.
MAX_WAITING_REPLIES: Final = 1_024
# An output that stops waits this long for what is in flight; the rest is sent again later.
OUTPUT_STOP_NS: Final = 5 * SECOND_NS
# Points and uncompressed bytes of one write: InfluxDB advises 5,000 to 10,000 lines; 1.8 refuses
# more than 25 MB, InfluxDB Cloud more than 50.
INFLUX_BATCH_POINTS: Final = 10_000
INFLUX_BATCH_BYTES: Final = 4 * 1024 * 1024
# A batch that is not full waits this long for more; each write costs the server an fsync.
INFLUX_LINGER_NS: Final = 500_000_000
# One request, connect and answer together; InfluxDB's own write time-out is 10 s.
INFLUX_TIMEOUT_NS: Final = 30 * SECOND_NS
# Waits between attempts: doubled from the first to the last, with half of it at random.
INFLUX_RETRY_FIRST_NS: Final = SECOND_NS
INFLUX_RETRY_LAST_NS: Final = MINUTE_NS
# A Retry-After beyond this is taken as a mistake of the server: nobody wants a silent day.
INFLUX_RETRY_AFTER_MAX_NS: Final = 10 * MINUTE_NS
# After 401, 403 or 404 a person must act; until then the same write is tried at this interval.
INFLUX_PROBE_NS: Final = MINUTE_NS
# When this many lines of one batch were refused one by one and none was taken, the cause is
# not in the lines: the output stops and says so instead of throwing the batch away.
INFLUX_ALL_REFUSED: Final = 64
# Lines of one batch that are kept as dead letters one by one; the table holds 10,000 of all kinds,
# and one series that the server refuses must not push the others out.
INFLUX_DEAD_LINES: Final = 100
# Characters of a server's answer that are kept for a person.
MAX_ANSWER_CHARS: Final = 500

# --- log, outbox, snapshots (engine/log) ---------------------------------------------------------
# Work that waits for the writer: about two seconds of a disk that takes 30 MB/s. Beyond it `append`
# blocks, which keeps the acknowledgement back: the broker is the buffer.
LOG_QUEUE_BYTES: Final = 64 * 1024 * 1024
LOG_QUEUE_ITEMS: Final = 16_384
# One commit: larger ones gain nothing, and every ticket of a commit waits for the whole of it.
LOG_COMMIT_BYTES: Final = 16 * 1024 * 1024
# A write-ahead log of this many bytes is copied into the database (a few 10 ms inside a commit).
LOG_WAL_BYTES: Final = 16 * 1024 * 1024
# Retention unless the configuration names another: the month that investigations ask for, on a
# disk that the smallest industrial computers have.
RETENTION_NS: Final = 30 * DAY_NS
RETENTION_BYTES: Final = 20_000_000_000
# Trimming begins and ends at these shares of the byte limit, so that it comes in runs, and the
# rest is room for records and cursors when entries are refused.
TRIM_BEGINS: Final = 0.95
TRIM_ENDS: Final = 0.90
# One delete: an append waits at most this long behind it (some 10 ms).
TRIM_CHUNK_ROWS: Final = 256
TRIM_CHUNK_BYTES: Final = 4 * 1024 * 1024
TRIM_CHUNK_RECORDS: Final = 2_048
TRIM_INTERVAL_NS: Final = MINUTE_NS
# Losses that are remembered for an operator to read; the oldest go first.
LOSSES_KEPT: Final = 1_000
# One transaction of a snapshot: between two of them alert heads and cursors are copied.
SNAPSHOT_CHUNK_BYTES: Final = 1024 * 1024
SNAPSHOTS_KEPT: Final = 3
# The second copy of alert heads and cursors is at most this old: it is read only after the
# first copy is damaged, and each copy costs a disk flush.
SIDE_COPY_NS: Final = SECOND_NS
# A database up to this size is verified whole at every opening (about half a second); of a larger
# one the entries behind this many bytes before the end; the rest when it is read.
OPEN_CHECK_BYTES: Final = 256 * 1024 * 1024
# After a loss, positions and outbox numbers go on this far behind the highest known ones; the
# mark of the end is flushed every half of it, so that nothing ever given out is given out again.
POSITION_JUMP: Final = 1 << 20
# Damaged files that are kept for a person to look at.
DAMAGED_KEPT: Final = 4
# Dead letters that are kept, and the bytes of one that are: what a person can look through.
DEAD_LETTERS_KEPT: Final = 10_000
DEAD_LETTER_BYTES: Final = 4_096
# Unknown topics and sensors that are listed one by one; what comes later is counted together.
UNKNOWN_KEYS_KEPT: Final = 10_000
UNKNOWN_KEY_CHARACTERS: Final = 512
# Commands of other processes that wait for the engine, and answers that wait for them.
INBOX_COMMANDS: Final = 1_000
INBOX_REPLIES: Final = 1_000

# --- simulators ----------------------------------------------------------------------------------
# Messages of one simulated gateway that wait for their PUBACK: enough that the broker's round trip
# does not set the pace, little enough that a lost connection repeats only what a person can count.
PUBLISH_WINDOW: Final = 100
# Without a single PUBACK for this long a simulated gateway gives up; a broker restarts in less.
PUBLISH_PATIENCE_NS: Final = MINUTE_NS
# A gateway that has sent everything waits this long for the last PUBACKs.
PUBLISH_DRAIN_NS: Final = 30 * SECOND_NS
# Connections of one simulated site: each costs a thread.
PUBLISH_CONNECTIONS: Final = 256
# Points in one message of a simulated gateway: some 100 bytes each, so that a message stays below
# the 20 KiB at which the embedded broker's defaults close the connection.
PUBLISH_POINTS: Final = 100
# Differences between ledger and log that are named one by one; the rest is only counted.
AUDIT_EXAMPLES: Final = 20

# --- payloads (engine/payload) -------------------------------------------------------------------
# One message as JSON; larger ones are dead letters. 20,000 points of 50 bytes fit.
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
# Points of one message: what fits one Frame.
MAX_PAYLOAD_POINTS: Final = MAX_FRAME_ROWS
# Bad points of one message that are kept one by one; the others are counted in the last of them.
# Enough to see the pattern, little enough that one message cannot fill the table.
MAX_DEAD_POINTS: Final = 16
# Struct types that one decoder makes, one for each set of fields; what comes later is read plainly.
# A type takes some 10 kB and 0.3 ms.
MAX_TYPED_FORMS: Final = 1_024
# Topics whose sensor is remembered by a decoder; beyond it each message is matched anew. Twice the
# 100,000 sensors that one process serves.
MAX_CACHED_TOPICS: Final = 200_000
# A raw value beyond it is no measurement in any unit but a stand-in for "none" (FLT_MAX, 1e30) or
# an attack; dam displacement in nm and city consumption in mJ stay far below.
MAX_RAW_VALUE: Final = 1e18
# Event times run from 1970 to this (2200-01-01 UTC); 64-bit ns end in 2262.
LATEST_TIME_NS: Final = 7_258_118_400 * SECOND_NS

# --- agent (engine/agent) ------------------------------------------------------------------------
# Messages of one source in one batch: a full inbox, so that a batch is what came during one commit.
AGENT_BATCH_MESSAGES: Final = MQTT_QUEUE_MESSAGES
# After the log refused a batch it is offered again this often: soon enough to go on by itself when
# room is made, seldom enough to leave a sick disk alone.
AGENT_RETRY_S: Final = 1.0
# Unknown topics and sensors that the agent names in its health; the log lists many more.
AGENT_UNKNOWN_NAMED: Final = 50
# Stopping waits this long for the last commit; what is not acknowledged by then comes again.
AGENT_STOP_S: Final = 10.0

# --- compiled kernels (engine/compiled.py) -------------------------------------------------------
# Folders of compiled kernels that are kept, one per version of the sources (a few MB each): the one
# in use, the one before an upgrade, and some of a developer's branches.
KERNEL_FOLDERS_KEPT: Final = 6

# --- the embedded runtime (engine/embedded) ------------------------------------------------------
# Entries of one read of the step loop; between two of them the loop looks for ticks and stops.
STEP_ENTRIES: Final = 256
# Positions whose alert records are handed over and not durable yet; beyond it stepping waits. About
# two commits' worth of an alarm flood, some MB of records.
STEP_OPEN_POSITIONS: Final = 512
# After the disk refused alert records they are offered again this often.
STEP_RETRY_NS: Final = SECOND_NS
# A read of the log that fails is tried so often, a second apart, before the engine ends: a busy
# disk recovers within it, damage does not, and the next start repairs that.
STEP_READ_ATTEMPTS: Final = 3
# The step loop sleeps no longer than this without looking around.
STEP_NAP_NS: Final = 500_000_000
# Ticks for a deadline keep this distance: nobody sees an alarm 20 ms later, and each costs a commit.
DEADLINE_TICK_NS: Final = 20_000_000
# The engine's time is drawn to wall time by at most 1/20 of what passes: 5 s in 100 s, and a clock
# that was set back is never followed backward.
SLEW_SHARE: Final = 20
# Engine and machine time differing by more is told: samples would count as ahead or aged.
CLOCK_APART_TOLD_NS: Final = MINUTE_NS
# A snapshot is cut when so much time and so many entries have passed since the last one, or so
# many entries alone: a restart steps again what came after it, some 5,000 entries a second.
SNAPSHOT_INTERVAL_NS: Final = 30 * SECOND_NS
SNAPSHOT_LEAST_ENTRIES: Final = 100
SNAPSHOT_MOST_ENTRIES: Final = 10_000
# Configurations that are kept beside the log, so that outputs that are behind can name sensors.
CONFIGURATIONS_KEPT: Final = 100
# Commands of other processes are looked for this often.
INBOX_POLL_NS: Final = 100_000_000
# Troubles that are remembered for a person to read; the oldest go first, all are counted.
TROUBLES_KEPT: Final = 200
# The status file is written this often; `lifeline doctor` reads it.
STATUS_INTERVAL_NS: Final = 2 * SECOND_NS
# An output whose thread died is made anew this long after.
OUTPUT_RESTART_NS: Final = 10 * SECOND_NS
# Stopping: the core may take so long to step to the log's end, outputs to deliver what is there,
# the disk to take the last records and the snapshot. What is left is done after the next start.
STOP_STEP_NS: Final = 30 * SECOND_NS
STOP_OUTPUTS_NS: Final = 5 * SECOND_NS
STOP_DISK_NS: Final = 10 * SECOND_NS
# Appending a config or recovered entry at start and reload; a disk that takes longer is broken.
CONFIG_APPEND_NS: Final = MINUTE_NS


# --- replay and the command line (engine/replay, engine/cli) ---------------------------------------
# Rows of recorded files in memory at once (21 bytes each): they are sorted by time before replay.
REPLAY_ROWS: Final = 100_000_000
# Rows of one replayed Frame: what the core is measured with, and fine enough for a progress bar.
REPLAY_FRAME_ROWS: Final = 10_000
# Bytes of a recorded file that are looked at to learn its encoding and separator.
SNIFFED_BYTES: Final = 65_536
# A command of another process is answered within a tick; ten seconds without an answer is a fault.
COMMAND_REPLY_S: Final = 10.0
# A broker or server on the plant's network answers within this, or a person must look.
DOCTOR_CONNECT_S: Final = 6.0

# --- reading MQTT (engine/mqtt/packets.py, intake.py) -----------------------------------------------
# One read of a connection: some hundred messages, so that the calls for a read cost each of them
# little; a default socket buffer of Linux (128 KiB) is taken in two.
MQTT_READ_BYTES: Final = 65_536

# --- monitoring (engine/metrics) -------------------------------------------------------------------
# Callers that are answered at once: Prometheus, its twin, a supervisor and a person.
MONITORING_CONNECTIONS: Final = 8
# A caller that does not finish its request or does not take the answer in this time is left.
MONITORING_REQUEST_S: Final = 5.0
# Figures of one answer, some 5 MB of text: 64 partitions have some 6,000.
MONITORING_READINGS: Final = 50_000
# A stepping loop that did not turn for so long hangs: a turn is at most one read of the log (256
# entries, a few seconds at worst) or one cut of a snapshot (100 MB take under a second).
LIVE_TURN_NS: Final = 30 * SECOND_NS
# Who is further behind is not ready: ticks come every 2 s, so a core that keeps up is below 3 s.
READY_LAG_NS: Final = 10 * SECOND_NS
# Figures that are older were taken by a thread that hangs, probably in a disk.
READY_STATUS_NS: Final = 15 * SECOND_NS

# --- the cluster (engine/cluster): topics, configuration, connections -------------------------------
# One record of any topic: a full Frame (MAX_FRAME_ROWS of 21 bytes) and its header fit. Kafka's own
# limit is 1 MiB.
CLUSTER_MESSAGE_BYTES: Final = 2 * 1024 * 1024
# What does not fit one record travels in pieces of this size: below Kafka's default limit of 1 MiB
# with its headers, so that mirrors of the topic with default settings take them too.
CLUSTER_CHUNK_BYTES: Final = 900_000
# Alert records in the cluster: statutory evidence is asked for a year later, and a sink rebuilds
# itself from them; a month more than a year.
CLUSTER_ALERT_RETENTION_NS: Final = 400 * DAY_NS
# Replies to commands: whoever asked waits for seconds; a day is for a person who looks into it.
CLUSTER_REPLY_RETENTION_NS: Final = DAY_NS
# Compacted topics keep every record at least this long: a worker that wakes from a pause may write
# old state behind new state, and no pause that anyone has seen lasted an hour.
CLUSTER_COMPACTION_LAG_NS: Final = HOUR_NS
# Segments of compacted topics: only closed ones are compacted, and a restore reads what is left.
CLUSTER_SEGMENT_BYTES: Final = 64 * 1024 * 1024
# A worker's checkpoints, membership and the time to hand partitions over, unless lifeline.yaml says
# otherwise: ten seconds of log are stepped again in about one; Kafka's least session is 6 s.
CLUSTER_CHECKPOINT_NS: Final = 10 * SECOND_NS
CLUSTER_SESSION_NS: Final = 10 * SECOND_NS
CLUSTER_HEARTBEAT_NS: Final = 2 * SECOND_NS
CLUSTER_REBALANCE_NS: Final = 30 * SECOND_NS
# Brokers take no shorter session by default (group.min.session.timeout.ms).
CLUSTER_LEAST_SESSION_NS: Final = 6 * SECOND_NS
# Each partition has a core, a checkpoint and a tick every two seconds; a province of ten million
# sensors on 64 cores needs a few hundred.
CLUSTER_MOST_PARTITIONS: Final = 4_096
# One request to a broker; longer than a broker needs to elect a leader, shorter than a person's
# patience.
CLUSTER_REQUEST_NS: Final = 30 * SECOND_NS
# A configuration that the log names is on its topic before; a broker that is being restarted
# may withhold it for so long.
CLUSTER_CONFIG_WAIT_NS: Final = MINUTE_NS
# Configurations that one reader of the topic keeps decoded: those of its partitions and the city's.
CLUSTER_CONFIGURATIONS_KEPT: Final = 16
# Records of a configuration that are sent before the first of them is acknowledged: some 14 MB.
CLUSTER_CONFIG_BATCH: Final = 16
# Deltas that lie upon one another before a configuration is written whole again: each is one more
# thing to find at a start.
CLUSTER_DELTA_DEPTH: Final = 8
# Records at the end of a partition of checkpoints in which `lifeline cluster status` looks for the
# last marker: first a few, then more; chunks are large, and deletions follow a marker.
CLUSTER_MARKER_LOOK: Final = (32, 512, 8_192)
# An apply that has begun holds off others for so long; it gives up by itself after half of it.
CLUSTER_APPLY_NS: Final = 2 * MINUTE_NS
# Each attempt finds that another configuration came into force meanwhile; people do not apply this
# often within seconds.
CLUSTER_APPLY_ATTEMPTS: Final = 4
# Contents of configurations are kept longer than the log that names them: retention works by whole
# segments and may lag.
CLUSTER_CONFIG_MARGIN_NS: Final = 7 * DAY_NS

# --- the worker of the cluster (engine/cluster: worker, checkpoint, restore, ticks, watchdog) --------
# A record waits so long for others of its partition before it is sent: at 20 ms the worker's rate
# doubled against none (measured), and a person does not see an alarm 10 ms later.
WORKER_LINGER_NS: Final = 10_000_000
# Bytes of one batch of a partition: some 300 alert records of a storm in one request, where
# aiokafka's default would make fifteen.
WORKER_BATCH_BYTES: Final = 256 * 1024
# Records that faust holds per partition, and that one read of the log gives: 64 Frames of 1,000
# samples are 1.3 MB; more gained nothing (16 to 4,096 were measured).
WORKER_BUFFER_RECORDS: Final = 64
WORKER_POLL_RECORDS: Final = 200
# Records beyond a restored position that are let go before the first one at it: what was fetched
# while the partition was restored comes before faust's seek takes hold. Some reads' worth; more is a gap.
WORKER_AHEAD_RECORDS: Final = 10 * WORKER_POLL_RECORDS
# The loop steps no longer than this without letting ticks, commits and sends have their turn.
WORKER_SLICE_NS: Final = 10_000_000
# Alert records of one partition on their way to Kafka; stepping waits beyond it. A step of one
# large Frame makes more at worst, and is let through whole.
WORKER_OPEN_RECORDS: Final = 10_000
# One commit of offsets; the coordinator answers in milliseconds. A broker that is started anew is
# back within a minute; who waits longer begins anew, too.
WORKER_COMMIT_NS: Final = MINUTE_NS
# A worker that ends says why, in this time: what hangs may be the log of its words itself.
WORKER_LAST_WORDS_NS: Final = 5 * SECOND_NS
# A main loop that does not poll for so long leaves the group by Kafka's own rule.
WORKER_POLL_INTERVAL_NS: Final = 2 * MINUTE_NS
# No progress for so long while there is lag, or a loop that hangs so long, ends the process. The
# longest rebalance measured took 43 s, the longest step (a configuration of 100,000 sensors) 5 s.
WORKER_STUCK_NS: Final = 90 * SECOND_NS
# The watchdog looks this often.
WORKER_WATCH_NS: Final = SECOND_NS
# A partition's checkpoint is delayed so that a snapshot is not written faster than this: with
# 12 partitions of 10 MB every 10 s the broker would write more state than telemetry.
CHECKPOINT_BYTES_PER_S: Final = 1_000_000
# However large the snapshot, this often there is one: what a successor steps again stays bounded.
CHECKPOINT_LATEST_NS: Final = 2 * MINUTE_NS
# A superseded checkpoint stays readable so long, for a restore that has just chosen it, and so
# many newer complete ones must be durable before it is deleted.
CHECKPOINT_KEPT_NS: Final = MINUTE_NS
CHECKPOINTS_NEWER: Final = 2
# Superseded checkpoints that a marker names for its successor to delete: an hour's worth of ten
# second intervals would be 360, but they live a minute; the rest is for lives that ended early.
CHECKPOINT_OLDER: Final = 64
# Sites whose heads a marker carries beside the digest of all: 60 bytes each, so that it stays one
# record. A partition of 1,000,000 sensors has about 5,000 sites.
CHECKPOINT_HEAD_SITES: Final = 10_000
# A restore looks for the furthest checkpoint from the end of the topic backward, first in so many
# records, then in four times as many: in a healthy partition the first look finds it.
RESTORE_WINDOW: Final = 16
RESTORE_WINDOW_GROWTH: Final = 4
# One restore of one partition: reading 100 MB at 10 MB/s, and as much again for a busy broker.
RESTORE_READ_NS: Final = 30 * SECOND_NS
# A worker whose clock is further from the broker's gives its partitions up: its ticks would fire
# timers too early or too late by as much.
BROKER_APART_NS: Final = 2 * SECOND_NS
# The machine's clock may drift so far from what the broker last confirmed before it is asked again.
BROKER_UNCONFIRMED_NS: Final = 250_000_000
# A worker whose clock is wrong when it starts waits, and looks again this often.
BROKER_ASK_AGAIN_NS: Final = 10 * SECOND_NS
# A tick that the broker has not taken within this is told; the producer goes on trying.
TICK_LANDED_NS: Final = 10 * SECOND_NS
# The worker's pulse turns at least and at most this often.
PULSE_LONGEST_NS: Final = 250_000_000
PULSE_SHORTEST_NS: Final = 5_000_000

# --- agents of the cluster (engine/cluster: loop, splitting, forward, agent) -------------------------
# Ending what runs in the loop of the Kafka clients; a connection that hangs is left behind then.
BRIDGE_STOP_S: Final = 10.0
# Rows of one Kafka record: 21 bytes each make 840 kB, below the message limit with its header.
FORWARD_ROWS: Final = 40_000
# Bytes on their way to Kafka and not acknowledged: at a round trip of 100 ms that is 80 MB/s, and it
# is what an agent sends again after a crash, at most.
FORWARD_WINDOW_BYTES: Final = 8_000_000
# Entries that one read of the local log hands to the forwarder, beside the bytes above.
FORWARD_ENTRIES: Final = 256
# What waits for one partition is sent together, so many bytes at once; below the message limit.
FORWARD_BATCH_BYTES: Final = 900_000
# A record waits so long for others of its partition: an idle plant adds it to its latency.
FORWARD_LINGER_MS: Final = 5
# The forwarder's place is written down so often: a restart sends that much again.
FORWARD_CURSOR_NS: Final = 500_000_000
# Kafka answers a producer within this or the connection is given up and made anew.
FORWARD_CONNECT_S: Final = 15.0
# Nothing acknowledged for so long while something is on its way: the connection is made anew and
# everything unacknowledged is sent again. A broker that restarts is back within half of it.
FORWARD_STALL_S: Final = 30.0
# Whether Kafka is there is asked so often, also by an agent that has nothing to send.
FORWARD_PROBE_S: Final = 5.0
# Waits between two attempts to reach Kafka: the first, and the longest after doubling.
FORWARD_RETRY_FIRST_S: Final = 0.5
FORWARD_RETRY_LAST_S: Final = 10.0
# A look at the local log when nothing came; new entries wake it at once.
FORWARD_IDLE_S: Final = 0.5
# An agent that stops sends what it has for so long; what is left is sent after the next start.
FORWARD_STOP_S: Final = 5.0
# An agent asks so often which configuration is in force.
FOLLOW_INTERVAL_S: Final = 2.0
# One question to the topic of configurations, a city of 100,000 sensors included.
FOLLOW_ANSWER_S: Final = 60.0
# Stopping a Kafka client politely; then its connections are closed.
CLIENT_STOP_S: Final = 5.0
# Configurations whose parts a forwarder keeps at hand: the one in force and those that a backlog
# was written under; one of 100,000 sensors takes about 100 MB.
SPLITS_KEPT: Final = 3

# --- areas (engine/areas) --------------------------------------------------------------------------
# An area alarm falls, and work resumes, this long after the last reason is gone: a front of rain
# comes in showers, and an alarm that sounds every few minutes is answered by nobody.
AREA_OFF_DELAY_NS: Final = 10 * MINUTE_NS
# An order to halt work ends after a day unless the area renews it, which it does at half of that:
# an area that is gone must not close a site for ever, and a night without it must not open one.
HALT_EXPIRES_NS: Final = DAY_NS
# An engine says that it is alive this often, at once where a site has become silent or is heard
# again, and is itself silent after three times that. 30 s: 17 MB of area log a month.
ALIVE_INTERVAL_NS: Final = 30 * SECOND_NS
ALIVE_LOST_NS: Final = 3 * ALIVE_INTERVAL_NS
# The stepping thread looks for silent sites this often: 2 ms at 100,000 sensors, 30 when all are.
SILENCE_LOOK_NS: Final = 2 * SECOND_NS
# Alert records of one entry of an area log, about 1 kB each: some commits' worth of a flood.
AREA_FEED_RECORDS: Final = 256
# After the area log refused an entry it is offered again this often.
AREA_FEED_RETRY_NS: Final = SECOND_NS

# --- configurations in the log (engine/configuration.py) ----------------------------------------------
# Canonical JSON of one, unpacked: 1,000,000 sensors take some 300 MB. A few kilobytes of zlib can
# unpack to as many gigabytes, and a payload comes from whoever may write to the log.
MAX_CONFIGURATION_BYTES: Final = 1024 * 1024 * 1024

# --- sinks of the cluster (engine/cluster: mirror, topic_log, sink_mqtt, sink_influx) -----------------
# Alert records of one read; one local commit each, some MB in a flood.
MIRROR_RECORDS: Final = 1_000
# A read waits so long for the first record; also how late a commit of delivered offsets may come.
MIRROR_POLL_MS: Final = 200
# After an error the topics are read again so much later.
MIRROR_RETRY_S: Final = 1.0
# The last commit of a sink that stops.
MIRROR_COMMIT_S: Final = 3.0
# Offsets are committed anew so often even if nothing was delivered: the broker forgets those of a
# group without members after a week (offsets.retention.minutes).
MIRROR_RECOMMIT_NS: Final = 10 * MINUTE_NS
# One question of a sink's output to the log topic; then it is asked again.
TOPIC_ANSWER_S: Final = 30.0
# Cursors of series are committed so often: a crash writes that much again, which changes nothing.
TOPIC_COMMIT_S: Final = 1.0
# A command is in the log within this, or whoever gave it is told that it may not be.
COMMAND_APPEND_S: Final = 10.0
# Alert records of a partition among which `lifeline ack` looks for the one that is meant, from the
# newest: some days of a busy partition; and how many of them at once.
LOOK_RECORDS: Final = 200_000
LOOK_WINDOW: Final = 2_000
# A consumer that gave nothing for so long is asked whether there is more; if so, it is made anew.
READ_STUCK_NS: Final = 30 * SECOND_NS

# --- learned files (engine/config/learned.py) ---------------------------------------------------------
# Sensors of one learned file: 168 hours are some 4 kB of a config entry each, which every node keeps.
MAX_PROFILE_SENSORS: Final = 1_000
# Such a file is some 6 kB a sensor.
MAX_PROFILE_BYTES: Final = 32_000_000
