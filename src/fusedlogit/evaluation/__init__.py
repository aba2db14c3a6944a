"""How well classes are told apart, and probabilities that come true as often as they say."""
