"""What a request asks for, and what the generator says about it."""
