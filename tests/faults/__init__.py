"""Faults of the real service: processes are killed, halted and cut off, then an oracle reads everything back."""
