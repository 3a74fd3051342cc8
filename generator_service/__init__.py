"""Issues labelled captchas over HTTP."""
