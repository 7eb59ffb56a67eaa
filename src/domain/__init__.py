"""The pure core: evidence in, aggregates stored, mastery derived. No I/O, no clock, no randomness."""
