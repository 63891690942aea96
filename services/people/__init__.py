"""People's data: erasing free text, what is kept for how long, and who changed what."""
