"""The captcha `pictures`: eight pictograms, of which those of a word are to be chosen."""
