"""Readers of published data sets: CIFAR-10 and Flickr30k."""
