"""The attacker: what it is trained from, and what it predicts."""
