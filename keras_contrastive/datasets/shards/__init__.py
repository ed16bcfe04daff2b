"""Images with captions, streamed from tar archives."""
