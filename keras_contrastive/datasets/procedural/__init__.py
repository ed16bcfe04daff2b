"""Data computed by formulas: scenes of shapes, waveforms and sounds."""
