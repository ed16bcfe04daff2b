"""Data computed by formulas: scenes of shapes and waveforms."""
