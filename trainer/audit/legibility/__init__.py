"""An estimate of how legible captchas are to people, from their pixels."""
