"""Code that the three programs share: captcha spec, labels, image decoding, schemas, artifacts."""
