"""Turns records into batches: order, decoding, tokens, read-ahead."""
