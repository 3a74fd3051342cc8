"""The generator service: renders labelled captchas and serves them over HTTP."""
