"""Data computed by formulas: scenes, waveforms, sounds, solids."""
