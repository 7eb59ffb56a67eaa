"""The rules that the order of work consists of; a model without one of them is the naive reading of it."""

from enum import StrEnum


class Rule(StrEnum):
    """What each rule says."""

    EXPECT_WHAT_WAS_SEEN = "the applied offset is moved from where this consumer saw or left it"
    # else: from the first offset of the batch
    REPEAT_DUPLICATES = "a duplicate at or above the published offset is published again"
    # else: only between the published and the applied offset
    NEVER_BACKWARDS = "the published offset never moves backwards"
    # else: it is set to the end of the batch
    FENCE = "a step is refused where the store is another instance than the one that the batch began on"
    # else: that is looked for between batches
    MISSING_IS_BEGINNING = "a missing offset counts as the beginning of the log"
    # else: it is left out when the lowest is taken
    FINISH_IF_UNCHANGED = "snapshot and mark are written only while the version is the one derived from"
    # else: they are written whatever it is
    DERIVE_AGAIN = "a student whose version has changed meanwhile is derived and published again"
    # else: that is left to whoever changed it
    CARRY_UNFINISHED = "students published and not finished are published again on meeting another instance"
    # else: they are forgotten
    COMPARE_WITH_JUST_TOLD = "what was just told counts as the mark when a student is derived again"
    # else: the mark as it is in the store
    EVERY_SHARD = "every shard of the store keeps offsets of its own, and the lowest counts"
    # else: the first shard keeps them for all
    READ_THE_MARKER = "the marker of an erasure is read in the step that writes a student"
    # else: the ledger as the consumer last saw it
    ERASE_ONCE = "applied again, the ledger deletes only where the marker is missing or older"
    # else: it deletes whatever the marker says
    BURY_ONCE = "dead letters are not repeated below the published offset"
    # else: they are repeated with every replay
