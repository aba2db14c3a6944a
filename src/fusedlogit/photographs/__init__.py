"""From photographs to a classifier of them: the neuron at work."""
