"""Limits of the embedded store, each with its reason. None of them drops a sample or an alarm."""

from __future__ import annotations

from typing import Final

from ..limits import DAY_NS, MINUTE_NS, SECOND_NS

# --- writing -------------------------------------------------------------------------------------
# Rows of one transaction: transactions of 5 rows take 1.5 thousand rows a second, those of 50,000
# some two million; beyond that nothing is gained and a batch would no longer be small in memory.
BATCH_ROWS: Final = 50_000
# A batch that is not full waits this long for company: one flush of the disk a second.
LINGER_NS: Final = SECOND_NS
# Entries of one read of the log: a plant of single-sample entries makes some thousands a second.
ENTRIES_AT_ONCE: Final = 4_096
# … and the bytes of these: a batch in Frames of 1,000 is 1.1 MB, and what is read beyond it is read
# again for the next.
READ_BYTES: Final = 1_200_000
# Alert records of one batch: each is rendered in two languages, some 0.1 ms.
RECORDS_AT_ONCE: Final = 5_000
# What failed is tried again after this long: a full disk is not emptied by haste.
RETRY_NS: Final = 5 * SECOND_NS
# Versions of a configuration whose keys are remembered: a reload or two while a backlog drains.
KEYS_KEPT: Final = 4
# Rows below the newest of their sensor are looked up in windows of one hour, at most this many; a
# batch that spans more is looked up in one go.
LOOKUP_WINDOWS: Final = 48

# --- down-sampling and retention -----------------------------------------------------------------
# The minutes that new rows touch are aggregated once a minute: more often would write the rows of
# the current minute again and again. Queries do not see the difference: the views aggregate what
# is still to be done.
ROLLUP_NS: Final = MINUTE_NS
# … or after so many rows, so that what the views have to aggregate stays a fraction of a second.
ROLLUP_ROWS: Final = 2_000_000
# One pass holds a group (some 100 bytes) per sensor and minute in memory; it takes at least five
# minutes, or hours, and passes by no more than ten that nothing came to.
ROLLUP_GROUPS: Final = 400_000
ROLLUP_LEAST: Final = 5
ROLLUP_GAP: Final = 10
# Hours are written as seldom as this: each pass reads the minutes of the whole hour.
HOURS_NS: Final = 10 * MINUTE_NS
# How often what is too old is looked for. Deleting is by whole hours.
RETENTION_LOOK_NS: Final = 10 * MINUTE_NS
# At the size limit this share of the raw samples' time goes, the oldest first: large enough to be
# rare, small enough that a wrong limit does not cost a history.
SIZE_CUT: Final = 0.05
# A copy of the file that was damaged is kept for a person to look at; one, so that damage that
# comes again does not fill the disk.
DAMAGED_KEPT: Final = 1

# --- defaults of the configuration ---------------------------------------------------------------
# Raw as long as the log (30 days); minutes so that last year's month can be laid beside this one;
# hours for ten years.
RAW_NS: Final = 30 * DAY_NS
MINUTES_NS: Final = 400 * DAY_NS
HOURS_KEPT_NS: Final = 3_660 * DAY_NS
# Of disk, as the log has; and of memory: the passes above take half of it at 100,000 sensors.
MAX_BYTES: Final = 20_000_000_000
MEMORY_BYTES: Final = 256_000_000
# Less, and the database cannot make a checkpoint of a large file.
LEAST_MEMORY_BYTES: Final = 64_000_000
# What does not fit into memory goes to a folder beside the file, at most so much.
SPILL_BYTES: Final = 4_000_000_000

# --- questions while the engine runs -------------------------------------------------------------
# One question is answered at a time; so many more wait, the next is told to come again.
WAITING_QUESTIONS: Final = 8
# A question, and a request to write (a batch of rows as Arrow).
QUESTION_BYTES: Final = 1_000_000
REQUEST_BYTES: Final = 64_000_000
# How long a question of a person may take, and how long any may ask for. Within it nothing of the
# database that the question reads can be tidied away.
QUESTION_NS: Final = 30 * SECOND_NS
LONGEST_QUESTION_NS: Final = 10 * MINUTE_NS
# Who does not take the answer for this long is let go. A program that begins on a machine with
# nothing to spare needs more than ten seconds for its imports.
SILENT_CLIENT_S: Final = 30.0
# Arrow writes a column's parts one by one, and a socket counts some kilobyte for each that waits:
# gathered, an answer of some hundred rows fits into it and the next question can be answered.
GATHERED_BYTES: Final = 65_536
# Rows and bytes of one answer, unless the question says otherwise.
ANSWER_ROWS: Final = 1_000_000
ANSWER_BYTES: Final = 1_000_000_000
# Rows of one piece of an answer.
PIECE_ROWS: Final = 16_384
# Linux allows 107 bytes for the name of a socket.
SOCKET_NAME_BYTES: Final = 100
# How long a client waits for the engine to take its question up, beside the question's own time.
CONNECT_S: Final = 5.0

# --- export --------------------------------------------------------------------------------------
# Rows that are sorted in memory at once: some 60 MB.
EXPORT_ROWS: Final = 500_000
