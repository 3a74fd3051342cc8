"""Datasets: archives of many captchas, streamed while they are rendered."""
