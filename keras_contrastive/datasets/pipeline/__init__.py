"""Records to batches of arrays: order, decoding, tokens, read-ahead."""
