"""Every figure that a process of Lifeline gives, by name: the same names on one machine and many.

`partition` is "0" in the embedded engine, which has one log for its sites and "areas" for its areas;
in the cluster areas' partitions are "areas-0", "areas-1", … Where a time
matters the point in time is given, not the age: `time() - lifeline_checkpoint_timestamp_seconds` is true
also when nobody writes any more. Counters start at 0 with the process unless their help says otherwise.
"""

from __future__ import annotations

from typing import Final

from .metric import Metric

# --- the process ---------------------------------------------------------------------------------
INFO: Final = Metric(
    "lifeline_info", "gauge", "1, with who this is.", ("node", "role", "version", "python")
)
STATE: Final = Metric(
    "lifeline_state",
    "gauge",
    "1 for the state that the process is in, 0 for the others.",
    ("state",),
)
STARTED: Final = Metric(
    "lifeline_start_timestamp_seconds", "gauge", "When the process began, s since 1970 UTC."
)
STATUS_TIME: Final = Metric(
    "lifeline_status_timestamp_seconds",
    "gauge",
    "When these figures were taken, s since 1970 UTC; older than some seconds: who takes them hangs.",
)
TURNED: Final = Metric(
    "lifeline_turn_age_seconds",
    "gauge",
    "Since when the stepping loop has not turned; above 30 the process is not live.",
)
TROUBLES: Final = Metric(
    "lifeline_troubles_total", "counter", "What an operator was told, by kind.", ("kind",)
)
DROPPED: Final = Metric(
    "lifeline_readings_dropped",
    "gauge",
    "Figures that this answer leaves out because there were too many.",
)
CONFIGURATION: Final = Metric(
    "lifeline_configuration_info",
    "gauge",
    "1, with the version in force.",
    ("partition", "version"),
)
CONFIGURED: Final = Metric(
    "lifeline_configured",
    "gauge",
    "How many of each the configuration in force has: sites, sensors, rules.",
    ("what",),
)
CLOCK_AHEAD: Final = Metric(
    "lifeline_clock_ahead_seconds",
    "gauge",
    "Time of the process less the machine's clock (in the cluster: less the broker's).",
)

# --- the log and the core ------------------------------------------------------------------------
LOG_POSITION: Final = Metric(
    "lifeline_log_position", "gauge", "Position of the last entry that was judged.", ("partition",)
)
LOG_END: Final = Metric(
    "lifeline_log_end_position", "gauge", "Position of the log's last entry.", ("partition",)
)
LOG_FIRST: Final = Metric(
    "lifeline_log_first_position",
    "gauge",
    "Position of the first entry that is kept.",
    ("partition",),
)
LAG_ENTRIES: Final = Metric(
    "lifeline_lag_entries", "gauge", "Entries of the log not judged yet.", ("partition",)
)
LAG_SECONDS: Final = Metric(
    "lifeline_lag_seconds",
    "gauge",
    "Wall time less the time that the core has reached by its ticks.",
    ("partition",),
)
ENTRIES: Final = Metric(
    "lifeline_entries_total",
    "counter",
    "Entries judged, those judged again after a start included.",
)
STEP: Final = Metric("lifeline_step_seconds", "histogram", "Time to decode and judge one entry.")
SAMPLES: Final = Metric(
    "lifeline_samples_total",
    "counter",
    "Samples by what became of them, those judged again after a start included.",
    ("partition", "outcome"),
)
RECORDS: Final = Metric(
    "lifeline_records_total",
    "counter",
    "Actual alert records by the level after and the transition (cluster: some of them made again).",
    ("level", "transition"),
)
STANDING: Final = Metric(
    "lifeline_standing_alarms",
    "gauge",
    "Actual alarms that are not normal, by level and by state.",
    ("partition", "level", "state"),
)
TICKS: Final = Metric(
    "lifeline_ticks_total",
    "counter",
    "Ticks by what became of them: appended, resumed (nobody was there before), refused by the log.",
    ("partition", "outcome"),
)
COMMANDS: Final = Metric(
    "lifeline_commands_total", "counter", "Commands taken and answered.", ("step",)
)
OPEN: Final = Metric(
    "lifeline_open_records",
    "gauge",
    "Alert records and answers that are not known to be durable yet (embedded: log positions).",
    ("partition",),
)
LOG_BYTES: Final = Metric("lifeline_log_bytes", "gauge", "Bytes that the log uses on this disk.")
LOG_LIMIT: Final = Metric("lifeline_log_limit_bytes", "gauge", "Bytes that it may use.")
LOG_REFUSES: Final = Metric(
    "lifeline_log_refuses",
    "gauge",
    "1 while the log takes nothing: the disk fails, is full, or the broker does not answer.",
    ("what",),
)
LOG_EVENTS: Final = Metric(
    "lifeline_log_events_total", "counter", "What the log's writer did and met.", ("event",)
)

# --- snapshots (checkpoints in the cluster) ------------------------------------------------------
CHECKPOINT_POSITION: Final = Metric(
    "lifeline_checkpoint_position",
    "gauge",
    "Position of the last snapshot; a restart begins behind it.",
    ("partition",),
)
CHECKPOINT_TIME: Final = Metric(
    "lifeline_checkpoint_timestamp_seconds",
    "gauge",
    "When it was cut, s since 1970 UTC; the start of the process where none was cut since.",
    ("partition",),
)
CHECKPOINT_BYTES: Final = Metric("lifeline_checkpoint_bytes", "gauge", "Its size.", ("partition",))
CHECKPOINT_SECONDS: Final = Metric(
    "lifeline_checkpoint_seconds",
    "gauge",
    "Time that the last one took (embedded: its cutting alone, in the cluster until it is durable).",
)
CHECKPOINT_CUT: Final = Metric(
    "lifeline_checkpoint_longest_cut_seconds",
    "gauge",
    "The longest time for which nothing was judged because one was cut.",
)
CHECKPOINTS: Final = Metric("lifeline_checkpoints_total", "counter", "How many there were.")

# --- areas ---------------------------------------------------------------------------------------
AREA_EVENTS: Final = Metric(
    "lifeline_area_events_total",
    "counter",
    "What the second stage of areas heard, what became of it, and what it made.",
    ("event",),
)

# --- calls ---------------------------------------------------------------------------------------
CALLS_OPEN: Final = Metric(
    "lifeline_calls_open", "gauge", "Alarms that somebody is called for and nobody has answered."
)
CALL_EVENTS: Final = Metric(
    "lifeline_call_events_total",
    "counter",
    "What call and respond heard, whom it called, and what became of it.",
    ("event",),
)

# --- partitions (cluster) ------------------------------------------------------------------------
REBALANCES: Final = Metric(
    "lifeline_rebalances_total", "counter", "How often partitions were given out anew."
)
PARTITIONS_HELD: Final = Metric(
    "lifeline_partitions_held", "gauge", "Partitions that this process judges now."
)
RESTORE_LONGEST: Final = Metric(
    "lifeline_restore_longest_seconds", "gauge", "The longest time that restoring partitions took."
)

COMMITS_REFUSED: Final = Metric(
    "lifeline_commits_refused_total",
    "counter",
    "Commits that the group refused: another worker had the partitions.",
)
RECORDS_SKIPPED: Final = Metric(
    "lifeline_log_records_skipped_total",
    "counter",
    "Records of the log that were not judged: taken before, of partitions given up, no entries.",
    ("reason",),
)

# --- agent ---------------------------------------------------------------------------------------
SOURCE_CONNECTED: Final = Metric(
    "lifeline_source_connected", "gauge", "1 while connected and subscribed.", ("source",)
)
SOURCE_MESSAGES: Final = Metric(
    "lifeline_source_messages_total", "counter", "Messages that were decoded.", ("source",)
)
SOURCE_SAMPLES: Final = Metric(
    "lifeline_source_samples_total", "counter", "Samples that came out of them.", ("source",)
)
SOURCE_UNKNOWN: Final = Metric(
    "lifeline_source_unknown_total",
    "counter",
    "Topics and sensors that no configuration names, each time they came.",
    ("source", "what"),
)
SOURCE_REFUSED: Final = Metric(
    "lifeline_source_refused_total",
    "counter",
    "Points and messages that could not be read, by reason.",
    ("source", "reason"),
)
AGENT_EVENTS: Final = Metric(
    "lifeline_agent_events_total", "counter", "What the agent counted of itself.", ("event",)
)
DEAD_LETTERS: Final = Metric(
    "lifeline_dead_letters_total",
    "counter",
    "Messages kept as dead letters, by reason, since the log was made.",
    ("reason",),
)
LINK_UP: Final = Metric("lifeline_link_up", "gauge", "1 while Kafka answers this process.")
FORWARD_POSITION: Final = Metric(
    "lifeline_forward_position", "gauge", "Local entry up to which Kafka has everything."
)
FORWARD_BEHIND: Final = Metric(
    "lifeline_forward_behind_entries", "gauge", "Local entries that Kafka does not have yet."
)
FORWARD_OLDEST: Final = Metric(
    "lifeline_forward_oldest_timestamp_seconds",
    "gauge",
    "When the oldest of them was received, s since 1970 UTC; absent where there is none.",
)
FORWARDED: Final = Metric(
    "lifeline_forward_events_total", "counter", "What the forwarder counted of itself.", ("event",)
)

# --- outputs and sinks ---------------------------------------------------------------------------
OUTPUT_ALIVE: Final = Metric(
    "lifeline_output_alive", "gauge", "1 while the output's threads run.", ("output",)
)
OUTPUT_CONNECTED: Final = Metric(
    "lifeline_output_connected", "gauge", "1 while connected, where that can be said.", ("output",)
)
OUTPUT_POSITION: Final = Metric(
    "lifeline_output_position", "gauge", "Up to where everything is delivered.", ("output",)
)
OUTPUT_BEHIND: Final = Metric(
    "lifeline_output_behind",
    "gauge",
    "What is not delivered yet: alert records, or entries of the log for series.",
    ("output",),
)
OUTPUT_TROUBLES: Final = Metric(
    "lifeline_output_troubles", "gauge", "Troubles that stand, by kind.", ("output", "kind")
)
OUTPUT_EVENTS: Final = Metric(
    "lifeline_output_events_total",
    "counter",
    "What the output counted of itself: published, repeated, taken, dead.",
    ("output", "event"),
)
SINK_BEHIND: Final = Metric(
    "lifeline_sink_behind_records", "gauge", "Alert records on Kafka that the sink has not taken."
)
SINK_HELD: Final = Metric(
    "lifeline_sink_sites_held",
    "gauge",
    "Sites of which nothing is delivered: a gap in seq, or one seq with two contents.",
    ("reason",),
)
SINK_EVENTS: Final = Metric(
    "lifeline_sink_events_total", "counter", "What the sink counted of itself.", ("event",)
)

# --- alarm performance (EEMUA 191, ISA-18.2; docs/performance.md) ------------------------------
PERFORMANCE_TIME: Final = Metric(
    "lifeline_performance_timestamp_seconds",
    "gauge",
    "End of the last ten minutes that the performance figures tell, s since 1970 UTC.",
)
PERFORMANCE_ALARMS: Final = Metric(
    "lifeline_performance_alarms",
    "gauge",
    "Annunciated alarms of the last day, by operator position and level.",
    ("position", "level"),
)
PERFORMANCE_RATE: Final = Metric(
    "lifeline_performance_alarms_per_interval",
    "gauge",
    "Alarms in ten minutes: the last ones, and average and peak of the last day.",
    ("position", "of"),
)
PERFORMANCE_SHARE: Final = Metric(
    "lifeline_performance_share",
    "gauge",
    "Shares of the last day, 0 to 1: periods above 10 alarms, time in flood, the worst ten alarms.",
    ("position", "of"),
)
PERFORMANCE_FLOODING: Final = Metric(
    "lifeline_performance_flooding", "gauge", "1 while an alarm flood lasts.", ("position",)
)
PERFORMANCE_NUISANCE: Final = Metric(
    "lifeline_performance_nuisance_alarms",
    "gauge",
    "Alarms of the last day that chattered, or were over before anybody could answer.",
    ("position", "what"),
)
PERFORMANCE_NOW: Final = Metric(
    "lifeline_performance_standing",
    "gauge",
    "Alarms now: standing, stale (over a day), unacknowledged, kept from the person and how.",
    ("position", "what"),
)
PERFORMANCE_ANSWER: Final = Metric(
    "lifeline_performance_answer_seconds",
    "gauge",
    "Times to acknowledge of the last day: median, 95 %, longest; absent where nobody did.",
    ("position", "of"),
)
PERFORMANCE_LATE: Final = Metric(
    "lifeline_performance_late_answers",
    "gauge",
    "Acknowledgements of the last day beyond the time of their level.",
    ("position",),
)
PERFORMANCE_BEYOND: Final = Metric(
    "lifeline_performance_beyond",
    "gauge",
    "What the figures leave out because it is beyond a bound, since the start.",
    ("what",),
)

CATALOGUE: Final[dict[str, Metric]] = {
    metric.name: metric for metric in list(globals().values()) if isinstance(metric, Metric)
}
