"""Files as a door for events: read as a stream, applied in batches, what is refused kept beside."""
