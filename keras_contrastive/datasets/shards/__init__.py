"""Streams images and captions from archives, Parquet files and iterables."""
