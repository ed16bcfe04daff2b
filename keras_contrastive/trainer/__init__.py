"""The training machinery that the models share."""
