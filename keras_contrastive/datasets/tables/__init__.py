"""Converts tables and data sets of other libraries to records."""
