"""The machinery of training that the models share."""
