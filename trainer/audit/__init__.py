"""The audit: how long the captchas of one setting would stand against this recogniser."""
