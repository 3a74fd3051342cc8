"""The steps of the course, each a command with a picture at its end. Nothing here publishes."""
