"""The captchas of an audit: rendered for it, or from an image folder."""
