"""Augmentation: transforms of training lists, each draw a function of (seed, epoch, query id, passage id) alone."""
