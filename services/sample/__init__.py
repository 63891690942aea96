"""The sample organisation: a made-up hospital of a university hospital's size, to see everything work."""
